//! The HTTP/1.1 client against scripted servers over an in-memory connection.

#![expect(clippy::disallowed_methods, reason = "a test has no doctor to list its tasks")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fairlead_http::h1::client::{Connection, Failed};
use fairlead_http::{Body, Error, Fault, Interim, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

type Io = DuplexStream;

/// Where connections come back to.
struct Back(mpsc::UnboundedReceiver<Connection<Io>>, mpsc::UnboundedSender<Connection<Io>>);

impl Back {
    fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Back(receiver, sender)
    }

    fn reuse(&self) -> impl FnOnce(Connection<Io>) + Send + 'static {
        let sender = self.1.clone();
        move |connection| drop(sender.send(connection))
    }

    fn taken(&mut self) -> Option<Connection<Io>> {
        self.0.try_recv().ok()
    }
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::HOST, HeaderValue::from_static("h"));
    headers
}

async fn exchange(
    connection: Connection<Io>,
    method: Method,
    body: Body,
    back: &Back,
) -> Result<Response, Failed> {
    let target = "/p?q";
    connection.exchange(&method, target, &headers(), body, None, back.reuse()).await
}

/// A server that reads until its input ends in `until`, answers, and gives back what it read.
fn script(mut io: Io, until: &'static str, answer: impl Into<Vec<u8>>) -> JoinHandle<(String, Io)> {
    let answer = answer.into();
    tokio::spawn(async move {
        let mut read = Vec::new();
        while !read.ends_with(until.as_bytes()) {
            assert!(io.read_buf(&mut read).await.unwrap() > 0, "the request ended early: {read:?}");
        }
        io.write_all(&answer).await.unwrap();
        (String::from_utf8(read).unwrap(), io)
    })
}

async fn text(body: Body) -> Result<String, Error> {
    body.collect(1 << 24).await.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

fn streamed(frames: Vec<Frame<Bytes>>) -> Body {
    Body::stream(StreamBody::new(futures_util::stream::iter(frames.into_iter().map(Ok::<_, Error>))))
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn a_response_at_hand_gives_the_connection_back_at_once() {
    let (ours, theirs) = duplex(4096);
    let mut back = Back::new();
    let server = script(theirs, "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let response = exchange(Connection::new(ours), Method::GET, Body::Empty, &back).await.unwrap();
    assert!(matches!(response.body, Body::Full(_)));
    let mut connection = back.taken().expect("reusable");
    let (request, server) = server.await.unwrap();
    assert_eq!(request, "GET /p?q HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n");
    assert_eq!(text(response.body).await.unwrap(), "ok");

    assert!(!connection.is_stale());
    let again = script(server, "abc", "HTTP/1.1 204 No Content\r\n\r\n");
    let response = exchange(connection, Method::POST, Body::from("abc"), &back).await.unwrap();
    assert_eq!(response.status, StatusCode::NO_CONTENT);
    let (request, server) = again.await.unwrap();
    assert_eq!(request, "POST /p?q HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nContent-Length: 3\r\n\r\nabc");
    connection = back.taken().expect("reusable");
    assert_eq!(connection.exchanges(), 2);
    drop(server);
    assert!(connection.is_stale());
}

#[tokio::test]
async fn unasked_bytes_make_a_connection_stale() {
    let (ours, mut theirs) = duplex(4096);
    let mut connection = Connection::new(ours);
    assert!(!connection.is_stale());
    theirs.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();
    assert!(connection.is_stale());
}

#[tokio::test]
async fn bytes_after_a_response_forbid_reuse() {
    let (ours, theirs) = duplex(4096);
    let mut back = Back::new();
    let answer =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let _server = script(theirs, "\r\n\r\n", answer);
    let response = exchange(Connection::new(ours), Method::GET, Body::Empty, &back).await.unwrap();
    assert_eq!(text(response.body).await.unwrap(), "ok");
    assert!(back.taken().is_none());
}

#[tokio::test]
async fn bodies_end_as_their_framing_says() {
    for (answer, expected, reusable) in [
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            Some("abcde"),
            true,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcde", Some("abcde"), false),
        ("HTTP/1.1 200 OK\r\n\r\nabcde", Some("abcde"), false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabcde", Some("abcde"), false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcde", None, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", None, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", None, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", None, false),
    ] {
        // Whole, and one byte after the other.
        for size in [1, answer.len()] {
            let (ours, theirs) = duplex(size);
            let mut back = Back::new();
            let server = tokio::spawn(async move {
                let (mut reader, mut writer) = tokio::io::split(theirs);
                let read =
                    tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
                writer.write_all(answer.as_bytes()).await.ok();
                writer.shutdown().await.ok();
                drop(read);
            });
            let response = exchange(Connection::new(ours), Method::GET, Body::Empty, &back).await.unwrap();
            let body = text(response.body).await;
            match expected {
                Some(expected) => assert_eq!(body.unwrap(), expected, "{answer:?}"),
                None => assert!(body.unwrap_err().sent, "{answer:?}"),
            }
            assert_eq!(back.taken().is_some(), reusable, "{answer:?} by {size}");
            drop(server);
        }
    }
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let (ours, theirs) = duplex(4096);
    let back = Back::new();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("7"));
    trailers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("9"));
    let body = streamed(vec![data("abc"), data(""), data("de"), Frame::trailers(trailers)]);
    let server = script(
        theirs,
        "X-Sum: 7\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Back: 1\r\n\r\n",
    );
    let mut response = exchange(Connection::new(ours), Method::POST, body, &back).await.unwrap();
    let (request, _server) = server.await.unwrap();
    assert!(
        request.ends_with("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7\r\n\r\n"),
        "{request}"
    );
    let frame = response.body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_trailers().unwrap()["x-back"], "1");
    assert!(response.body.frame().await.is_none());
}

#[tokio::test]
async fn head_and_its_like_have_no_body() {
    for (method, status) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304)] {
        let (ours, theirs) = duplex(4096);
        let mut back = Back::new();
        let _server = script(theirs, "\r\n\r\n", format!("HTTP/1.1 {status} X\r\nContent-Length: 9\r\n\r\n"));
        let response = exchange(Connection::new(ours), method, Body::Empty, &back).await.unwrap();
        assert!(response.body.is_empty());
        assert_eq!(response.headers[header::CONTENT_LENGTH], "9");
        assert!(back.taken().is_some());
    }
}

