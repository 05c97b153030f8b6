//! The client against HTTP/2 backends in the clear.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fairlead_http::client::TransportOptions;
use fairlead_http::{Body, Fault, Interim};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client_peers::{backend, fetch, http2, request, send, text, transport};
use crate::h2_peers::{fed, soon, until};

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn requests_share_a_connection() {
    let backend = http2(100, |request: http::Request<_>| async move {
        assert_eq!(request.version(), http::Version::HTTP_2);
        text("hello")
    })
    .await;
    let (transport, target) = (transport(TransportOptions::default()), backend.target("h2c"));
    let fetched = futures_util::future::join_all((0..20).map(|_| fetch(&transport, &target))).await;
    assert!(fetched.iter().all(|(status, body)| *status == StatusCode::OK && body == "hello"));
    assert_eq!((backend.accepted(), backend.stats("h2c")), (1, (1, 0)));
}

#[tokio::test]
async fn a_full_connection_gets_company() {
    let barrier = Arc::new(tokio::sync::Barrier::new(6));
    let backend = http2(2, move |request: http::Request<_>| {
        let barrier = Arc::clone(&barrier);
        async move {
            if request.uri().path() == "/together" {
                barrier.wait().await;
            }
            text("hello")
        }
    })
    .await;
    let (transport, target) = (transport(TransportOptions::default()), backend.target("h2c"));
    // Bodies that could not be sent a second time.
    let together = (0..6).map(|_| {
        let (_, body) = fed(1);
        send(&transport, &target, request(Method::POST, "/together", Body::stream(body)))
    });
    for response in futures_util::future::join_all(together).await {
        assert_eq!(response.unwrap().status, StatusCode::OK);
    }
    assert_eq!(backend.accepted(), 3);
}

#[tokio::test]
async fn calls_stream_both_ways_with_trailers() {
    let backend = http2(100, |request: http::Request<hyper::body::Incoming>| async move {
        assert_eq!(request.headers()["te"], "trailers");
        let body = request.into_body().map_err(|error| panic!("{error}"));
        http::Response::new(body.boxed())
    })
    .await;
    let (transport, target) = (transport(TransportOptions::default()), backend.target("h2c"));
    let (feed, body) = fed(1);
    let mut call = request(Method::POST, "/echo", Body::stream(body));
    call.headers.insert("te", HeaderValue::from_static("gzip, trailers"));
    call.headers.insert("connection", HeaderValue::from_static("x-gone"));
    call.headers.insert("x-gone", HeaderValue::from_static("1"));
    let response = send(&transport, &target, call).await.unwrap();
    let mut body = response.body;
    // The response is read while the request still flows.
    for word in [&b"one"[..], b"two", b"three"] {
        feed.send(Frame::data(Bytes::from_static(word))).await.unwrap();
        let frame = soon(body.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), word);
    }
    let sent = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    feed.send(Frame::trailers(sent.clone())).await.unwrap();
    let trailers = soon(body.frame()).await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers, sent);
    assert!(soon(body.frame()).await.is_none());
}

#[tokio::test]
async fn a_dropped_response_stops_its_request() {
    let backend = http2(100, |request: http::Request<hyper::body::Incoming>| async move {
        http::Response::new(request.into_body().map_err(|error| panic!("{error}")).boxed())
    })
    .await;
    let (transport, target) = (transport(TransportOptions::default()), backend.target("h2c"));
    let (feed, body) = fed(1);
    let response = send(&transport, &target, request(Method::POST, "/", Body::stream(body))).await.unwrap();
    drop(response);
    soon(feed.closed()).await;
}

/// An h2 server that calls `serve` with each stream of each connection.
async fn raw<F, Fut>(stream: TcpStream, serve: F)
where
    F: Fn(http::Request<h2::RecvStream>, h2::server::SendResponse<Bytes>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        fairlead_rt::spawn("test-stream", serve(request, respond));
    }
}

struct Collected(tokio::sync::mpsc::UnboundedSender<(StatusCode, HeaderMap)>);

impl Interim for Collected {
    fn send(&self, status: StatusCode, headers: &HeaderMap) {
        self.0.send((status, headers.clone())).unwrap();
    }
}

