//! Serving one accepted connection: which HTTP it speaks, and the engine for it.

pub(crate) mod date;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use fairlead_net::Stream;
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;

use crate::{Conn, Handler, ServerOptions};

/// How a client that knows we speak HTTP/2 begins (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// First read of a plain connection: most request heads fit.
const FIRST_READ: usize = 4096;

/// Serves a connection to its end. TLS connections speak what `alpn` agreed on; plain ones speak HTTP/2 when they begin
/// with its preface (prior knowledge), else HTTP/1. `Upgrade: h2c` is not offered, as in Traefik 3.7.
///
/// After `stop` the connection ends as soon as its open requests are answered; dropping the future cuts it off.
pub async fn serve(
    stream: Stream,
    conn: Arc<Conn>,
    alpn: Option<&[u8]>,
    handler: Arc<dyn Handler>,
    options: &Arc<ServerOptions>,
    stop: CancellationToken,
) {
    if alpn == Some(b"h2") {
        return Box::pin(crate::h2::server::serve(stream, conn, handler, options, stop)).await;
    }
    let mut stream = stream;
    let mut seen = BytesMut::new();
    if alpn.is_none() && conn.tls.is_none() {
        match first_bytes(&mut stream, &mut seen, options, &stop).await {
            Some(First::Http2) => {
                let stream = stream.with_read_ahead(seen.freeze());
                return Box::pin(crate::h2::server::serve(stream, conn, handler, options, stop)).await;
            }
            Some(First::Http1) => {}
            None => return,
        }
    }
    Box::pin(crate::h1::server::serve(stream, seen, conn, &*handler, options, stop)).await;
}

/// What a plain connection begins with.
enum First {
    Http1,
    Http2,
}

/// Reads into `seen` until the protocol is known; `None` when the client left, was too slow or `stop` came first.
async fn first_bytes(
    stream: &mut Stream,
    seen: &mut BytesMut,
    options: &ServerOptions,
    stop: &CancellationToken,
) -> Option<First> {
    // The first request must begin as soon as any other must be complete, as in Go.
    let limit = if options.read_timeout.is_zero() { options.idle_timeout } else { options.read_timeout };
    seen.reserve(FIRST_READ);
    tokio::select! {
        decided = within(limit, decide(stream, seen)) => decided?.ok()?,
        () = stop.cancelled() => None,
    }
}

/// Reads until the preface is complete or contradicted.
async fn decide(stream: &mut Stream, seen: &mut BytesMut) -> io::Result<Option<First>> {
    loop {
        if stream.read_buf(seen).await? == 0 {
            return Ok(None);
        }
        if seen.starts_with(PREFACE) {
            return Ok(Some(First::Http2));
        }
        if !PREFACE.starts_with(seen) {
            return Ok(Some(First::Http1));
        }
    }
}

/// The outcome of `work` unless `limit` passes first; zero is no limit.
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    if limit.is_zero() {
        return Some(work.await);
    }
    tokio::time::timeout(limit, work).await.ok()
}
