//! The client side of one connection.
//!
//! [`Connection::exchange`] writes a request and reads the response head in the caller's future; the response body then
//! carries the connection with it and, at its end, hands it back for the next exchange. While a response is awaited or
//! read, the rest of the request body is sent by whoever polls.

mod body;
mod sending;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, Method, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use self::body::ResponseBody;
use self::sending::Sending;
use super::MAX_FIELDS;
use super::codec::{
    BodyDecoder, Framing, HeadScan, Limits, ResponseHead, encode_request, read_response, take_front,
};
use super::tunnel::Upgraded;
use super::wire::Wire;
use crate::{Body, Error, Fault, Interim, Response};

/// Bytes of a response head, as in Go's transport.
const HEAD: usize = 1 << 20;
/// Interim responses before the final one. Go's transport takes a handful; nobody sends more.
const INTERIMS: u32 = 32;
/// How long a server may take to answer `Expect: 100-continue` before the body is sent anyway, as in Traefik.
const CONTINUE: Duration = Duration::from_secs(1);

/// A connection to a server, between exchanges.
pub struct Connection<IO> {
    /// Boxed, because every exchange moves the connection about.
    wire: Box<Wire<IO>>,
    /// Exchanges that were begun.
    exchanges: u64,
}

/// A failed exchange.
#[derive(Debug)]
pub struct Failed {
    /// What happened; `sent` says whether a byte of the request was written.
    pub error: Error,
    /// The connection had served before, and ended without a byte of a response: most likely the server had closed it
    /// as idle when the request was on its way. A request that may be repeated can be tried on another connection.
    pub stale: bool,
    /// The request body, when nothing of it was taken.
    pub body: Option<Body>,
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static> Connection<IO> {
    /// A connection on which nothing was sent.
    pub fn new(io: IO) -> Self {
        Connection { wire: Box::new(Wire::new(io, BytesMut::new())), exchanges: 0 }
    }

    /// The stream, for facts about it.
    pub fn io(&self) -> &IO {
        &self.wire.io
    }

    /// How many exchanges were begun.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// Sends the next head at once: whoever sends many in one go has no need to let others be read first.
    pub fn skip_turn(&mut self) {
        self.wire.skip_turn();
    }

    /// Whether the server has closed the connection, or sent what nobody asked for. Does not wait.
    pub fn is_stale(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.wire.eof || !self.wire.input.is_empty() || self.wire.poll_fill(&mut cx, 0).is_ready()
    }

    /// Sends a request and reads the response head. `target` is a valid request target, of a parsed URI. `headers` are as they shall be sent, `connection` and `upgrade`
    /// included; `host` comes first, and framing is ours to write. Interim responses go to `interim`. `reuse` gets
    /// the connection when the exchange is over and both sides keep it open, at the latest with the last frame of the
    /// response body; else it is dropped. With status 101, the response holds the connection as its tunnel.
    ///
    /// # Errors
    /// [`Failed`] when no response head came; its error is the request body's own when that failed.
    pub async fn exchange<R>(
        mut self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: Body,
        interim: Option<&dyn Interim>,
        reuse: R,
    ) -> Result<Response, Failed>
    where
        R: FnOnce(Connection<IO>) + Send + 'static,
    {
        self.exchanges += 1;
        let plan = encode_request(self.wire.output.buffer(), method, target, headers, body.exact_len());
        let mut sending = Sending::new(body, plan);
        let mut awaiting = Awaiting {
            hold: (sending.is_open() && expects_continue(headers))
                .then(|| Box::pin(tokio::time::sleep(CONTINUE))),
            scan: HeadScan::default(),
            interims: 0,
            begun: false,
            to_head: *method == Method::HEAD,
        };
        let read = poll_fn(|cx| awaiting.poll_head(&mut self.wire, &mut sending, interim, cx)).await;
        match read {
            Ok(head) => {
                // The server did not ask for the body that it was offered. One that answers well may still read it.
                if awaiting.hold.is_some() && !head.status.is_success() {
                    sending.abandon();
                }
                Ok(self.respond(head, sending, reuse))
            }
            Err(error) => {
                let stale = self.exchanges > 1 && !awaiting.begun && error.fault == Fault::Closed;
                Err(Failed { error, stale, body: sending.untouched() })
            }
        }
    }

    /// The response to a head that was read.
    fn respond<R>(mut self, head: ResponseHead, sending: Sending, reuse: R) -> Response
    where
        R: FnOnce(Connection<IO>) + Send + 'static,
    {
        let mut response = Response { status: head.status, headers: head.headers, ..Response::default() };
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            let Wire { io, input, .. } = *self.wire;
            response.tunnel = Some(Box::new(Upgraded::new(io, input)));
            return response;
        }
        let sent = !sending.is_open() && self.wire.output.is_empty();
        let keep = head.keep_alive;
        let whole = match head.framing {
            Framing::None => Some(0),
            Framing::Length(length) if length <= self.wire.input.len() as u64 => Some(length as usize),
            _ => None,
        };
        let Some(length) = whole.filter(|length| *length == 0 || sent) else {
            response.body = ResponseBody::new(self, head.framing, sending, keep, reuse).into_body();
            return response;
        };
        if length > 0 {
            response.body = Body::Full(take_front(&mut self.wire.input, length));
        }
        if keep && sent && self.is_clean() {
            reuse(self);
        }
        response
    }

