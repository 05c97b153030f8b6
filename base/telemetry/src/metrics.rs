//! Metrics with Traefik's names and meanings, and a few of our own.
//!
//! A snapshot resolves its [`Scope`]s (entry point, router, service) once; at the end of a request the worker calls
//! [`Scope::observe`], which touches the calling thread's shard only. [`Metrics::text`] copies every shard, adds the
//! copies up and writes the Prometheus text exposition 0.0.4. A series lives as long as a handle of it: the series
//! of a deleted router leave with the last snapshot that knew it.
//!
//! `prometheus-client` is not used: its families put an `RwLock` and shared atomics on the request path, and it
//! writes OpenMetrics only, while Traefik serves the older text format with its own spelling of names.

mod cell;
mod exposition;
mod family;
mod process;
mod scope;
mod shard;

pub use cell::{Counter, Gauge, Held, UpDown};
pub use family::Family;
pub use scope::{Observation, Protocol, Scope};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;

use cell::Cells;
use scope::{ScopeName, Scopes};
use shard::{Shard, Shards};

/// Most buckets that a histogram keeps; configured ones beyond it are dropped.
const MAX_BUCKETS: usize = 64;

/// What to count.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricsOptions {
    /// Upper bounds of the duration histograms in seconds; Traefik's default is 0.1, 0.3, 1.2, 5.
    pub buckets: Vec<f64>,
    /// Whether entry points are counted.
    pub entry_points: bool,
    /// Whether routers are counted.
    pub routers: bool,
    /// Whether services are counted.
    pub services: bool,
    /// Extra labels of the `requests_total` counters as label name and request header.
    pub header_labels: Vec<(String, String)>,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        MetricsOptions {
            buckets: vec![0.1, 0.3, 1.2, 5.0],
            entry_points: true,
            routers: false,
            services: true,
            header_labels: Vec::new(),
        }
    }
}

/// A certificate, as `traefik_tls_certs_not_after` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertificateInfo {
    /// Common name of the subject.
    pub cn: String,
    /// Serial number in decimal.
    pub serial: String,
    /// Subject alternative names, sorted and joined by commas.
    pub sans: String,
    /// End of validity in seconds since the epoch.
    pub not_after: i64,
}

/// All metrics of the process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

/// The part that clones share.
struct Inner {
    /// Tells the thread-local shards of several `Metrics` apart.
    id: u64,
    options: MetricsOptions,
    /// Bucket bounds in nanoseconds, ascending.
    bounds: Box<[u64]>,
    shards: Mutex<Shards>,
    scopes: Mutex<Scopes>,
    cells: Mutex<Cells>,
    certificates: Mutex<Vec<CertificateInfo>>,
    reloads: AtomicU64,
    failed_reloads: AtomicU64,
    /// Seconds since the epoch.
    last_reload: AtomicU64,
    /// By [`SEVERITIES`].
    findings: [AtomicU64; 3],
}

