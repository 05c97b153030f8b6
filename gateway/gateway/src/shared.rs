//! What outlives every snapshot: the pointer to the current one, registries keyed by identity, and where signals go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use fairlead_model::statics::Static;
use fairlead_telemetry::{AccessLog, Gauge, Metrics};
use fairlead_upstream::Endpoints;
use hashbrown::HashMap;
use jiff::Timestamp;
use parking_lot::Mutex;

use fairlead_http::Handler;

use crate::snapshot::Snapshot;

/// State of the process behind all entry points.
pub struct Shared {
    /// The snapshot that requests are served from.
    pub current: ArcSwap<Snapshot>,
    /// The static configuration.
    pub statics: Arc<Static>,
    /// Backends and their health.
    pub endpoints: Endpoints,
    /// What middlewares keep over reloads.
    pub middlewares: fairlead_middleware::State,
    /// Counts; always kept, shown when an exporter is configured.
    pub metrics: Metrics,
    /// The access log, when there is one.
    pub access_log: Option<AccessLog>,
    /// Services that the program itself offers, by name without provider: `ping`, `whoami`, and those of other systems.
    pub internal: HashMap<&'static str, Arc<dyn Handler>>,
    /// Name of this machine.
    pub hostname: String,
    /// When the process started.
    pub started: Timestamp,
    /// Gauges that are brought up to date by a scrape and kept until the next one.
    pub gauges: Mutex<Vec<Gauge>>,
    draining: AtomicBool,
    providers: Mutex<BTreeMap<Arc<str>, bool>>,
}

impl Shared {
    /// State without providers, serving `first`.
    #[must_use]
    pub fn new(parts: Parts, first: Snapshot) -> Self {
        Shared {
            current: ArcSwap::from_pointee(first),
            statics: parts.statics,
            endpoints: Endpoints::default(),
            middlewares: fairlead_middleware::State::default(),
            metrics: parts.metrics,
            access_log: parts.access_log,
            internal: parts.internal,
            hostname: parts.hostname,
            started: Timestamp::now(),
            gauges: Mutex::default(),
            draining: AtomicBool::new(false),
            providers: Mutex::default(),
        }
    }

    /// The process is asked to stop: ping answers so from now on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the process is asked to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// A provider has been started and owes its first answer.
    pub fn expect_provider(&self, name: &str) {
        self.providers.lock().entry(name.into()).or_insert(false);
    }

    /// What a provider said is being served.
    pub fn provider_answered(&self, name: &str) {
        self.providers.lock().insert(name.into(), true);
    }

    /// Providers with whether each has answered.
    #[must_use]
    pub fn providers(&self) -> Vec<(Arc<str>, bool)> {
        self.providers.lock().iter().map(|(name, answered)| (Arc::clone(name), *answered)).collect()
    }
}

/// What [`Shared`] is made of.
pub struct Parts {
    /// The static configuration.
    pub statics: Arc<Static>,
    /// Counts.
    pub metrics: Metrics,
    /// The access log.
    pub access_log: Option<AccessLog>,
    /// Services of the program itself.
    pub internal: HashMap<&'static str, Arc<dyn Handler>>,
    /// Name of this machine.
    pub hostname: String,
}