    /// Whether nothing of this exchange is left over. Bytes after a response belong to nobody.
    fn is_clean(&self) -> bool {
        self.wire.input.is_empty() && !self.wire.eof
    }
}

fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// A response head that is awaited.
struct Awaiting {
    /// While this is there, the body is held back for `100 Continue`.
    hold: Option<Pin<Box<Sleep>>>,
    scan: HeadScan,
    interims: u32,
    /// A byte of a response has come.
    begun: bool,
    to_head: bool,
}

impl Awaiting {
    fn poll_head<IO: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        wire: &mut Wire<IO>,
        sending: &mut Sending,
        interim: Option<&dyn Interim>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ResponseHead, Error>> {
        ready!(wire.poll_turn(cx));
        if self.hold.as_mut().is_some_and(|hold| hold.as_mut().poll(cx).is_ready()) {
            self.hold = None;
        }
        loop {
            // A server may answer and close before it has read everything, so that a failed write is not yet the end.
            if let Poll::Ready(Err(error)) = sending.poll_send(wire, self.hold.is_some(), cx) {
                return Poll::Ready(Err(error));
            }
            let held = self.hold.is_some();
            match self.read(wire, interim) {
                Ok(Some(head)) => return Poll::Ready(Ok(head)),
                // The body may go now.
                Ok(None) if held && self.hold.is_none() => continue,
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(sending.mark(error))),
            }
            match wire.poll_fill(cx, 0) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(count)) if count > 0 => self.begun = true,
                Poll::Ready(Ok(_)) => return Poll::Ready(Err(sending.mark(self.closed(None)))),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(sending.mark(self.closed(Some(&error))))),
            }
        }
    }

    /// Takes heads off the input until a final one.
    fn read<IO>(
        &mut self,
        wire: &mut Wire<IO>,
        interim: Option<&dyn Interim>,
    ) -> Result<Option<ResponseHead>, Error> {
        let limits = Limits { bytes: HEAD, fields: MAX_FIELDS };
        while !wire.input.is_empty() {
            let head = read_response(&mut wire.input, &mut self.scan, limits, self.to_head)
                .map_err(|bad| Error::new(Fault::Protocol, bad.to_string()))?;
            let Some(head) = head else {
                return Ok(None);
            };
            if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Some(head));
            }
            self.interims += 1;
            if self.interims > INTERIMS {
                return Err(Error::new(Fault::Protocol, "too many interim responses"));
            }
            if head.status == StatusCode::CONTINUE {
                self.hold = None;
            } else if let Some(interim) = interim {
                interim.send(head.status, &head.headers);
            }
        }
        Ok(None)
    }

    fn closed(&self, error: Option<&std::io::Error>) -> Error {
        let cause = match (error, self.begun) {
            (Some(error), _) => format!("the server broke the connection: {error}"),
            (None, false) => "the server closed the connection without an answer".to_owned(),
            (None, true) => "the server closed the connection within the response head".to_owned(),
        };
        Error::new(Fault::Closed, cause)
    }
}
