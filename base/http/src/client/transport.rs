//! How backends of a service are connected to.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fairlead_net::tls::client::ClientTls;
use http::Extensions;

use super::Proxy;
use crate::h2::client::KeepAlive;

/// What a servers transport says, TLS apart. The defaults are Traefik's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportOptions {
    /// Name resolution, connecting and the TLS handshake together.
    pub dial_timeout: Duration,
    /// From the end of the request to the end of the response head; zero is no limit.
    pub response_header_timeout: Duration,
    /// How long a connection without requests is kept; zero is no limit.
    pub idle_conn_timeout: Duration,
    /// Idle connections kept for each backend address, over all workers; each worker keeps its share. More are closed when
    /// they have not been used for a second or two. 0 means 2, as in Go, and a negative number keeps none.
    pub max_idle_per_host: isize,
    /// Never offer HTTP/2 in TLS.
    pub disable_http2: bool,
    /// An HTTP/2 connection that is silent for this long is pinged; zero never pings.
    pub read_idle_timeout: Duration,
    /// How long the answer to a ping may take.
    pub ping_timeout: Duration,
}

impl Default for TransportOptions {
    fn default() -> Self {
        TransportOptions {
            dial_timeout: Duration::from_secs(30),
            response_header_timeout: Duration::ZERO,
            idle_conn_timeout: Duration::from_secs(90),
            max_idle_per_host: 200,
            disable_http2: false,
            read_idle_timeout: Duration::ZERO,
            ping_timeout: Duration::from_secs(15),
        }
    }
}

/// Limits for each step of making a connection, instead of [`TransportOptions::dial_timeout`] for all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases {
    /// Name resolution.
    pub resolve: Duration,
    /// Connecting; where there is a proxy, its answer to `CONNECT` has the same time once more.
    pub connect: Duration,
    /// The TLS handshake.
    pub handshake: Duration,
}

/// Extension of a request in which a transport with [`Phases`] notes whom it was sent to: the server's address or the
/// proxy's.
#[derive(Clone, Debug, Default)]
pub struct Peer(pub Arc<OnceLock<SocketAddr>>);

/// A servers transport, ready for use.
#[derive(Debug)]
pub struct Transport {
    /// Identity of options and TLS: transports of equal identity share connections, also across configurations.
    pub id: u64,
    /// The options.
    pub options: TransportOptions,
    /// TLS for ordinary requests.
    pub(super) tls: ClientTls,
    /// TLS for upgrades, which are HTTP/1.1 only.
    pub(super) tls_http1: ClientTls,
    /// Idle connections that one worker keeps for each backend address.
    pub(super) idle_share: usize,
    pub(super) phases: Option<Phases>,
    /// Through whom tunnels to the targets are made.
    pub(super) proxy: Option<Arc<Proxy>>,
    /// The targets are proxies that take requests in absolute form.
    pub(super) absolute_form: bool,
}

impl Transport {
    /// Makes a transport. `id` must differ when `tls` or `options` do; protocols to offer are chosen here.
    #[must_use]
    pub fn new(id: u64, tls: &ClientTls, options: TransportOptions) -> Self {
        let http1 = vec![b"http/1.1".to_vec()];
        let both = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let tls_http1 = tls.with_alpn(http1);
        Transport {
            id,
            tls: if options.disable_http2 { tls_http1.clone() } else { tls.with_alpn(both) },
            tls_http1,
            idle_share: share(options.max_idle_per_host, fairlead_rt::available_workers()),
            options,
            phases: None,
            proxy: None,
            absolute_form: false,
        }
    }

    /// The same transport with a limit for each step of connecting, which notes its [`Peer`]s.
    #[must_use]
    pub fn with_phases(mut self, phases: Phases) -> Self {
        self.phases = Some(phases);
        self
    }

    /// The same transport through a proxy, which is asked with `CONNECT` for every target. Its `id` must be another one.
    #[must_use]
    pub fn through(mut self, proxy: Arc<Proxy>) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// The same transport for targets that are proxies themselves: over HTTP/1.1 the URI of a request goes out whole. Its
    /// `id` must be another one.
    #[must_use]
    pub fn in_absolute_form(mut self) -> Self {
        self.absolute_form = true;
        self.tls = self.tls_http1.clone();
        self
    }

    pub(super) fn tell_peer(&self, extensions: &Extensions, peer: SocketAddr) {
        if self.phases.is_some()
            && let Some(Peer(told)) = extensions.get()
        {
            // The first attempt may have met a dead connection; every attempt has the same target.
            let _ = told.set(peer);
        }
    }

    pub(super) fn keep_alive(&self) -> KeepAlive {
        KeepAlive { read_idle: self.options.read_idle_timeout, ping: self.options.ping_timeout }
    }
}

/// A worker's part of `total`, at least one while any is wanted.
fn share(total: isize, workers: usize) -> usize {
    match usize::try_from(total) {
        Err(_) => 0,
        Ok(0) => 2_usize.div_ceil(workers),
        Ok(total) => total.div_ceil(workers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_the_idle_connections() {
        let cases = [(200, 8, 25), (200, 3, 67), (1, 8, 1), (0, 1, 2), (0, 8, 1), (-1, 8, 0)];
        for (total, workers, each) in cases {
            assert_eq!(share(total, workers), each, "{total} over {workers}");
        }
    }
}
