//! A body on its way into a stream, as fast as flow control lets it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;

use crate::{Body, Error, Fault};

/// A body at hand up to this size, one frame at most, is given to the stream without asking for capacity first.
const AT_ONCE: usize = 16 << 10;

/// Sends one body and ends the stream. At most one frame is held outside the granted capacity.
pub(super) struct Outgoing {
    stream: SendStream<Bytes>,
    body: Body,
    /// What is left of the current frame.
    chunk: Bytes,
    /// Bytes handed to the stream.
    sent: u64,
}

/// Why sending stopped.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The other end reset the stream, or the connection is gone.
    Stream,
    /// The body failed; the stream has been reset.
    Body(Error),
}

impl Outgoing {
    pub(super) fn new(stream: SendStream<Bytes>, body: Body) -> Self {
        Outgoing { stream, body, chunk: Bytes::new(), sent: 0 }
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Resets the stream because whoever waits has given up.
    pub(super) fn reset(&mut self, reason: Reason) {
        self.stream.send_reset(reason);
    }

    fn send_whole(&mut self, data: Bytes) -> Result<(), Stopped> {
        self.body = Body::Empty;
        let length = data.len() as u64;
        self.stream.send_data(data, true).map_err(|_| Stopped::Stream)?;
        self.sent = length;
        Ok(())
    }

    /// Hands over the current chunk as far as capacity goes; `true` at the end of the stream.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Stopped>> {
        while !self.chunk.is_empty() {
            self.stream.reserve_capacity(self.chunk.len());
            let mut capacity = self.stream.capacity();
            if capacity == 0 {
                capacity = match ready!(self.stream.poll_capacity(cx)) {
                    Some(Ok(capacity)) => capacity,
                    Some(Err(_)) | None => return Poll::Ready(Err(Stopped::Stream)),
                };
            }
            let piece = self.chunk.split_to(capacity.min(self.chunk.len()));
            let length = piece.len() as u64;
            let last = self.chunk.is_empty() && self.body.is_end_stream();
            self.stream.send_data(piece, last).map_err(|_| Stopped::Stream)?;
            self.sent += length;
            if last {
                return Poll::Ready(Ok(true));
            }
        }
        Poll::Ready(Ok(false))
    }

    /// Takes the next frame; `true` at the end of the stream.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Stopped>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            ready!(self.stream.poll_reset(cx)).map_err(|_| Stopped::Stream)?;
            return Poll::Ready(Err(Stopped::Stream));
        };
        let end = match frame {
            None => self.stream.send_data(Bytes::new(), true),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    self.chunk = data;
                    return Poll::Ready(Ok(false));
                }
                Err(frame) => match frame.into_trailers() {
                    Ok(mut trailers) => {
                        super::strip_connection_headers(&mut trailers);
                        self.stream.send_trailers(trailers)
                    }
                    Err(_) => return Poll::Ready(Ok(false)),
                },
            },
            Some(Err(error)) => {
                self.stream.send_reset(reset_reason(error.fault));
                return Poll::Ready(Err(Stopped::Body(error)));
            }
        };
        Poll::Ready(end.map(|()| true).map_err(|_| Stopped::Stream))
    }
}

impl Future for Outgoing {
    type Output = Result<(), Stopped>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Body::Full(data) = &mut self.body
            && data.len() <= AT_ONCE
        {
            let data = std::mem::take(data);
            return Poll::Ready(self.send_whole(data));
        }
        loop {
            if ready!(self.poll_chunk(cx))? || ready!(self.poll_body(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// How the other end learns that a body failed.
fn reset_reason(fault: Fault) -> Reason {
    match fault {
        Fault::ClientGone => Reason::CANCEL,
        _ => Reason::INTERNAL_ERROR,
    }
}
