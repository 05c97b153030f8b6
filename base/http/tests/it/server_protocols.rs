//! Plain connections are served by what they begin with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fairlead_http::{Request, Response, ServerOptions, server};
use fairlead_net::Stream;
use http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::h2_peers::{answer, conn, get, hyper_client, soon};

fn serve(options: ServerOptions, stop: &CancellationToken) -> (DuplexStream, JoinHandle<()>) {
    let (near, far) = tokio::io::duplex(64 << 10);
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let stream = Stream::other(far, address, address);
    let handler = answer(|request: Request| async move {
        Response::text(StatusCode::OK, format!("{:?} {}", request.version, request.path()))
    });
    let stop = stop.clone();
    let task = fairlead_rt::spawn("test-server", async move {
        server::serve(stream, conn(), None, handler, &Arc::new(options), stop).await;
    });
    (near, task)
}

#[tokio::test]
async fn the_preface_means_http2() {
    let (io, task) = serve(ServerOptions::default(), &CancellationToken::new());
    let (mut client, _connection) = hyper_client(io).await;
    let response = soon(client.send_request(get("/a"))).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "HTTP/2.0 /a");
    drop(client);
    soon(task).await.unwrap();
}

#[tokio::test]
async fn anything_else_means_http1() {
    for method in ["GET", "POST", "P", "PRI", "PUT"] {
        let (mut io, task) = serve(ServerOptions::default(), &CancellationToken::new());
        let head =
            format!("{method} /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        // One byte at a time, so that every prefix is judged.
        for byte in head.as_bytes() {
            io.write_all(std::slice::from_ref(byte)).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut answer = Vec::new();
        soon(io.read_to_end(&mut answer)).await.unwrap();
        let answer = Bytes::from(answer);
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{answer:?}");
        assert!(answer.ends_with(b"HTTP/1.1 /b"), "{answer:?}");
        soon(task).await.unwrap();
    }
}

/// A preface in pieces, and one that goes wrong at the end.
#[tokio::test]
async fn a_broken_preface_is_no_http2() {
    let (mut io, task) = serve(ServerOptions::default(), &CancellationToken::new());
    io.write_all(b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    soon(io.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 ") || answer.is_empty(), "{answer:?}");
    assert!(!answer.starts_with(b"HTTP/1.1 2"), "{answer:?}");
    soon(task).await.unwrap();
}

#[tokio::test]
async fn a_client_that_says_nothing_or_too_little_is_cut() {
    for said in [&b""[..], b"PRI *"] {
        let options = ServerOptions { read_timeout: Duration::from_millis(50), ..ServerOptions::default() };
        let (mut io, task) = serve(options, &CancellationToken::new());
        io.write_all(said).await.unwrap();
        soon(task).await.unwrap();
    }
}

#[tokio::test]
async fn stop_ends_a_connection_that_has_not_begun() {
    let stop = CancellationToken::new();
    let (_io, task) = serve(ServerOptions::default(), &stop);
    stop.cancel();
    soon(task).await.unwrap();
}
