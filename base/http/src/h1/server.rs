//! The server side of one connection.
//!
//! `read head → handler → send response → finish the request body`, again and again, in the task of the connection. While
//! the handler works, the connection writes interim responses, keeps deadlines, and watches for a client that resets the
//! connection: its handler is dropped. A client that only ends its sending side still gets its answer.

mod clock;
mod send;
mod state;

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use http::{Method, StatusCode, Version};
use http_body::SizeHint;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::clock::{Clock, Expired, Stop, remember};
use self::state::{InterimWriter, RequestBody, Shared, State};
use super::MAX_FIELDS;
use super::codec::{
    BodyDecoder, Decoded, Framing, HeadScan, Limits, Reject, RequestHead, ResponseFacts, encode_refusal,
    read_request, take_front,
};
use super::wire::Wire;
use crate::{Body, BoxFuture, Conn, Fault, Handler, Interim, Request, Response, ServerOptions};

/// How much of a request body that nobody read is read on, to keep the connection.
const DRAIN: u64 = 256 * 1024;
/// How long a client may take to read an answer after which the connection closes with its bytes unread.
const LINGER: Duration = Duration::from_millis(500);
/// How much may wait in `input` while a handler works.
const PIPELINED: usize = 16 * 1024;

/// Serves one connection until it ends; `read_ahead` is what was already read from `io`. When `stop` is cancelled, an
/// idle connection closes at once, and a busy one after its current exchange. Dropping the future closes at once.
pub async fn serve<IO>(
    io: IO,
    read_ahead: BytesMut,
    conn: Arc<Conn>,
    handler: &dyn Handler,
    options: &ServerOptions,
    stop: CancellationToken,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = Connection::new(io, read_ahead, conn, handler, options, &stop);
    drop(stop);
    while let Turn::Serve(exchange) = poll_fn(|cx| connection.poll_turn(cx)).await {
        if !connection.exchange(exchange).await {
            return;
        }
    }
    connection.close().await;
}

/// What to do next with a connection between exchanges.
enum Turn<'a> {
    Serve(Exchange<'a>),
    Close,
}

/// A request that the handler has been called with.
struct Exchange<'a> {
    future: BoxFuture<'a, Response>,
    facts: ResponseFacts,
}

struct Connection<'a, IO> {
    shared: Arc<Shared<IO>>,
    conn: Arc<Conn>,
    handler: &'a dyn Handler,
    options: &'a ServerOptions,
    stop: Stop,
    clock: Clock,
    scan: HeadScan,
    /// A head has begun to come, or it is the first.
    in_head: bool,
    refused: Option<Reject>,
    /// Serves all exchanges, as long as none outlives its own.
    interim: Option<Arc<InterimWriter<IO>>>,
    served: u64,
    /// When keep-alive ends, where that is bounded.
    expires: Option<Instant>,
}