#[tokio::test]
async fn interim_responses_are_passed_on() {
    let backend = backend(|stream, _| {
        raw(stream, |_, mut respond| async move {
            let hints = http::Response::builder().status(103).header("link", "</a>").body(()).unwrap();
            respond.send_informational(hints).unwrap();
            respond.send_response(http::Response::new(()), true).unwrap();
        })
    })
    .await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut get = request(Method::GET, "/", Body::Empty);
    get.interim = Some(Arc::new(Collected(tell)));
    let response = send(&transport(TransportOptions::default()), &backend.target("h2c"), get).await.unwrap();
    assert_eq!(response.status, StatusCode::OK);
    let (status, headers) = told.recv().await.unwrap();
    assert_eq!((status, &headers["link"]), (StatusCode::EARLY_HINTS, &HeaderValue::from_static("</a>")));
}

#[tokio::test]
async fn a_flood_of_interim_responses_is_an_error() {
    let backend = backend(|stream, _| {
        raw(stream, |_, mut respond| async move {
            for _ in 0..1000 {
                let hints = http::Response::builder().status(103).body(()).unwrap();
                if respond.send_informational(hints).is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            std::future::pending::<()>().await;
        })
    })
    .await;
    let get = request(Method::GET, "/", Body::Empty);
    let failed =
        send(&transport(TransportOptions::default()), &backend.target("h2c"), get).await.err().unwrap();
    assert_eq!(failed.error.fault, Fault::Protocol);
}

#[tokio::test]
async fn a_refused_stream_is_tried_again() {
    let refused = Arc::new(AtomicBool::new(false));
    let backend = backend(move |stream, _| {
        let refused = Arc::clone(&refused);
        raw(stream, move |_, mut respond| {
            let first = !refused.swap(true, Ordering::Relaxed);
            async move {
                if first {
                    respond.send_reset(h2::Reason::REFUSED_STREAM);
                } else {
                    respond.send_response(http::Response::new(()), true).unwrap();
                }
            }
        })
    })
    .await;
    let post = request(Method::POST, "/", "body at hand");
    let response = send(&transport(TransportOptions::default()), &backend.target("h2c"), post).await.unwrap();
    assert_eq!(response.status, StatusCode::OK);
}

#[tokio::test]
async fn a_reset_after_work_began_is_final() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let backend = backend(move |stream, _| {
        let counted = Arc::clone(&counted);
        raw(stream, move |_, mut respond| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move { respond.send_reset(h2::Reason::INTERNAL_ERROR) }
        })
    })
    .await;
    let get = request(Method::GET, "/", Body::Empty);
    let failed =
        send(&transport(TransportOptions::default()), &backend.target("h2c"), get).await.err().unwrap();
    assert_eq!((failed.error.fault, failed.error.sent), (Fault::Closed, true));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn after_a_goaway_a_new_connection_is_made() {
    let backend = backend(|stream, _| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let mut answered = false;
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            assert!(!answered, "a stream after the last one");
            answered = true;
            respond.send_response(http::Response::new(()), true).unwrap();
            connection.graceful_shutdown();
        }
    })
    .await;
    let (transport, target) = (transport(TransportOptions::default()), backend.target("h2c"));
    for round in 1..=3 {
        assert_eq!(fetch(&transport, &target).await.0, StatusCode::OK);
        until(|| backend.ended() == round).await;
    }
    assert_eq!(backend.accepted(), 3);
}

#[tokio::test]
async fn a_silent_backend_is_given_up_and_others_go_on() {
    let backend = http2(100, |request: http::Request<_>| async move {
        if request.uri().path() == "/silent" {
            std::future::pending::<()>().await;
        }
        text("hello")
    })
    .await;
    let options = TransportOptions { response_header_timeout: SHORT, ..TransportOptions::default() };
    let (transport, target) = (transport(options), backend.target("h2c"));
    let silent = request(Method::GET, "/silent", Body::Empty);
    let failed = send(&transport, &target, silent).await.err().unwrap();
    assert_eq!((failed.error.fault, failed.error.sent), (Fault::ResponseTimeout, true));
    assert_eq!(fetch(&transport, &target).await.1, "hello");
    assert_eq!(backend.accepted(), 1);
}

