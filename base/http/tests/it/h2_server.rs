//! Our HTTP/2 server against hyper's and h2's clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use fairlead_http::{Body, Done, Error, Fault, Response, Sent, ServerOptions};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};

use crate::h2_peers::{answer, empty, fed, get, hyper_client, post, serve, soon};

#[tokio::test]
async fn a_request_arrives_as_handlers_expect_it() {
    let (tell, mut told) = mpsc::channel(1);
    let handler = answer(move |request| {
        let tell = tell.clone();
        async move {
            let cookie = request.headers.get(header::COOKIE).cloned();
            let facts = (request.host().to_owned(), request.uri.to_string(), cookie, request.version);
            tell.send(facts).await.unwrap();
            let mut response = Response::new(StatusCode::OK).with_body("hello");
            response.headers.insert(header::CONNECTION, HeaderValue::from_static("x-gone, keep-alive"));
            response.headers.insert("x-gone", HeaderValue::from_static("1"));
            response.headers.insert("keep-alive", HeaderValue::from_static("1"));
            response.headers.insert("x-kept", HeaderValue::from_static("1"));
            response
        }
    });
    let served = serve(handler, ServerOptions::default());
    let (mut client, _connection) = hyper_client(served.io).await;
    let mut request = get("/a/b?c=d");
    request.headers_mut().append(header::COOKIE, HeaderValue::from_static("a=1"));
    request.headers_mut().append(header::COOKIE, HeaderValue::from_static("b=2"));
    let response = soon(client.send_request(request)).await.unwrap();

    let (host, uri, cookie, version) = told.recv().await.unwrap();
    assert_eq!((host.as_str(), uri.as_str()), ("test.example", "/a/b?c=d"));
    assert_eq!(cookie.unwrap(), "a=1; b=2");
    assert_eq!(version, http::Version::HTTP_2);
    assert_eq!(response.status(), StatusCode::OK);
    for gone in ["connection", "keep-alive", "x-gone"] {
        assert!(!response.headers().contains_key(gone), "{gone}");
    }
    assert!(response.headers().contains_key("x-kept"));
    assert!(response.headers().contains_key(header::DATE));
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "5");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let handler = answer(|mut request| async move {
        let mut trailers = HeaderMap::new();
        while let Some(frame) = request.body.frame().await {
            if let Ok(received) = frame.unwrap().into_trailers() {
                trailers = received;
            }
        }
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let (feed, body) = fed(2);
        feed.try_send(Frame::data(Bytes::from_static(b"answer"))).unwrap();
        feed.try_send(Frame::trailers(trailers)).unwrap();
        Response::new(StatusCode::OK).with_body(Body::stream(body))
    });
    let served = serve(handler, ServerOptions::default());
    let (mut client, _connection) = hyper_client(served.io).await;
    let (feed, body) = fed(2);
    feed.try_send(Frame::data(Bytes::from_static(b"call"))).unwrap();
    let sent = HeaderMap::from_iter([("x-checksum".parse().unwrap(), HeaderValue::from_static("42"))]);
    feed.try_send(Frame::trailers(sent)).unwrap();
    drop(feed);
    let response = soon(client.send_request(post("/grpc", body))).await.unwrap();
    let collected = response.into_body().collect().await.unwrap();
    let trailers = collected.trailers().unwrap();
    assert_eq!(
        (&trailers["grpc-status"], &trailers["x-checksum"]),
        (&"0".parse().unwrap(), &"42".parse().unwrap())
    );
}

