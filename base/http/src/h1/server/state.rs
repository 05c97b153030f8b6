//! What the connection, the body of its current request and the writer of interim responses share.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};

use super::clock::remember;
use crate::h1::codec::{BodyDecoder, Decoded, Framing, encode_interim};
use crate::h1::wire::Wire;
use crate::{Error, Fault, Interim};

/// Interim responses wait up to this many bytes; further ones are left out, as nobody relies on them.
const WAITING_INTERIMS: usize = 16 * 1024;

/// The shared state. All its users are polled by one task at nearly all times, so the lock is hardly ever contended; it
/// is never held while foreign code runs.
pub(super) struct Shared<IO>(pub(super) Mutex<State<IO>>);

pub(super) struct State<IO> {
    pub(super) wire: Wire<IO>,
    /// Number of the current exchange; bodies and interim writers of earlier ones are dead.
    pub(super) exchange: u64,
    /// Decoder of the current request's body.
    pub(super) decoder: BodyDecoder,
    /// The client waits for `100 Continue`.
    pub(super) expects_continue: bool,
    /// The final head is written: nothing interim may follow.
    pub(super) answered: bool,
    /// Why the request body cannot be read further.
    pub(super) fault: Option<Fault>,
    /// Bytes of the request body that were read.
    pub(super) request_bytes: u64,
    /// Whoever waits for the request body.
    pub(super) reader: Option<Waker>,
    /// The connection.
    pub(super) connection: Option<Waker>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> State<IO> {
    pub(super) fn new(wire: Wire<IO>) -> Self {
        State {
            wire,
            exchange: 0,
            decoder: BodyDecoder::new(Framing::None),
            expects_continue: false,
            answered: false,
            fault: None,
            request_bytes: 0,
            reader: None,
            connection: None,
        }
    }

    /// Prepares for the next exchange.
    pub(super) fn begin(&mut self, framing: Framing, expects_continue: bool) {
        self.exchange += 1;
        self.decoder = BodyDecoder::new(framing);
        self.expects_continue = expects_continue;
        self.answered = false;
        self.fault = None;
        self.request_bytes = 0;
    }

    /// Ends the request body for its reader.
    pub(super) fn fail(&mut self, fault: Fault) -> Error {
        let fault = *self.fault.get_or_insert(fault);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Error::new(
            fault,
            match fault {
                Fault::ClientTimeout => "the request body took too long",
                Fault::BadRequest => "malformed chunked body",
                _ => "the client closed the connection before the end of the request body",
            },
        )
    }

    /// Reads the next piece of the request body, whoever asks.
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Decoded, Error>> {
        if let Some(fault) = self.fault {
            return Poll::Ready(Err(self.fail(fault)));
        }
        loop {
            match self.decoder.decode(&mut self.wire.input) {
                Ok(Decoded::Partial) => {}
                Ok(decoded) => return Poll::Ready(Ok(decoded)),
                Err(_) => return Poll::Ready(Err(self.fail(Fault::BadRequest))),
            }
            if self.wire.eof {
                return Poll::Ready(Err(self.fail(Fault::ClientGone)));
            }
            let expected = self.decoder.remaining();
            if ready!(self.wire.poll_fill(cx, expected)).is_err() {
                return Poll::Ready(Err(self.fail(Fault::ClientGone)));
            }
        }
    }

    fn continue_if_expected(&mut self, cx: &mut Context<'_>) {
        if std::mem::take(&mut self.expects_continue) && !self.answered && !self.decoder.is_done() {
            self.wire.output.buffer().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            self.flush_early(cx);
        }
    }

    /// Writes what waits, and leaves what cannot be written now to the connection.
    fn flush_early(&mut self, cx: &mut Context<'_>) {
        let flushed: Poll<io::Result<()>> = self.wire.poll_flush(cx);
        if !matches!(flushed, Poll::Ready(Ok(()))) {
            self.wake_connection();
        }
    }

    fn wake_connection(&self) {
        if let Some(connection) = &self.connection {
            connection.wake_by_ref();
        }
    }
}

/// The body of a request that was not complete when its head was.
pub(super) struct RequestBody<IO> {
    pub(super) shared: Arc<Shared<IO>>,
    pub(super) exchange: u64,
    pub(super) hint: SizeHint,
}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static> HttpBody for RequestBody<IO> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let mut state = this.shared.0.lock();
        if state.exchange != this.exchange {
            return Poll::Ready(Some(Err(Error::new(Fault::ClientGone, "the exchange is over"))));
        }
        state.continue_if_expected(cx);
        match state.poll_body(cx) {
            Poll::Pending => {
                remember(&mut state.reader, cx);
                Poll::Pending
            }
            Poll::Ready(Ok(Decoded::Data(data))) => {
                state.request_bytes += data.len() as u64;
                this.hint = state.decoder.exact_remaining().map_or_else(SizeHint::new, SizeHint::with_exact);
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Ok(Decoded::Trailers(fields))) => Poll::Ready(Some(Ok(Frame::trailers(fields)))),
            Poll::Ready(Ok(Decoded::End | Decoded::Partial)) => Poll::Ready(None),
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }

    fn is_end_stream(&self) -> bool {
        self.hint.exact() == Some(0)
    }
}

/// Writes interim responses of one exchange.
pub(super) struct InterimWriter<IO> {
    pub(super) shared: Arc<Shared<IO>>,
    pub(super) exchange: u64,
}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static> Interim for InterimWriter<IO> {
    fn send(&self, status: StatusCode, headers: &HeaderMap) {
        let mut state = self.shared.0.lock();
        let alive = state.exchange == self.exchange && !state.answered;
        let final_or_ours = !status.is_informational() || matches!(status.as_u16(), 100 | 101);
        if alive && !final_or_ours && state.wire.output.waiting() < WAITING_INTERIMS {
            encode_interim(state.wire.output.buffer(), status, headers);
            state.wake_connection();
        }
    }
}
