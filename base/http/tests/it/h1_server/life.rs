//! The life of a connection: upgrades, keep-alive, limits of patience, stopping.

#![expect(clippy::disallowed_methods, reason = "a test has no doctor to list its tasks")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use fairlead_http::{Fault, Request, Response, ServerOptions, h1};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Fun, answer, conn, describe, serve, serve_with};

#[tokio::test]
async fn interim_responses_pass_while_the_handler_works() {
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    let mut served = serve(move |request: Request| {
        let released = Arc::clone(&released);
        async move {
            let mut headers = HeaderMap::new();
            headers.insert("link", HeaderValue::from_static("</a>; rel=preload"));
            let interim = request.interim.unwrap();
            interim.send(StatusCode::EARLY_HINTS, &headers);
            interim.send(StatusCode::OK, &headers);
            released.notified().await;
            let late = Arc::clone(&interim);
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                late.send(StatusCode::EARLY_HINTS, &HeaderMap::new());
            });
            Response::new(StatusCode::OK).with_header(http::header::DATE, "now")
        }
    });
    for _ in 0..2 {
        served.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
        served.expect("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n").await;
        release.notify_one();
        served.expect("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n\r\n").await;
    }
    served.stop.cancel();
    assert_eq!(served.rest().await, "");
}

#[tokio::test]
async fn upgrades_join_both_sides_and_keep_half_closes() {
    let (far, mut backend) = duplex(64);
    let far = Mutex::new(Some(far));
    let mut served = serve(move |request: Request| {
        assert_eq!(request.upgrade(), Some("echo"));
        let mut response =
            Response::new(StatusCode::SWITCHING_PROTOCOLS).with_header(http::header::UPGRADE, "echo");
        response.tunnel = Some(Box::new(far.lock().take().unwrap()));
        async move { response }
    });
    served.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly ").await;
    served.expect("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n").await;
    served.send("late").await;
    served.client.shutdown().await.unwrap();
    let mut heard = String::new();
    backend.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "early late");
    let long = "x".repeat(100_000);
    let (written, read) = tokio::join!(
        async {
            backend.write_all(long.as_bytes()).await.unwrap();
            backend.shutdown().await.unwrap();
        },
        served.rest()
    );
    let () = written;
    assert_eq!(read, long);
    served.task.await.unwrap();
}

#[tokio::test]
async fn a_half_closed_client_gets_its_answer() {
    let mut served = serve(|request: Request| async move {
        tokio::task::yield_now().await;
        describe(request).await
    });
    served.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.client.shutdown().await.unwrap();
    assert_eq!(served.rest().await, answer("GET /x []"));
    served.task.await.unwrap();
}

/// A connection that breaks after the first read.
struct Breaking(&'static [u8]);

impl tokio::io::AsyncRead for Breaking {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let bytes = std::mem::take(&mut self.0);
        if bytes.is_empty() {
            return std::task::Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()));
        }
        buf.put_slice(bytes);
        std::task::Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Breaking {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::task::Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_reset_drops_the_handler() {
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let handler = Fun(move |_: Request| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::pending::<Response>()
    });
    let io = Breaking(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let options = ServerOptions::default();
    h1::server::serve(io, BytesMut::new(), conn(), &handler, &options, CancellationToken::new()).await;
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn keep_alive_ends_at_its_limits() {
    let options = ServerOptions { keep_alive_max_requests: 2, ..ServerOptions::default() };
    let mut served = serve_with(options, describe);
    served.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.expect(&answer("GET /1 []")).await;
    let last = served.rest().await;
    assert!(last.contains("Connection: close") && last.ends_with("GET /2 []"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn keep_alive_ends_with_its_time() {
    let options = ServerOptions { keep_alive_max_time: Duration::from_secs(30), ..ServerOptions::default() };
    let mut served = serve_with(options, describe);
    served.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.expect(&answer("GET /1 []")).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    served.send("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(served.rest().await.contains("Connection: close"));
}

#[tokio::test]
async fn stopping_closes_idle_connections_and_finishes_busy_ones() {
    let mut idle = serve(describe);
    idle.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    idle.expect(&answer("GET /1 []")).await;
    idle.stop.cancel();
    assert_eq!(idle.rest().await, "");
    idle.task.await.unwrap();

    let (entered, mut busy_now) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    let mut busy = serve(move |request: Request| {
        entered.send(()).unwrap();
        let released = Arc::clone(&released);
        async move {
            released.notified().await;
            describe(request).await
        }
    });
    busy.send("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    busy_now.recv().await.unwrap();
    busy.stop.cancel();
    release.notify_one();
    let last = busy.rest().await;
    assert!(last.contains("Connection: close") && last.ends_with("GET /2 []"), "{last}");
}

/// How long the server of these options keeps a client that has sent `text`, and what it answers.
async fn patience(text: &str) -> (u64, String) {
    let options = ServerOptions {
        read_timeout: Duration::from_secs(60),
        idle_timeout: Duration::from_secs(180),
        write_timeout: Duration::from_secs(90),
        ..ServerOptions::default()
    };
    let mut served = serve_with(options, |request: Request| async move {
        if request.method == Method::PUT {
            std::future::pending::<()>().await;
        }
        describe(request).await
    });
    let start = tokio::time::Instant::now();
    served.send(text).await;
    let answer = served.rest().await;
    (start.elapsed().as_secs(), answer)
}

#[tokio::test(start_paused = true)]
async fn slow_clients_are_cut_off() {
    assert_eq!(patience("").await, (60, String::new()));
    assert_eq!(patience("GET / HT").await, (60, String::new()));
    assert_eq!(patience("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n").await, (180, answer("GET /1 []")));
    assert_eq!(patience("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET").await, (60, answer("GET /1 []")));
    assert_eq!(patience("PUT / HTTP/1.1\r\nHost: h\r\n\r\n").await, (90, String::new()));
    let (seconds, answer) = patience("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc").await;
    assert!((60..=61).contains(&seconds), "{seconds}");
    assert!(answer.ends_with("client-timeout"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn deadlines_do_not_hit_a_client_that_keeps_asking() {
    let mut served = serve(describe);
    for number in 0..40 {
        served.send(&format!("GET /{number} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
        served.expect(&answer(&format!("GET /{number} []"))).await;
        tokio::time::sleep(Duration::from_secs(if number % 2 == 0 { 170 } else { 20 })).await;
    }
    served.send("GET / HTTP/1.1\r\nHost: h\r\nX: ").await;
    let start = tokio::time::Instant::now();
    assert_eq!(served.rest().await, "");
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn bodies_of_ended_exchanges_are_dead() {
    let (bodies, mut kept) = mpsc::unbounded_channel();
    let mut served = serve(move |request: Request| {
        bodies.send(request.body).unwrap();
        async { Response::new(StatusCode::OK).with_header(http::header::DATE, "now") }
    });
    for _ in 0..2 {
        served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n").await;
        served.expect("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n\r\n").await;
        served.send("abc").await;
    }
    let mut first = kept.recv().await.unwrap();
    let _second = kept.recv().await.unwrap();
    assert_eq!(first.frame().await.unwrap().unwrap_err().fault, Fault::ClientGone);
}

#[test]
fn a_connection_costs_little_while_it_idles() {
    let handler = Fun(describe);
    let options = ServerOptions::default();
    let (_, server) = duplex(64);
    let future =
        h1::server::serve(server, BytesMut::new(), conn(), &handler, &options, CancellationToken::new());
    let size = std::mem::size_of_val(&future);
    assert!(size <= 2048, "{size} bytes");
}
