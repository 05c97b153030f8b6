//! The shard: everything that one thread has counted.
//!
//! A shard has a lock because the scraper copies it, but only its own thread takes it otherwise, so that taking it
//! never waits on the request path and its cache line stays on one core.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::{Equivalent, HashMap, HashSet};
use parking_lot::Mutex;

use super::Inner;
use super::scope::{Observation, code_of, method_index};

/// Most combinations of header-label values that one shard tells apart; further ones count as [`OVERFLOW`].
const MAX_LABELLED: usize = 2048;
/// Longest header-label value, in bytes; longer ones count as [`OVERFLOW`].
const MAX_LABEL_LEN: usize = 128;
/// Stands for label values over a limit.
pub(crate) const OVERFLOW: &str = "_other";

/// A shard as its thread and the scraper hold it.
pub(crate) type SharedShard = Arc<Mutex<Shard>>;

/// What a series of a scope is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) scope: u32,
    pub(crate) code: u16,
    pub(crate) method: u8,
    pub(crate) protocol: u8,
}

/// The numbers of one series; its buckets stand in [`Shard::buckets`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Series {
    pub(crate) count: u64,
    pub(crate) nanos: u64,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
}

/// A series of `requests_total` when header labels are configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Labelled {
    pub(crate) key: Key,
    pub(crate) values: Vec<Box<str>>,
}

/// Everything that one thread has counted.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    /// Buckets of a series, the one without bound not counted.
    bounds: usize,
    index: HashMap<Key, u32, FixedState>,
    series: Vec<Series>,
    /// `bounds` numbers for each series, not cumulative.
    buckets: Vec<u64>,
    pub(crate) tls: HashMap<(u32, &'static str, &'static str), u64, FixedState>,
    pub(crate) labelled: HashMap<Labelled, u64, FixedState>,
    pub(crate) cells: HashMap<u32, i64, FixedState>,
}

impl Shard {
    pub(crate) fn new(bounds: usize) -> Self {
        Shard {
            bounds,
            index: HashMap::default(),
            series: Vec::new(),
            buckets: Vec::new(),
            tls: HashMap::default(),
            labelled: HashMap::default(),
            cells: HashMap::default(),
        }
    }

    /// Counts one request; `bounds` are the upper bounds of the buckets in nanoseconds, `labels` is the number of
    /// header labels.
    pub(crate) fn observe(&mut self, scope: u32, seen: &Observation<'_>, bounds: &[u64], labels: usize) {
        let key = Key {
            scope,
            code: code_of(seen),
            method: method_index(seen.method),
            protocol: seen.protocol as u8,
        };
        let nanos = u64::try_from(seen.duration.as_nanos()).unwrap_or(u64::MAX);
        let at = self.slot(key);
        let series = &mut self.series[at];
        series.count += 1;
        series.nanos = series.nanos.saturating_add(nanos);
        series.request_bytes = series.request_bytes.saturating_add(seen.request_bytes);
        series.response_bytes = series.response_bytes.saturating_add(seen.response_bytes);
        if let Some(bucket) = bounds.iter().position(|bound| nanos <= *bound) {
            self.buckets[at * self.bounds + bucket] += 1;
        }
        if let Some((version, cipher)) = seen.tls {
            *self.tls.entry((scope, version, cipher)).or_default() += 1;
        }
        if labels > 0 {
            self.count_labelled(key, &seen.header_labels[..labels.min(seen.header_labels.len())]);
        }
    }

    /// Adds to a cell.
    pub(crate) fn add(&mut self, cell: u32, n: i64) {
        let sum = self.cells.entry(cell).or_default();
        *sum = sum.saturating_add(n);
    }

