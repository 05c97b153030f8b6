//! Joins two byte streams after an upgrade: both ways, half-closes kept, no buffer held while nothing waits.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const READ: usize = 16 * 1024;

/// One direction of a tunnel.
#[derive(Default)]
pub(super) struct Way {
    /// Read and not written yet; at most one read.
    waiting: BytesMut,
    unflushed: bool,
    read_ended: bool,
    ended: bool,
    /// Bytes written.
    pub(super) count: u64,
}

impl Way {
    /// A direction that begins with bytes at hand.
    pub(super) fn new(read_ahead: BytesMut) -> Self {
        Way { waiting: read_ahead, ..Way::default() }
    }

    /// Copies until the source ends, then ends the sink's writing side.
    pub(super) fn poll_copy<R, W>(
        &mut self,
        from: &mut R,
        to: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        while !self.ended {
            ready!(self.poll_write_waiting(to, cx))?;
            if self.read_ended {
                ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.ended = true;
                break;
            }
            if self.poll_read(from, to, cx)?.is_pending() {
                if self.unflushed {
                    ready!(Pin::new(&mut *to).poll_flush(cx))?;
                    self.unflushed = false;
                }
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_waiting<W: AsyncWrite + Unpin + ?Sized>(
        &mut self,
        to: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let count = ready!(Pin::new(&mut *to).poll_write(cx, &self.waiting))?;
            self.wrote(count)?;
            self.waiting.advance(count);
            if self.waiting.is_empty() {
                self.waiting = BytesMut::new();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once and writes what it can; only the rest is kept.
    fn poll_read<R, W>(&mut self, from: &mut R, to: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        let mut space = [const { MaybeUninit::<u8>::uninit() }; READ];
        let mut read = ReadBuf::uninit(&mut space);
        ready!(Pin::new(from).poll_read(cx, &mut read))?;
        let bytes = read.filled();
        if bytes.is_empty() {
            self.read_ended = true;
            return Poll::Ready(Ok(()));
        }
        let count = match Pin::new(to).poll_write(cx, bytes)? {
            Poll::Ready(count) => {
                self.wrote(count)?;
                count
            }
            Poll::Pending => 0,
        };
        self.waiting.extend_from_slice(&bytes[count..]);
        Poll::Ready(Ok(()))
    }

    fn wrote(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.unflushed = true;
        self.count += count as u64;
        Ok(())
    }
}

/// Copies both ways as far as possible; ready when both have ended or one has failed.
pub(super) fn poll_join<A, B>(
    client: &mut A,
    far: &mut B,
    out: &mut Way,
    back: &mut Way,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    let outward = out.poll_copy(client, far, cx)?;
    let inward = back.poll_copy(far, client, cx)?;
    if outward.is_ready() && inward.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
}

/// The far side of an upgrade: a stream whose first bytes were read with the response head.
pub(super) struct Upgraded<IO> {
    io: IO,
    read_ahead: BytesMut,
}

impl<IO> Upgraded<IO> {
    pub(super) fn new(io: IO, read_ahead: BytesMut) -> Self {
        Upgraded { io, read_ahead }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Upgraded<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_ahead.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let count = self.read_ahead.len().min(buf.remaining());
        buf.put_slice(&self.read_ahead[..count]);
        self.read_ahead.advance(count);
        if self.read_ahead.is_empty() {
            self.read_ahead = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Upgraded<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
