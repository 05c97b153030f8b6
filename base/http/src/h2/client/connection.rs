//! A connection to a backend, from its preface to its end.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{MAX_STREAMS, unseen};
use crate::{Error, Fault};

/// Window of one response body: what a slow client makes us hold for it.
const STREAM_WINDOW: u32 = 256 << 10;
/// Window of a connection: all streams at once, so that slow readers of some never stall the others.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MAX_STREAMS as u32;
/// Header list of one response, as Go's transport takes it.
const MAX_HEADER_LIST: u32 = 10 << 20;
/// How a silent connection is probed.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeepAlive {
    /// After this long without a frame a ping is sent (at most twice as long); zero never pings.
    pub read_idle: Duration,
    /// How long the answer to a ping may take; then the connection is closed.
    pub ping: Duration,
}

/// Exchanges prefaces.
pub(super) async fn greet<T>(io: T) -> Result<(SendRequest<Bytes>, Connection<T, Bytes>), Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (sender, mut connection) =
        builder().handshake::<_, Bytes>(io).await.map_err(|error| unseen(&error))?;
    poll_fn(|cx| {
        if let Poll::Ready(result) = Pin::new(&mut connection).poll(cx) {
            return Poll::Ready(Err(result.err().map_or_else(no_settings, |error| unseen(&error))));
        }
        // 0 until the first settings are in, see `builder`.
        if sender.current_max_send_streams() == 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
    })
    .await?;
    Ok((sender, connection))
}

pub(super) fn no_settings() -> Error {
    Error::new(Fault::ConnectTimeout, "no HTTP/2 settings from the backend")
}

fn builder() -> h2::client::Builder {
    let mut builder = h2::client::Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADER_LIST)
        .enable_push(false)
        .initial_max_send_streams(0)
        .max_send_buffer_size(crate::h2::SEND_BUFFER)
        .max_concurrent_reset_streams(crate::h2::REMEMBERED_RESETS)
        .max_local_error_reset_streams(Some(crate::h2::FORCED_RESETS));
    builder
}

/// Runs the connection until it closes or a ping stays unanswered.
pub(super) async fn drive<T>(mut connection: Connection<T, Bytes>, keep_alive: KeepAlive, heard: &AtomicBool)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let result = match connection.ping_pong() {
        Some(pings) if !keep_alive.read_idle.is_zero() => {
            let mut probe = pin!(probe(pings, keep_alive, heard));
            tokio::select! {
                result = connection => result,
                () = &mut probe => return tracing::debug!("backend did not answer a ping, connection closed"),
            }
        }
        _ => connection.await,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "HTTP/2 connection to a backend failed");
    }
}

/// Pings when nothing was heard; returns when a ping stays unanswered.
async fn probe(mut pings: PingPong, keep_alive: KeepAlive, heard: &AtomicBool) {
    loop {
        tokio::time::sleep(keep_alive.read_idle).await;
        if heard.swap(false, Ordering::Relaxed) {
            continue;
        }
        match tokio::time::timeout(keep_alive.ping, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// Notes that bytes arrived.
pub(super) struct Heard<T> {
    pub(super) io: T,
    pub(super) heard: Arc<AtomicBool>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Heard<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let result = ready!(Pin::new(&mut self.io).poll_read(cx, buf));
        self.heard.store(true, Ordering::Relaxed);
        Poll::Ready(result)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Heard<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
