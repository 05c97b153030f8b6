//! The object store, against moto: a real S3 peer with conditional puts.

use std::sync::Arc;

use bytes::Bytes;
use fairlead_store::{Blobs, Credentials, ObjectBlobs, ObjectOptions, Put, Staging, StoreError};
use fairlead_testkit::ObjectStore;

use crate::suite::{pattern, stage, suite};

const BUCKET: &str = "modules";

struct Peer(ObjectStore);

impl Peer {
    fn start() -> Self {
        Peer(ObjectStore::start(BUCKET))
    }

    fn store(&self, prefix: &str) -> ObjectBlobs {
        self.bucket(BUCKET, prefix)
    }

    fn bucket(&self, bucket: &str, prefix: &str) -> ObjectBlobs {
        let given = |text: &str| text.to_owned();
        let options = ObjectOptions {
            endpoint: Some(format!("http://{}", self.0.addr())),
            bucket: given(bucket),
            prefix: given(prefix),
            region: given("us-east-1"),
            path_style: true,
            credentials: Credentials::Given {
                access_key_id: given("an-id"),
                secret_access_key: given("a-s3cret"),
                session_token: None,
            },
            roots: Vec::new(),
        };
        ObjectBlobs::new(&options).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_do_what_every_store_does() {
    let peer = Peer::start();
    let folder = tempfile::tempdir().unwrap();
    let staging = Staging::new(folder.path()).unwrap();
    suite(Arc::new(peer.store("go/cache")), staging).await;
    let bucket = peer.store("").list("", None, 1000).await.unwrap();
    assert!(bucket.len() > 20 && bucket.iter().all(|entry| entry.key.starts_with("go/cache/")));
    assert!(bucket.iter().all(|entry| !entry.key.contains("uploads")), "nothing is left over in the bucket");
    assert_eq!(crate::files::files_in(folder.path()), 0, "nor in the folder");
}

#[tokio::test]
async fn an_object_that_was_replaced_is_not_mixed_with_the_new_one() {
    let peer = Peer::start();
    let blobs = peer.store("");
    blobs.put("a", pattern(1000), Put::Create).await.unwrap();
    let blob = blobs.open("a").await.unwrap().unwrap();
    blobs.put("a", Bytes::from(vec![0; 1000]), Put::Replace).await.unwrap();
    assert!(matches!(blob.read_at(0, 10).await, Err(StoreError::Unavailable(_))));
    let mut chunks = blob.chunks();
    assert!(matches!(chunks.next().await, Some(Err(StoreError::Unavailable(_)))));
    assert!(chunks.next().await.is_none());
    assert!(blob.as_file().is_none());
}

#[tokio::test]
async fn a_store_that_is_away_is_unavailable_and_says_no_secret() {
    let peer = Peer::start();
    let blobs = peer.bucket("elsewhere", "");
    let folder = tempfile::tempdir().unwrap();
    let staging = Staging::new(folder.path()).unwrap();
    let large = stage(&staging, &pattern(9 << 20)).await;
    let errors = [
        blobs.put("a", "x".into(), Put::Create).await.unwrap_err(),
        blobs.list("", None, 1).await.unwrap_err(),
        blobs.put_staged("a", large, Put::Replace).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        let text = format!("{error} {error:?}");
        assert!(!text.contains("s3cret") && !text.contains('<'), "{text}");
    }
}
