//! One connection, whatever carries it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Anything that carries bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A byte stream with the two addresses it connects.
pub struct Stream {
    carrier: Carrier,
    /// Bytes read from the carrier too early: they are read again before it is.
    ahead: Bytes,
    peer: SocketAddr,
    local: SocketAddr,
}

enum Carrier {
    Tcp(TcpStream),
    ServerTls(Box<tokio_rustls::server::TlsStream<Stream>>),
    ClientTls(Box<tokio_rustls::client::TlsStream<Stream>>),
    Other(Box<dyn Duplex>),
}

impl Stream {
    /// A TCP connection whose addresses are known already.
    #[must_use]
    pub fn tcp(tcp: TcpStream, peer: SocketAddr, local: SocketAddr) -> Self {
        Self { carrier: Carrier::Tcp(tcp), ahead: Bytes::new(), peer, local }
    }

    /// A TCP connection; asks the socket for its addresses.
    pub fn from_tcp(tcp: TcpStream) -> io::Result<Self> {
        let (peer, local) = (tcp.peer_addr()?, tcp.local_addr()?);
        Ok(Self::tcp(tcp, peer, local))
    }

    /// Any other carrier, such as an in-memory pipe.
    #[must_use]
    pub fn other(carrier: impl Duplex + 'static, peer: SocketAddr, local: SocketAddr) -> Self {
        Self { carrier: Carrier::Other(Box::new(carrier)), ahead: Bytes::new(), peer, local }
    }

    pub(crate) fn server_tls(tls: tokio_rustls::server::TlsStream<Self>) -> Self {
        let (peer, local) = (tls.get_ref().0.peer, tls.get_ref().0.local);
        Self { carrier: Carrier::ServerTls(Box::new(tls)), ahead: Bytes::new(), peer, local }
    }

    pub(crate) fn client_tls(tls: tokio_rustls::client::TlsStream<Self>) -> Self {
        let (peer, local) = (tls.get_ref().0.peer, tls.get_ref().0.local);
        Self { carrier: Carrier::ClientTls(Box::new(tls)), ahead: Bytes::new(), peer, local }
    }

    /// The other end: the socket's peer, or what a PROXY header said.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Our end: the socket's address, or what a PROXY header said.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The same connection with the addresses that a PROXY header named.
    #[must_use]
    pub fn with_addresses(mut self, peer: SocketAddr, local: SocketAddr) -> Self {
        self.peer = peer;
        self.local = local;
        self
    }

    /// Puts back `bytes` that were read too early: the next reads give them first.
    #[must_use]
    pub fn with_read_ahead(mut self, bytes: Bytes) -> Self {
        self.ahead = if self.ahead.is_empty() {
            bytes
        } else {
            Bytes::from([bytes.as_ref(), self.ahead.as_ref()].concat())
        };
        self
    }

    /// The byte that the next read will give first; `None` at the end of the stream.
    pub(crate) async fn first_byte(&mut self) -> io::Result<Option<u8>> {
        if let Some(&byte) = self.ahead.first() {
            return Ok(Some(byte));
        }
        let mut byte = [0; 1];
        if let Carrier::Tcp(tcp) = &self.carrier {
            return Ok((tcp.peek(&mut byte).await? > 0).then_some(byte[0]));
        }
        let n = self.read(&mut byte).await?;
        self.ahead = Bytes::copy_from_slice(&byte[..n]);
        Ok((n > 0).then_some(byte[0]))
    }

    /// Turns Nagle's algorithm off or on; a carrier without a socket ignores it.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket().map_or(Ok(()), |tcp| tcp.set_nodelay(nodelay))
    }

    /// The TCP socket at the bottom, when there is one.
    #[must_use]
    pub fn socket(&self) -> Option<&TcpStream> {
        match &self.carrier {
            Carrier::Tcp(tcp) => Some(tcp),
            Carrier::ServerTls(tls) => tls.get_ref().0.socket(),
            Carrier::ClientTls(tls) => tls.get_ref().0.socket(),
            Carrier::Other(_) => None,
        }
    }

    /// Whether TLS protects the stream.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.carrier, Carrier::ServerTls(_) | Carrier::ClientTls(_))
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let carrier = match self.carrier {
            Carrier::Tcp(_) => "tcp",
            Carrier::ServerTls(_) | Carrier::ClientTls(_) => "tls",
            Carrier::Other(_) => "other",
        };
        write!(f, "Stream({carrier} {} -> {})", self.peer, self.local)
    }
}

/// Calls a poll method on whichever carrier it is.
macro_rules! carrier {
    ($self:ident, $io:ident => $call:expr) => {
        match &mut $self.get_mut().carrier {
            Carrier::Tcp(io) => {
                let $io = Pin::new(io);
                $call
            }
            Carrier::ServerTls(io) => {
                let $io = Pin::new(io.as_mut());
                $call
            }
            Carrier::ClientTls(io) => {
                let $io = Pin::new(io.as_mut());
                $call
            }
            Carrier::Other(io) => {
                let $io = Pin::new(io.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let n = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead[..n]);
            self.ahead.advance(n);
            return Poll::Ready(Ok(()));
        }
        carrier!(self, io => io.poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        carrier!(self, io => io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        carrier!(self, io => io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.carrier {
            Carrier::Tcp(io) => io.is_write_vectored(),
            Carrier::ServerTls(io) => io.is_write_vectored(),
            Carrier::ClientTls(io) => io.is_write_vectored(),
            Carrier::Other(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        carrier!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        carrier!(self, io => io.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn what_was_read_too_early_is_read_again_first() {
        let at: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let (mut near, far) = tokio::io::duplex(64);
        near.write_all(b"rest").await.unwrap();
        drop(near);
        let late = Stream::other(far, at, at).with_read_ahead(Bytes::from_static(b"late "));
        let mut stream = late.with_read_ahead(Bytes::from_static(b"early "));
        assert_eq!(stream.first_byte().await.unwrap(), Some(b'e'));
        let mut small = [0; 3];
        stream.read_exact(&mut small).await.unwrap();
        assert_eq!(&small, b"ear");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "ly late rest");
        assert_eq!(stream.first_byte().await.unwrap(), None, "the end");
        assert!(stream.set_nodelay(true).is_ok() && stream.socket().is_none() && !stream.is_tls());
    }

    #[tokio::test]
    async fn a_socket_keeps_its_addresses_and_options() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let local = tcp.local_addr().unwrap();
        let stream = Stream::from_tcp(tcp).unwrap();
        assert_eq!((stream.peer(), stream.local()), (listener.local_addr().unwrap(), local));
        stream.set_nodelay(true).unwrap();
        assert!(stream.socket().unwrap().nodelay().unwrap());
        assert!(stream.is_write_vectored());
        let said: SocketAddr = "192.0.2.1:9".parse().unwrap();
        assert_eq!(stream.with_addresses(said, local).peer(), said);
    }
}
