//! The backend of every proxy: answers from memory, at as little cost to the load processor as it can.
//!
//! It listens twice, once for each path prefix of the routes, and says in its `ETag` which of the two answered.
//! The query picks the body: `bytes=10240`, `bytes=102400`, `echo` (the request head as it arrived), else 128 bytes.

use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use crate::workload::PREFIXES;

const MAX_HEAD: usize = 16 * 1024;

/// A running backend; it ends with the process.
#[derive(Debug)]
pub(crate) struct Backend {
    /// Its ports, in the order of [`PREFIXES`].
    pub(crate) ports: [u16; PREFIXES.len()],
    accepted: Arc<AtomicU64>,
}

impl Backend {
    /// Starts it on a thread of its own.
    pub(crate) fn start() -> Result<Backend> {
        let accepted = Arc::new(AtomicU64::new(0));
        let mut ports = [0; PREFIXES.len()];
        let mut listeners = Vec::new();
        for port in &mut ports {
            let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            *port = listener.local_addr()?.port();
            listeners.push(listener);
        }
        let count = Arc::clone(&accepted);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("backend".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, serve(listeners, count));
        })?;
        Ok(Backend { ports, accepted })
    }

    /// How many connections it has taken.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// The value of `ETag` in the answers of the backend for a prefix.
pub(crate) fn etag(prefix: usize) -> String {
    format!("\"{}-1\"", PREFIXES[prefix].trim_start_matches('/'))
}

async fn serve(listeners: Vec<StdListener>, accepted: Arc<AtomicU64>) {
    let mut loops = Vec::new();
    for (prefix, listener) in listeners.into_iter().enumerate() {
        let (Ok(listener), accepted) = (TcpListener::from_std(listener), Arc::clone(&accepted)) else {
            continue;
        };
        loops.push(tokio::task::spawn_local(accept(listener, Arc::new(Answers::new(prefix)), accepted)));
    }
    for each in loops {
        let _ = each.await;
    }
}

async fn accept(listener: TcpListener, answers: Arc<Answers>, accepted: Arc<AtomicU64>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of files: the connections that end make room again.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        accepted.fetch_add(1, Ordering::Relaxed);
        let _ = stream.set_nodelay(true);
        tokio::task::spawn_local(converse(stream, Arc::clone(&answers)));
    }
}

async fn converse(mut stream: TcpStream, answers: Arc<Answers>) {
    let mut buffer = vec![0; MAX_HEAD];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await {
            Ok(0) | Err(_) => return,
            Ok(count) => filled += count,
        }
        while let Some(end) = memchr::memmem::find(&buffer[..filled], b"\r\n\r\n") {
            let head = &buffer[..end + 4];
            let sent = match answers.to(head) {
                Answer::Ready(bytes) => stream.write_all(bytes).await,
                Answer::Made(bytes) => stream.write_all(&bytes).await,
            };
            if sent.is_err() {
                return;
            }
            buffer.copy_within(end + 4..filled, 0);
            filled -= end + 4;
        }
        if filled == buffer.len() {
            return;
        }
    }
}

struct Answers {
    etag: String,
    small: Vec<u8>,
    medium: Vec<u8>,
    large: Vec<u8>,
}

enum Answer<'a> {
    Ready(&'a [u8]),
    Made(Vec<u8>),
}

impl Answers {
    fn new(prefix: usize) -> Answers {
        let etag = etag(prefix);
        let json = |size| answer("application/json", &etag, &json(size));
        Answers { small: json(128), medium: json(10 * 1024), large: json(100 * 1024), etag }
    }

    fn to(&self, head: &[u8]) -> Answer<'_> {
        let line = &head[..memchr::memchr(b'\r', head).unwrap_or(0)];
        let query = memchr::memchr(b'?', line).map_or(&b""[..], |at| &line[at..]);
        let has = |word: &[u8]| memchr::memmem::find(query, word).is_some();
        if has(b"bytes=102400") {
            Answer::Ready(&self.large)
        } else if has(b"bytes=10240") {
            Answer::Ready(&self.medium)
        } else if has(b"echo") {
            Answer::Made(answer("text/plain", &self.etag, head))
        } else {
            Answer::Ready(&self.small)
        }
    }
}

/// Six headers, as the field's services send them.
fn answer(kind: &str, etag: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nDate: Mon, 06 Jan 2025 10:00:00 GMT\r\nServer: backend\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\nCache-Control: no-store\r\nETag: {etag}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn json(size: usize) -> Vec<u8> {
    let (open, close) = (br#"{"id":1048,"text":""#, br#""}"#);
    let filler = vec![b'x'; size.saturating_sub(open.len() + close.len())];
    [&open[..], &filler, close].concat()
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpStream};

    use super::*;
    use crate::client::exchange;

    #[test]
    fn the_query_picks_the_body() {
        let backend = Backend::start().unwrap();
        let mut stream =
            TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, backend.ports[1]))).unwrap();
        for (query, size) in [("", 128), ("?page=1&bytes=10240", 10_240), ("?bytes=102400", 102_400)] {
            let request = format!("GET /assets/x{query} HTTP/1.1\r\nHost: a\r\n\r\n");
            let reply = exchange(&mut stream, request.as_bytes()).unwrap();
            assert_eq!((reply.status, reply.body.len()), (200, size));
            assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_ok());
            assert_eq!(reply.header("etag"), Some(etag(1).as_str()));
        }
        let request = b"GET /assets/x?echo HTTP/1.1\r\nHost: a\r\nX-Seen: yes\r\n\r\n";
        assert_eq!(exchange(&mut stream, request).unwrap().body, request);
        assert_eq!(backend.accepted(), 1);
    }
}
