//! The HTTP/1.1 server over an in-memory connection, byte by byte.

#![expect(clippy::disallowed_methods, reason = "a test has no doctor to list its tasks")]

use std::future::Future;
use std::sync::Arc;

use bytes::BytesMut;
use fairlead_http::{BoxFuture, Conn, Handler, Request, Response, ServerOptions, h1};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

mod framing;
mod life;

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
