//! A backend that plays bytes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peer::Peer;

/// What is done with each connection.
#[derive(Clone, Debug)]
pub enum Script {
    /// Closed at once.
    Close,
    /// Closed as soon as a request head has been read.
    CloseAfterHead,
    /// A request head is read and never answered.
    Silence,
    /// These bytes are sent when a request head has been read, then the connection is closed.
    Answer(Vec<u8>),
    /// As `Answer`, and the connection stays open without a word.
    AnswerAndHold(Vec<u8>),
    /// Pieces with a pause before each of them, then the connection is closed.
    Slowly(Vec<Vec<u8>>, Duration),
    /// Bytes are sent without waiting for a request, then the connection is closed.
    Unasked(Vec<u8>),
}

impl Script {
    /// A head that breaks off in the middle of a header.
    #[must_use]
    pub fn half_head() -> Script {
        Script::Answer(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec())
    }

    /// A body that breaks off: 100 bytes declared, 10 sent.
    #[must_use]
    pub fn half_body() -> Script {
        Script::Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789".to_vec())
    }

    /// No HTTP at all.
    #[must_use]
    pub fn garbage() -> Script {
        Script::Answer(b"\x00\x01\x02 this is not HTTP\r\n\r\n".to_vec())
    }

    /// A 103 with a `Link`, then a 200 with the body `ok`.
    #[must_use]
    pub fn early_hints() -> Script {
        Script::Answer(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n\
              HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
                .to_vec(),
        )
    }
}

/// A TCP server that follows a [`Script`].
pub struct RawBackend(Peer);

impl RawBackend {
    /// Starts it.
    #[must_use]
    pub fn start(script: Script) -> RawBackend {
        RawBackend(Peer::start(move |stream| play(stream, script.clone())))
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// `http://` and its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.0.addr)
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections()
    }
}

async fn play(mut stream: TcpStream, script: Script) {
    if !matches!(script, Script::Close | Script::Unasked(_)) {
        read_head(&mut stream).await;
    }
    match script {
        Script::Close | Script::CloseAfterHead => {}
        Script::Silence => std::future::pending().await,
        Script::Answer(bytes) | Script::Unasked(bytes) => send(&mut stream, &bytes).await,
        Script::AnswerAndHold(bytes) => {
            send(&mut stream, &bytes).await;
            // Until the other side is tired of it.
            while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
        }
        Script::Slowly(pieces, pause) => {
            for piece in pieces {
                tokio::time::sleep(pause).await;
                send(&mut stream, &piece).await;
            }
        }
    }
    let _ = stream.shutdown().await;
}

async fn send(stream: &mut TcpStream, bytes: &[u8]) {
    // The other side may have had enough.
    let _ = stream.write_all(bytes).await;
}

/// Reads to the end of a request head, 64 KiB at most.
async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while head.len() < 64 << 10 && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read_buf(&mut head).await {
            Ok(1..) => {}
            _ => return,
        }
    }
}