    /// Each series with its buckets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Series, &[u64])> {
        self.index.iter().map(|(key, at)| {
            let at = *at as usize;
            (*key, &self.series[at], &self.buckets[at * self.bounds..][..self.bounds])
        })
    }

    /// Adds what another shard counted.
    fn absorb(&mut self, other: &Shard) {
        for (key, from, buckets) in other.iter() {
            let at = self.slot(key);
            let to = &mut self.series[at];
            to.count += from.count;
            to.nanos = to.nanos.saturating_add(from.nanos);
            to.request_bytes = to.request_bytes.saturating_add(from.request_bytes);
            to.response_bytes = to.response_bytes.saturating_add(from.response_bytes);
            for (to, from) in self.buckets[at * self.bounds..].iter_mut().zip(buckets) {
                *to += from;
            }
        }
        for (key, count) in &other.tls {
            *self.tls.entry(*key).or_default() += count;
        }
        for (key, count) in &other.labelled {
            *self.labelled.entry_ref(key).or_default() += count;
        }
        for (cell, n) in &other.cells {
            self.add(*cell, *n);
        }
    }

    /// Forgets what belongs to no living scope or cell.
    fn purge(&mut self, scopes: &Alive, cells: &Alive) {
        if self.index.keys().any(|key| !scopes.has(key.scope)) {
            let mut kept = Shard::new(self.bounds);
            std::mem::swap(&mut kept.index, &mut self.index);
            std::mem::swap(&mut kept.series, &mut self.series);
            std::mem::swap(&mut kept.buckets, &mut self.buckets);
            kept.index.retain(|key, _| scopes.has(key.scope));
            self.absorb(&kept);
        }
        self.tls.retain(|(scope, ..), _| scopes.has(*scope));
        self.labelled.retain(|labelled, _| scopes.has(labelled.key.scope));
        self.cells.retain(|cell, _| cells.has(*cell));
    }

    /// The place of a series, made when it is new.
    fn slot(&mut self, key: Key) -> usize {
        let next = self.series.len() as u32;
        let at = *self.index.entry(key).or_insert(next);
        if at == next {
            self.series.push(Series::default());
            self.buckets.resize(self.buckets.len() + self.bounds, 0);
        }
        at as usize
    }

    fn count_labelled(&mut self, key: Key, values: &[&str]) {
        if let Some(count) = self.labelled.get_mut(&LabelledRef { key, values }) {
            *count += 1;
            return;
        }
        let full = self.labelled.len() >= MAX_LABELLED;
        let bounded = values
            .iter()
            .map(|value| Box::from(if full || value.len() > MAX_LABEL_LEN { OVERFLOW } else { value }));
        *self.labelled.entry(Labelled { key, values: bounded.collect() }).or_default() += 1;
    }
}

/// The ids that handles referred to at a moment.
pub(crate) struct Alive {
    pub(crate) ids: HashSet<u32>,
    /// The last id given out by then. Later ones are alive for all that is known.
    pub(crate) last: u32,
}

impl Alive {
    fn has(&self, id: u32) -> bool {
        id > self.last || self.ids.contains(&id)
    }
}

/// A borrowed [`Labelled`], to look up without allocating.
struct LabelledRef<'a> {
    key: Key,
    values: &'a [&'a str],
}

impl Hash for Labelled {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
        self.values.iter().for_each(|value| value.hash(state));
    }
}

impl Hash for LabelledRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
        self.values.iter().for_each(|value| value.hash(state));
    }
}

impl Equivalent<Labelled> for LabelledRef<'_> {
    fn equivalent(&self, other: &Labelled) -> bool {
        self.key == other.key && self.values.iter().copied().eq(other.values.iter().map(|value| &**value))
    }
}

impl From<&Labelled> for Labelled {
    fn from(other: &Labelled) -> Self {
        other.clone()
    }
}

/// The shards of living threads, and the sum of those of ended threads.
pub(crate) struct Shards {
    live: Vec<SharedShard>,
    retired: Shard,
}

impl Shards {
    pub(crate) fn new(bounds: usize) -> Self {
        Shards { live: Vec::new(), retired: Shard::new(bounds) }
    }

    /// Everything counted under the scopes and cells that live; what was counted under others is forgotten.
    pub(crate) fn sum(&mut self, scopes: &Alive, cells: &Alive) -> Shard {
        self.retire();
        self.retired.purge(scopes, cells);
        let mut sum = self.retired.clone();
        for shard in &self.live {
            let copy = {
                let mut shard = shard.lock();
                shard.purge(scopes, cells);
                shard.clone()
            };
            sum.absorb(&copy);
        }
        sum
    }

    fn register(&mut self, shard: SharedShard) {
        self.retire();
        self.live.push(shard);
    }

    /// Takes over the shards of ended threads: only this list still holds them.
    fn retire(&mut self) {
        let retired = &mut self.retired;
        self.live.retain(|shard| {
            let lives = Arc::strong_count(shard) > 1;
            if !lives {
                retired.absorb(&shard.lock());
            }
            lives
        });
    }
}

thread_local! {
    /// The shards of this thread, by the id of their [`Inner`]. One entry but in tests.
    static SHARDS: RefCell<Vec<(u64, SharedShard)>> = const { RefCell::new(Vec::new()) };
}

impl Inner {
    /// Runs `change` on the shard of the calling thread. Does nothing while the thread is being torn down.
    pub(crate) fn with_shard(&self, change: impl FnOnce(&mut Shard)) {
        let _ = SHARDS.try_with(|shards| {
            let Ok(mut shards) = shards.try_borrow_mut() else { return };
            if let Some((_, shard)) = shards.iter().find(|(id, _)| *id == self.id) {
                change(&mut shard.lock());
                return;
            }
            shards.retain(|(_, shard)| Arc::strong_count(shard) > 1);
            let shard = Arc::new(Mutex::new(Shard::new(self.bounds.len())));
            self.shards.lock().register(shard.clone());
            change(&mut shard.lock());
            shards.push((self.id, shard));
        });
    }
}
