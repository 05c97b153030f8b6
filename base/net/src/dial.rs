//! Connecting to a host.
//!
//! Addresses are tried in the resolver's order, families taking turns; when one does not answer within
//! [`ATTEMPT_DELAY`] the next is tried beside it (RFC 8305), and the first that connects wins.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::Stream;

/// How long one address may stay silent before the next is tried beside it.
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Keep-alive of outbound connections: idle time and interval, as Go's dialler.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// More addresses than this of one name are not tried.
const MAX_ADDRESSES: usize = 16;

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
#[error("dial {host}:{port}: {source}")]
pub struct DialError {
    /// What kind of failure, for status codes and retries.
    pub kind: DialErrorKind,
    /// Host that was asked for.
    pub host: String,
    /// Port that was asked for.
    pub port: u16,
    /// The operating system's word.
    pub source: io::Error,
}

/// Kinds of [`DialError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialErrorKind {
    /// The name has no address.
    Dns,
    /// Nobody listens.
    Refused,
    /// No route.
    Unreachable,
    /// The time was up.
    Timeout,
    /// Anything else, such as no free local port or descriptor.
    Other,
}

/// Connects to `host`, a name or an IP literal (IPv6 with or without brackets), within `timeout`.
pub async fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, DialError> {
    let deadline = Instant::now() + timeout;
    let fail =
        |kind, source| DialError { kind, host: host.trim_matches(['[', ']']).to_owned(), port, source };
    let addresses = match timeout_at(deadline, resolve_host(host, port)).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(fail(DialErrorKind::Dns, error)),
        Err(_) => return Err(fail(DialErrorKind::Timeout, io::ErrorKind::TimedOut.into())),
    };
    match timeout_at(deadline, race(&addresses)).await {
        Ok(Ok(tcp)) => Ok(tcp),
        Ok(Err(error)) => Err(fail(kind_of(&error), error)),
        Err(_) => Err(fail(DialErrorKind::Timeout, io::ErrorKind::TimedOut.into())),
    }
}

/// How long each step of connecting may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Name resolution.
    pub resolve: Duration,
    /// From the first attempt to a connection, over all addresses.
    pub connect: Duration,
}

/// [`connect`] with a limit for each step. A name that does not resolve in time is [`DialErrorKind::Dns`], with a source
/// of kind [`TimedOut`](io::ErrorKind::TimedOut).
pub async fn connect_within(host: &str, port: u16, limits: Limits) -> Result<Stream, DialError> {
    let fail =
        |kind, source| DialError { kind, host: host.trim_matches(['[', ']']).to_owned(), port, source };
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    let addresses = tokio::time::timeout(limits.resolve, resolve_host(host, port))
        .await
        .unwrap_or_else(|_| Err(late()))
        .map_err(|error| fail(DialErrorKind::Dns, error))?;
    let tcp = tokio::time::timeout(limits.connect, race(&addresses))
        .await
        .unwrap_or_else(|_| Err(late()))
        .map_err(|error| fail(kind_of(&error), error))?;
    Stream::from_tcp(tcp).map_err(|error| fail(kind_of(&error), error))
}

/// The addresses of `host`, in the order in which they would be tried; an IP literal is its own address. The system
/// resolves, so that its hosts file counts too.
///
/// # Errors
/// The resolver's word.
pub async fn resolve(host: &str) -> io::Result<Vec<IpAddr>> {
    let mut addresses: Vec<IpAddr> =
        resolve_host(host, 0).await?.into_iter().map(|address| address.ip()).collect();
    addresses.dedup();
    Ok(addresses)
}

/// [`connect`] as a [`Stream`].
pub async fn connect_stream(host: &str, port: u16, timeout: Duration) -> Result<Stream, DialError> {
    let tcp = connect(host, port, timeout).await?;
    Stream::from_tcp(tcp).map_err(|source| DialError {
        kind: kind_of(&source),
        host: host.to_owned(),
        port,
        source,
    })
}

async fn resolve_host(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let found: Vec<SocketAddr> = tokio::net::lookup_host((bare, port)).await?.collect();
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no such host"));
    }
    Ok(take_turns(&found))
}

