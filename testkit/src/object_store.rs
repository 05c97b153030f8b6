//! moto, a real S3 peer, as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

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

/// An S3 server with one bucket. It takes any credentials, and ends when dropped.
#[derive(Debug)]
pub struct ObjectStore {
    child: Child,
    addr: SocketAddr,
}

impl ObjectStore {
    /// Starts a server and makes `bucket`.
    ///
    /// # Panics
    /// When moto is not installed, or does not start.
    #[must_use]
    pub fn start(bucket: &str) -> Self {
        let mut child = Command::new(python())
            .args(["-c", PEER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(port) = line.trim().parse::<u16>() else { panic!("moto does not say its port: {line:?}") };
        let store = ObjectStore { child, addr: ([127, 0, 0, 1], port).into() };
        store.make_bucket(bucket);
        store
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn make_bucket(&self, bucket: &str) {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        let request = format!(
            "PUT /{bucket} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some("200"), "{answer}");
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The interpreter beside `moto_server`, as `make` installs it.
fn python() -> PathBuf {
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.peers/bin");
    assert!(
        bin.join("moto_server").exists(),
        "the tests need moto as a peer: run `make test`, or `make .peers/bin/moto_server` once"
    );
    bin.join("python")
}
