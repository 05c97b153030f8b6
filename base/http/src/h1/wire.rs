//! A connection's bytes: what came in and was not used, and what waits to go out.
//!
//! Neither side holds a buffer while it is empty. Heads are read through a buffer on the stack that is larger than most
//! messages (a short read spares the kernel a second call) and kept in exactly their size; bodies of some length are
//! read straight into a large buffer.

use std::future::Future;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::codec::{CHUNK_END, encode_chunk_start};

/// What one read of a head takes at most.
const READ: usize = 16 * 1024;
/// What one read of a long body takes at most.
const BULK: usize = 64 * 1024;
/// Data up to this size is copied behind what waits already, so that it goes out in the same write.
const COPY: usize = 8 * 1024;

/// An IO with its bytes.
pub(super) struct Wire<IO> {
    pub(super) io: IO,
    /// Read, and not used yet.
    pub(super) input: BytesMut,
    /// To be written.
    pub(super) output: Output,
    /// The peer will send nothing more.
    pub(super) eof: bool,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Wire<IO> {
    pub(super) fn new(io: IO, read_ahead: BytesMut) -> Self {
        Wire { io, input: read_ahead, output: Output::default(), eof: false }
    }

    /// Reads once, more at a time when `expected` bytes are still to come. 0 is the end.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>, expected: u64) -> Poll<io::Result<usize>> {
        let count = if expected > READ as u64 {
            ready!(self.poll_fill_bulk(cx, expected))?
        } else {
            let mut space = [const { MaybeUninit::<u8>::uninit() }; READ];
            let mut read = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            self.input.extend_from_slice(read.filled());
            read.filled().len()
        };
        self.eof |= count == 0;
        Poll::Ready(Ok(count))
    }

    fn poll_fill_bulk(&mut self, cx: &mut Context<'_>, expected: u64) -> Poll<io::Result<usize>> {
        let room = usize::try_from(expected).map_or(BULK, |expected| expected.min(BULK));
        self.input.reserve(room);
        let polled = pin!(self.io.read_buf(&mut self.input)).poll(cx);
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        polled
    }

    /// Waits, once for each head that is to go out, until all tasks that are ready now have had their turn. Then what
    /// they have read is answered by writes that follow each other closely: a peer on this machine is woken once for
    /// many, and the way through the kernel is still in the cache.
    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.output.collected.is_empty() || self.output.had_turn {
            return Poll::Ready(());
        }
        self.output.had_turn = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The next head does not wait.
    pub(super) fn skip_turn(&mut self) {
        self.output.had_turn = true;
    }

    /// Writes all that waits.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output.poll_write_to(Pin::new(&mut self.io), cx)
    }
}

/// Bytes on their way out: some collected ones, then one piece of a body by reference, then a constant.
#[derive(Default)]
pub(super) struct Output {
    collected: Vec<u8>,
    written: usize,
    data: Bytes,
    tail: &'static [u8],
    /// The IO may hold bytes that it has taken but not sent.
    unflushed: bool,
    /// What is collected has waited for the others; see [`Wire::poll_turn`].
    had_turn: bool,
}

impl Output {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting() == 0 && !self.unflushed
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.collected.len() - self.written + self.data.len() + self.tail.len()
    }

    /// Whether more may be added now.
    pub(super) fn has_room(&self) -> bool {
        self.data.is_empty() && self.collected.len() < 2 * COPY
    }

    /// Where to write heads; only while [`has_room`](Self::has_room), or nothing of a body waits.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        debug_assert!(self.data.is_empty(), "collected bytes would overtake the body");
        &mut self.collected
    }

    /// Adds a piece of a body.
    pub(super) fn push(&mut self, data: Bytes) {
        self.push_with_tail(data, b"");
    }

    /// Adds a chunk.
    pub(super) fn push_chunk(&mut self, data: Bytes) {
        encode_chunk_start(self.buffer(), data.len());
        self.push_with_tail(data, CHUNK_END);
    }

    fn push_with_tail(&mut self, data: Bytes, tail: &'static [u8]) {
        if data.len() <= COPY {
            let buffer = self.buffer();
            buffer.extend_from_slice(&data);
            buffer.extend_from_slice(tail);
        } else {
            self.data = data;
            self.tail = tail;
        }
    }

    fn poll_write_to<IO: AsyncWrite>(
        &mut self,
        mut io: Pin<&mut IO>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.waiting() > 0 {
            let collected = &self.collected[self.written..];
            let count = if self.data.is_empty() && self.tail.is_empty() {
                ready!(io.as_mut().poll_write(cx, collected))?
            } else {
                let slices = [IoSlice::new(collected), IoSlice::new(&self.data), IoSlice::new(self.tail)];
                let first = slices.iter().take_while(|slice| slice.is_empty()).count();
                ready!(io.as_mut().poll_write_vectored(cx, &slices[first..]))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.take(count);
        }
        if self.unflushed {
            ready!(io.poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn take(&mut self, count: usize) {
        let from_collected = count.min(self.collected.len() - self.written);
        self.written += from_collected;
        let from_data = (count - from_collected).min(self.data.len());
        self.data.advance(from_data);
        self.tail = &self.tail[count - from_collected - from_data..];
        if self.written == self.collected.len() {
            self.collected = Vec::new();
            self.written = 0;
            self.had_turn = false;
        }
        if self.data.is_empty() {
            self.data = Bytes::new();
        }
    }
}
