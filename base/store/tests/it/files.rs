//! What only a store of files has to show.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use fairlead_store::{Blobs, FileBlobs, Put, Staging, StoreError};
use tokio::task::JoinSet;

use crate::suite::{pattern, stage, suite};

/// Files in a folder and all beneath it.
pub(crate) fn files_in(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { files_in(&path) } else { 1 })
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_do_what_every_store_does() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(root.path()).unwrap();
    let staging = blobs.staging();
    suite(Arc::new(blobs), staging).await;
    assert_eq!(files_in(&root.path().join(".fairlead/staging")), 0, "nothing is left over");
}

#[tokio::test]
async fn staged_elsewhere_is_put_too() {
    // Another file system, where there is one.
    let elsewhere = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let root = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(root.path()).unwrap();
    let staging = Staging::new(elsewhere.path()).unwrap();
    let bytes = pattern((3 << 20) + 5);
    assert!(blobs.put_staged("a", stage(&staging, &bytes).await, Put::Create).await.unwrap());
    assert!(!blobs.put_staged("a", stage(&staging, &Bytes::new()).await, Put::Create).await.unwrap());
    assert!(blobs.read("a", 1 << 30).await.unwrap().unwrap() == bytes);
    assert_eq!(files_in(elsewhere.path()) + files_in(&root.path().join(".fairlead/staging")), 0);
}

#[tokio::test]
async fn a_folder_that_go_filled_is_a_store_and_the_other_way_round() {
    let root = tempfile::tempdir().unwrap();
    let at_v = root.path().join("github.com/!azure/sdk/@v");
    fs::create_dir_all(&at_v).unwrap();
    fs::write(at_v.join("list"), "v1.0.0\n").unwrap();
    let blobs = FileBlobs::open(root.path()).unwrap();
    let read = blobs.read("github.com/!azure/sdk/@v/list", 100).await.unwrap();
    assert_eq!(read.unwrap(), "v1.0.0\n");
    assert!(!root.path().join(".fairlead").exists(), "reading writes nothing");
    blobs.put("github.com/!azure/sdk/@v/v1.0.0+incompatible.info", "{}".into(), Put::Create).await.unwrap();
    assert_eq!(fs::read_to_string(at_v.join("v1.0.0+incompatible.info")).unwrap(), "{}");
}

#[tokio::test]
async fn a_blob_is_not_a_folder() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(root.path()).unwrap();
    blobs.put("a/b", "x".into(), Put::Create).await.unwrap();
    for (key, put) in
        [("a/b/c", Put::Create), ("a/b/c/d", Put::Replace), ("a", Put::Create), ("a", Put::Replace)]
    {
        let error = blobs.put(key, "y".into(), put).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{key}: {error:?}");
    }
    assert!(blobs.open("a/b/c").await.unwrap().is_none() && !blobs.delete("a/b/c").await.unwrap());
    assert_eq!(blobs.read("a/b", 9).await.unwrap().unwrap(), "x");
}

#[tokio::test]
async fn an_open_blob_outlives_its_key() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(root.path()).unwrap();
    blobs.put("a", pattern(1000), Put::Create).await.unwrap();
    let replaced = blobs.open("a").await.unwrap().unwrap();
    blobs.put("a", "other".into(), Put::Replace).await.unwrap();
    let deleted = blobs.open("a").await.unwrap().unwrap();
    blobs.delete("a").await.unwrap();
    assert_eq!(replaced.read_at(0, 1000).await.unwrap(), pattern(1000));
    assert_eq!(deleted.chunks().next().await.unwrap().unwrap(), "other");
    assert_eq!(deleted.as_file().unwrap().metadata().unwrap().len(), 5);
}

#[tokio::test]
async fn a_file_that_shrank_is_corrupt() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(root.path()).unwrap();
    blobs.put("a", pattern(1000), Put::Create).await.unwrap();
    let blob = blobs.open("a").await.unwrap().unwrap();
    fs::File::options().write(true).open(root.path().join("a")).unwrap().set_len(10).unwrap();
    assert!(matches!(blob.read_at(0, 1000).await, Err(StoreError::Corrupt(_))));
    let (mut chunks, mut given) = (blob.chunks(), 0);
    let end = loop {
        match chunks.next().await {
            Some(Ok(bytes)) => given += bytes.len(),
            end => break end,
        }
    };
    assert!(matches!(end, Some(Err(StoreError::Corrupt(_)))) && given <= 10, "{given}");
    assert!(chunks.next().await.is_none());
}

#[tokio::test]
async fn what_is_not_a_file_is_not_a_blob() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(root.path()).unwrap();
    let made = std::process::Command::new("mkfifo").arg(root.path().join("pipe")).status().unwrap();
    assert!(made.success());
    symlink(root.path(), root.path().join("circle")).unwrap();
    fs::write(root.path().join("bad\nname"), "x").unwrap();
    blobs.put("a", "x".into(), Put::Create).await.unwrap();
    assert!(blobs.open("pipe").await.unwrap().is_none());
    let listed = blobs.list("", None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[tokio::test]
async fn a_folder_larger_than_a_page_is_listed_whole() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(root.path()).unwrap();
    // More empty folders than are looked at in one go stand before the files.
    for number in 0..700 {
        fs::create_dir_all(root.path().join(format!("m/a{number:04}"))).unwrap();
        fs::write(root.path().join(format!("m/b{number:04}")), "").unwrap();
    }
    let first = blobs.list("m", None, 10).await.unwrap();
    assert_eq!((first.len(), first[0].key.as_str()), (10, "m/b0000"));
    assert_eq!(blobs.list("m", Some("m/b0009"), 2000).await.unwrap().len(), 690);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn puts_and_deletes_of_neighbours_do_not_disturb() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(root.path()).unwrap();
    let mut tasks = JoinSet::new();
    for task in 0..4 {
        let blobs = blobs.clone();
        tasks.spawn(async move {
            let key = format!("x/y/z/{task}");
            for _ in 0..30 {
                assert!(blobs.put(&key, "x".into(), Put::Create).await.unwrap());
                assert!(blobs.delete(&key).await.unwrap());
            }
        });
    }
    tasks.join_all().await;
    assert!(!root.path().join("x").exists(), "empty folders go");
}

#[tokio::test]
#[ignore = "a measurement; run it alone"]
async fn reading_reaches_a_gigabyte_per_second() {
    let root = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(root.path()).unwrap();
    let len = 20_000_000;
    blobs.put("a", pattern(len), Put::Create).await.unwrap();
    let mut best = f64::MAX;
    for _ in 0..20 {
        let mut chunks = blobs.open("a").await.unwrap().unwrap().chunks();
        let (begun, mut read) = (Instant::now(), 0);
        while let Some(chunk) = chunks.next().await {
            read += chunk.unwrap().len();
        }
        assert_eq!(read, len);
        best = best.min(begun.elapsed().as_secs_f64());
    }
    let speed = len as f64 / best / 1e9;
    println!("{speed:.2} GB/s");
    assert!(speed > 1.0, "{speed:.2} GB/s");
}