/// The families in turn, starting with the first address's.
fn take_turns(found: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v4 = found.first().is_some_and(SocketAddr::is_ipv4);
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        found.iter().copied().partition(|a| a.is_ipv4() == first_is_v4);
    first.reverse();
    second.reverse();
    let mut turns = Vec::with_capacity(found.len().min(MAX_ADDRESSES));
    while turns.len() < MAX_ADDRESSES && !(first.is_empty() && second.is_empty()) {
        turns.extend(first.pop());
        turns.extend(second.pop());
    }
    turns.dedup();
    turns
}

async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter();
    let mut attempts = FuturesUnordered::new();
    attempts.extend(waiting.next().map(|&address| attempt(address)));
    let mut next_at = Instant::now() + ATTEMPT_DELAY;
    let mut first_error = None;
    loop {
        let more = waiting.len() > 0;
        tokio::select! {
            done = attempts.next(), if !attempts.is_empty() => match done {
                Some(Ok(tcp)) => return Ok(tcp),
                Some(Err(error)) => { first_error.get_or_insert(error); }
                None => {}
            },
            () = sleep_until(next_at), if more => {}
            else => break,
        }
        attempts.extend(waiting.next().map(|&address| attempt(address)));
        next_at = Instant::now() + ATTEMPT_DELAY;
    }
    Err(first_error.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no address")))
}

async fn attempt(address: SocketAddr) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let keep_alive = socket2::TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE);
    socket2::SockRef::from(&tcp).set_tcp_keepalive(&keep_alive)?;
    Ok(tcp)
}

fn kind_of(error: &io::Error) -> DialErrorKind {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => DialErrorKind::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => DialErrorKind::Unreachable,
        io::ErrorKind::TimedOut => DialErrorKind::Timeout,
        _ => DialErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// A port that nobody listens on and nobody else gets.
    fn closed_port() -> (socket2::Socket, SocketAddr) {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        (socket, address)
    }

    #[tokio::test]
    async fn literals_and_names_connect() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "::ffff:127.0.0.1"] {
            let tcp = connect(host, port, SOON).await.unwrap();
            assert!(tcp.nodelay().unwrap(), "{host}");
            assert!(socket2::SockRef::from(&tcp).keepalive().unwrap(), "{host}");
        }
    }

    #[tokio::test]
    async fn refused_and_unknown_names_are_told_apart() {
        let (_closed, dead) = closed_port();
        let port = dead.port();
        let refused = connect("127.0.0.1", port, SOON).await.unwrap_err();
        assert_eq!(refused.kind, DialErrorKind::Refused);
        assert!(refused.to_string().starts_with(&format!("dial 127.0.0.1:{port}: ")), "{refused}");
        let unknown = connect("no such name.invalid", 80, SOON).await.unwrap_err();
        assert_eq!(unknown.kind, DialErrorKind::Dns);
    }

    #[tokio::test]
    async fn a_dead_first_address_does_not_hide_a_live_second() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let (_closed, dead) = closed_port();
        assert_eq!(race(&[dead, live]).await.unwrap().peer_addr().unwrap(), live);
        assert_eq!(race(&[dead]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn a_peer_that_does_not_answer_is_a_time_out() {
        let (socket, address) = closed_port();
        socket.listen(0).unwrap();
        let port = address.port();
        // Nobody accepts: once the queue is full, the kernel drops what comes.
        let mut queued = Vec::new();
        let error = loop {
            match connect("127.0.0.1", port, Duration::from_millis(300)).await {
                Ok(tcp) => queued.push(tcp),
                Err(error) => break error,
            }
            assert!(queued.len() < 16, "the queue has no end");
        };
        assert_eq!(error.kind, DialErrorKind::Timeout);
    }

    #[test]
    fn families_take_turns() {
        let a = |s: &str| s.parse::<SocketAddr>().unwrap();
        let found = [a("[::1]:1"), a("[::2]:1"), a("1.1.1.1:1"), a("2.2.2.2:1"), a("3.3.3.3:1")];
        let turns = take_turns(&found);
        assert_eq!(turns, [found[0], found[2], found[1], found[3], found[4]]);
    }
}
