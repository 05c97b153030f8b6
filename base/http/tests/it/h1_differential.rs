//! Our HTTP/1.1 against hyper's: what we accept, hyper must accept and read in the same way.

#![expect(clippy::disallowed_methods, reason = "a test has no doctor to list its tasks")]

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use fairlead_http::h1::{self, client::Connection};
use fairlead_http::{Body, BoxFuture, Error, Handler, Request, Response, ServerOptions};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_util::sync::CancellationToken;

use crate::h1_server::conn;

/// A message as its reader understood it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    line: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    trailers: Vec<(String, Vec<u8>)>,
    complete: bool,
}

async fn seen<B>(line: String, headers: &HeaderMap, mut body: B) -> Seen
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut seen =
        Seen { line, fields: fields(headers), body: Vec::new(), trailers: Vec::new(), complete: false };
    loop {
        match body.frame().await {
            None => {
                seen.complete = true;
                return seen;
            }
            Some(Err(_)) => return seen,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => seen.body.extend_from_slice(&data),
                Err(frame) => seen.trailers = trailers(&frame.into_trailers().unwrap_or_default()),
            },
        }
    }
}

/// Trailers without those that we leave out, as they could change framing or routing.
fn trailers(section: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let mut seen = fields(section);
    seen.retain(|(name, _)| !matches!(name.as_str(), "content-length" | "host"));
    seen
}

/// Fields in a comparable order, without those that we take for ourselves.
fn fields(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let mut fields: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !matches!(**name, header::TRANSFER_ENCODING | header::DATE))
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    // The same length twice is one length to us.
    fields.dedup_by(|a, b| a == b && a.0 == "content-length");
    fields
}

type Log = Arc<Mutex<Vec<Seen>>>;

struct Recorder(Log);

impl Handler for Recorder {
    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let seen =
                seen(format!("{} {}", request.method, request.uri), &request.headers, request.body).await;
            self.0.lock().push(seen);
            Response::new(StatusCode::OK)
        })
    }
}

/// What our server makes of a stream of bytes.
async fn read_by_us(bytes: &[u8]) -> Vec<Seen> {
    let log = Log::default();
    let (mut client, server) = duplex(1 << 16);
    client.write_all(bytes).await.unwrap();
    client.shutdown().await.unwrap();
    let options = ServerOptions::default();
    let recorder = Recorder(Arc::clone(&log));
    h1::server::serve(server, BytesMut::new(), conn(), &recorder, &options, CancellationToken::new()).await;
    std::mem::take(&mut *log.lock())
}

/// What hyper's server makes of it.
async fn read_by_hyper(bytes: &[u8]) -> Vec<Seen> {
    let log = Log::default();
    let (mut client, server) = duplex(1 << 16);
    client.write_all(bytes).await.unwrap();
    client.shutdown().await.unwrap();
    let service = service_fn(|request: http::Request<hyper::body::Incoming>| {
        let log = Arc::clone(&log);
        async move {
            let (head, body) = request.into_parts();
            let seen = seen(format!("{} {}", head.method, head.uri), &head.headers, body).await;
            log.lock().push(seen);
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::new())))
        }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .serve_connection(TokioIo::new(server), service)
        .await;
    drop(client);
    std::mem::take(&mut *log.lock())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

const REQUESTS: [&str; 6] = [
    "GET /a?b=c HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n",
    "POST /l HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world",
    "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;e=f\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n",
    "PUT /v HTTP/1.0\r\nHost: h:80\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
    "OPTIONS * HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\n\r\n",
    "DELETE /%41 HTTP/1.1\r\nHost:h \t\r\nX-Empty:\r\nCookie: a=\"b\"; c\r\nConnection: close\r\n\r\n",
];

const RESPONSES: [&str; 6] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n",
    "HTTP/1.1 404 Not Found\r\nX-A: 1\r\nX-A: 2\r\n\r\nuntil the end",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 304\r\nContent-Length: 5\r\n\r\n",
];

/// Pieces that matter to parsers.
const PIECES: [&str; 26] = [
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    "\0",
    ":",
    ";",
    ",",
    "0",
    "5",
    "f",
    "-",
    "+",
    "#",
    "%",
    "\u{e4}",
    "\x7f",
    "Content-Length: 5\r\n",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "chunked",
    "Host: x\r\n",
    "0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: s\r\n\r\n",
    "HTTP/1.1",
];

#[derive(Clone, Debug)]
struct Mutation {
    at: prop::sample::Index,
    /// At the beginning of the next line.
    line: bool,
    delete: usize,
    insert: Option<&'static str>,
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let mutation = (
        any::<prop::sample::Index>(),
        any::<bool>(),
        0usize..4,
        prop::option::of(prop::sample::select(&PIECES[..])),
    )
        .prop_map(|(at, line, delete, insert)| Mutation {
            at,
            line,
            delete: if line { 0 } else { delete },
            insert,
        });
    prop::collection::vec(mutation, 0..4)
}

