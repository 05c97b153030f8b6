//! A process that writes is killed at any moment; what can be seen afterwards is whole.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use fairlead_store::{Blobs, FileBlobs, Put};

use crate::files::files_in;
use crate::suite::stage;

const ROOT: &str = "FAIRLEAD_STORE_CRASH_ROOT";
const ROUNDS: u64 = 12;

#[test]
fn what_a_killed_writer_leaves_is_whole() {
    let root = tempfile::tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    let mut put = 0;
    for round in 0..ROUNDS {
        let mut child = writer(root.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The first line says that it has begun; then it may live a little, and a little longer each round.
        assert!(lines.by_ref().map_while(Result::ok).any(|line| line.ends_with("begun")));
        std::thread::sleep(Duration::from_micros(3_000 + 17_300 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            put += 1;
            acknowledged.extend(line.strip_prefix("put ").map(str::to_owned));
        }
        inspect(root.path(), &acknowledged);
    }
    assert!(put > ROUNDS, "the writers wrote: {put}");
}

/// This test again, in a process of its own, as [`the_writer`].
fn writer(root: &std::path::Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::the_writer", "--ignored", "--nocapture", "--test-threads=1"])
        .env(ROOT, root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn inspect(root: &std::path::Path, acknowledged: &HashSet<String>) {
    let blobs = FileBlobs::open(root).unwrap();
    assert_eq!(files_in(&root.join(".fairlead/staging")), 0, "leftovers go when the store is opened");
    let (mut seen, mut after) = (HashSet::new(), None::<String>);
    loop {
        let page = blobs.list("", after.as_deref(), 500).await.unwrap();
        let last = page.len() < 500;
        for entry in &page {
            let bytes = blobs.read(&entry.key, 1 << 20).await.unwrap().unwrap();
            assert!(is_whole(&bytes), "{} of {} bytes", entry.key, bytes.len());
            seen.insert(entry.key.clone());
        }
        after = page.last().map(|entry| entry.key.clone());
        if last {
            break;
        }
    }
    let lost: Vec<_> = acknowledged.difference(&seen).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

/// Its length and then bytes that follow from it.
fn blob(seed: usize) -> Bytes {
    let len = 8 + seed * 7919 % 200_000;
    let mut bytes = (len as u64).to_le_bytes().to_vec();
    bytes.extend((8..len).map(|at| (at ^ len) as u8));
    bytes.into()
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some((head, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let len = u64::from_le_bytes(*head) as usize;
    len == bytes.len() && rest.iter().zip(8..).all(|(byte, at)| *byte == (at ^ len) as u8)
}

#[test]
#[ignore = "the process that is killed"]
fn the_writer() {
    if let Ok(root) = std::env::var(ROOT) {
        write_for_ever(root);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn write_for_ever(root: String) {
    let blobs = FileBlobs::open(root).unwrap();
    let staging = blobs.staging();
    let tell = |line: String| {
        let mut out = std::io::stdout();
        out.write_all(format!("{line}\n").as_bytes()).unwrap();
        out.flush().unwrap();
    };
    tell("\nbegun".into());
    for number in std::process::id() as usize.. {
        let long = "v".repeat(260);
        let (fresh, staged) = (format!("new/{number}/{long}"), format!("staged/{number}"));
        blobs.put(&fresh, blob(number), Put::Create).await.unwrap();
        tell(format!("put {fresh}"));
        blobs.put("same", blob(number), Put::Replace).await.unwrap();
        tell("put same".into());
        blobs.put_staged(&staged, stage(&staging, &blob(number + 1)).await, Put::Create).await.unwrap();
        tell(format!("put {staged}"));
        let seen = blobs.read("swapped", 1 << 20).await.unwrap();
        blobs.swap("swapped", seen.as_ref(), blob(number + 2)).await.unwrap();
        tell("put swapped".into());
        blobs.put("brief/a", blob(number), Put::Create).await.unwrap();
        blobs.delete("brief/a").await.unwrap();
    }
}