impl<'a, IO: AsyncRead + AsyncWrite + Unpin + Send + 'static> Connection<'a, IO> {
    fn new(
        io: IO,
        read_ahead: BytesMut,
        conn: Arc<Conn>,
        handler: &'a dyn Handler,
        options: &'a ServerOptions,
        stop: &CancellationToken,
    ) -> Self {
        let timeouts = [options.read_timeout, options.write_timeout, options.idle_timeout];
        let period = timeouts.into_iter().filter(|timeout| !timeout.is_zero()).min();
        let mut clock = Clock::new(period.unwrap_or(Duration::MAX));
        // The first request must begin to come as soon as any other must be complete, as in Go.
        clock.read_by = after(options.read_timeout).or_else(|| after(options.idle_timeout));
        Connection {
            shared: Arc::new(Shared(parking_lot::Mutex::new(State::new(Wire::new(io, read_ahead))))),
            conn,
            handler,
            options,
            stop: Stop::new(stop),
            clock,
            scan: HeadScan::default(),
            in_head: true,
            refused: None,
            interim: None,
            served: 0,
            expires: after(options.keep_alive_max_time),
        }
    }

    /// Reads the next head and calls the handler.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn<'a>> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.0.lock();
        loop {
            let limits = Limits { bytes: self.options.max_header_bytes, fields: MAX_FIELDS };
            match read_request(&mut state.wire.input, &mut self.scan, limits) {
                Ok(Some(head)) => {
                    let request = self.request(&mut state, head);
                    drop(state);
                    return Poll::Ready(Turn::Serve(self.call(request)));
                }
                Ok(None) => {}
                Err(reject) => {
                    self.refused = Some(reject);
                    return Poll::Ready(Turn::Close);
                }
            }
            if state.wire.eof {
                return Poll::Ready(Turn::Close);
            }
            match state.wire.poll_fill(cx, 0) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Turn::Close),
                Poll::Pending => break,
            }
        }
        let idle = state.wire.input.is_empty();
        drop(state);
        self.poll_between(idle, cx)
    }

    /// Waits between exchanges, or inside a head.
    fn poll_between(&mut self, idle: bool, cx: &mut Context<'_>) -> Poll<Turn<'a>> {
        if idle && self.stop.poll(cx).is_ready() {
            return Poll::Ready(Turn::Close);
        }
        if !idle && !self.in_head {
            self.in_head = true;
            self.clock.read_by = after(self.options.read_timeout);
        } else if idle && self.clock.read_by.is_none() {
            self.clock.read_by = after(self.options.idle_timeout);
        }
        ready!(self.clock.poll(cx));
        if let (false, Some(on_reject)) = (idle, &self.options.on_reject) {
            on_reject(&self.conn, StatusCode::REQUEST_TIMEOUT);
        }
        Poll::Ready(Turn::Close)
    }

    fn request(&mut self, state: &mut State<IO>, head: RequestHead) -> (Request, ResponseFacts) {
        self.clock.read_by = None;
        self.clock.write_by = after(self.options.write_timeout);
        self.in_head = false;
        self.served += 1;
        state.begin(head.framing, head.expects_continue);
        let facts = ResponseFacts {
            http10: head.version == Version::HTTP_10,
            to_head: head.method == Method::HEAD,
            keep_alive: head.keep_alive,
        };
        let body = self.body(state, head.framing);
        let interim = (!facts.http10).then(|| self.interim(state.exchange));
        let request = Request {
            method: head.method,
            uri: head.uri,
            version: head.version,
            headers: head.headers,
            body,
            conn: Arc::clone(&self.conn),
            interim,
            extensions: http::Extensions::new(),
            watched: false,
        };
        (request, facts)
    }

    /// The writer of interim responses: that of the exchange before, unless somebody still holds it.
    fn interim(&mut self, exchange: u64) -> Arc<dyn Interim> {
        let shared = &self.shared;
        let new = || Arc::new(InterimWriter { shared: Arc::clone(shared), exchange });
        let writer = self.interim.get_or_insert_with(new);
        match Arc::get_mut(writer) {
            Some(writer) => writer.exchange = exchange,
            None => *writer = new(),
        }
        Arc::clone(writer) as Arc<dyn Interim>
    }

    /// The body at hand when all of it is there, else a stream.
    fn body(&mut self, state: &mut State<IO>, framing: Framing) -> Body {
        let hint = match framing {
            Framing::None => return Body::Empty,
            Framing::Length(length) if length <= state.wire.input.len() as u64 => {
                state.decoder = BodyDecoder::new(Framing::None);
                state.request_bytes = length;
                return Body::Full(take_front(&mut state.wire.input, length as usize));
            }
            Framing::Length(length) => SizeHint::with_exact(length),
            Framing::Chunked | Framing::UntilClose => SizeHint::new(),
        };
        self.clock.read_by = after(self.options.read_timeout);
        Body::stream(RequestBody { shared: Arc::clone(&self.shared), exchange: state.exchange, hint })
    }

    fn call(&mut self, (request, facts): (Request, ResponseFacts)) -> Exchange<'a> {
        Exchange { future: self.handler.call(request), facts }
    }

    /// Runs one exchange; false when the connection has ended with it.
    async fn exchange(&mut self, exchange: Exchange<'a>) -> bool {
        let Exchange { mut future, facts } = exchange;
        let response = poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            Poll::Pending => self.poll_watch(cx).map(|()| None),
        })
        .await;
        drop(future);
        let Some(response) = response else {
            return false;
        };
        self.send(response, facts).await
    }

    /// Works on what goes on beside the handler and the response body: what waits is written, deadlines are kept, and
    /// pipelined bytes are read. Ready when the client is gone or too slow.
    fn poll_watch(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.0.lock();
        let state = &mut *state;
        remember(&mut state.connection, cx);
        if !state.wire.output.is_empty() && matches!(state.wire.poll_flush(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(());
        }
        while state.decoder.is_done() && !state.wire.eof && state.wire.input.len() < PIPELINED {
            match state.wire.poll_fill(cx, 0) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        loop {
            match ready!(self.clock.poll(cx)) {
                Expired::Write => return Poll::Ready(()),
                Expired::Read if state.decoder.is_done() => {}
                Expired::Read => drop(state.fail(Fault::ClientTimeout)),
            }
        }
    }

    /// Whether this exchange may be followed by another one, as far as the server is concerned.
    fn may_continue(&self) -> bool {
        let limit = self.options.keep_alive_max_requests;
        (limit == 0 || self.served < limit)
            && self.expires.is_none_or(|expires| Instant::now() < expires)
            && !self.stop.is_wished()
    }

    /// Reads what is left of the request body, within bounds; false when the connection cannot go on.
    async fn finish_request(&mut self) -> bool {
        if self.shared.0.lock().decoder.is_done() {
            self.clock.read_by = None;
            self.clock.write_by = None;
            return true;
        }
        if self.shared.0.lock().decoder.exact_remaining().is_some_and(|left| left > DRAIN) {
            return false;
        }
        self.clock.write_by = None;
        if self.clock.read_by.is_none() {
            self.clock.read_by = after(self.options.idle_timeout);
        }
        let mut left = DRAIN;
        let drained = poll_fn(|cx| self.poll_drain(&mut left, cx)).await;
        self.clock.read_by = None;
        drained
    }

    fn poll_drain(&mut self, left: &mut u64, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.shared.0.lock();
        while let Poll::Ready(decoded) = state.poll_body(cx) {
            match decoded {
                Ok(Decoded::Data(data)) if data.len() as u64 <= *left => *left -= data.len() as u64,
                Ok(Decoded::Trailers(_)) => {}
                Ok(Decoded::End) => return Poll::Ready(true),
                Ok(Decoded::Data(_) | Decoded::Partial) | Err(_) => return Poll::Ready(false),
            }
        }
        drop(state);
        self.clock.poll(cx).map(|_| false)
    }

    /// Closes in order, after the answer to a refused request if there is one.
    async fn close(&mut self) {
        let Some(reject) = self.refused.take() else {
            let _ = tokio::time::timeout(LINGER, self.shut_down()).await;
            return;
        };
        if let Some(on_reject) = &self.options.on_reject {
            on_reject(&self.conn, reject.status());
        }
        encode_refusal(self.shared.0.lock().wire.output.buffer(), reject);
        self.linger().await;
    }

    /// Closes our side, then reads and forgets what the client still sends, so that the kernel does not reset the
    /// connection before the client has read our answer.
    async fn linger(&mut self) {
        let _ = tokio::time::timeout(LINGER, async {
            if self.shut_down().await.is_err() {
                return;
            }
            let mut left = DRAIN;
            poll_fn(|cx| {
                let mut state = self.shared.0.lock();
                loop {
                    state.wire.input = BytesMut::new();
                    match ready!(state.wire.poll_fill(cx, 0)) {
                        Ok(count) if count > 0 && left > 0 => left = left.saturating_sub(count as u64),
                        _ => return Poll::Ready(()),
                    }
                }
            })
            .await;
        })
        .await;
    }

    async fn shut_down(&self) -> io::Result<()> {
        poll_fn(|cx| self.shared.0.lock().wire.poll_flush(cx)).await?;
        poll_fn(|cx| {
            let mut state = self.shared.0.lock();
            std::pin::Pin::new(&mut state.wire.io).poll_shutdown(cx)
        })
        .await
    }
}

/// Now and a time-out, where there is one.
fn after(timeout: Duration) -> Option<Instant> {
    if timeout.is_zero() { None } else { Instant::now().checked_add(timeout) }
}
