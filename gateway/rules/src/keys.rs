//! The host and path keys that a rule can be found by.
//!
//! A rule's keys cover it: every request that it takes has the host and the path of at least one of them. What a key
//! does not decide stays with it as a rest to be evaluated. Conjunctions multiply keys and disjunctions add them; where
//! a product would grow too large, one side stays a rest instead, so the number of keys is linear in the text.

use crate::http::{Hint, HostKey, PathKey};
use crate::tree::{Node, NodeId, Tree};

/// The most keys that multiplying two sets may give.
const MAX_PRODUCT: usize = 256;
/// The longest rest of one key; a longer one is replaced by the whole condition.
const MAX_REST: usize = 16;

/// Where a rule is found, and what is left to ask there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Key {
    /// The host and the leaf that asks for it; `None` for any host.
    host: Option<(HostKey, NodeId)>,
    /// The path and the leaf that asks for it; `None` for any path.
    path: Option<(PathKey, NodeId)>,
    /// What else must hold. Nothing: the key decides.
    pub(crate) rest: Vec<NodeId>,
}

impl Key {
    pub(crate) fn host(&self) -> Option<&HostKey> {
        self.host.as_ref().map(|(key, _)| key)
    }

    pub(crate) fn path(&self) -> Option<&PathKey> {
        self.path.as_ref().map(|(key, _)| key)
    }

    fn opaque(node: NodeId) -> Self {
        Self { rest: vec![node], ..Self::default() }
    }

    fn is_open(&self) -> bool {
        self.host.is_none() && self.path.is_none()
    }

    /// The key for requests of both keys.
    fn and(&self, other: &Self) -> Self {
        let mut key = self.clone();
        for &node in &other.rest {
            key.leave(node);
        }
        match (&self.host, &other.host) {
            (None, other) => key.host.clone_from(other),
            (Some((own, _)), Some((theirs, leaf))) if own != theirs => key.leave(*leaf),
            _ => {}
        }
        match (&self.path, &other.path) {
            (None, other) => key.path.clone_from(other),
            (Some((own, own_leaf)), Some((theirs, leaf))) if own != theirs => {
                if is_narrower(theirs, own) {
                    key.path.clone_from(&other.path);
                    key.leave(*own_leaf);
                } else {
                    key.leave(*leaf);
                }
            }
            _ => {}
        }
        key
    }

    fn leave(&mut self, node: NodeId) {
        if !self.rest.contains(&node) {
            self.rest.push(node);
        }
    }
}

/// Whether `a` is the better one to look up.
fn is_narrower(a: &PathKey, b: &PathKey) -> bool {
    match (a, b) {
        (PathKey::Exact(_), PathKey::Prefix(_)) => true,
        (PathKey::Prefix(a), PathKey::Prefix(b)) => a.len() > b.len(),
        _ => false,
    }
}

/// The keys of the condition at `id`.
pub(crate) fn cover(tree: &Tree, id: NodeId) -> Vec<Key> {
    match tree.node(id) {
        Node::Leaf { predicate, negated: false } => vec![leaf(tree, *predicate, id)],
        Node::Leaf { .. } => vec![Key::opaque(id)],
        Node::Any(parts) => {
            let keys: Vec<Key> = parts.iter().flat_map(|&part| cover(tree, part)).collect();
            match keys.iter().find(|key| key.is_open()) {
                None => keys,
                Some(always) if always.rest.is_empty() => vec![Key::default()],
                Some(_) => vec![Key::opaque(id)],
            }
        }
        Node::All(parts) => product(tree, id, parts),
    }
}

fn leaf(tree: &Tree, predicate: u32, id: NodeId) -> Key {
    match tree.predicate(predicate).matcher.hint() {
        Hint::None => Key::opaque(id),
        Hint::Always => Key::default(),
        Hint::Host(host) => Key { host: Some((host, id)), ..Key::default() },
        Hint::Path(path) => Key { path: Some((path, id)), ..Key::default() },
        Hint::Within(path) => Key { path: Some((path, id)), rest: vec![id], ..Key::default() },
    }
}

