//! The behaviour that every store has. Each part works beneath a folder of its own.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fairlead_store::{Blob, Blobs, CHUNK, MAX_SWAP, Put, Staged, Staging, StoreError};
use tokio::task::JoinSet;

/// All of it. `staging` is where things are staged for the store.
pub(crate) async fn suite(blobs: Arc<dyn Blobs>, staging: Staging) {
    nothing_is_there(&*blobs).await;
    a_create_leaves_what_is_there(&*blobs).await;
    bad_keys_are_refused(&*blobs, &staging).await;
    a_read_is_limited(&*blobs).await;
    a_blob_is_read_in_pieces(&*blobs).await;
    staged_files_are_put(&*blobs, &staging).await;
    a_swap_expects(&*blobs).await;
    what_is_deleted_is_gone(&*blobs).await;
    pages_are_sorted(&*blobs).await;
    long_names_are_names(&*blobs).await;
    odd_names_are_names(&*blobs).await;
    one_creates(&blobs).await;
    swaps_count(&blobs).await;
}

/// Bytes that differ from place to place.
pub(crate) fn pattern(len: usize) -> Bytes {
    (0..len).map(|at| (at.wrapping_mul(31) ^ (at >> 8)) as u8).collect()
}

/// A staged file of `bytes`.
pub(crate) async fn stage(staging: &Staging, bytes: &Bytes) -> Staged {
    let mut writer = staging.begin().await.unwrap();
    for at in (0..bytes.len()).step_by(CHUNK) {
        writer.append(bytes.slice(at..bytes.len().min(at + CHUNK))).await.unwrap();
    }
    writer.finish().await.unwrap()
}

async fn read(blobs: &dyn Blobs, key: &str) -> Option<Bytes> {
    blobs.read(key, 64 << 20).await.unwrap()
}

async fn open(blobs: &dyn Blobs, key: &str) -> Blob {
    blobs.open(key).await.unwrap().expect("there is a blob")
}

async fn keys(blobs: &dyn Blobs, prefix: &str) -> Vec<String> {
    blobs.list(prefix, None, 1000).await.unwrap().into_iter().map(|entry| entry.key).collect()
}

async fn nothing_is_there(blobs: &dyn Blobs) {
    assert!(blobs.open("none/a").await.unwrap().is_none());
    assert!(blobs.read("none/a", 1).await.unwrap().is_none());
    assert!(!blobs.delete("none/a").await.unwrap());
    assert!(keys(blobs, "none").await.is_empty());
}

async fn a_create_leaves_what_is_there(blobs: &dyn Blobs) {
    assert!(blobs.put("put/a", "first".into(), Put::Create).await.unwrap());
    assert!(!blobs.put("put/a", "second".into(), Put::Create).await.unwrap());
    assert_eq!(read(blobs, "put/a").await.unwrap(), "first");
    assert!(blobs.put("put/a", "third".into(), Put::Replace).await.unwrap());
    assert_eq!(read(blobs, "put/a").await.unwrap(), "third");
    assert!(blobs.put("put/new", Bytes::new(), Put::Replace).await.unwrap());
    assert_eq!(read(blobs, "put/new").await.unwrap(), "");
    // A folder of blobs is not a blob.
    assert!(blobs.open("put").await.unwrap().is_none() && !blobs.delete("put").await.unwrap());
}

async fn bad_keys_are_refused(blobs: &dyn Blobs, staging: &Staging) {
    for key in ["", "/a", "a/../../b", "a//b", "a\\b", "a\nb", ".fairlead/x"] {
        let staged = stage(staging, &Bytes::new()).await;
        let refused = [
            blobs.open(key).await.err(),
            blobs.read(key, 1).await.err(),
            blobs.put(key, "x".into(), Put::Replace).await.err(),
            blobs.put_staged(key, staged, Put::Create).await.err(),
            blobs.swap(key, None, "x".into()).await.err(),
            blobs.delete(key).await.err(),
            blobs.list("", Some(key), 1).await.err(),
        ];
        for error in refused {
            assert!(matches!(error, Some(StoreError::BadKey(_))), "{key:?}: {error:?}");
        }
    }
    assert!(matches!(blobs.list("../..", None, 1).await, Err(StoreError::BadKey(_))));
}