struct Interims(Mutex<Vec<(u16, usize)>>);

impl Interim for Interims {
    fn send(&self, status: StatusCode, headers: &HeaderMap) {
        self.0.lock().push((status.as_u16(), headers.len()));
    }
}

#[tokio::test]
async fn interim_responses_are_passed_on() {
    let (ours, theirs) = duplex(4096);
    let back = Back::new();
    let interims = Arc::new(Interims(Mutex::default()));
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n\
        HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let _server = script(theirs, "\r\n\r\n", answer);
    let target = "/";
    let interim = Some(&*interims as &dyn Interim);
    let response = Connection::new(ours)
        .exchange(&Method::GET, target, &headers(), Body::Empty, interim, back.reuse())
        .await
        .unwrap();
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(*interims.0.lock(), [(103, 1), (102, 0)]);
}

#[tokio::test]
async fn endless_interim_responses_are_an_error() {
    let (ours, theirs) = duplex(4096);
    let back = Back::new();
    let server = script(theirs, "\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(33));
    let failed = exchange(Connection::new(ours), Method::GET, Body::Empty, &back).await.err().unwrap();
    assert_eq!(failed.error.fault, Fault::Protocol);
    drop(server);
}

#[tokio::test]
async fn upgrades_give_the_connection_with_what_was_read() {
    let (ours, theirs) = duplex(4096);
    let back = Back::new();
    let server = script(theirs, "\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\nhello");
    let response = exchange(Connection::new(ours), Method::GET, Body::Empty, &back).await.unwrap();
    assert_eq!(response.status, StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers[header::UPGRADE], "echo");
    let mut tunnel = response.tunnel.unwrap();
    let (_, mut server) = server.await.unwrap();
    tunnel.write_all(b"ping").await.unwrap();
    let mut heard = [0; 4];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"ping");
    drop(server);
    let mut read = String::new();
    tunnel.read_to_string(&mut read).await.unwrap();
    assert_eq!(read, "hello");
}

