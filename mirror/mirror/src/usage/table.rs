//! Counts by module path, in shards, so that threads seldom meet.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use hashbrown::{DefaultHashBuilder, HashMap};
use indexmap::IndexMap;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::Wanted;

/// What is counted apart.
pub const KINDS: [&str; 7] = ["list", "latest", "query", "info", "mod", "zip", "sumdb"];

const SHARDS: usize = 16;
/// Module paths in a shard: 10,000 in all.
const MAX_PATHS: usize = 625;

/// What was asked for, as it is kept and shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Kept {
    /// Good answers by kind, also about paths that are not in the table any more.
    pub totals: IndexMap<String, u64>,
    /// By module path.
    pub modules: Vec<PathUsage>,
}

/// What was asked about one module path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathUsage {
    /// Module path, not escaped.
    pub path: String,
    /// Good answers by kind, without those that are nought.
    pub requests: IndexMap<String, u64>,
    /// When it was asked for first, as far as is remembered.
    pub first_asked: Timestamp,
    /// When it was asked for last.
    pub last_asked: Timestamp,
}

impl PathUsage {
    /// Good answers in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }
}

/// The table.
#[derive(Default)]
pub(super) struct Table {
    shards: [Mutex<HashMap<Box<str>, Counts>>; SHARDS],
    hasher: DefaultHashBuilder,
    totals: [AtomicU64; KINDS.len()],
    has_news: AtomicBool,
}

#[derive(Clone, Copy)]
struct Counts {
    requests: [u64; KINDS.len()],
    /// Seconds since the epoch.
    first: i64,
    last: i64,
}

impl Counts {
    fn total(&self) -> u64 {
        self.requests.iter().sum()
    }
}

impl Table {
    pub(super) fn count(&self, wanted: &Wanted) {
        let kind = kind(wanted.word());
        self.totals[kind].fetch_add(1, Ordering::Relaxed);
        if !self.has_news.load(Ordering::Relaxed) {
            self.has_news.store(true, Ordering::Relaxed);
        }
        let Some(path) = wanted.module_path() else { return };
        let now = now();
        let mut shard = self.shard(path).lock();
        if let Some(counts) = shard.get_mut(path) {
            counts.requests[kind] += 1;
            counts.last = now;
            return;
        }
        make_room(&mut shard);
        let mut counts = Counts { requests: [0; KINDS.len()], first: now, last: now };
        counts.requests[kind] = 1;
        shard.insert(path.into(), counts);
    }

    /// Adds what an earlier run counted.
    pub(super) fn learn(&self, kept: Kept) {
        for (name, count) in &kept.totals {
            if let Some(kind) = KINDS.iter().position(|kind| kind == name) {
                self.totals[kind].fetch_add(*count, Ordering::Relaxed);
            }
        }
        for usage in kept.modules.into_iter().take(SHARDS * MAX_PATHS) {
            let mut shard = self.shard(&usage.path).lock();
            if shard.len() >= MAX_PATHS && !shard.contains_key(usage.path.as_str()) {
                continue;
            }
            let (first, last) = (usage.first_asked.as_second(), usage.last_asked.as_second());
            let new = Counts { requests: [0; KINDS.len()], first, last };
            let counts = shard.entry(usage.path.into()).or_insert(new);
            (counts.first, counts.last) = (counts.first.min(first), counts.last.max(last));
            for (name, count) in &usage.requests {
                counts.requests[kind(name)] += count;
            }
        }
    }

    pub(super) fn all(&self) -> Kept {
        let totals = self.totals.each_ref().map(|total| total.load(Ordering::Relaxed));
        let totals = KINDS.iter().zip(totals).map(|(kind, total)| ((*kind).to_owned(), total)).collect();
        let mut modules = Vec::new();
        for shard in &self.shards {
            modules.extend(shard.lock().iter().map(|(path, counts)| shown(path, counts)));
        }
        Kept { totals, modules }
    }

    /// Everything, if something was counted since the last time.
    pub(super) fn news(&self) -> Option<Kept> {
        self.has_news.swap(false, Ordering::Relaxed).then(|| self.all())
    }

    pub(super) fn not_written(&self) {
        self.has_news.store(true, Ordering::Relaxed);
    }

    fn shard(&self, path: &str) -> &Mutex<HashMap<Box<str>, Counts>> {
        let hash = self.hasher.hash_one(path);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or_default()]
    }
}

/// Drops an eighth of a full shard: what was asked for least, and of that what was not asked for longest.
fn make_room(shard: &mut HashMap<Box<str>, Counts>) {
    if shard.len() < MAX_PATHS {
        return;
    }
    let mut ranks: Vec<(u64, i64)> = shard.values().map(|counts| (counts.total(), counts.last)).collect();
    ranks.sort_unstable();
    let limit = ranks[MAX_PATHS / 8];
    let mut left = MAX_PATHS / 8;
    shard.retain(|_, counts| {
        let goes = left > 0 && (counts.total(), counts.last) <= limit;
        left -= usize::from(goes);
        !goes
    });
}

fn shown(path: &str, counts: &Counts) -> PathUsage {
    let requests = KINDS.iter().zip(counts.requests).filter(|(_, count)| *count > 0);
    let time = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
    PathUsage {
        path: path.to_owned(),
        requests: requests.map(|(kind, count)| ((*kind).to_owned(), count)).collect(),
        first_asked: time(counts.first),
        last_asked: time(counts.last),
    }
}

fn kind(word: &str) -> usize {
    KINDS.iter().position(|kind| *kind == word).unwrap_or(KINDS.len() - 1)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(path: &str) -> Wanted {
        Wanted::parse(path, &[]).unwrap()
    }

    #[test]
    fn counts_are_by_path_and_kind_and_survive_a_restart() {
        let table = Table::default();
        assert_eq!(table.news(), None);
        table.count(&wanted("/a.example/x/@v/v1.0.0.mod"));
        table.count(&wanted("/a.example/x/@v/v1.1.0.mod"));
        table.count(&wanted("/a.example/x/@v/list"));
        let kept = table.news().unwrap();
        assert_eq!(table.news(), None, "nothing new");
        assert_eq!(kept.modules.len(), 1);
        assert_eq!((kept.modules[0].requests["mod"], kept.modules[0].requests["list"]), (2, 1));
        let text = serde_json::to_vec(&kept).unwrap();
        let again = Table::default();
        again.count(&wanted("/a.example/x/@latest"));
        again.learn(serde_json::from_slice(&text).unwrap());
        let all = again.all();
        assert_eq!(all.modules[0].total(), 4);
        assert_eq!((all.totals["mod"], all.totals["latest"], all.totals["zip"]), (2, 1, 0));
    }

    #[test]
    fn the_least_asked_for_make_room() {
        let table = Table::default();
        for _ in 0..5 {
            table.count(&wanted("/a.example/often/@v/list"));
        }
        for at in 0..3 * SHARDS * MAX_PATHS {
            table.count(&wanted(&format!("/a.example/seldom{at}/@v/list")));
        }
        let all = table.all();
        assert!(all.modules.len() <= SHARDS * MAX_PATHS);
        assert!(all.modules.iter().any(|usage| usage.path == "a.example/often"));
        assert_eq!(all.totals["list"], 5 + 3 * (SHARDS * MAX_PATHS) as u64);
    }
}