fn mutate(seeds: &[&str], mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = seeds.concat().into_bytes();
    for Mutation { at, line, delete, insert } in mutations {
        let mut at = at.index(bytes.len() + 1);
        if *line {
            at += bytes[at..].iter().position(|byte| *byte == b'\n').map_or(0, |length| length + 1);
        }
        let end = (at + delete).min(bytes.len());
        bytes.splice(at..end, insert.unwrap_or("").bytes());
    }
    bytes
}

/// Whether a target had bytes of the one letter that is not ASCII here: we escape them, hyper keeps them or refuses.
fn is_escaped(line: &str) -> bool {
    line.contains("%C3") || line.contains("%A4")
}

/// hyper leaves absolute targets as they are.
fn is_absolute(line: &str) -> bool {
    line.contains("://")
}

fn token() -> impl Strategy<Value = HeaderName> {
    "x-[a-z0-9!#$%&'*+.^_`|~-]{1,12}".prop_map(|name| HeaderName::from_bytes(name.as_bytes()).unwrap())
}

fn field_value() -> impl Strategy<Value = HeaderValue> {
    prop::collection::vec(
        prop::sample::select((0x21..=0x7e).chain([0x20, 0x09, 0x80, 0xff]).collect::<Vec<u8>>()),
        0..30,
    )
    .prop_map(|bytes| HeaderValue::from_bytes(bytes.trim_ascii()).unwrap())
}

fn body_frames() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20_000), 0..4)
}

fn body_of(frames: &[Vec<u8>], whole: bool, trailers: &HeaderMap) -> Body {
    if whole {
        return Body::full(frames.concat());
    }
    let frames: Vec<_> = frames
        .iter()
        .map(|frame| Ok::<_, Error>(Frame::data(Bytes::from(frame.clone()))))
        .chain((!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers.clone()))))
        .collect();
    Body::stream(StreamBody::new(futures_util::stream::iter(frames)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn hyper_reads_what_we_accept_as_we_do(
        seeds in prop::collection::vec(prop::sample::select(&REQUESTS[..]), 1..4),
        mutations in mutations(),
    ) {
        let bytes = mutate(&seeds, &mutations);
        block_on(async {
            let (ours, theirs) = (read_by_us(&bytes).await, read_by_hyper(&bytes).await);
            for (at, seen) in ours.iter().enumerate() {
                let other = theirs.get(at);
                if other.is_some_and(|other| is_absolute(&other.line)) || is_escaped(&seen.line) {
                    return Ok(());
                }
                if seen.complete {
                    prop_assert_eq!(Some(seen), other, "{:?}", String::from_utf8_lossy(&bytes));
                }
            }
            if mutations.is_empty() {
                prop_assert_eq!(ours, theirs);
            }
            Ok(())
        })?;
    }

    #[test]
    fn hyper_reads_answers_that_we_accept_as_we_do(
        seed in prop::sample::select(&RESPONSES[..]),
        mutations in mutations(),
        to_head in any::<bool>(),
    ) {
        let bytes = mutate(&[seed], &mutations);
        let method = if to_head { Method::HEAD } else { Method::GET };
        block_on(async {
            let ours = answer_by_us(&bytes, &method).await;
            let theirs = answer_by_hyper(&bytes, &method).await;
            // A length beside chunks is one that we take out.
            let [ours, theirs] = [ours, theirs].map(|seen| {
                seen.map(|mut seen| {
                    seen.fields.retain(|(name, _)| name != "content-length");
                    seen
                })
            });
            if mutations.is_empty() || ours.as_ref().is_some_and(|seen| seen.complete) {
                prop_assert_eq!(ours, theirs, "{:?}", String::from_utf8_lossy(&bytes));
            }
            Ok(())
        })?;
    }
}

async fn answer_by_us(bytes: &[u8], method: &Method) -> Option<Seen> {
    let (client, mut server) = duplex(1 << 16);
    server.write_all(bytes).await.unwrap();
    server.shutdown().await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("h"));
    let target = "/";
    let response =
        Connection::new(client).exchange(method, target, &headers, Body::Empty, None, drop).await.ok()?;
    (response.status != 101).then_some(())?;
    Some(seen(response.status.to_string(), &response.headers, response.body).await)
}

