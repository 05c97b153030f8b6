//! The client against HTTP/1.1 backends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fairlead_http::client::TransportOptions;
use fairlead_http::{Body, Fault};
use http::{Method, StatusCode, header};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client_peers::{backend, fetch, http1, request, send, text, transport};
use crate::h2_peers::{fed, until};

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_connection_is_used_again() {
    let backend = http1(|_| async { text("hello") }).await;
    let (transport, target) = (transport(TransportOptions::default()), backend.target("http"));
    for _ in 0..10 {
        assert_eq!(fetch(&transport, &target).await, (StatusCode::OK, Bytes::from_static(b"hello")));
    }
    assert_eq!(backend.accepted(), 1);
    assert_eq!(backend.stats("http"), (1, 1));
}

#[tokio::test]
async fn the_host_is_sent_as_given_and_else_the_targets() {
    let backend = http1(|request: http::Request<_>| async move {
        let host = request.headers()[header::HOST].to_str().unwrap().to_owned();
        let mut answer = text("");
        answer.headers_mut().insert("x-host", host.parse().unwrap());
        answer
    })
    .await;
    let (transport, target) = (transport(TransportOptions::default()), backend.target("http"));
    let response = send(&transport, &target, request(Method::GET, "/", Body::Empty)).await.unwrap();
    assert_eq!(response.headers["x-host"], &*target.authority);
    let mut named = request(Method::GET, "/", Body::Empty);
    named.headers.insert(header::HOST, "shop.example".parse().unwrap());
    assert_eq!(send(&transport, &target, named).await.unwrap().headers["x-host"], "shop.example");
}

#[tokio::test]
async fn transports_share_nothing() {
    let backend = http1(|_| async { text("hello") }).await;
    let target = backend.target("http");
    fetch(&transport(TransportOptions::default()), &target).await;
    fetch(&transport(TransportOptions::default()), &target).await;
    assert_eq!(backend.accepted(), 2);
}

#[tokio::test]
async fn idle_connections_are_bounded() {
    let backend = http1(|_| async { text("hello") }).await;
    let options = TransportOptions { max_idle_per_host: 1, ..TransportOptions::default() };
    let (transport, target) = (transport(options), backend.target("http"));
    let fetches = (0..4).map(|_| fetch(&transport, &target));
    futures_util::future::join_all(fetches).await;
    until(|| backend.stats("http") == (1, 1)).await;
    until(|| backend.ended() + 1 == backend.accepted()).await;
}

#[tokio::test]
async fn requests_that_come_together_again_find_their_connections() {
    let backend = http1(|_| async { text("hello") }).await;
    let options = TransportOptions { max_idle_per_host: 1, ..TransportOptions::default() };
    let (transport, target) = (transport(options), backend.target("http"));
    for _ in 0..50 {
        let fetches = (0..4).map(|_| fetch(&transport, &target));
        futures_util::future::join_all(fetches).await;
    }
    // Four, were it not for a sweep or two on a slow machine.
    assert!(backend.accepted() < 50, "{} connections", backend.accepted());
}

#[tokio::test]
async fn a_transport_may_keep_none() {
    let backend = http1(|_| async { text("hello") }).await;
    let options = TransportOptions { max_idle_per_host: -1, ..TransportOptions::default() };
    let (transport, target) = (transport(options), backend.target("http"));
    fetch(&transport, &target).await;
    assert_eq!(backend.stats("http"), (0, 0));
}

#[tokio::test]
async fn idle_connections_expire() {
    let backend = http1(|_| async { text("hello") }).await;
    let options = TransportOptions { idle_conn_timeout: SHORT, ..TransportOptions::default() };
    let (transport, target) = (transport(options), backend.target("http"));
    fetch(&transport, &target).await;
    until(|| backend.ended() == 1).await;
    assert_eq!(backend.stats("http"), (0, 0));
}

/// Reads one request head off a connection; false at its end.
async fn read_head(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return false;
        }
        seen.push(byte[0]);
    }
    true
}