#[tokio::test]
async fn a_dead_connection_is_found_by_pinging() {
    let backend = backend(|mut stream, _| async move {
        // Empty settings, then nothing more.
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let mut taken = Vec::new();
        drop(stream.read_to_end(&mut taken).await);
    })
    .await;
    let options =
        TransportOptions { read_idle_timeout: SHORT, ping_timeout: SHORT, ..TransportOptions::default() };
    let get = request(Method::GET, "/", Body::Empty);
    let failed = send(&transport(options), &backend.target("h2c"), get).await.err().unwrap();
    assert_eq!((failed.error.fault, failed.error.sent), (Fault::Closed, true));
    until(|| backend.ended() == 1).await;
}

#[tokio::test]
async fn a_backend_without_http2_leaves_the_request_whole() {
    let options = TransportOptions { dial_timeout: SHORT, ..TransportOptions::default() };
    let silent = backend(|mut stream, _| async move {
        let mut taken = Vec::new();
        drop(stream.read_to_end(&mut taken).await);
    })
    .await;
    let other = backend(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        let mut taken = Vec::new();
        drop(stream.read_to_end(&mut taken).await);
    })
    .await;
    let transport = transport(options);
    for (backend, fault) in [(silent, Fault::ConnectTimeout), (other, Fault::Protocol)] {
        let (_feed, body) = fed(1);
        let post = request(Method::POST, "/", Body::stream(body));
        let failed = send(&transport, &backend.target("h2c"), post).await.err().unwrap();
        assert_eq!((failed.error.fault, failed.error.sent), (fault, false));
        assert!(matches!(failed.request_body, Some(Body::Stream(_))));
    }
}

#[tokio::test]
async fn a_live_connection_answers_pings() {
    let backend = http2(100, |_| async {
        tokio::time::sleep(SHORT * 6).await;
        text("late")
    })
    .await;
    let options = TransportOptions { read_idle_timeout: SHORT, ..TransportOptions::default() };
    assert_eq!(fetch(&transport(options), &backend.target("h2c")).await.1, "late");
}

#[tokio::test]
async fn a_connection_at_rest_expires() {
    let backend = http2(100, |_| async { text("hello") }).await;
    let options = TransportOptions { idle_conn_timeout: SHORT, ..TransportOptions::default() };
    fetch(&transport(options), &backend.target("h2c")).await;
    until(|| backend.ended() == 1).await;
    until(|| backend.stats("h2c") == (0, 0)).await;
}

/// A response that nobody reads fills its window and no more; once read, all of it comes.
#[tokio::test]
async fn an_unread_response_stops_at_the_window() {
    const TOTAL: usize = 8 << 20;
    let granted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&granted);
    let backend = backend(move |stream, _| {
        let count = Arc::clone(&count);
        raw(stream, move |request, mut respond| {
            let count = Arc::clone(&count);
            async move {
                let is_small = request.uri().path() == "/small";
                let mut stream = respond.send_response(http::Response::new(()), is_small).unwrap();
                while !is_small && count.load(Ordering::Relaxed) < TOTAL {
                    stream.reserve_capacity(TOTAL - count.load(Ordering::Relaxed));
                    let capacity = poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
                    let last = count.fetch_add(capacity, Ordering::Relaxed) + capacity == TOTAL;
                    stream.send_data(Bytes::from(vec![0; capacity]), last).unwrap();
                }
            }
        })
    })
    .await;
    let (transport, target) = (transport(TransportOptions::default()), backend.target("h2c"));
    let response = send(&transport, &target, request(Method::GET, "/", Body::Empty)).await.unwrap();
    until(|| granted.load(Ordering::Relaxed) == 256 << 10).await;
    // Another exchange on the same connection is not held up, and still no more is granted.
    let small = request(Method::GET, "/small", Body::Empty);
    assert_eq!(send(&transport, &target, small).await.unwrap().status, StatusCode::OK);
    assert_eq!((granted.load(Ordering::Relaxed), backend.accepted()), (256 << 10, 1));
    assert_eq!(soon(response.body.collect(TOTAL)).await.unwrap().len(), TOTAL);
}
