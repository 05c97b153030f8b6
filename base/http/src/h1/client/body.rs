//! The response body, with the connection it comes from.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite};

use super::sending::Sending;
use super::{BodyDecoder, Connection};
use crate::h1::codec::{Decoded, Framing};
use crate::{Body, Error, Fault};

/// A response body that was not at hand with its head.
pub(super) struct ResponseBody<IO, R> {
    decoder: BodyDecoder,
    /// Until the end of the exchange.
    rest: Option<Rest<IO, R>>,
}

struct Rest<IO, R> {
    connection: Connection<IO>,
    sending: Sending,
    keep: bool,
    reuse: R,
}

impl<IO, R> ResponseBody<IO, R>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: FnOnce(Connection<IO>) + Send + 'static,
{
    pub(super) fn new(
        connection: Connection<IO>,
        framing: Framing,
        sending: Sending,
        keep: bool,
        reuse: R,
    ) -> Self {
        let rest = Some(Rest { connection, sending, keep, reuse });
        ResponseBody { decoder: BodyDecoder::new(framing), rest }
    }

    pub(super) fn into_body(self) -> Body {
        Body::Stream(Box::pin(self))
    }

    /// Sends what is left of the request, then reads.
    fn poll_decoded(&mut self, cx: &mut Context<'_>) -> Poll<Result<Decoded, Error>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(Ok(Decoded::End));
        };
        let Connection { wire, .. } = &mut rest.connection;
        // A request that fails now, fails alone: the server has answered without it.
        if let Poll::Ready(Err(_)) = rest.sending.poll_send(wire, false, cx) {
            rest.sending.abandon();
        }
        loop {
            match self.decoder.decode(&mut wire.input) {
                Ok(Decoded::Partial) => {}
                Ok(decoded) => return Poll::Ready(Ok(decoded)),
                Err(broken) => return Poll::Ready(Err(Error::new(Fault::Protocol, broken.to_string()))),
            }
            if wire.eof {
                return Poll::Ready(self.at_close());
            }
            if let Err(error) = ready!(wire.poll_fill(cx, self.decoder.remaining())) {
                let cause = format!("the server broke the connection within the response body: {error}");
                return Poll::Ready(Err(Error::new(Fault::Closed, cause)));
            }
        }
    }

    fn at_close(&self) -> Result<Decoded, Error> {
        if self.decoder.ends_at_close() {
            return Ok(Decoded::End);
        }
        Err(Error::new(Fault::Closed, "the server closed the connection within the response body"))
    }

    /// Ends the exchange: the connection goes back if it can carry another one.
    fn end(&mut self) {
        let Some(Rest { connection, sending, keep, reuse }) = self.rest.take() else {
            return;
        };
        let sent = !sending.is_open() && connection.wire.output.is_empty();
        if keep && sent && self.decoder.is_done() && connection.is_clean() {
            reuse(connection);
        }
    }
}

impl<IO, R> HttpBody for ResponseBody<IO, R>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: FnOnce(Connection<IO>) + Send + 'static,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        match ready!(this.poll_decoded(cx)) {
            Ok(Decoded::Data(data)) => {
                if this.decoder.is_done() {
                    this.end();
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Ok(Decoded::Trailers(fields)) => {
                this.end();
                Poll::Ready(Some(Ok(Frame::trailers(fields))))
            }
            Ok(Decoded::End | Decoded::Partial) => {
                this.end();
                Poll::Ready(None)
            }
            Err(error) => {
                this.rest = None;
                Poll::Ready(Some(Err(error.after_sending())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.decoder.exact_remaining().map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl<IO, R> Unpin for ResponseBody<IO, R> {}