async fn answer_by_hyper(bytes: &[u8], method: &Method) -> Option<Seen> {
    let (client, mut server) = duplex(1 << 16);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = http::Request::builder()
        .method(method)
        .uri("/")
        .header("host", "h")
        .body(Full::new(Bytes::new()))
        .unwrap();
    let answer = sender.send_request(request);
    let respond = async {
        // hyper takes bytes before the request for an unasked answer.
        let mut first = [0; 4];
        server.read_exact(&mut first).await.unwrap();
        server.write_all(bytes).await.unwrap();
        server.shutdown().await.unwrap();
    };
    let (answer, ()) = tokio::join!(answer, respond);
    let (head, body) = answer.ok()?.into_parts();
    let seen = seen(head.status.to_string(), &head.headers, body).await;
    drop(driver);
    (head.status != 101).then_some(seen)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn requests_of_our_client_reach_hyper_and_ourselves(
        fields in prop::collection::vec((token(), field_value()), 0..8),
        frames in body_frames(),
        whole in any::<bool>(),
        trailer in prop::option::of((token(), field_value())),
    ) {
        let mut headers: HeaderMap = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("h"));
        fields.iter().for_each(|(name, value)| { headers.append(name, value.clone()); });
        let trailers: HeaderMap = trailer.into_iter().collect();
        for by_hyper in [false, true] {
            let body = body_of(&frames, whole, &trailers);
            let got = block_on(request_over(by_hyper, &headers, body));
            prop_assert_eq!(&got.line, "POST /x?y");
            let mut received = got.fields.clone();
            received.retain(|(name, _)| name != "content-length");
            prop_assert_eq!(received, self::fields(&headers));
            prop_assert_eq!(got.body, frames.concat());
            prop_assert!(got.complete);
            if !whole {
                prop_assert_eq!(got.trailers, self::fields(&trailers));
            }
        }
    }

    #[test]
    fn answers_of_our_server_reach_hyper_and_ourselves(
        status in prop::sample::select(vec![200u16, 206, 404, 418, 500, 599]),
        fields in prop::collection::vec((token(), field_value()), 0..8),
        frames in body_frames(),
        whole in any::<bool>(),
        to_head in any::<bool>(),
    ) {
        let headers: HeaderMap = {
            let mut headers = HeaderMap::new();
            fields.into_iter().for_each(|(name, value)| { headers.append(name, value); });
            headers
        };
        for by_hyper in [false, true] {
            let mut response = Response::new(StatusCode::from_u16(status).unwrap());
            response.headers = headers.clone();
            response.body = body_of(&frames, whole, &HeaderMap::new());
            let got = block_on(response_over(by_hyper, response, to_head));
            prop_assert!(got.line.starts_with(&status.to_string()));
            let mut received = got.fields.clone();
            received.retain(|(name, _)| name != "content-length");
            prop_assert_eq!(received, self::fields(&headers));
            prop_assert_eq!(got.body, if to_head { Vec::new() } else { frames.concat() });
            prop_assert!(got.complete);
        }
    }
}

/// Sends a request with our client to hyper's server or to ours, and gives what it saw.
async fn request_over(to_hyper: bool, headers: &HeaderMap, body: Body) -> Seen {
    let (client, server) = duplex(3000);
    let log = Log::default();
    let recorder = Recorder(Arc::clone(&log));
    let service_log = Arc::clone(&log);
    let serving = tokio::spawn(async move {
        if to_hyper {
            let service = service_fn(|request: http::Request<hyper::body::Incoming>| {
                let log = Arc::clone(&service_log);
                async move {
                    let (head, body) = request.into_parts();
                    let seen = seen(format!("{} {}", head.method, head.uri), &head.headers, body).await;
                    log.lock().push(seen);
                    Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::new())))
                }
            });
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(server), service)
                .await
                .unwrap();
        } else {
            let options = ServerOptions::default();
            h1::server::serve(server, BytesMut::new(), conn(), &recorder, &options, CancellationToken::new())
                .await;
        }
    });
    let target = "/x?y";
    let response =
        Connection::new(client).exchange(&Method::POST, target, headers, body, None, drop).await.unwrap();
    assert_eq!(response.status, StatusCode::OK);
    drop(response);
    serving.await.unwrap();
    let seen = log.lock().pop();
    seen.expect("the request arrived")
}

struct Once(Mutex<Option<Response>>);

impl Handler for Once {
    fn call(&self, _: Request) -> BoxFuture<'_, Response> {
        let response = self.0.lock().take();
        Box::pin(async move { response.expect("one request") })
    }
}

/// Asks our server for a response with hyper's client or ours, and gives what it saw.
async fn response_over(with_hyper: bool, response: Response, to_head: bool) -> Seen {
    let (client, server) = duplex(3000);
    let handler = Once(Mutex::new(Some(response)));
    tokio::spawn(async move {
        let options = ServerOptions::default();
        h1::server::serve(server, BytesMut::new(), conn(), &handler, &options, CancellationToken::new())
            .await;
    });
    let method = if to_head { Method::HEAD } else { Method::GET };
    if with_hyper {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::builder()
            .method(method)
            .uri("/")
            .header("host", "h")
            .body(Full::new(Bytes::new()))
            .unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        return seen(head.status.to_string(), &head.headers, body).await;
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("h"));
    let target = "/";
    let response =
        Connection::new(client).exchange(&method, target, &headers, Body::Empty, None, drop).await.unwrap();
    seen(response.status.to_string(), &response.headers, response.body).await
}