#[tokio::test]
async fn a_stale_connection_can_be_told_from_a_broken_answer() {
    // Fresh, closed without an answer.
    let (ours, theirs) = duplex(4096);
    let back = Back::new();
    drop(script(theirs, "x", ""));
    let failed = exchange(Connection::new(ours), Method::POST, Body::from("x"), &back).await.err().unwrap();
    assert_eq!((failed.error.fault, failed.error.sent, failed.stale), (Fault::Closed, true, false));
    assert!(matches!(failed.body, Some(Body::Full(_))));

    // Closed before a byte was written.
    let (ours, theirs) = duplex(4096);
    drop(theirs);
    let failed = exchange(Connection::new(ours), Method::GET, Body::Empty, &back).await.err().unwrap();
    assert_eq!((failed.error.fault, failed.error.sent, failed.stale), (Fault::Closed, false, false));

    for (answer, stale, fault) in [
        ("", true, Fault::Closed),
        ("HTTP/1.1 200", false, Fault::Closed),
        ("SSH-2.0-x\r\n", false, Fault::Protocol),
        ("HTTP/1.1 200 OK\nContent-Length: 0\n\n", false, Fault::Protocol),
    ] {
        let (ours, theirs) = duplex(4096);
        let mut back = Back::new();
        let server = script(theirs, "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        exchange(Connection::new(ours), Method::GET, Body::Empty, &back).await.unwrap();
        let connection = back.taken().unwrap();
        drop(script(server.await.unwrap().1, "\r\n\r\n", answer));
        let failed = exchange(connection, Method::GET, Body::Empty, &back).await.err().unwrap();
        assert_eq!((failed.stale, failed.error.fault), (stale, fault), "{answer:?}");
    }
}

#[tokio::test]
async fn an_early_answer_does_not_wait_for_the_request() {
    let (ours, mut theirs) = duplex(1024);
    let mut back = Back::new();
    let (feed, frames) = mpsc::unbounded_channel::<Frame<Bytes>>();
    let frames = futures_util::stream::unfold(frames, |mut frames| async move {
        frames.recv().await.map(|frame| (Ok::<_, Error>(frame), frames))
    });
    let body = Body::stream(StreamBody::new(Box::pin(frames)));
    let server = tokio::spawn(async move {
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            theirs.read_buf(&mut read).await.unwrap();
        }
        theirs.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        let mut chunk = [0; 9];
        theirs.read_exact(&mut chunk).await.unwrap();
        theirs.write_all(&chunk).await.unwrap();
        let mut last = [0; 5];
        theirs.read_exact(&mut last).await.unwrap();
        theirs.write_all(&last).await.unwrap();
        theirs
    });
    let mut response = exchange(Connection::new(ours), Method::POST, body, &back).await.unwrap();
    feed.send(data("ping")).unwrap();
    assert_eq!(response.body.frame().await.unwrap().unwrap().into_data().unwrap(), "ping");
    drop(feed);
    assert!(response.body.frame().await.is_none());
    assert!(back.taken().is_some());
    drop(server.await.unwrap());
}

#[tokio::test]
async fn a_refused_upload_still_shows_its_answer() {
    let (ours, mut theirs) = duplex(1024);
    let mut back = Back::new();
    let server = tokio::spawn(async move {
        let mut read = vec![0; 512];
        theirs.read_exact(&mut read).await.unwrap();
        theirs.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
    });
    let body = streamed(vec![Frame::data(Bytes::from(vec![b'x'; 1 << 20]))]);
    let response = exchange(Connection::new(ours), Method::POST, body, &back).await.unwrap();
    assert_eq!(response.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(text(response.body).await.unwrap(), "no");
    assert!(back.taken().is_none());
    server.await.unwrap();
}

#[tokio::test]
async fn a_failing_request_body_fails_the_exchange() {
    let (ours, theirs) = duplex(4096);
    let mut back = Back::new();
    let frames = vec![Ok(data("abc")), Err(Error::new(Fault::ClientTimeout, "slow"))];
    let body = Body::stream(StreamBody::new(futures_util::stream::iter(frames)));
    let failed = exchange(Connection::new(ours), Method::POST, body, &back).await.err().unwrap();
    assert_eq!((failed.error.fault, failed.stale), (Fault::ClientTimeout, false));
    assert!(failed.body.is_none() && back.taken().is_none());
    drop(theirs);
}

#[tokio::test(start_paused = true)]
async fn a_body_waits_for_continue_but_not_for_ever() {
    for (interim, waited) in [("HTTP/1.1 100 Continue\r\n\r\n", 0), ("", 1)] {
        let (ours, mut theirs) = duplex(4096);
        let back = Back::new();
        let server = tokio::spawn(async move {
            let mut read = Vec::new();
            while !read.ends_with(b"\r\n\r\n") {
                theirs.read_buf(&mut read).await.unwrap();
            }
            let start = tokio::time::Instant::now();
            theirs.write_all(interim.as_bytes()).await.unwrap();
            let mut body = [0; 3];
            theirs.read_exact(&mut body).await.unwrap();
            theirs.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            (start.elapsed(), theirs)
        });
        let mut headers = headers();
        headers.insert(header::EXPECT, HeaderValue::from_static("100-continue"));
        let target = "/";
        let response = Connection::new(ours)
            .exchange(&Method::PUT, target, &headers, Body::from("abc"), None, back.reuse())
            .await
            .unwrap();
        assert_eq!(response.status, StatusCode::OK);
        let elapsed = server.await.unwrap().0;
        assert!(
            elapsed >= Duration::from_secs(waited) && elapsed < Duration::from_secs(waited + 1),
            "{elapsed:?}"
        );
    }
}