/// Label values of `fairlead_findings`.
const SEVERITIES: [&str; 3] = ["info", "warning", "error"];

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Metrics {
    /// Metrics with nothing counted yet. Buckets are sorted; those that are not positive numbers are dropped.
    #[must_use]
    pub fn new(options: MetricsOptions) -> Self {
        let mut bounds: Vec<u64> =
            options.buckets.iter().filter(|bound| **bound > 0.0).map(|bound| nanos(*bound)).collect();
        bounds.sort_unstable();
        bounds.dedup();
        bounds.truncate(MAX_BUCKETS);
        let inner = Inner {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            shards: Mutex::new(Shards::new(bounds.len())),
            bounds: bounds.into(),
            options,
            scopes: Mutex::default(),
            cells: Mutex::default(),
            certificates: Mutex::default(),
            reloads: AtomicU64::new(0),
            failed_reloads: AtomicU64::new(0),
            last_reload: AtomicU64::new(0),
            findings: Default::default(),
        };
        Metrics { inner: Arc::new(inner) }
    }

    /// The options it was made with.
    #[must_use]
    pub fn options(&self) -> &MetricsOptions {
        &self.inner.options
    }

    /// The scope of an entry point; counts nothing when entry points are not counted.
    #[must_use]
    pub fn entry_point(&self, name: &str) -> Scope {
        self.scope(self.inner.options.entry_points, ScopeName::EntryPoint(name.into()))
    }

    /// The scope of a router in front of a service, both qualified (`api@file`).
    #[must_use]
    pub fn router(&self, name: &str, service: &str) -> Scope {
        let name = ScopeName::Router { router: name.into(), service: service.into() };
        self.scope(self.inner.options.routers, name)
    }

    /// The scope of a service, qualified.
    #[must_use]
    pub fn service(&self, name: &str) -> Scope {
        self.scope(self.inner.options.services, ScopeName::Service(name.into()))
    }

    /// Open connections of an entry point; `protocol` is `TCP` or `UDP`.
    #[must_use]
    pub fn open_connections(&self, entry_point: &str, protocol: &str) -> UpDown {
        let labels = [("entrypoint", entry_point), ("protocol", protocol)];
        UpDown::new(self.cell(&family::OPEN_CONNECTIONS, &labels))
    }

    /// Retries of a service; counts nothing when services are not counted.
    #[must_use]
    pub fn service_retries(&self, service: &str) -> Counter {
        if !self.inner.options.services {
            return Counter::default();
        }
        Counter::new(self.cell(&family::SERVICE_RETRIES, &[("service", service)]))
    }

    /// Whether a server of a service is up: 1 or 0. The series lives as long as the handle.
    #[must_use]
    pub fn server_up(&self, service: &str, url: &str) -> Gauge {
        if !self.inner.options.services {
            return Gauge::default();
        }
        Gauge::new(self.cell(&family::SERVER_UP, &[("service", service), ("url", url)]))
    }

    /// Requests that an entry point refused before routing. `reason` is one of a fixed set of words.
    #[must_use]
    pub fn rejected_requests(&self, entry_point: &str, reason: &'static str) -> Counter {
        let labels = [("entrypoint", entry_point), ("reason", reason)];
        Counter::new(self.cell(&family::REJECTED_REQUESTS, &labels))
    }

    /// Times that accepting paused because the process was out of descriptors or memory.
    #[must_use]
    pub fn accept_back_offs(&self, entry_point: &str) -> Counter {
        Counter::new(self.cell(&family::ACCEPT_BACK_OFFS, &[("entrypoint", entry_point)]))
    }

    /// Open connections to a server, idle ones included. The series lives as long as the handle.
    #[must_use]
    pub fn backend_connections_open(&self, url: &str) -> Gauge {
        Gauge::new(self.cell(&family::BACKEND_OPEN, &[("url", url)]))
    }

    /// Idle HTTP/1 connections to a server.
    #[must_use]
    pub fn backend_connections_idle(&self, url: &str) -> Gauge {
        Gauge::new(self.cell(&family::BACKEND_IDLE, &[("url", url)]))
    }

    /// Lines that a log writer dropped because its queue was full. `log` is `access` or `application`.
    #[must_use]
    pub fn dropped_log_lines(&self, log: &'static str) -> Gauge {
        Gauge::new(self.cell(&family::DROPPED_LOG_LINES, &[("log", log)]))
    }

    /// A counter of another crate's family. The series lives as long as a handle of it, so whoever counts keeps it. Label
    /// values come from configuration or from a fixed set, never from a request.
    #[must_use]
    pub fn counter(&self, family: &'static Family, labels: &[(&'static str, &str)]) -> Counter {
        Counter::new(self.cell(family, labels))
    }

    /// As [`Metrics::counter`], for a level.
    #[must_use]
    pub fn gauge(&self, family: &'static Family, labels: &[(&'static str, &str)]) -> Gauge {
        Gauge::new(self.cell(family, labels))
    }

    /// As [`Metrics::counter`], for a number that goes up and down.
    #[must_use]
    pub fn up_down(&self, family: &'static Family, labels: &[(&'static str, &str)]) -> UpDown {
        UpDown::new(self.cell(family, labels))
    }

    /// A configuration was applied at `now`.
    pub fn config_reloaded(&self, now: SystemTime) {
        self.inner.reloads.fetch_add(1, Ordering::Relaxed);
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.inner.last_reload.store(since.as_secs(), Ordering::Relaxed);
    }

    /// A configuration could not be applied.
    pub fn config_reload_failed(&self) {
        self.inner.failed_reloads.fetch_add(1, Ordering::Relaxed);
    }

    /// How many findings there are now.
    pub fn set_findings(&self, infos: u64, warnings: u64, errors: u64) {
        for (cell, count) in self.inner.findings.iter().zip([infos, warnings, errors]) {
            cell.store(count, Ordering::Relaxed);
        }
    }

    /// Replaces the certificates that are shown.
    pub fn set_certificates(&self, certificates: Vec<CertificateInfo>) {
        *self.inner.certificates.lock() = certificates;
    }

    /// All series as Prometheus text exposition 0.0.4.
    #[must_use]
    pub fn text(&self) -> String {
        exposition::text(&self.inner)
    }

    fn scope(&self, counted: bool, name: ScopeName) -> Scope {
        if !counted {
            return Scope::default();
        }
        let (scope, crowded) = self.inner.scopes.lock().resolve(self, name);
        if crowded {
            self.inner.sweep();
        }
        scope
    }

    fn cell(&self, family: &'static family::Family, labels: &[(&'static str, &str)]) -> Arc<cell::Cell> {
        let (cell, crowded) = self.inner.cells.lock().resolve(self, family, labels);
        if crowded {
            self.inner.sweep();
        }
        cell
    }
}

impl Inner {
    /// The sum of all shards, without what no handle refers to any more.
    fn sweep(&self) -> Shard {
        let scopes = self.scopes.lock().sweep();
        let cells = self.cells.lock().sweep();
        self.shards.lock().sum(&scopes, &cells)
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

/// Seconds as nanoseconds, saturating.
fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

#[cfg(test)]
mod tests;