const FINE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A backend whose first connection dies on its second request, unanswered.
async fn forgetful() -> crate::client_peers::Backend {
    backend(|mut stream, number| async move {
        while read_head(&mut stream).await {
            stream.write_all(FINE).await.unwrap();
            if number == 0 {
                read_head(&mut stream).await;
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_request_on_a_dead_connection_goes_out_again() {
    let backend = forgetful().await;
    let (transport, target) = (transport(TransportOptions::default()), backend.target("http"));
    for _ in 0..3 {
        assert_eq!(fetch(&transport, &target).await.1, "ok");
    }
    assert_eq!(backend.accepted(), 2);
}

#[tokio::test]
async fn what_may_have_been_seen_is_not_repeated() {
    let backend = forgetful().await;
    let (transport, target) = (transport(TransportOptions::default()), backend.target("http"));
    fetch(&transport, &target).await;
    let failed = send(&transport, &target, request(Method::POST, "/", Body::Empty)).await.err().unwrap();
    assert_eq!((failed.error.fault, failed.error.sent), (Fault::Closed, true));
    assert_eq!(backend.accepted(), 1);
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_not_used() {
    let backend = backend(|mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(FINE).await.unwrap();
    })
    .await;
    let (transport, target) = (transport(TransportOptions::default()), backend.target("http"));
    fetch(&transport, &target).await;
    until(|| backend.ended() == 1).await;
    // Even what must not be repeated finds a live connection.
    let response = send(&transport, &target, request(Method::POST, "/", "x")).await.unwrap();
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(backend.accepted(), 2);
}

#[tokio::test]
async fn a_silent_backend_is_given_up() {
    let backend = http1(|_| std::future::pending()).await;
    let options = TransportOptions { response_header_timeout: SHORT, ..TransportOptions::default() };
    let (transport, target) = (transport(options), backend.target("http"));
    let failed = send(&transport, &target, request(Method::GET, "/", Body::Empty)).await.err().unwrap();
    assert_eq!((failed.error.fault, failed.error.sent), (Fault::ResponseTimeout, true));
}

/// The limit counts from the end of the request, however long its body took.
#[tokio::test]
async fn a_slow_upload_is_no_silent_backend() {
    let backend = http1(|request: http::Request<hyper::body::Incoming>| async move {
        request.into_body().collect().await.unwrap();
        text("got it")
    })
    .await;
    let options = TransportOptions { response_header_timeout: SHORT * 10, ..TransportOptions::default() };
    let (transport, target) = (transport(options), backend.target("http"));
    let (feed, body) = fed(1);
    let feeder = fairlead_rt::spawn("test-feed", async move {
        for _ in 0..12 {
            tokio::time::sleep(SHORT).await;
            feed.send(Frame::data(Bytes::from_static(b"slow"))).await.unwrap();
        }
    });
    let response = send(&transport, &target, request(Method::POST, "/", Body::stream(body))).await.unwrap();
    assert_eq!(response.body.collect(100).await.unwrap(), "got it");
    feeder.await.unwrap();
}

#[tokio::test]
async fn nobody_listening_is_a_connect_fault_and_the_body_comes_back() {
    let backend = backend(|_, _| async {}).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let target = crate::client_peers::Backend { address: closed, ..backend }.target("http");
    let (_feed, body) = fed(1);
    let post = request(Method::POST, "/", Body::stream(body));
    let failed = send(&transport(TransportOptions::default()), &target, post).await.err().unwrap();
    assert_eq!((failed.error.fault, failed.error.sent), (Fault::Connect, false));
    assert!(matches!(failed.request_body, Some(Body::Stream(_))));
}

#[tokio::test]
async fn a_backend_that_never_shakes_hands_is_a_connect_time_out() {
    let backend = backend(|mut stream, _| async move {
        let mut taken = Vec::new();
        drop(stream.read_to_end(&mut taken).await);
    })
    .await;
    let options = TransportOptions { dial_timeout: SHORT, ..TransportOptions::default() };
    let get = request(Method::GET, "/", Body::Empty);
    let failed = send(&transport(options), &backend.target("https"), get).await.err().unwrap();
    assert_eq!((failed.error.fault, failed.error.sent), (Fault::ConnectTimeout, false));
}

#[tokio::test]
async fn an_upgrade_becomes_a_tunnel() {
    let backend = backend(|mut stream, _| async move {
        read_head(&mut stream).await;
        let switch = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
        stream.write_all(switch).await.unwrap();
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.unwrap();
        stream.write_all(&word).await.unwrap();
    })
    .await;
    let mut upgrade = request(Method::GET, "/", Body::Empty);
    upgrade.headers.insert(header::CONNECTION, "upgrade".parse().unwrap());
    upgrade.headers.insert(header::UPGRADE, "echo".parse().unwrap());
    let transport = transport(TransportOptions::default());
    let response = send(&transport, &backend.target("http"), upgrade).await.unwrap();
    assert_eq!(response.status, StatusCode::SWITCHING_PROTOCOLS);
    let mut tunnel = response.tunnel.unwrap();
    tunnel.write_all(b"ping").await.unwrap();
    let mut word = [0; 4];
    crate::h2_peers::soon(tunnel.read_exact(&mut word)).await.unwrap();
    assert_eq!(&word, b"ping");
}

/// Requests that wait for slow answers take connections of their own, which are all used again.
#[tokio::test]
async fn requests_do_not_wait_for_each_other() {
    let inside = Arc::new(tokio::sync::Barrier::new(5));
    let calls = Arc::new(AtomicUsize::new(0));
    let (barrier, count) = (Arc::clone(&inside), Arc::clone(&calls));
    let backend = http1(move |_| {
        let (barrier, count) = (Arc::clone(&barrier), Arc::clone(&count));
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            barrier.wait().await;
            text("together")
        }
    })
    .await;
    let options = TransportOptions { max_idle_per_host: 1000, ..TransportOptions::default() };
    let (transport, target) = (transport(options), backend.target("http"));
    for _ in 0..3 {
        futures_util::future::join_all((0..5).map(|_| fetch(&transport, &target))).await;
    }
    assert_eq!((backend.accepted(), calls.load(Ordering::Relaxed)), (5, 15));
}