#[tokio::test]
async fn interim_responses_arrive_before_the_final_one() {
    let handler = answer(|request| async move {
        let mut hints = HeaderMap::new();
        hints.insert(header::LINK, HeaderValue::from_static("</a.css>; rel=preload"));
        request.interim.unwrap().send(StatusCode::EARLY_HINTS, &hints);
        Response::text(StatusCode::OK, "done")
    });
    let served = serve(handler, ServerOptions::default());
    let (mut client, connection) = h2::client::handshake(served.io).await.unwrap();
    let _connection = fairlead_rt::spawn("test-client", connection);
    let request = http::Request::get("http://x/").body(()).unwrap();
    let (mut response, _) = client.send_request(request, true).unwrap();
    let interim = soon(std::future::poll_fn(|cx| response.poll_informational(cx))).await.unwrap().unwrap();
    assert_eq!(interim.status(), StatusCode::EARLY_HINTS);
    assert_eq!(interim.headers()[header::LINK], "</a.css>; rel=preload");
    assert_eq!(soon(response).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_waiting_client_is_told_to_go_on() {
    let handler = answer(|request| async move {
        assert!(!request.headers.contains_key(header::EXPECT));
        let body = request.body.collect(100).await.unwrap();
        Response::new(StatusCode::OK).with_body(Body::full(body))
    });
    let served = serve(handler, ServerOptions::default());
    let (mut client, connection) = h2::client::handshake(served.io).await.unwrap();
    let _connection = fairlead_rt::spawn("test-client", connection);
    let request = http::Request::post("http://x/").header("expect", "100-continue").body(()).unwrap();
    let (mut response, mut stream) = client.send_request(request, false).unwrap();
    let interim = soon(std::future::poll_fn(|cx| response.poll_informational(cx))).await.unwrap().unwrap();
    assert_eq!(interim.status(), StatusCode::CONTINUE);
    stream.send_data(Bytes::from_static(b"now"), true).unwrap();
    let mut body = soon(response).await.unwrap().into_body();
    assert_eq!(soon(body.data()).await.unwrap().unwrap(), "now");
}

/// Tells when it is dropped.
struct Bell(Option<oneshot::Sender<()>>);

impl Drop for Bell {
    fn drop(&mut self) {
        if let Some(ring) = self.0.take() {
            let _ = ring.send(());
        }
    }
}

#[tokio::test]
async fn a_reset_drops_the_handler() {
    let (started, mut has_started) = mpsc::channel(1);
    let (ring, dropped) = oneshot::channel();
    let bell = Arc::new(std::sync::Mutex::new(Some(Bell(Some(ring)))));
    let handler = answer(move |_| {
        let (bell, started) = (bell.lock().unwrap().take(), started.clone());
        async move {
            started.send(()).await.unwrap();
            std::future::pending::<()>().await;
            drop(bell);
            Response::default()
        }
    });
    let served = serve(handler, ServerOptions::default());
    let (mut client, _connection) = hyper_client(served.io).await;
    let request =
        fairlead_rt::spawn("test-request", async move { client.send_request(get("/")).await.map(drop) });
    has_started.recv().await.unwrap();
    request.abort();
    soon(dropped).await.unwrap();
}

#[tokio::test]
async fn a_failed_body_resets_the_stream_and_is_reported() {
    let (tell, mut told) = mpsc::channel(1);
    let (fail, failed) = oneshot::channel::<()>();
    let failed = Arc::new(std::sync::Mutex::new(Some(failed)));
    let handler = answer(move |_| {
        let (tell, failed) = (tell.clone(), failed.lock().unwrap().take());
        async move {
            let half = futures_util::stream::once(async { Ok(Frame::data(Bytes::from_static(b"half"))) });
            let error = futures_util::stream::once(async {
                failed.unwrap().await.unwrap();
                Err(Error::new(Fault::Closed, "backend gone"))
            });
            let frames = futures_util::StreamExt::chain(half, error);
            let body = http_body_util::StreamBody::new(frames);
            let mut response = Response::new(StatusCode::OK).with_body(Body::stream(body));
            response.done = Some(Done::new(move |sent| tell.try_send(sent).unwrap()));
            response
        }
    });
    let served = serve(handler, ServerOptions::default());
    let (mut client, _connection) = hyper_client(served.io).await;
    let mut response = soon(client.send_request(get("/"))).await.unwrap();
    let half = soon(response.body_mut().frame()).await.unwrap().unwrap();
    assert_eq!(half.into_data().unwrap(), "half");
    fail.send(()).unwrap();
    assert!(soon(response.into_body().collect()).await.is_err());
    let Sent { body_bytes, complete, .. } = told.recv().await.unwrap();
    assert_eq!((body_bytes, complete), (4, false));
}

#[tokio::test]
async fn a_panic_costs_one_stream_only() {
    let handler = answer(|request| async move {
        assert_ne!(request.path(), "/panic");
        Response::new(StatusCode::OK)
    });
    let served = serve(handler, ServerOptions::default());
    let (mut client, _connection) = hyper_client(served.io).await;
    assert!(soon(client.send_request(get("/panic"))).await.is_err());
    assert_eq!(soon(client.send_request(get("/"))).await.unwrap().status(), StatusCode::OK);
}

const MEGABYTES: usize = 64;

/// Streams 64 MiB through an echo whose reader on the far side is slower than the sender: what is sent and not yet read back
/// stays below the windows and buffers on the way.
#[tokio::test]
async fn large_bodies_stream_both_ways_in_bounded_memory() {
    let handler = answer(|request| async move { Response::new(StatusCode::OK).with_body(request.body) });
    let served = serve(handler, ServerOptions::default());
    let (mut client, _connection) = hyper_client(served.io).await;
    let (feed, body) = fed(1);
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let chunk = Bytes::from(vec![7; 64 << 10]);
    let total = MEGABYTES << 20;
    let length = chunk.len();
    let feeder = fairlead_rt::spawn("test-feed", async move {
        for _ in 0..total / length {
            feed.send(Frame::data(chunk.clone())).await.unwrap();
            counted.fetch_add(length, Ordering::Relaxed);
        }
    });
    let response = soon(client.send_request(post("/echo", body))).await.unwrap();
    let mut body = response.into_body();
    let (mut received, mut most) = (0, 0);
    while let Some(frame) = soon(body.frame()).await {
        received += frame.unwrap().into_data().unwrap().len();
        most = most.max(sent.load(Ordering::Relaxed).saturating_sub(received));
        // Lets the sender run ahead as far as it can.
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }
    feeder.await.unwrap();
    assert_eq!(received, total);
    // Hyper's client window, ours, and the buffers between; far below the 64 MiB.
    assert!(most < 12 << 20, "{most} bytes on the way");
}

/// Polls nothing of the request body: the sender may not get further than the window.
#[tokio::test]
async fn an_unread_upload_stops_at_the_window() {
    let (hold, held) = mpsc::channel(1);
    let held = Arc::new(tokio::sync::Mutex::new(held));
    let handler = answer(move |request| {
        let held = Arc::clone(&held);
        async move {
            held.lock().await.recv().await;
            let body = request.body.collect(64 << 20).await.unwrap();
            Response::text(StatusCode::OK, body.len().to_string())
        }
    });
    let served = serve(handler, ServerOptions::default());
    let (mut client, connection) = h2::client::Builder::new().handshake::<_, Bytes>(served.io).await.unwrap();
    let _connection = fairlead_rt::spawn("test-client", connection);
    let request = http::Request::post("http://x/").body(()).unwrap();
    let (response, mut stream) = client.send_request(request, false).unwrap();
    let total = 8 << 20;
    let mut granted = 0;
    stream.reserve_capacity(total);
    // The window is granted in one piece once the settings have come.
    while granted < 1 << 20 {
        let capacity = soon(std::future::poll_fn(|cx| stream.poll_capacity(cx))).await.unwrap().unwrap();
        stream.send_data(Bytes::from(vec![0; capacity]), false).unwrap();
        granted += capacity;
    }
    assert_eq!(granted, 1 << 20);
    let more = std::future::poll_fn(|cx| Poll::Ready(stream.poll_capacity(cx).is_ready())).await;
    assert!(!more, "more than the window was granted");
    hold.send(()).await.unwrap();
    soon(std::future::poll_fn(|cx| stream.poll_capacity(cx))).await.unwrap().unwrap();
    stream.send_data(Bytes::new(), true).unwrap();
    let mut body = soon(response).await.unwrap().into_body();
    assert_eq!(soon(body.data()).await.unwrap().unwrap(), (1 << 20).to_string());
}

#[tokio::test]
async fn a_slow_upload_times_out() {
    let handler = answer(|request| async move {
        let error = request.body.collect(100).await.unwrap_err();
        Response::fault(&error)
    });
    let options = ServerOptions { read_timeout: Duration::from_millis(50), ..ServerOptions::default() };
    let served = serve(handler, options);
    let (mut client, _connection) = hyper_client(served.io).await;
    let (_feed, body) = fed(1);
    let response = soon(client.send_request(post("/", body))).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn a_small_body_arrives_as_far_as_the_window_lets_it() {
    let handler = answer(|_| async { Response::text(StatusCode::OK, "0123456789".repeat(100)) });
    let served = serve(handler, ServerOptions::default());
    let mut builder = h2::client::Builder::new();
    let (mut client, connection) =
        builder.initial_window_size(10).handshake::<_, Bytes>(served.io).await.unwrap();
    let _connection = fairlead_rt::spawn("test-client", connection);
    let request = http::Request::get("http://x/").body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    let mut body = soon(response).await.unwrap().into_body();
    let mut length = 0;
    while let Some(data) = soon(body.data()).await {
        let data = data.unwrap();
        assert!(data.len() <= 10, "over the window");
        length += data.len();
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    assert_eq!(length, 1000);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_resets_its_stream() {
    let handler = answer(|request| async move {
        if request.path() == "/slow" {
            std::future::pending::<()>().await;
        }
        Response::text(StatusCode::OK, vec![0; 1 << 20])
    });
    let options = ServerOptions { write_timeout: Duration::from_millis(100), ..ServerOptions::default() };
    let served = serve(handler, options);
    let (mut client, connection) = h2::client::handshake(served.io).await.unwrap();
    let _connection = fairlead_rt::spawn("test-client", connection);
    let slow = http::Request::get("http://x/slow").body(()).unwrap();
    let (response, _) = client.send_request(slow, true).unwrap();
    let error = soon(response).await.unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR));
    let unread = http::Request::get("http://x/unread").body(()).unwrap();
    let (response, _) = client.send_request(unread, true).unwrap();
    let mut body = soon(response).await.unwrap().into_body();
    let error = loop {
        match soon(body.data()).await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let options = ServerOptions { idle_timeout: Duration::from_millis(50), ..ServerOptions::default() };
    let served = serve(answer(|_| async { Response::new(StatusCode::OK) }), options);
    let (mut client, connection) = hyper_client(served.io).await;
    soon(client.send_request(get("/"))).await.unwrap();
    soon(connection).await.unwrap().unwrap();
    soon(served.task).await.unwrap();
}

#[tokio::test]
async fn a_client_without_preface_is_cut() {
    let options = ServerOptions { read_timeout: Duration::from_millis(50), ..ServerOptions::default() };
    let served = serve(answer(|_| async { Response::default() }), options);
    soon(served.task).await.unwrap();
}

#[tokio::test]
async fn stop_lets_open_streams_finish_and_refuses_new_ones() {
    let (started, mut has_started) = mpsc::channel(1);
    let (go, gone) = mpsc::channel(1);
    let gone = Arc::new(tokio::sync::Mutex::new(gone));
    let handler = answer(move |_| {
        let (gone, started) = (Arc::clone(&gone), started.clone());
        async move {
            started.send(()).await.unwrap();
            gone.lock().await.recv().await;
            Response::text(StatusCode::OK, "finished")
        }
    });
    let served = serve(handler, ServerOptions::default());
    let (mut client, connection) = h2::client::handshake(served.io).await.unwrap();
    let connection = fairlead_rt::spawn("test-client", connection);
    let (first, _) = client.send_request(http::Request::get("http://x/").body(()).unwrap(), true).unwrap();
    has_started.recv().await.unwrap();
    served.stop.cancel();
    // The GOAWAY reaches the client, which then refuses to open streams.
    soon(async {
        while client.clone().ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    go.send(()).await.unwrap();
    let mut body = soon(first).await.unwrap().into_body();
    assert_eq!(soon(body.data()).await.unwrap().unwrap(), "finished");
    drop((body, client));
    soon(connection).await.unwrap().unwrap();
    soon(served.task).await.unwrap();
}

#[tokio::test]
async fn a_connection_ends_after_its_last_allowed_request() {
    let options = ServerOptions { keep_alive_max_requests: 2, ..ServerOptions::default() };
    let served = serve(answer(|_| async { Response::new(StatusCode::OK) }), options);
    let (mut client, connection) = hyper_client(served.io).await;
    for _ in 0..2 {
        soon(client.send_request(get("/"))).await.unwrap();
    }
    soon(connection).await.unwrap().unwrap();
    soon(served.task).await.unwrap();
}

#[tokio::test]
async fn streams_are_limited() {
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, max) = (Arc::clone(&running), Arc::clone(&most));
    let handler = answer(move |_| {
        let (now, max) = (Arc::clone(&now), Arc::clone(&max));
        async move {
            max.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            now.fetch_sub(1, Ordering::Relaxed);
            Response::new(StatusCode::OK)
        }
    });
    let options = ServerOptions { h2_max_concurrent_streams: 3, ..ServerOptions::default() };
    let served = serve(handler, options);
    let (mut client, _connection) = hyper_client(served.io).await;
    // The limit is known after the first exchange.
    soon(client.send_request(get("/"))).await.unwrap();
    let requests = (0..20).map(|_| {
        let mut client = client.clone();
        async move { client.send_request(get("/")).await.unwrap().status() }
    });
    let statuses = soon(futures_util::future::join_all(requests)).await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK));
    assert_eq!(most.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let handler = answer(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::pending::<Response>()
    });
    let served = serve(handler, ServerOptions::default());
    let mut io = served.io;
    // Preface, empty SETTINGS, then pairs of HEADERS (all from the static table) and RST_STREAM.
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for stream in (1..20_000_u32).step_by(2) {
        bytes.extend_from_slice(b"\0\0\x06\x01\x05");
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(b"\x82\x84\x86\x41\x01x");
        bytes.extend_from_slice(b"\0\0\x04\x03\0");
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(&8_u32.to_be_bytes());
    }
    // The server may close before it has taken everything.
    let (mut read, mut write) = tokio::io::split(&mut io);
    let (_, received) = soon(async {
        tokio::join!(write.write_all(&bytes), async {
            let mut received = Vec::new();
            read.read_to_end(&mut received).await.map(|_| received)
        })
    })
    .await;
    let received = received.unwrap();
    let calm = [&[7, 0, 0, 0, 0, 0][..], &11_u32.to_be_bytes()];
    let is_calm = |frame: &[u8]| frame[..6] == *calm[0] && frame[10..14] == *calm[1];
    assert!(received.windows(14).any(is_calm), "no GOAWAY(ENHANCE_YOUR_CALM)");
    assert!(calls.load(Ordering::Relaxed) < 1000);
    soon(served.task).await.unwrap();
}

/// Sends one request with these headers by h2's client, which checks less than hyper's.
async fn status_of(request: http::Request<()>, options: ServerOptions) -> Result<StatusCode, h2::Error> {
    let served = serve(answer(|_| async { Response::new(StatusCode::OK) }), options);
    let (mut client, connection) = h2::client::handshake(served.io).await?;
    let _connection = fairlead_rt::spawn("test-client", connection);
    let (response, _) = client.send_request(request, true)?;
    soon(response).await.map(|response| response.status())
}

#[tokio::test]
async fn malformed_heads_are_refused() {
    let build = |uri: &str| http::Request::get(uri);
    let fine = build("http://x/").header("te", "trailers").body(()).unwrap();
    assert_eq!(status_of(fine, ServerOptions::default()).await.unwrap(), StatusCode::OK);
    let user = build("http://user@x/").body(()).unwrap();
    assert!(status_of(user, ServerOptions::default()).await.unwrap_err().is_reset());
    let lies = build("http://x/").header("content-length", "5").body(()).unwrap();
    assert!(status_of(lies, ServerOptions::default()).await.unwrap_err().is_reset());
    let mut nowhere = build("/").body(()).unwrap();
    *nowhere.version_mut() = http::Version::HTTP_11;
    assert!(status_of(nowhere, ServerOptions::default()).await.unwrap_err().is_reset());
    let tunnel = http::Request::connect("x:1").body(()).unwrap();
    assert_eq!(status_of(tunnel, ServerOptions::default()).await.unwrap(), StatusCode::METHOD_NOT_ALLOWED);
    let options = ServerOptions { max_header_bytes: 1000, ..ServerOptions::default() };
    let large = build("http://x/").header("x-large", "a".repeat(2000)).body(()).unwrap();
    assert_eq!(status_of(large, options).await.unwrap(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[tokio::test]
async fn an_answer_to_head_has_no_body() {
    let served =
        serve(answer(|_| async { Response::text(StatusCode::OK, "body") }), ServerOptions::default());
    let (mut client, _connection) = hyper_client(served.io).await;
    let request = http::Request::head("http://x/").body(empty()).unwrap();
    let response = soon(client.send_request(request)).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "4");
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
}
