//! Exchanges over HTTP/1.1 connections, which carry one request at a time.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use fairlead_net::Stream;
use http::Version;
use http::header::{self, HeaderValue};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pool::{Host, Open};
use super::{Failed, Tried, dial, http2};
use crate::h1;
use crate::h1::client::{Connection, Failed as Broken};
use crate::h2::Deadline;
use crate::{Body, Error, Fault, Request, Response};

/// A connection that is counted as open while it lives.
pub(super) type Counted = Connection<CountedStream>;

/// Makes a connection of a new stream.
pub(super) fn connection(stream: Stream, open: Open) -> Counted {
    Connection::new(CountedStream { stream, _open: open })
}

/// Sends on an idle connection or, always when that has failed before, on a new one.
pub(super) async fn send(host: &Arc<Host>, request: &mut Request, attempt: u32) -> Result<Tried, Failed> {
    let idle = if attempt == 1 { host.take_idle() } else { None };
    let connection = match idle {
        Some(connection) => connection,
        None => {
            let http1_only = request.upgrade().is_some() || attempt == super::MAX_ATTEMPTS;
            match Box::pin(dial(host, http1_only)).await {
                Ok(Some(connection)) => connection,
                Ok(None) => return Ok(Tried::Again),
                Err(error) => {
                    return Err(Failed { error, request_body: Some(std::mem::take(&mut request.body)) });
                }
            }
        }
    };
    send_on(host, connection, request, attempt).await
}

/// A new connection; `None` when it went to those of HTTP/2.
async fn dial(host: &Arc<Host>, http1_only: bool) -> Result<Option<Counted>, Error> {
    match dial::dial(&host.transport, &host.target, http1_only).await? {
        // The backend has learnt HTTP/2 since it declined.
        (stream, true) => http2::adopt(host, stream).await.map(|()| None),
        (stream, false) => Ok(Some(connection(stream, host.open()))),
    }
}

/// Sends on this connection.
pub(super) async fn send_on(
    host: &Arc<Host>,
    mut connection: Counted,
    request: &mut Request,
    attempt: u32,
) -> Result<Tried, Failed> {
    if !request.headers.contains_key(header::HOST)
        && let Ok(authority) = HeaderValue::from_str(&host.target.authority)
    {
        request.headers.insert(header::HOST, authority);
    }
    host.transport.tell_peer(&request.extensions, connection.io().stream.peer());
    if request.version == Version::HTTP_2 {
        // The streams of a connection are polled one after the other.
        connection.skip_turn();
    }
    let absolute = host.transport.absolute_form.then(|| request.uri.to_string());
    let at_hand = request.body.is_replayable();
    let body = request.body.replay().unwrap_or_else(|| std::mem::take(&mut request.body));
    let (body, out) = watch(body, host.transport.options.response_header_timeout);
    let back = Arc::clone(host);
    let result = {
        // In one place, for both ways to wait for it.
        let mut exchange = pin!(
            connection.exchange(
                &request.method,
                absolute
                    .as_deref()
                    .unwrap_or_else(|| request.uri.path_and_query().map_or("/", |path| path.as_str())),
                &request.headers,
                body,
                request.interim.as_deref(),
                move |connection| back.keep_idle(connection),
            )
        );
        match out {
            None => exchange.await,
            Some(out) => {
                head_within(host.transport.options.response_header_timeout, &out, exchange.as_mut()).await
            }
        }
    };
    match result {
        Ok(response) => {
            h1::recycle(std::mem::take(&mut request.headers));
            Ok(Tried::Answered(response))
        }
        Err(Broken { error, stale, body }) => {
            let again =
                stale && (!error.sent || super::is_repeatable(request)) && attempt < super::MAX_ATTEMPTS;
            match body.or_else(|| at_hand.then(|| std::mem::take(&mut request.body))) {
                Some(body) if again => {
                    request.body = body;
                    Ok(Tried::Again)
                }
                request_body => Err(Failed { error, request_body }),
            }
        }
    }
}

/// Waits for a response head, at most `limit` after the request body has been taken.
async fn head_within(
    limit: Duration,
    out: &AtomicBool,
    mut exchange: Pin<&mut impl Future<Output = Result<Response, Broken>>>,
) -> Result<Response, Broken> {
    let mut deadline = None;
    poll_fn(|cx| {
        if let Poll::Ready(result) = exchange.as_mut().poll(cx) {
            return Poll::Ready(result);
        }
        if out.load(Ordering::Relaxed)
            && deadline.get_or_insert_with(|| Deadline::after(limit)).poll(cx).is_ready()
        {
            let error = Error::new(Fault::ResponseTimeout, "no response head in time").after_sending();
            return Poll::Ready(Err(Broken { error, stale: false, body: None }));
        }
        Poll::Pending
    })
    .await
}

/// Makes a body tell when all of it has been taken, where there is a `limit` to count from then.
fn watch(body: Body, limit: Duration) -> (Body, Option<Arc<AtomicBool>>) {
    if limit.is_zero() {
        return (body, None);
    }
    let out = Arc::new(AtomicBool::new(body.is_replayable()));
    let body = match body {
        Body::Stream(_) => Body::stream(Watched { body, out: Arc::clone(&out) }),
        at_hand => at_hand,
    };
    (body, Some(out))
}

struct Watched {
    body: Body,
    out: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.out.store(true, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream whose host counts it.
pub(super) struct CountedStream {
    stream: Stream,
    _open: Open,
}

impl AsyncRead for CountedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
