//! Listening and accepting.
//!
//! [`bind`] gives sockets that listen already, one per worker, all on one port; each worker turns its own into a
//! [`Listener`] and accepts. A port that is taken says by whom ([`BindError`]). Sockets that systemd opened for us
//! come by name from [`Activated`].

mod accept;
mod activated;
mod holder;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

pub use accept::{Accepted, Listener};
pub use activated::Activated;
pub use holder::Holder;

/// Keep-alive of accepted connections: idle time and interval, as Traefik's.
pub const KEEP_ALIVE: Duration = Duration::from_secs(180);

/// How to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenOptions {
    /// Other processes may listen on the same port (SO_REUSEPORT); our own sockets always share it.
    pub reuse_port: bool,
    /// Connections that may wait to be accepted, per socket; the kernel caps it at `net.core.somaxconn`.
    pub backlog: u16,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self { reuse_port: false, backlog: 4096 }
    }
}

/// A socket that listens but belongs to no runtime yet.
#[derive(Debug)]
pub struct Bound {
    socket: std::net::TcpListener,
    local: SocketAddr,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The text is no `HOST:PORT`, or the host has no address.
    #[error("listen on {address:?}: not an address")]
    Address {
        /// The text.
        address: String,
    },
    /// The operating system refuses.
    #[error("listen on {address}: {source}{}", held_by(.holders))]
    Refused {
        /// The text.
        address: String,
        /// Its reason.
        source: io::Error,
        /// Who listens on the port, as far as we may see.
        holders: Vec<Holder>,
    },
}

fn held_by(holders: &[Holder]) -> String {
    let names: Vec<_> = holders.iter().map(ToString::to_string).collect();
    if names.is_empty() { String::new() } else { format!(" (held by {})", names.join(", ")) }
}

/// Listens `count` times (at least once) on `address`: `:8000`, `127.0.0.1:80`, `[::]:443` or `name:80`.
///
/// Without a host, all addresses of both families are meant, or of IPv4 alone where there is no IPv6. Port 0 gives
/// all sockets the same free port. May block on a name look-up.
pub fn bind(address: &str, options: ListenOptions, count: usize) -> Result<Vec<Bound>, BindError> {
    let wanted = resolve(address).ok_or_else(|| BindError::Address { address: address.to_owned() })?;
    let mut failure = None;
    for candidate in wanted {
        match bind_all(candidate, options, count.max(1)) {
            Ok(bound) => return Ok(bound),
            Err(error) => {
                let no_family = is_missing_family(&error);
                failure = Some((candidate, error));
                if !no_family {
                    break;
                }
            }
        }
    }
    let (candidate, source) = failure.ok_or_else(|| BindError::Address { address: address.to_owned() })?;
    let in_use = source.kind() == io::ErrorKind::AddrInUse;
    let holders = if in_use { holder::of_port(candidate.port()) } else { Vec::new() };
    Err(BindError::Refused { address: address.to_owned(), source, holders })
}

/// The addresses to try, in order.
fn resolve(address: &str) -> Option<Vec<SocketAddr>> {
    let (host, port) = address.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    if host.is_empty() {
        return Some(vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]);
    }
    if let Ok(literal) = address.parse::<SocketAddr>() {
        return Some(vec![literal]);
    }
    let mut found: Vec<_> = (host, port).to_socket_addrs().ok()?.collect();
    // As Go: of a name with both, the IPv4 address.
    found.sort_by_key(SocketAddr::is_ipv6);
    Some(found)
}

fn is_missing_family(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(errno, Some(rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::ADDRNOTAVAIL))
}

fn bind_all(address: SocketAddr, options: ListenOptions, count: usize) -> io::Result<Vec<Bound>> {
    let shared = options.reuse_port || count > 1;
    let mut address = address;
    if shared && !options.reuse_port {
        // Sharing among our own must not hide that another process has the port: ask once without sharing.
        let probe = open(address, false)?;
        address.set_port(local(&probe)?.port());
    }
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = open(address, shared)?;
        socket.listen(i32::from(options.backlog))?;
        let local = local(&socket)?;
        address.set_port(local.port());
        all.push(Bound { socket: socket.into(), local });
    }
    Ok(all)
}

/// A bound socket with the options that accepted ones inherit.
fn open(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    prepare(&socket)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn prepare(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE))
}

fn local(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
}

