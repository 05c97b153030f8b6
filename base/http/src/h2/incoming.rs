//! Frames of a stream as a body: data, then trailers. The window is given back as data is taken, not before.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// The receiving half of a stream.
pub(super) struct Incoming {
    stream: RecvStream,
    data_ended: bool,
    ended: bool,
    /// Declared bytes still to come.
    left: Option<u64>,
}

impl Incoming {
    /// `length` is the declared one; the frame machine checks it against the data.
    pub(super) fn new(stream: RecvStream, length: Option<u64>) -> Self {
        let ended = stream.is_end_stream();
        Incoming { stream, data_ended: false, ended, left: length }
    }

    /// Reads no further.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended || self.stream.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if self.ended => SizeHint::with_exact(0),
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if !self.data_ended {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(data)) => return Poll::Ready(Some(self.take(data).map(Frame::data))),
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.data_ended = true,
            }
        }
        let trailers = ready!(self.stream.poll_trailers(cx));
        self.ended = true;
        Poll::Ready(trailers.transpose().map(|trailers| trailers.map(Frame::trailers)))
    }

    fn take(&mut self, data: Bytes) -> Result<Bytes, h2::Error> {
        self.stream.flow_control().release_capacity(data.len())?;
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        Ok(data)
    }
}

/// A point in time whose timer is only made when somebody has to wait.
pub(crate) struct Deadline {
    at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// `limit` from now; zero means never.
    pub(crate) fn after(limit: Duration) -> Self {
        let at = (!limit.is_zero()).then(|| Instant::now().checked_add(limit)).flatten();
        Deadline { at, timer: None }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        timer.as_mut().poll(cx)
    }
}