fn product(tree: &Tree, id: NodeId, parts: &[NodeId]) -> Vec<Key> {
    let mut factors: Vec<_> = parts.iter().map(|&part| (part, cover(tree, part))).collect();
    // Hosts select best, so when not all can be multiplied they come first.
    factors.sort_by_key(|(_, keys)| match () {
        () if keys.iter().all(|k| k.host.is_some()) => 0,
        () if keys.iter().any(|k| !k.is_open()) => 1,
        () => 2,
    });
    let mut product = vec![Key::default()];
    for (part, factor) in factors {
        let fits = product.len() == 1 || factor.len() == 1 || product.len() * factor.len() <= MAX_PRODUCT;
        let factor = if fits { factor } else { vec![Key::opaque(part)] };
        product = product.iter().flat_map(|a| factor.iter().map(|b| a.and(b))).collect();
        if product.iter().any(|key| key.rest.len() > MAX_REST) {
            for key in &mut product {
                key.rest = vec![id];
            }
            break;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rule;

    fn keys(text: &str) -> Vec<String> {
        let rule = rule(text);
        let host = |key: &Key| match key.host() {
            None => "any".to_owned(),
            Some(HostKey::Exact(host)) => host.to_string(),
            Some(HostKey::Wildcard(host)) => format!("*.{host}"),
        };
        let path = |key: &Key| match key.path() {
            None => "any".to_owned(),
            Some(PathKey::Exact(path)) => format!("={path}"),
            Some(PathKey::Prefix(path)) => path.to_string(),
        };
        rule.keys.iter().map(|k| format!("{} {} {}", host(k), path(k), k.rest.len())).collect()
    }

    #[test]
    fn conjunctions_multiply_and_disjunctions_add() {
        assert_eq!(keys("Host(`a`) && PathPrefix(`/x`)"), ["a /x 0"]);
        assert_eq!(
            keys("(Host(`a`) || Host(`*.b`)) && (Path(`/x`) || PathPrefix(`/y`))"),
            ["a =/x 0", "a /y 0", "*.b =/x 0", "*.b /y 0"]
        );
        assert_eq!(keys("Method(`GET`) && Host(`a`)"), ["a any 1"]);
        assert_eq!(keys("Host(`a`) || Path(`/x`) && Method(`GET`)"), ["a any 0", "any =/x 1"]);
    }

    #[test]
    fn what_cannot_be_looked_up_is_a_rest() {
        assert_eq!(keys("Host(`*`) || Method(`GET`)"), ["any any 0"]);
        assert_eq!(keys("!Host(`a`)"), ["any any 1"]);
        assert_eq!(keys("Host(`a`) || Method(`GET`)"), ["any any 1"]);
        assert_eq!(keys("Host(`a`) && (Path(`/x`) || Method(`GET`))"), ["a any 1"]);
        assert_eq!(keys("Host(`a`) && Host(`b`)"), ["a any 1"]);
        assert_eq!(keys("PathPrefix(`/`) && PathPrefix(`/a`) && Path(`/a/b`)"), ["any =/a/b 2"]);
        assert_eq!(keys("PathRegexp(`^/api/`)"), ["any /api/ 1"]);
        assert_eq!(keys("!(!Host(`a`) || !Path(`/`))"), ["a =/ 0"]);
    }

    #[test]
    fn products_are_bounded() {
        let many = |name: &str, count: usize| {
            let calls: Vec<_> = (0..count).map(|i| format!("{name}(`/{i}`)")).collect();
            format!("({})", calls.join(" || "))
        };
        assert_eq!(keys(&format!("{} && {}", many("Path", 100), many("Host", 100))).len(), 100);
        let all = keys(&format!("{} && {}", many("Path", 100), many("Host", 100)));
        assert!(all.iter().all(|k| k.starts_with('/') && k.ends_with(" any 1")), "{all:?}");
        let rest = vec!["Method(`GET`)"; 1000].join(" && ");
        assert!(keys(&format!("{} && {rest}", many("Host", 1000))).iter().all(|k| k.ends_with(" 1")));
    }
}
