//! The HTTP/1.1 server over an in-memory connection, byte by byte.

#![expect(clippy::disallowed_methods, reason = "a test has no doctor to list its tasks")]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fairlead_http::{
    Body, BoxFuture, Conn, Done, Error, Fault, Handler, Request, Response, Sent, ServerOptions, h1,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A handler from a function.
struct Fun<F>(F);

impl<F, R> Handler for Fun<F>
where
    F: Fn(Request) -> R + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin((self.0)(request))
    }
}

pub(crate) fn conn() -> Arc<Conn> {
    let address = "127.0.0.1:1".parse().unwrap();
    Arc::new(Conn::new("web", address, address, None))
}

struct Served {
    client: DuplexStream,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn serve_with<F, R>(options: ServerOptions, handler: F) -> Served
where
    F: Fn(Request) -> R + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    let (client, server) = duplex(1 << 16);
    let stop = CancellationToken::new();
    let task = tokio::spawn({
        let stop = stop.clone();
        async move { h1::server::serve(server, BytesMut::new(), conn(), &Fun(handler), &options, stop).await }
    });
    Served { client, stop, task }
}

fn serve<F, R>(handler: F) -> Served
where
    F: Fn(Request) -> R + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    serve_with(ServerOptions::default(), handler)
}

/// Says what it was asked, and with which body.
async fn describe(request: Request) -> Response {
    let line = format!("{} {}", request.method, request.uri);
    match request.body.collect(1 << 20).await {
        Ok(body) => Response::new(StatusCode::OK)
            .with_body(format!("{line} [{}]", String::from_utf8_lossy(&body)))
            .with_header(http::header::DATE, "now"),
        Err(error) => Response::new(StatusCode::BAD_REQUEST).with_body(error.fault.word()),
    }
}

impl Served {
    async fn send(&mut self, text: &str) {
        self.client.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads exactly `expected`.
    async fn expect(&mut self, expected: &str) {
        let mut read = vec![0; expected.len()];
        self.client.read_exact(&mut read).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&read), expected);
    }

    /// Reads until the server closes.
    async fn rest(&mut self) -> String {
        let mut read = Vec::new();
        self.client.read_to_end(&mut read).await.unwrap();
        String::from_utf8(read).unwrap()
    }
}

fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let mut served = serve(describe);
    served
        .send(
            "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
             POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n\r\n\
             GET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        .await;
    served.expect(&answer("GET /1 []")).await;
    served.expect(&answer("POST /2 [abc]")).await;
    served.expect(&answer("POST /3 [def]")).await;
    let last = served.rest().await;
    assert!(last.contains("Connection: close\r\n") && last.ends_with("GET /4 []"), "{last}");
    served.task.await.unwrap();
}

#[tokio::test]
async fn every_split_of_a_stream_gives_the_same_answers() {
    let stream = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody\
        POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\nT: u\r\n\r\n\
        GET /c HTTP/1.1\r\nHost: h\r\n\r\n";
    let expected = [answer("POST /a [body]"), answer("POST /b [xyz]"), answer("GET /c []")].concat();
    for at in 0..=stream.len() {
        let mut served = serve(describe);
        served.send(&stream[..at]).await;
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        served.send(&stream[at..]).await;
        served.client.shutdown().await.unwrap();
        assert_eq!(served.rest().await, expected, "split at {at}");
    }
}

#[tokio::test]
async fn refusals_are_answered_counted_and_final() {
    let counted = Arc::new(Mutex::new(Vec::new()));
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request: missing required Host header"),
        ("GET / HTTP/3.0\r\nHost: h\r\n\r\n", "505 HTTP Version Not Supported: unsupported protocol version"),
        ("\x16\x03\x01", "400 Bad Request"),
        ("GET / HTTP/1.1\nHost: h\n\n", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nGET /smuggled", "501 Not Implemented"),
    ] {
        let on_reject = {
            let counted = Arc::clone(&counted);
            Some(Arc::new(move |_: &Conn, status: StatusCode| counted.lock().push(status)) as _)
        };
        let mut served = serve_with(ServerOptions { on_reject, ..ServerOptions::default() }, describe);
        served.send(request).await;
        let expected = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{status}"
        );
        assert_eq!(served.rest().await, expected);
    }
    let counted: Vec<u16> = counted.lock().iter().map(StatusCode::as_u16).collect();
    assert_eq!(counted, [400, 505, 400, 400, 501]);
}

