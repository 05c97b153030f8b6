//! Single numbers: counters and up-down counters in shards, gauges in one place.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use hashbrown::HashSet;

use super::Metrics;
use super::family::Family;
use super::shard::Alive;

/// One series of a single number.
pub(crate) struct Cell {
    /// Key in the shards.
    pub(crate) id: u32,
    pub(crate) family: &'static Family,
    /// Sorted by name, as the exposition shows them.
    pub(crate) labels: Vec<(&'static str, String)>,
    /// Bits of the `f64` of a gauge.
    level: AtomicU64,
    metrics: Metrics,
}

/// Counts up, in the shard of the calling thread. The default one counts nothing.
#[derive(Clone, Default)]
pub struct Counter(Option<Arc<Cell>>);

impl Counter {
    pub(crate) fn new(cell: Arc<Cell>) -> Self {
        Counter(Some(cell))
    }

    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u32) {
        if let Some(cell) = &self.0 {
            cell.metrics.inner.with_shard(|shard| shard.add(cell.id, i64::from(n)));
        }
    }
}

/// Counts up and down; each thread keeps its own difference. The default one counts nothing.
#[derive(Clone, Default)]
pub struct UpDown(Option<Arc<Cell>>);

impl UpDown {
    pub(crate) fn new(cell: Arc<Cell>) -> Self {
        UpDown(Some(cell))
    }

    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// One less. It need not be called on the thread that counted up.
    pub fn decrement(&self) {
        self.add(-1);
    }

    /// One more until the guard is dropped.
    #[must_use]
    pub fn hold(&self) -> Held {
        self.increment();
        Held(self.clone())
    }

    fn add(&self, n: i64) {
        if let Some(cell) = &self.0 {
            cell.metrics.inner.with_shard(|shard| shard.add(cell.id, n));
        }
    }
}

/// One of an [`UpDown`], until dropped.
pub struct Held(UpDown);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement();
    }
}

/// A level that is set, off the request path. The default one shows nothing.
#[derive(Clone, Default)]
pub struct Gauge(Option<Arc<Cell>>);

impl Gauge {
    pub(crate) fn new(cell: Arc<Cell>) -> Self {
        Gauge(Some(cell))
    }

    /// Sets the level.
    pub fn set(&self, level: f64) {
        if let Some(cell) = &self.0 {
            cell.level.store(level.to_bits(), Ordering::Relaxed);
        }
    }
}

impl Cell {
    /// The level of a gauge.
    pub(crate) fn level(&self) -> f64 {
        f64::from_bits(self.level.load(Ordering::Relaxed))
    }
}

/// Which series a cell is.
type CellName = (&'static str, Vec<(&'static str, String)>);

/// The cells that handles refer to.
#[derive(Default)]
pub(crate) struct Cells {
    by_name: HashMap<CellName, Weak<Cell>>,
    next_id: u32,
    sweep_at: usize,
}

impl Cells {
    /// The living cell of that name, or a new one; and whether it is time to sweep.
    pub(crate) fn resolve(
        &mut self,
        metrics: &Metrics,
        family: &'static Family,
        labels: &[(&'static str, &str)],
    ) -> (Arc<Cell>, bool) {
        let mut labels: Vec<_> = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        labels.sort_unstable();
        let name = (family.name, labels);
        if let Some(cell) = self.by_name.get(&name).and_then(Weak::upgrade) {
            return (cell, false);
        }
        self.next_id = self.next_id.wrapping_add(1);
        let cell = Arc::new(Cell {
            id: self.next_id,
            family,
            labels: name.1.clone(),
            level: AtomicU64::new(0),
            metrics: metrics.clone(),
        });
        self.by_name.insert(name, Arc::downgrade(&cell));
        (cell, self.by_name.len() > self.sweep_at.max(1024))
    }

    /// Forgets dead cells and returns the ids of the living.
    pub(crate) fn sweep(&mut self) -> Alive {
        let mut ids = HashSet::new();
        self.by_name.retain(|_, weak| match weak.upgrade() {
            Some(cell) => ids.insert(cell.id),
            None => false,
        });
        self.sweep_at = self.by_name.len() * 2;
        Alive { ids, last: self.next_id }
    }

    /// The living cells, in no order.
    pub(crate) fn alive(&self) -> Vec<Arc<Cell>> {
        self.by_name.values().filter_map(Weak::upgrade).collect()
    }
}
