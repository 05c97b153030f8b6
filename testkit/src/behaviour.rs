//! What a [`Backend`](crate::Backend) answers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::json;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What a connection knows.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) backend: Arc<str>,
    /// Number of the connection, from 1.
    pub(crate) connection: usize,
    pub(crate) requests: Arc<AtomicUsize>,
}

/// Answers one request; an error closes the connection.
pub(crate) async fn answer(request: Request<Incoming>, seen: Seen) -> io::Result<Response<Body>> {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let path = request.uri().path().to_owned();
    let mut steps = path.split('/').skip(1);
    let (verb, number) = (steps.next().unwrap_or_default(), steps.next().and_then(|n| n.parse::<u64>().ok()));
    let mut response = match (verb, number) {
        ("status", Some(code)) => {
            let mut response = Response::new(full(Bytes::new()));
            *response.status_mut() = StatusCode::from_u16(code as u16).unwrap();
            response
        }
        ("delay", Some(millis)) => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            echo(request, &seen).await?
        }
        ("chunked", Some(count)) => chunked(count),
        ("sse", Some(count)) => events(count),
        ("bytes", Some(count)) => bytes(count),
        ("slow", Some(millis)) => Response::new(slow(Duration::from_millis(millis))),
        ("never", _) => std::future::pending().await,
        ("close", _) => return Err(io::Error::other("asked to close")),
        ("close-in-body", _) => close_in_body(),
        ("hints", _) => with_header(Response::new(full("ok")), header::LINK, "</a.css>; rel=preload"),
        ("upgrade", _) => upgrade(request),
        (verb, _) if verb.starts_with("grpc") => grpc(request),
        _ => echo(request, &seen).await?,
    };
    if let Ok(name) = HeaderValue::from_str(&seen.backend) {
        response.headers_mut().insert("x-backend", name);
    }
    Ok(response)
}

/// Tells what arrived, as JSON.
async fn echo(request: Request<Incoming>, seen: &Seen) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let collected = body.collect().await.map_err(io::Error::other)?;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let pairs = |headers: &HeaderMap| -> Vec<_> {
        headers.iter().map(|(name, value)| json!([name.as_str(), text(value)])).collect()
    };
    let trailers = collected.trailers().map(&pairs).unwrap_or_default();
    let told = json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "version": format!("{:?}", head.version),
        "headers": pairs(&head.headers),
        "trailers": trailers,
        "body": String::from_utf8_lossy(&collected.to_bytes()),
        "backend": &*seen.backend,
        "connection": seen.connection,
    });
    Ok(with_header(Response::new(full(told.to_string())), header::CONTENT_TYPE, "application/json"))
}

fn chunked(count: u64) -> Response<Body> {
    let chunks = stream::iter(0..count).map(|i| Frame::data(format!("chunk {i}\n").into()));
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", count.into());
    let all = chunks.chain(stream::iter([Frame::trailers(trailers)]));
    with_header(Response::new(streamed(all.map(Ok))), header::TRAILER, "x-checksum")
}

fn events(count: u64) -> Response<Body> {
    let events = stream::iter(0..count).map(|i| Ok(Frame::data(format!("data: {i}\n\n").into())));
    with_header(Response::new(streamed(events)), header::CONTENT_TYPE, "text/event-stream")
}

fn bytes(count: u64) -> Response<Body> {
    const PIECE: u64 = 64 << 10;
    let pieces = stream::unfold(count, |left| async move {
        let size = left.min(PIECE);
        let piece = Bytes::from(vec![b'x'; size as usize]);
        (size > 0).then(|| (Ok(Frame::data(piece)), left - size))
    });
    let mut response = Response::new(streamed(pieces));
    response.headers_mut().insert(header::CONTENT_LENGTH, count.into());
    response
}

fn slow(pause: Duration) -> Body {
    streamed(stream::iter(0..10).then(move |_| async move {
        tokio::time::sleep(pause).await;
        Ok(Frame::data(Bytes::from_static(b".")))
    }))
}

fn close_in_body() -> Response<Body> {
    let pieces = stream::iter(0..2).then(|i| async move {
        // So that head and first bytes leave before the end comes.
        tokio::time::sleep(Duration::from_millis(20 * i)).await;
        if i == 0 {
            Ok(Frame::data(Bytes::from_static(b"0123456789")))
        } else {
            Err(io::Error::other("asked to close"))
        }
    });
    with_header(Response::new(streamed(pieces)), header::CONTENT_LENGTH, "100")
}

/// Switches to whatever was asked for and sends all bytes back.
fn upgrade(mut request: Request<Incoming>) -> Response<Body> {
    let Some(protocol) = request.headers().get(header::UPGRADE).cloned() else {
        let mut response = Response::new(full("no upgrade asked for\n"));
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        return response;
    };
    let upgraded = hyper::upgrade::on(&mut request);
    hyper::rt::Executor::execute(&hyper_util::rt::TokioExecutor::new(), async move {
        if let Ok(upgraded) = upgraded.await {
            let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
            let _ = tokio::io::copy(&mut read, &mut write).await;
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut write).await;
        }
    });
    let mut response = with_header(Response::new(full("")), header::CONNECTION, "upgrade");
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(header::UPGRADE, protocol);
    response
}

/// Sends data back as it comes, then the trailers of a call that went well.
fn grpc(request: Request<Incoming>) -> Response<Body> {
    let data = request.into_body().into_data_stream();
    let data = data.map(|piece| piece.map(Frame::data).map_err(io::Error::other));
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let all = data.chain(stream::iter([Ok(Frame::trailers(trailers))]));
    with_header(Response::new(streamed(all)), header::CONTENT_TYPE, "application/grpc")
}

fn with_header(
    mut response: Response<Body>,
    name: header::HeaderName,
    value: &'static str,
) -> Response<Body> {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

fn streamed(frames: impl Stream<Item = io::Result<Frame<Bytes>>> + Send + 'static) -> Body {
    StreamBody::new(frames).boxed_unsync()
}