async fn a_read_is_limited(blobs: &dyn Blobs) {
    blobs.put("limit/a", pattern(1000), Put::Create).await.unwrap();
    assert_eq!(blobs.read("limit/a", 1000).await.unwrap().unwrap(), pattern(1000));
    let error = blobs.read("limit/a", 999).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { len: 1000, limit: 999 }), "{error:?}");
}

async fn a_blob_is_read_in_pieces(blobs: &dyn Blobs) {
    let bytes = pattern(3 * CHUNK + 77);
    blobs.put("pieces/a", bytes.clone(), Put::Create).await.unwrap();
    let blob = open(blobs, "pieces/a").await;
    assert_eq!(blob.len, bytes.len() as u64);
    let age = SystemTime::now().duration_since(blob.modified).unwrap_or_default();
    assert!(age < Duration::from_secs(600), "{age:?}");
    assert_eq!(blob.read_at(10, 5).await.unwrap(), bytes.slice(10..15));
    assert_eq!(blob.read_at(blob.len - 3, 100).await.unwrap(), bytes.slice(bytes.len() - 3..));
    assert!(blob.read_at(blob.len, 1).await.unwrap().is_empty());
    assert!(blob.read_at(u64::MAX, usize::MAX).await.unwrap().is_empty());
    let all = bytes.len();
    for (start, end) in
        [(0, all), (1, CHUNK), (CHUNK, CHUNK + 1), (7, 2 * CHUNK + 9), (all - 1, all), (5, 5), (all, all)]
    {
        let mut chunks = blob.chunks_of(start as u64..end as u64);
        let mut read = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.unwrap();
            assert!(!chunk.is_empty());
            read.extend_from_slice(&chunk);
        }
        assert!(read == bytes[start..end], "{start}..{end}");
        assert!(chunks.next().await.is_none());
    }
    let mut beyond = blob.chunks_of(blob.len - 1..u64::MAX);
    assert_eq!(beyond.next().await.unwrap().unwrap().len(), 1);
    assert!(beyond.next().await.is_none());
}

async fn staged_files_are_put(blobs: &dyn Blobs, staging: &Staging) {
    // The second does not fit into one request to an object store.
    for (key, len) in [("staged/small", 5), ("staged/large", (9 << 20) + 1), ("staged/empty", 0)] {
        let bytes = pattern(len);
        assert!(blobs.put_staged(key, stage(staging, &bytes).await, Put::Create).await.unwrap());
        assert!(read(blobs, key).await.unwrap() == bytes, "{key}");
        let other = stage(staging, &pattern(len + 1)).await;
        assert!(!blobs.put_staged(key, other, Put::Create).await.unwrap());
        assert!(read(blobs, key).await.unwrap() == bytes, "{key}");
        let other = stage(staging, &pattern(len + 2)).await;
        assert!(blobs.put_staged(key, other, Put::Replace).await.unwrap());
        assert!(read(blobs, key).await.unwrap() == pattern(len + 2), "{key}");
    }
    assert_eq!(keys(blobs, "staged").await, ["staged/empty", "staged/large", "staged/small"]);
}

async fn a_swap_expects(blobs: &dyn Blobs) {
    let (one, two) = (Bytes::from("one"), Bytes::from("two"));
    assert!(!blobs.swap("swap/a", Some(&one), two.clone()).await.unwrap());
    assert!(blobs.swap("swap/a", None, one.clone()).await.unwrap());
    assert!(!blobs.swap("swap/a", None, two.clone()).await.unwrap());
    assert!(!blobs.swap("swap/a", Some(&two), two.clone()).await.unwrap());
    assert_eq!(read(blobs, "swap/a").await.unwrap(), one);
    assert!(blobs.swap("swap/a", Some(&one), two.clone()).await.unwrap());
    assert_eq!(read(blobs, "swap/a").await.unwrap(), two);
    let large = Bytes::from(vec![0; MAX_SWAP as usize + 1]);
    assert!(matches!(blobs.swap("swap/a", Some(&two), large).await, Err(StoreError::TooLarge { .. })));
}

async fn what_is_deleted_is_gone(blobs: &dyn Blobs) {
    for key in ["delete/x/y/a", "delete/b"] {
        blobs.put(key, "x".into(), Put::Create).await.unwrap();
    }
    assert!(blobs.delete("delete/x/y/a").await.unwrap());
    assert!(!blobs.delete("delete/x/y/a").await.unwrap());
    assert!(read(blobs, "delete/x/y/a").await.is_none());
    assert_eq!(keys(blobs, "delete").await, ["delete/b"]);
    assert!(blobs.put("delete/x", "x".into(), Put::Create).await.unwrap(), "its folder went with it");
}

