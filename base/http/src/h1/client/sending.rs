//! The request on its way out.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::h1::codec::{BodyPlan, encode_last_chunk};
use crate::h1::wire::{Output, Wire};
use crate::{Body, Error, Fault};

/// What is left of a request to send.
pub(super) struct Sending {
    body: Body,
    /// A second copy of a body at hand, for a request that must be repeated.
    replay: Option<Body>,
    plan: BodyPlan,
    left: u64,
    /// More of the body may come.
    open: bool,
    /// Something of a streamed body was taken.
    taken: bool,
    /// Bytes of the request were written.
    wrote: bool,
    /// Writing failed; what the server has answered is still read.
    broken: bool,
}

impl Sending {
    pub(super) fn new(body: Body, plan: BodyPlan) -> Self {
        let left = if let BodyPlan::Length(length) = plan { length } else { 0 };
        let replay = body.replay();
        Sending {
            body,
            replay,
            plan,
            left,
            open: plan != BodyPlan::None,
            taken: false,
            wrote: false,
            broken: false,
        }
    }

    /// Whether some of the body is still to come, or can never be sent.
    pub(super) fn is_open(&self) -> bool {
        self.open || self.broken
    }

    /// The request body, if nothing of it is lost.
    pub(super) fn untouched(self) -> Option<Body> {
        self.replay.or_else(|| (!self.taken).then_some(self.body))
    }

    /// Gives up the rest of the request; the connection is of no further use.
    pub(super) fn abandon(&mut self) {
        self.broken = true;
        self.body = Body::Empty;
    }

    /// Marks an error with whether bytes of the request were written.
    pub(super) fn mark(&self, error: Error) -> Error {
        if self.wrote { error.after_sending() } else { error }
    }

    /// Sends as much as possible; with `hold` only what waits already. Ready when nothing is left to do.
    pub(super) fn poll_send<IO: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        wire: &mut Wire<IO>,
        hold: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if self.broken || (!self.open && wire.output.is_empty()) {
            return Poll::Ready(Ok(()));
        }
        loop {
            let waits = hold || self.pull(&mut wire.output, cx)?;
            let before = wire.output.waiting();
            let flushed = wire.poll_flush(cx);
            self.wrote |= wire.output.waiting() < before;
            match flushed {
                Poll::Ready(Ok(())) if !self.open => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) if waits => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    self.abandon();
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Takes frames while there is room; true when the body has none at the moment.
    fn pull(&mut self, output: &mut Output, cx: &mut Context<'_>) -> Result<bool, Error> {
        while self.open && output.has_room() {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                return Ok(true);
            };
            self.taken = true;
            self.add(frame, output)?;
        }
        Ok(false)
    }

    fn add(&mut self, frame: Option<Result<Frame<Bytes>, Error>>, output: &mut Output) -> Result<(), Error> {
        let trailers = match frame {
            None => None,
            Some(Err(error)) => return Err(error.after_sending()),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => return self.add_data(data, output),
                Err(frame) => frame.into_trailers().ok(),
            },
        };
        self.open = false;
        match self.plan {
            BodyPlan::Chunked => encode_last_chunk(output.buffer(), trailers.as_ref()),
            _ if self.left > 0 => return Err(self.mismatch()),
            _ => {}
        }
        Ok(())
    }

    fn add_data(&mut self, data: Bytes, output: &mut Output) -> Result<(), Error> {
        if data.is_empty() {
            return Ok(());
        }
        if self.plan == BodyPlan::Chunked {
            output.push_chunk(data);
            return Ok(());
        }
        self.left = self.left.checked_sub(data.len() as u64).ok_or_else(|| self.mismatch())?;
        output.push(data);
        Ok(())
    }

    fn mismatch(&self) -> Error {
        Error::new(Fault::Internal, "the request body does not have its declared length").after_sending()
    }
}
