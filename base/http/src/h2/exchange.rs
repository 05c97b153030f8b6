//! One stream of a client: its request, its handler, its answer.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;

use super::incoming::{Deadline, Incoming};
use super::outgoing::Outgoing;
use crate::server::date;
use crate::{
    Body, BoxFuture, Conn, Done, Error, Fault, Handler, Interim, Request, Response, Sent, ServerOptions,
};

/// What all streams of a connection share.
pub(super) struct Shared {
    pub(super) conn: Arc<Conn>,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) options: Arc<ServerOptions>,
}

/// One stream until its answer is out. It is kept small, as it is moved about: the request has gone to the handler, and
/// the head of the response to the frame machine. Dropping it resets the stream.
pub(super) struct Answer<'a> {
    shared: &'a Shared,
    exchange: Arc<Exchange>,
    phase: Phase<'a>,
    is_head: bool,
    /// By when the answer must be out.
    deadline: Deadline,
}

enum Phase<'a> {
    /// The handler works.
    Calling(BoxFuture<'a, Response>),
    /// The body of the response goes out.
    Sending(Outgoing, Option<Done>),
}

/// The answering half of a stream, open to interim responses until the final one.
struct Exchange {
    respond: Mutex<Option<SendResponse<Bytes>>>,
    /// Body bytes of the request that were read.
    read: AtomicU64,
}

/// Calls the handler with the request of a stream; `None` when the stream is at its end already.
pub(super) fn answer(
    shared: &Shared,
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
) -> Option<Answer<'_>> {
    let exchange = Arc::new(Exchange { respond: Mutex::new(Some(respond)), read: AtomicU64::new(0) });
    let is_head = *request.method() == Method::HEAD;
    let request = match accept(shared, request, &exchange) {
        Ok(request) => request,
        Err(refusal) => {
            exchange.refuse(shared, refusal);
            return None;
        }
    };
    let phase = Phase::Calling(shared.handler.call(request));
    let deadline = Deadline::after(shared.options.write_timeout);
    Some(Answer { shared, exchange, phase, is_head, deadline })
}

impl Future for Answer<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.poll_phases(cx).is_ready() {
            return Poll::Ready(());
        }
        ready!(this.deadline.poll(cx));
        tracing::debug!(peer = %this.shared.conn.peer, "write time-out, stream reset");
        match &mut this.phase {
            Phase::Calling(_) => this.exchange.reset(Reason::INTERNAL_ERROR),
            Phase::Sending(outgoing, _) => outgoing.reset(Reason::INTERNAL_ERROR),
        }
        Poll::Ready(())
    }
}

impl Answer<'_> {
    fn poll_phases(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Phase::Calling(call) = &mut self.phase {
            let Some(response) = ready!(self.exchange.poll_call(call, cx)) else {
                return Poll::Ready(());
            };
            let Some(sending) = self.begin(response) else {
                return Poll::Ready(());
            };
            self.phase = sending;
        }
        let Phase::Sending(outgoing, done) = &mut self.phase else { return Poll::Ready(()) };
        let result = ready!(Pin::new(&mut *outgoing).poll(cx));
        if let Err(error) = &result {
            tracing::debug!(?error, "response body cut short");
        }
        let (sent, done) = (outgoing.sent(), done.take());
        self.exchange.finish(done, result.is_ok(), sent);
        Poll::Ready(())
    }

    /// Sends the head; `None` when that ends the stream.
    fn begin(&self, mut response: Response) -> Option<Phase<'static>> {
        let done = response.done.take();
        let respond = self.exchange.respond.lock().take()?;
        match send_head(respond, response, self.is_head) {
            Ok(outgoing) => Some(Phase::Sending(outgoing, done)),
            Err(complete) => {
                self.exchange.finish(done, complete, 0);
                None
            }
        }
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
    fn poll_call(&self, call: &mut BoxFuture<'_, Response>, cx: &mut Context<'_>) -> Poll<Option<Response>> {
        match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
            Ok(Poll::Ready(response)) => Poll::Ready(Some(response)),
            Ok(Poll::Pending) => self.poll_reset(cx).map(|()| None),
            Err(_) => {
                tracing::error!("a handler panicked, stream reset");
                self.reset(Reason::INTERNAL_ERROR);
                Poll::Ready(None)
            }
        }
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

    fn finish(&self, done: Option<Done>, complete: bool, body_bytes: u64) {
        if let Some(done) = done {
            done.finish(Sent { body_bytes, request_bytes: self.read.load(Ordering::Relaxed), complete });
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

/// Sends the head; then what is left to send, or whether the answer is complete without a body.
fn send_head(mut respond: SendResponse<Bytes>, response: Response, is_head: bool) -> Result<Outgoing, bool> {
    let Response { status, mut headers, body, .. } = response;
    if status.is_informational() {
        tracing::error!(%status, "no final status, stream reset");
        respond.send_reset(Reason::INTERNAL_ERROR);
        return Err(false);
    }
    super::strip_connection_headers(&mut headers);
    headers.entry(header::DATE).or_insert_with(date::now);
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length @ 1..) = body.exact_len()
        && !bodiless
    {
        headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    let mut head = http::Response::new(());
    *head.status_mut() = status;
    *head.headers_mut() = headers;
    let ends = is_head || bodiless || body.is_empty();
    match respond.send_response(head, ends) {
        Ok(_) if ends => Err(true),
        Ok(stream) => Ok(Outgoing::new(stream, body)),
        Err(error) => {
            tracing::debug!(%error, "response not sent");
            respond.send_reset(Reason::INTERNAL_ERROR);
            Err(false)
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
