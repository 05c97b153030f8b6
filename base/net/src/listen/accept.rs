//! The accept loop's one step, which never fails.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Waits when descriptors or memory have run out: they double from the first to the last.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LAST_WAIT: Duration = Duration::from_secs(1);
const LOG_EVERY: Duration = Duration::from_secs(10);

/// A listening socket in a runtime.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    local: SocketAddr,
    pressure: Pressure,
}

/// Counts failures, and says so at most every [`LOG_EVERY`].
#[derive(Debug, Default)]
struct Pressure {
    failures: AtomicU64,
    logged: Mutex<Option<Instant>>,
}

/// A connection as it came from the kernel, with TCP_NODELAY and keep-alive set.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub stream: TcpStream,
    /// The other end; IPv4 on a dual-stack socket is IPv4 here.
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
}

impl Listener {
    pub(super) fn new(tcp: TcpListener, local: SocketAddr) -> io::Result<Self> {
        Ok(Self { tcp, local, pressure: Pressure::default() })
    }

    /// The address it listens on.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// How often accepting had to wait because descriptors or memory had run out.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.pressure.failures.load(Ordering::Relaxed)
    }

    /// The next connection. Errors are counted, logged and waited out; dropping the future loses no connection.
    pub async fn accept(&self) -> Accepted {
        loop {
            let (stream, peer) = accept_with(|| self.tcp.accept(), &self.pressure, self.local).await;
            // A socket bound to one address has no other; of the others the kernel must be asked.
            let local = if self.local.ip().is_unspecified() { stream.local_addr() } else { Ok(self.local) };
            if let Ok(local) = local {
                return Accepted { stream, peer: canonical(peer), local: canonical(local) };
            }
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}

async fn accept_with<T, F>(mut source: impl FnMut() -> F, pressure: &Pressure, local: SocketAddr) -> T
where
    F: Future<Output = io::Result<T>>,
{
    let mut wait = FIRST_WAIT;
    loop {
        let error = match source().await {
            Ok(accepted) => return accepted,
            Err(error) => error,
        };
        if is_of_the_connection(&error) {
            continue;
        }
        pressure.add(&error, local);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LAST_WAIT);
    }
}

impl Pressure {
    fn add(&self, error: &io::Error, local: SocketAddr) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let mut logged = self.logged.lock();
        if logged.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            *logged = Some(Instant::now());
            tracing::error!(%local, %error, failures, "cannot accept connections, waiting");
        }
    }
}

/// Whether only the connection that was to be accepted has failed (accept(2)).
fn is_of_the_connection(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        errno,
        Some(
            Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::INTR
                | Errno::AGAIN
                | Errno::PROTO
                | Errno::PERM
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH
        )
    )
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Accepts after the given errors; how long that took and how many were counted.
    async fn after(errors: &[Errno]) -> (Duration, u64) {
        let mut errors: VecDeque<_> = errors.iter().copied().collect();
        let pressure = Pressure::default();
        let began = Instant::now();
        let source = || std::future::ready(errors.pop_front().map_or(Ok(()), |e| Err(e.into())));
        accept_with(source, &pressure, ([127, 0, 0, 1], 80).into()).await;
        (began.elapsed(), pressure.failures.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn exhaustion_is_waited_out_longer_and_longer() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert_eq!(after(&[errno]).await, (Duration::from_millis(5), 1), "{errno}");
        }
        assert_eq!(after(&[Errno::MFILE; 3]).await, (Duration::from_millis(5 + 10 + 20), 3));
        // 5 + 10 + … + 640 ms, then a second each.
        assert_eq!(after(&[Errno::MFILE; 10]).await, (Duration::from_millis(1275 + 2000), 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_died_costs_no_time() {
        assert_eq!(after(&[Errno::CONNABORTED, Errno::PROTO, Errno::INTR]).await, (Duration::ZERO, 0));
    }
}
