//! A bounded map that forgets what has not been used for a while.

use std::collections::HashMap;
use std::hash::Hash;

/// Two generations: what is used moves into the young one, and when that is full, the old one is dropped.
pub(super) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Recent<K, V> {
    /// A map of at most `capacity` entries.
    pub(super) fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation: (capacity / 2).max(1) }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_bounded_and_keeps_what_is_used() {
        let mut recent = Recent::new(8);
        for n in 0..1000 {
            recent.insert(n, n);
            assert_eq!(recent.get(&0), Some(0));
            assert!(recent.young.len() + recent.old.len() <= 8);
        }
        assert_eq!(recent.get(&999), Some(999));
        assert_eq!(recent.get(&1), None);
    }

    #[test]
    fn the_newest_value_wins() {
        let mut recent = Recent::new(4);
        recent.insert("a", 1);
        recent.insert("b", 1);
        recent.insert("c", 1);
        recent.insert("a", 2);
        recent.insert("d", 1);
        assert_eq!(recent.get(&"a"), Some(2));
    }
}