#[tokio::test]
async fn heads_over_the_limit_are_refused() {
    let options = ServerOptions { max_header_bytes: 100, ..ServerOptions::default() };
    let mut served = serve_with(options, describe);
    served.send(&format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}", "x".repeat(5000))).await;
    assert!(served.rest().await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn responses_are_framed_for_their_version() {
    async fn stream(_: Request) -> Response {
        let frames = ["ab", "", "cde"].map(|text| Ok::<_, Error>(http_body::Frame::data(Bytes::from(text))));
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("5"));
        let frames = frames.into_iter().chain([Ok(http_body::Frame::trailers(trailers))]);
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
        let mut response = Response::new(StatusCode::OK).with_header(http::header::DATE, "now");
        response.body = Body::stream(body);
        response
    }
    let mut served = serve(stream);
    served.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served
        .expect(
            "HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nab\r\n3\r\ncde\r\n0\r\nX-Sum: 5\r\n\r\n",
        )
        .await;
    served.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.expect("HTTP/1.1 200 OK\r\nDate: now\r\n\r\n").await;
    served.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    assert_eq!(served.rest().await, "HTTP/1.0 200 OK\r\nDate: now\r\nConnection: close\r\n\r\nabcde");
}

#[tokio::test]
async fn bodiless_statuses_have_no_body_and_no_invented_length() {
    async fn status(request: Request) -> Response {
        let status = request.path()[1..].parse().unwrap();
        let mut response = Response::new(status).with_header(http::header::DATE, "now").with_body("ignored");
        if status == 304 {
            response = response.with_header(http::header::CONTENT_LENGTH, "99");
        }
        response
    }
    let mut served = serve(status);
    served.send("GET /204 HTTP/1.1\r\nHost: h\r\n\r\nGET /304 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.expect("HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n").await;
    served.expect("HTTP/1.1 304 Not Modified\r\nDate: now\r\nContent-Length: 99\r\n\r\n").await;
    served.send("HEAD /200 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.expect("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 7\r\n\r\n").await;
    served.send("GET /103 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.expect("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n").await;
}

#[tokio::test]
async fn a_date_is_added() {
    let mut served = serve(|_| async { Response::new(StatusCode::OK) });
    served.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    served.expect("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nDate: ").await;
}

#[tokio::test]
async fn continue_is_sent_when_the_body_is_wanted() {
    let mut served = serve(describe);
    served.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await;
    served.expect("HTTP/1.1 100 Continue\r\n\r\n").await;
    served.send("ok").await;
    served.expect(&answer("POST / [ok]")).await;

    let mut refusing = serve(|_| async { Response::new(StatusCode::FORBIDDEN) });
    refusing.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await;
    let answer = refusing.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 403 Forbidden\r\n") && answer.contains("Connection: close"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_early_response_keeps_the_connection_only_for_a_small_rest() {
    let mut served =
        serve(|_| async { Response::new(StatusCode::OK).with_header(http::header::DATE, "now") });
    served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n").await;
    served.expect("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n\r\n").await;
    served.send("restGET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.expect("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n\r\n").await;
    served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n").await;
    served.expect("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n\r\n").await;
    let piece = vec![b'x'; 8192];
    let mut written = 0;
    while served.client.write_all(&piece).await.is_ok() {
        written += piece.len();
        assert!(written < 2 << 20, "the server reads on and on");
    }
}

#[tokio::test]
async fn request_and_response_bodies_flow_at_the_same_time() {
    let mut served = serve(|request: Request| async move {
        let mut response = Response::new(StatusCode::OK).with_header(http::header::DATE, "now");
        response.body = request.body;
        response
    });
    served.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    served.expect("HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for word in ["one", "two", "three"] {
        let chunk = format!("{:x}\r\n{word}\r\n", word.len());
        served.send(&chunk).await;
        served.expect(&chunk).await;
    }
    served.send("0\r\nX-End: yes\r\n\r\n").await;
    served.expect("0\r\nX-End: yes\r\n\r\n").await;
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let body: Vec<u8> = (0..1_000_000u32).map(|at| (at % 251) as u8).collect();
    let served = serve(|request: Request| async move {
        let mut response = Response::new(StatusCode::OK).with_header(http::header::DATE, "now");
        response.body = request.body;
        response
    });
    let head = "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 1000000\r\n\r\n";
    let (mut reader, mut writer) = tokio::io::split(served.client);
    let sent = body.clone();
    let send = tokio::spawn(async move {
        writer.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
        writer.write_all(&sent).await.unwrap();
        writer
    });
    let mut read = vec![0; head.len() + body.len()];
    reader.read_exact(&mut read).await.unwrap();
    assert_eq!(&read[..head.len()], head.as_bytes());
    assert!(read[head.len()..] == body[..]);
    drop(send.await.unwrap());
    served.stop.cancel();
}

#[tokio::test]
async fn truncated_and_broken_bodies_are_errors() {
    for (rest, word) in [
        ("Content-Length: 5\r\n\r\nabc", "client-gone"),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nab", "client-gone"),
        ("Transfer-Encoding: chunked\r\n\r\nzz\r\n", "bad-request"),
    ] {
        let mut served = serve(describe);
        served.send(&format!("POST / HTTP/1.1\r\nHost: h\r\n{rest}")).await;
        served.client.shutdown().await.unwrap();
        let answer = served.rest().await;
        assert!(answer.ends_with(word), "{rest:?}: {answer}");
        assert!(answer.contains("Connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn a_failing_response_body_is_never_a_clean_end() {
    let ends: Arc<Mutex<Vec<Sent>>> = Arc::default();
    for (length, frames) in
        [(None, vec![Ok("abc"), Err(())]), (Some("5"), vec![Ok("abc")]), (Some("2"), vec![Ok("abc")])]
    {
        let seen = Arc::clone(&ends);
        let mut served = serve(move |_| {
            let frames: Vec<Result<http_body::Frame<Bytes>, Error>> = frames
                .iter()
                .map(|frame| match frame {
                    Ok(text) => Ok(http_body::Frame::data(Bytes::from(*text))),
                    Err(()) => Err(Error::new(Fault::Closed, "test")),
                })
                .collect();
            let seen = Arc::clone(&seen);
            async move {
                let mut response = Response::new(StatusCode::OK).with_header(http::header::DATE, "now");
                if let Some(length) = length {
                    response = response.with_header(http::header::CONTENT_LENGTH, length);
                }
                let stream = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
                response.body = Body::stream(stream);
                response.done = Some(Done::new(move |sent| seen.lock().push(sent)));
                response
            }
        });
        served.send("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let answer = served.rest().await;
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        assert_eq!(
            body,
            match length {
                None => "3\r\nabc\r\n",
                Some("5") => "abc",
                _ => "ab",
            }
        );
    }
    let ends = ends.lock();
    assert_eq!(ends.len(), 3);
    assert!(ends.iter().all(|sent| !sent.complete));
    assert_eq!(ends.iter().map(|sent| sent.body_bytes).collect::<Vec<_>>(), [3, 3, 2]);
}

#[tokio::test]
async fn done_reports_what_was_sent() {
    let (ends, mut reports) = mpsc::unbounded_channel();
    let mut served = serve(move |request: Request| {
        let ends = ends.clone();
        async move {
            let mut response = describe(request).await;
            response.done = Some(Done::new(move |sent| ends.send(sent).unwrap()));
            response
        }
    });
    served
        .send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n")
        .await;
    let sent = reports.recv().await.unwrap();
    assert_eq!((sent.body_bytes, sent.request_bytes, sent.complete), (14, 4, true));
}

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
