//! A GOPROXY with a checksum database, over modules that a test writes, which misbehaves when it is told to.
//!
//! [`Modules`] are releases with what a proxy serves of them; [`Upstream`] serves them over HTTP/1.1, or over HTTP/2 where TLS
//! negotiates it. A [`Fault`] changes what the paths of a pattern answer, from one request to the next. The database is at
//! `/sumdb/NAME/…`, as behind a proxy, and at `/db/…`, as a server of its own; all upstreams sign with the same key.

mod answer;
mod fault;
mod http1;
mod http2;
mod modules;
mod zip;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

pub use answer::matches;
pub use fault::Fault;
pub use modules::{Modules, Release, SUMDB, sumdb_key};

use crate::peer::Peer;
use crate::{Identity, backend};
use answer::Site;

/// The server. It stops when it is dropped.
pub struct Upstream {
    peer: Peer,
    scheme: &'static str,
    site: Arc<Site>,
}

impl Upstream {
    /// A plain one.
    #[must_use]
    pub fn start(modules: &Modules) -> Upstream {
        Upstream::serve(modules, None)
    }

    /// One with TLS, which speaks HTTP/2 to those who can.
    #[must_use]
    pub fn tls(modules: &Modules, identity: &Identity) -> Upstream {
        Upstream::serve(modules, Some(identity))
    }

    fn serve(modules: &Modules, identity: Option<&Identity>) -> Upstream {
        let scheme = if identity.is_some() { "https" } else { "http" };
        let tls = identity.map(|identity| TlsAcceptor::from(Arc::new(backend::tls_config(identity, None))));
        let site = Arc::new(Site::new(modules));
        let shared = Arc::clone(&site);
        let peer = Peer::start(move |stream| connection(stream, tls.clone(), Arc::clone(&shared)));
        Upstream { peer, scheme, site }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.peer.addr
    }

    /// As it stands in `GOPROXY`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.peer.addr)
    }

    /// As it stands in `GOSUMDB`: name, key, and where.
    #[must_use]
    pub fn sumdb(&self) -> String {
        format!("{} {}/db", sumdb_key(), self.url())
    }

    /// From now on, what the pattern matches is answered so. In a pattern `*` is any text; it must match the whole path, as sent.
    /// What was set last counts.
    pub fn fault(&self, pattern: &str, fault: Fault) {
        self.site.set(pattern, fault, None);
    }

    /// As [`fault`](Self::fault), for the next `times` requests.
    pub fn fault_times(&self, pattern: &str, fault: Fault, times: usize) {
        self.site.set(pattern, fault, Some(times));
    }

    /// No more faults.
    pub fn heal(&self) {
        self.site.heal();
    }

    /// Every answer comes later by this.
    pub fn delay(&self, latency: Duration) {
        self.site.delay(latency);
    }

    /// Serves other modules from now on. The records of the database must begin with those it had.
    pub fn publish(&self, modules: &Modules) {
        self.site.publish(modules);
    }

    /// Requests so far whose path matches the pattern.
    #[must_use]
    pub fn requests(&self, pattern: &str) -> usize {
        self.site.seen().iter().filter(|path| matches(pattern, path)).count()
    }

    /// Paths of all requests so far, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.site.seen()
    }

    /// Requests that are being answered now, and the most there were at a time.
    #[must_use]
    pub fn in_flight(&self) -> (usize, usize) {
        (self.site.in_flight.load(Ordering::SeqCst), self.site.peak.load(Ordering::SeqCst))
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.peer.connections()
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, site: Arc<Site>) {
    let Some(tls) = tls else { return http1::serve(stream, &site).await };
    let Ok(stream) = tls.accept(stream).await else { return };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        http2::serve(stream, site).await;
    } else {
        http1::serve(stream, &site).await;
    }
}

/// Counts a request for as long as it is being answered.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn begin(site: &'a Site) -> Self {
        let now = site.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        site.peak.fetch_max(now, Ordering::SeqCst);
        InFlight(&site.in_flight)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
