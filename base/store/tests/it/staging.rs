//! Files that grow, and those who read along.

use std::fs;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fairlead_store::{CHUNK, Follower, Staging, StoreError};
use tokio::task::JoinSet;

use crate::files::files_in;
use crate::suite::pattern;

async fn read(mut follower: Follower) -> Result<Bytes, StoreError> {
    let mut all = Vec::new();
    while let Some(chunk) = follower.next().await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_read_all_of_it_whenever_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let staging = Staging::new(folder.path()).unwrap();
    let bytes = pattern(2 * CHUNK + 4321);
    let mut writer = staging.begin().await.unwrap();
    let mut followers = JoinSet::new();
    for part in bytes.chunks(50_000) {
        followers.spawn(read(writer.growing().follow()));
        writer.append(Bytes::copy_from_slice(part)).await.unwrap();
    }
    let growing = writer.growing();
    let staged = writer.finish().await.unwrap();
    assert_eq!((staged.len(), growing.len()), (bytes.len() as u64, bytes.len() as u64));
    followers.spawn(read(staged.growing().follow()));
    // The file's name is gone, not its bytes.
    drop(staged);
    assert_eq!(files_in(folder.path()), 0);
    followers.spawn(read(growing.follow()));
    let read = followers.join_all().await;
    assert!(read.len() > 10 && read.into_iter().all(|read| read.unwrap() == bytes));
}

#[tokio::test]
async fn a_follower_sees_bytes_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Staging::new(folder.path()).unwrap().begin().await.unwrap();
    let mut follower = writer.growing().follow();
    writer.append("first".into()).await.unwrap();
    assert_eq!(follower.next().await.unwrap().unwrap(), "first");
    writer.append(Bytes::new()).await.unwrap();
    writer.append("second".into()).await.unwrap();
    assert_eq!(follower.next().await.unwrap().unwrap(), "second");
    let staged = writer.finish().await.unwrap();
    assert!(follower.next().await.is_none() && follower.next().await.is_none());
    assert_eq!(staged.blob().read_at(0, 100).await.unwrap(), "firstsecond");
}

#[tokio::test]
async fn followers_fail_with_the_writers_reason() {
    let folder = tempfile::tempdir().unwrap();
    let staging = Staging::new(folder.path()).unwrap();
    let mut writer = staging.begin().await.unwrap();
    let (mut early, growing) = (writer.growing().follow(), writer.growing());
    writer.append("some".into()).await.unwrap();
    assert_eq!(early.next().await.unwrap().unwrap(), "some");
    writer.fail("the checksum does not match");
    for mut follower in [early, growing.follow()] {
        let error = follower.next().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the checksum does not match");
        assert!(follower.next().await.is_none());
    }
    assert_eq!(files_in(folder.path()), 0);
}

#[tokio::test]
async fn followers_fail_when_the_writer_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Staging::new(folder.path()).unwrap().begin().await.unwrap();
    let mut waiting = pin!(read(writer.growing().follow()));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(writer);
    assert!(matches!(waiting.await, Err(StoreError::Unavailable(_))));
    assert_eq!(files_in(folder.path()), 0);
}

#[test]
fn an_append_that_was_not_awaited_ends_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let staging = Staging::new(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let mut writer = staging.begin().await.unwrap();
        // The only thread that may block is busy, so that the append cannot be over at once.
        let (free, busy) = std::sync::mpsc::channel::<()>();
        let held = tokio::task::spawn_blocking(move || busy.recv());
        {
            let append = pin!(writer.append("some".into()));
            assert!(append.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        drop(free);
        assert!(held.await.unwrap().is_err());
        assert!(matches!(writer.append("more".into()).await, Err(StoreError::Corrupt(_))));
        assert!(matches!(writer.finish().await, Err(StoreError::Corrupt(_))));
    });
}

#[tokio::test]
async fn only_leftovers_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let staging = Staging::new(folder.path()).unwrap();
    let mut writer = staging.begin().await.unwrap();
    writer.append("some".into()).await.unwrap();
    let leftover = folder.path().join("1-1-1.staged");
    fs::write(&leftover, "half").unwrap();
    let foreign = folder.path().join("notes.txt");
    fs::write(&foreign, "mine").unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(86_400);
    fs::File::options().write(true).open(&foreign).unwrap().set_modified(long_ago).unwrap();
    // As a second process would.
    Staging::new(folder.path()).unwrap();
    assert!(!leftover.exists() && foreign.exists());
    let staged = writer.finish().await.unwrap();
    assert_eq!(read(staged.growing().follow()).await.unwrap(), "some");
    assert_eq!(files_in(folder.path()), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_beside_a_start_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let sweeping =
        tokio::task::spawn_blocking(move || (0..300).for_each(|_| drop(Staging::new(&path).unwrap())));
    let staging = Staging::new(folder.path()).unwrap();
    while !sweeping.is_finished() {
        let staged = staging.begin().await.unwrap().finish().await.unwrap();
        assert_eq!(files_in(folder.path()), 1);
        drop(staged);
    }
    sweeping.await.unwrap();
}
