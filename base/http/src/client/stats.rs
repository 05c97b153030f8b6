//! Open and idle connections of all workers, for metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Every host of every worker; dead ones go when another is added.
static GAUGES: Mutex<Vec<Weak<Gauge>>> = Mutex::new(Vec::new());

/// Connections to one backend URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connections {
    /// The URL as configured.
    pub url: Arc<str>,
    /// Connections, idle ones included.
    pub open: usize,
    /// HTTP/1.1 connections that wait for a request.
    pub idle: usize,
}

/// The counts of one worker.
pub(super) struct Gauge {
    url: Arc<str>,
    pub(super) open: AtomicUsize,
    pub(super) idle: AtomicUsize,
}

impl Gauge {
    pub(super) fn register(url: Arc<str>) -> Arc<Self> {
        let gauge = Arc::new(Gauge { url, open: AtomicUsize::new(0), idle: AtomicUsize::new(0) });
        let mut gauges = GAUGES.lock();
        gauges.retain(|known| known.strong_count() > 0);
        gauges.push(Arc::downgrade(&gauge));
        gauge
    }
}

/// Connections to every backend that has any, over all workers, by URL.
#[must_use]
pub fn stats() -> Vec<Connections> {
    let mut sums: BTreeMap<Arc<str>, (usize, usize)> = BTreeMap::new();
    for gauge in GAUGES.lock().iter().filter_map(Weak::upgrade) {
        let sum = sums.entry(Arc::clone(&gauge.url)).or_default();
        sum.0 += gauge.open.load(Ordering::Relaxed);
        sum.1 += gauge.idle.load(Ordering::Relaxed);
    }
    sums.into_iter().map(|(url, (open, idle))| Connections { url, open, idle }).collect()
}