impl Bound {
    /// The address, with the port that the system chose for port 0.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Hands the socket to the current runtime.
    pub fn listen(self) -> io::Result<Listener> {
        Listener::new(tokio::net::TcpListener::from_std(self.socket)?, self.local)
    }

    /// A second handle on the same socket, for another worker.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.try_clone()?, local: self.local })
    }

    /// Takes a socket that somebody else opened and listens on.
    fn adopt(socket: std::net::TcpListener) -> io::Result<Self> {
        let socket = Socket::from(socket);
        socket.set_nonblocking(true)?;
        prepare(&socket)?;
        let local = local(&socket)?;
        Ok(Self { socket: socket.into(), local })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: &str = "127.0.0.1:0";

    #[tokio::test]
    async fn all_workers_get_one_port_and_every_connection_is_accepted() {
        let bound = bind(ANY, ListenOptions::default(), 3).unwrap();
        let local = bound[0].local();
        assert!(local.port() != 0 && bound.iter().all(|b| b.local() == local));
        let listeners: Vec<_> = bound.into_iter().map(|b| b.listen().unwrap()).collect();
        let accept_any = || {
            let accepts = listeners.iter().map(|l| Box::pin(l.accept()));
            futures_util::future::select_all(accepts)
        };
        for _ in 0..20 {
            let client = tokio::net::TcpStream::connect(local).await.unwrap();
            let accepted = tokio::time::timeout(Duration::from_secs(20), accept_any()).await.unwrap().0;
            assert_eq!(accepted.peer, client.local_addr().unwrap());
            assert_eq!(accepted.local, local);
            assert!(accepted.stream.nodelay().unwrap(), "inherited");
            let socket = socket2::SockRef::from(&accepted.stream);
            assert!(socket.keepalive().unwrap(), "inherited");
            assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEP_ALIVE);
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEP_ALIVE);
        }
    }

    #[test]
    fn a_taken_port_names_its_holder_for_one_socket_and_for_several() {
        let holder = bind(ANY, ListenOptions::default(), 2).unwrap();
        let address = holder[0].local().to_string();
        for count in [1, 2] {
            let error = bind(&address, ListenOptions::default(), count).unwrap_err();
            let text = error.to_string();
            let BindError::Refused { source, holders, .. } = error else { panic!("{text}") };
            assert_eq!(source.kind(), io::ErrorKind::AddrInUse);
            // A child that another test is starting may hold it for a moment too.
            assert!(holders.iter().any(|holder| holder.pid == std::process::id()), "{holders:?}");
            assert!(text.contains("(held by pid "), "{text}");
            assert!(text.contains(&format!("pid {} ", std::process::id())), "{text}");
        }
    }

    #[test]
    fn reuse_port_shares_with_others() {
        let options = ListenOptions { reuse_port: true, ..ListenOptions::default() };
        let first = bind(ANY, options, 1).unwrap();
        let address = first[0].local().to_string();
        assert!(bind(&address, options, 2).is_ok());
        assert!(bind(&address, ListenOptions::default(), 1).is_err());
    }

    #[tokio::test]
    async fn no_host_means_both_families() {
        let listener = bind(":0", ListenOptions::default(), 1).unwrap().remove(0).listen().unwrap();
        let port = listener.local().port();
        for ip in ["127.0.0.1", "::1"] {
            let to = SocketAddr::new(ip.parse().unwrap(), port);
            if listener.local().is_ipv4() && to.is_ipv6() {
                continue; // a machine without IPv6
            }
            let Ok(client) = tokio::net::TcpStream::connect(to).await else {
                assert!(to.is_ipv6(), "IPv6 is on, but ::1 may be off");
                continue;
            };
            let accepted = listener.accept().await;
            assert_eq!(accepted.peer, client.local_addr().unwrap(), "IPv4 is not shown as mapped");
            assert_eq!(accepted.local, to);
        }
    }

    #[test]
    fn what_is_no_address_is_told() {
        for address in ["", "8000", "1.2.3.4", ":port", ":70000", "[::1]", "no such host.invalid:80"] {
            let error = bind(address, ListenOptions::default(), 1).unwrap_err();
            assert!(matches!(error, BindError::Address { .. }), "{address}: {error}");
        }
        let error = bind("203.0.113.1:0", ListenOptions::default(), 1).unwrap_err();
        assert!(matches!(error, BindError::Refused { .. }), "{error}");
        assert!(bind("localhost:0", ListenOptions::default(), 1).unwrap()[0].local().ip().is_loopback());
    }
}
