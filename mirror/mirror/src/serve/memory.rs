//! Small answers in memory, by route and path, bounded by their bytes.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use super::entry::Entry;

/// Largest answer that is kept, in bytes.
pub(super) const MAX_ENTRY: usize = 256 * 1024;
/// What an answer weighs on the average, to size the table.
const USUAL: u64 = 1024;

/// Answers that are at hand.
pub(super) struct Memory {
    cache: Cache<Key, Arc<Entry>, ByBytes>,
}

/// Which answer: the route's number and the canonical path without a leading slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) route: u32,
    pub(super) path: Box<str>,
}

struct Borrowed<'a> {
    route: u32,
    path: &'a str,
}

#[derive(Clone)]
struct ByBytes;

impl Memory {
    pub(super) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / USUAL).unwrap_or(usize::MAX).clamp(16, 1 << 20);
        Memory { cache: Cache::with_weighter(items, bytes, ByBytes) }
    }

    /// What is at hand, fresh or not.
    pub(super) fn find(&self, route: u32, path: &str) -> Option<Arc<Entry>> {
        self.cache.get(&Borrowed { route, path })
    }

    pub(super) fn keep(&self, route: u32, entry: &Arc<Entry>) {
        if entry.weight() <= MAX_ENTRY + 1024 {
            self.cache.insert(Key { route, path: entry.wanted.key().into() }, Arc::clone(entry));
        }
    }

    /// Forgets what `of` says of any route.
    pub(super) fn forget(&self, of: impl Fn(&Entry) -> bool) {
        self.cache.retain(|_, entry| !of(entry));
    }

    /// Each answer that is held now.
    pub(super) fn each(&self, mut see: impl FnMut(u32, &Entry)) {
        for (key, entry) in self.cache.iter() {
            see(key.route, &entry);
        }
    }
}

impl Weighter<Key, Arc<Entry>> for ByBytes {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        (key.path.len() + entry.weight()) as u64
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Borrowed { route: self.route, path: &self.path }.hash(state);
    }
}

impl Hash for Borrowed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.route.hash(state);
        self.path.hash(state);
    }
}

impl Equivalent<Key> for Borrowed<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.route == key.route && self.path == &*key.path
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Wanted;

    fn entry(path: &str, len: usize) -> Arc<Entry> {
        let wanted = Wanted::parse(path, &[]).unwrap();
        Arc::new(Entry::immutable(wanted, Bytes::from(vec![0; len]), None, false))
    }

    #[test]
    fn each_route_has_its_own() {
        let memory = Memory::new(1 << 20);
        memory.keep(1, &entry("/a.example/x/@v/v1.0.0.mod", 10));
        assert!(memory.find(1, "a.example/x/@v/v1.0.0.mod").is_some());
        assert!(memory.find(2, "a.example/x/@v/v1.0.0.mod").is_none());
        memory.forget(|entry| entry.wanted.module_path() == Some("a.example/x"));
        assert!(memory.find(1, "a.example/x/@v/v1.0.0.mod").is_none());
    }

    #[test]
    fn it_never_holds_more_than_it_may() {
        let memory = Memory::new(1 << 20);
        for at in 0..1000 {
            memory.keep(0, &entry(&format!("/a.example/x/@v/v1.0.{at}.mod"), 10_000));
        }
        let mut held = 0;
        memory.each(|_, entry| held += entry.weight());
        assert!(held <= 1 << 20 && held > 1 << 18, "{held}");
        memory.keep(0, &entry("/a.example/big/@v/v1.0.0.zip", MAX_ENTRY + 2048));
        assert!(memory.find(0, "a.example/big/@v/v1.0.0.zip").is_none());
    }
}