async fn pages_are_sorted(blobs: &dyn Blobs) {
    let sorted = ["list/a", "list/a-b/c", "list/a.b", "list/a0", "list/b/c/d", "list/b/c0", "list/é"];
    for key in sorted.iter().rev() {
        blobs.put(key, pattern(key.len()), Put::Create).await.unwrap();
    }
    blobs.put("listed", "x".into(), Put::Create).await.unwrap();
    assert_eq!(keys(blobs, "list").await, sorted);
    for size in 1..=3 {
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = blobs.list("list", after.as_deref(), size).await.unwrap();
            assert!(page.iter().all(|entry| entry.len == entry.key.len() as u64));
            let last = page.len() < size;
            seen.extend(page.into_iter().map(|entry| entry.key));
            if last {
                break;
            }
            after = seen.last().cloned();
        }
        assert_eq!(seen, sorted, "pages of {size}");
    }
    assert_eq!(keys(blobs, "list/b").await, ["list/b/c/d", "list/b/c0"]);
    let after = |key| async move {
        blobs.list("list", Some(key), 2).await.unwrap().into_iter().map(|entry| entry.key).collect::<Vec<_>>()
    };
    assert_eq!(after("list/a-").await, ["list/a-b/c", "list/a.b"]);
    assert_eq!(after("list/b").await, ["list/b/c/d", "list/b/c0"]);
    assert_eq!(after("a").await, ["list/a", "list/a-b/c"]);
    assert!(after("m").await.is_empty() && keys(blobs, "list/a").await.is_empty());
    assert!(blobs.list("list", None, 0).await.unwrap().is_empty());
}

async fn long_names_are_names(blobs: &dyn Blobs) {
    let long = |last: char| format!("long/{}{last}/@v/{}.info", "é".repeat(150), "v".repeat(300));
    for last in ['a', 'b'] {
        assert!(blobs.put(&long(last), last.to_string().into(), Put::Create).await.unwrap());
    }
    assert_eq!(read(blobs, &long('b')).await.unwrap(), "b");
    assert_eq!(keys(blobs, "long").await, [long('a'), long('b')]);
    assert!(blobs.delete(&long('a')).await.unwrap());
    assert_eq!(keys(blobs, "long").await, [long('b')]);
    let made = format!("long/x~~{}", "0123456789abcdef".repeat(4));
    assert!(blobs.put(&made, "m".into(), Put::Create).await.unwrap());
    assert_eq!(keys(blobs, "long").await, [made, long('b')]);
}

async fn odd_names_are_names(blobs: &dyn Blobs) {
    let odd = ["odd/a b+c", "odd/a%2Fb", "odd/a?b#c", "odd/~*|`{}^\"'<>&=;,@:!$()[]", "odd/…日本"];
    for key in odd {
        assert!(blobs.put(key, key.into(), Put::Create).await.unwrap(), "{key}");
        assert_eq!(read(blobs, key).await.unwrap(), key);
    }
    let mut sorted = odd.to_vec();
    sorted.sort_unstable();
    assert_eq!(keys(blobs, "odd").await, sorted);
}

async fn one_creates(blobs: &Arc<dyn Blobs>) {
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let blobs = Arc::clone(blobs);
        tasks.spawn(async move {
            let created = blobs.put("race/a", number.to_string().into(), Put::Create).await.unwrap();
            created.then(|| number.to_string())
        });
    }
    let created: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(created.len(), 1);
    assert_eq!(read(&**blobs, "race/a").await.unwrap(), created[0]);
}

async fn swaps_count(blobs: &Arc<dyn Blobs>) {
    const EACH: usize = 5;
    let mut tasks = JoinSet::new();
    for _ in 0..6 {
        let blobs = Arc::clone(blobs);
        tasks.spawn(async move {
            let mut done = 0;
            while done < EACH {
                let seen = blobs.read("race/count", 100).await.unwrap();
                let count =
                    seen.as_ref().map_or(0, |seen| str::from_utf8(seen).unwrap().parse::<usize>().unwrap());
                let next = (count + 1).to_string().into();
                done += usize::from(blobs.swap("race/count", seen.as_ref(), next).await.unwrap());
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(read(&**blobs, "race/count").await.unwrap(), (6 * EACH).to_string());
}
