//! The object store, against moto: a real S3 peer with conditional puts.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use fairlead_store::{Blobs, Credentials, ObjectBlobs, ObjectOptions, Put, Staging, StoreError};

use crate::suite::{pattern, stage, suite};

const BUCKET: &str = "modules";

/// Serves S3 on a free port, says which, and ends with its standard input. moto takes a look and a write apart; one request at
/// a time makes its conditions as good as those of a real store.
const PEER: &str = r"
import os, sys, threading
from werkzeug.serving import make_server
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
app, lock = DomainDispatcherApplication(create_backend_app), threading.Lock()
def one_at_a_time(environ, start_response):
    with lock:
        return list(app(environ, start_response))
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server = make_server('127.0.0.1', 0, one_at_a_time, threaded=True)
print(server.port, flush=True)
server.serve_forever()
";

struct Peer {
    child: Child,
    port: u16,
}

impl Peer {
    fn start() -> Self {
        let mut child = Command::new(python())
            .args(["-c", PEER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("moto says its port");
        let peer = Peer { child, port };
        peer.make_bucket();
        peer
    }

    fn make_bucket(&self) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = format!(
            "PUT /{BUCKET} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some("200"), "{answer}");
    }

    fn store(&self, prefix: &str) -> ObjectBlobs {
        self.bucket(BUCKET, prefix)
    }

    fn bucket(&self, bucket: &str, prefix: &str) -> ObjectBlobs {
        let given = |text: &str| text.to_owned();
        let options = ObjectOptions {
            endpoint: Some(format!("http://127.0.0.1:{}", self.port)),
            bucket: given(bucket),
            prefix: given(prefix),
            region: given("us-east-1"),
            path_style: true,
            credentials: Credentials::Given {
                access_key_id: given("an-id"),
                secret_access_key: given("a-s3cret"),
                session_token: None,
            },
        };
        ObjectBlobs::new(&options).unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The interpreter beside `moto_server`, as `make` installs it.
fn python() -> PathBuf {
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.peers/bin");
    assert!(
        bin.join("moto_server").exists(),
        "the tests need moto as a peer: run `make test`, or `make .peers/bin/moto_server` once"
    );
    bin.join("python")
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
