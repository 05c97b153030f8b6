//! One stream of a client: its request, its handler, its answer.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt as _;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;

use super::incoming::{Deadline, Incoming};
use super::outgoing::Outgoing;
use crate::server::date;
use crate::{Body, Conn, Error, Fault, Handler, Interim, Request, Response, Sent, ServerOptions};

/// What all streams of a connection share.
pub(super) struct Shared {
    pub(super) conn: Arc<Conn>,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) options: Arc<ServerOptions>,
}

/// The answering half of a stream, open to interim responses until the final one.
struct Exchange {
    respond: Mutex<Option<SendResponse<Bytes>>>,
    /// Body bytes of the request that were read.
    read: AtomicU64,
}

/// Serves one stream to its end. Dropping the future resets the stream.
pub(super) async fn answer(
    shared: Arc<Shared>,
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
) {
    let limit = shared.options.write_timeout;
    let exchange = Arc::new(Exchange { respond: Mutex::new(Some(respond)), read: AtomicU64::new(0) });
    let run = run(&shared, request, &exchange);
    if limit.is_zero() {
        run.await;
    } else if tokio::time::timeout(limit, run).await.is_err() {
        tracing::debug!(peer = %shared.conn.peer, "write time-out, stream reset");
        exchange.reset(Reason::INTERNAL_ERROR);
    }
}

async fn run(shared: &Shared, request: http::Request<RecvStream>, exchange: &Arc<Exchange>) {
    let is_head = *request.method() == Method::HEAD;
    let request = match accept(shared, request, exchange) {
        Ok(request) => request,
        Err(refusal) => return exchange.refuse(shared, refusal),
    };
    let Some(mut response) = exchange.call(&*shared.handler, request).await else { return };
    let done = response.done.take();
    let Some(respond) = exchange.respond.lock().take() else { return };
    let (complete, body_bytes) = send(respond, response, is_head).await;
    if let Some(done) = done {
        done.finish(Sent { body_bytes, request_bytes: exchange.read.load(Ordering::Relaxed), complete });
    }
}

/// Why no handler saw a request.
enum Refusal {
    Malformed,
    Tunnel,
}

fn accept(
    shared: &Shared,
    request: http::Request<RecvStream>,
    exchange: &Arc<Exchange>,
) -> Result<Request, Refusal> {
    let (mut parts, stream) = request.into_parts();
    if parts.method == Method::CONNECT {
        return Err(Refusal::Tunnel);
    }
    let waits = super::head::normalize(&mut parts).ok_or(Refusal::Malformed)?;
    let body = if stream.is_end_stream() {
        Body::Empty
    } else {
        Body::stream(Upload {
            incoming: Incoming::new(stream, super::content_length(&parts.headers)),
            exchange: Arc::clone(exchange),
            waits,
            deadline: Deadline::after(shared.options.read_timeout),
        })
    };
    Ok(Request {
        method: parts.method,
        uri: parts.uri,
        version: parts.version,
        headers: parts.headers,
        body,
        conn: Arc::clone(&shared.conn),
        interim: Some(Arc::clone(exchange) as Arc<dyn Interim>),
        extensions: http::Extensions::new(),
        watched: false,
    })
}

impl Exchange {
    /// Runs the handler until it answers; `None` when the client gave up first or the handler panicked.
    async fn call(&self, handler: &dyn Handler, request: Request) -> Option<Response> {
        let mut call = AssertUnwindSafe(handler.call(request)).catch_unwind();
        poll_fn(|cx| match call.poll_unpin(cx) {
            Poll::Ready(Ok(response)) => Poll::Ready(Some(response)),
            Poll::Ready(Err(_)) => {
                tracing::error!("a handler panicked, stream reset");
                self.reset(Reason::INTERNAL_ERROR);
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_reset(cx).map(|()| None),
        })
        .await
    }

    fn poll_reset(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *self.respond.lock() {
            Some(respond) => respond.poll_reset(cx).map(|_| ()),
            None => Poll::Pending,
        }
    }

    fn reset(&self, reason: Reason) {
        if let Some(mut respond) = self.respond.lock().take() {
            respond.send_reset(reason);
        }
    }

    fn refuse(&self, shared: &Shared, refusal: Refusal) {
        let Some(mut respond) = self.respond.lock().take() else { return };
        let status = match refusal {
            Refusal::Malformed => {
                respond.send_reset(Reason::PROTOCOL_ERROR);
                StatusCode::BAD_REQUEST
            }
            Refusal::Tunnel => {
                let mut head = http::Response::new(());
                *head.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                head.headers_mut().insert(header::DATE, date::now());
                // An error here means that the client is gone already.
                drop(respond.send_response(head, true));
                StatusCode::METHOD_NOT_ALLOWED
            }
        };
        if let Some(on_reject) = &shared.options.on_reject {
            on_reject(&shared.conn, status);
        }
    }
}

impl Interim for Exchange {
    fn send(&self, status: StatusCode, headers: &HeaderMap) {
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        if let Some(respond) = &mut *self.respond.lock() {
            let mut head = http::Response::new(());
            *head.status_mut() = status;
            *head.headers_mut() = headers.clone();
            super::strip_connection_headers(head.headers_mut());
            if let Err(error) = respond.send_informational(head) {
                tracing::debug!(%error, "interim response not sent");
            }
        }
    }
}

/// Sends head and body; whether all of it went out, and how many body bytes did.
async fn send(mut respond: SendResponse<Bytes>, response: Response, is_head: bool) -> (bool, u64) {
    let Response { status, mut headers, body, .. } = response;
    if status.is_informational() {
        tracing::error!(%status, "no final status, stream reset");
        respond.send_reset(Reason::INTERNAL_ERROR);
        return (false, 0);
    }
    super::strip_connection_headers(&mut headers);
    if !headers.contains_key(header::DATE) {
        headers.insert(header::DATE, date::now());
    }
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length @ 1..) = body.exact_len()
        && !bodiless
        && !headers.contains_key(header::CONTENT_LENGTH)
    {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let mut head = http::Response::new(());
    *head.status_mut() = status;
    *head.headers_mut() = headers;
    let ends = is_head || bodiless || body.is_empty();
    match respond.send_response(head, ends) {
        Ok(_) if ends => (true, 0),
        Ok(stream) => {
            let mut outgoing = Outgoing::new(stream, body);
            let result = (&mut outgoing).await;
            if let Err(error) = &result {
                tracing::debug!(?error, "response body cut short");
            }
            (result.is_ok(), outgoing.sent())
        }
        Err(error) => {
            tracing::debug!(%error, "response not sent");
            respond.send_reset(Reason::INTERNAL_ERROR);
            (false, 0)
        }
    }
}

/// A request body: counts what is read, asks a waiting client to go on, and obeys the read time-out.
struct Upload {
    incoming: Incoming,
    exchange: Arc<Exchange>,
    /// The client sent `expect: 100-continue` and has not been answered.
    waits: bool,
    deadline: Deadline,
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if std::mem::take(&mut self.waits) {
            self.exchange.send(StatusCode::CONTINUE, &HeaderMap::new());
        }
        match self.incoming.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.exchange.read.fetch_add(length as u64, Ordering::Relaxed);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(super::client_error(&error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.deadline.poll(cx));
                self.incoming.end();
                Poll::Ready(Some(Err(Error::new(Fault::ClientTimeout, "request body timed out"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_ended()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
