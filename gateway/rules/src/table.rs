//! The index over the rules of an entry point: host by hash, then path by search, then what is left to ask.

use std::cmp::Reverse;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::http::{HostKey, PathKey, parent_domain};
use crate::paths::{Candidate, NONE, Paths, Record};
use crate::{Rule, View};

/// A rule and its place among the others.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The rule; shared, so that building a table again costs no parsing.
    pub rule: Arc<Rule>,
    /// Where it stands.
    pub rank: Rank,
}

/// What decides between rules that take the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rank {
    /// The larger one comes first.
    pub priority: i64,
    /// Between equal priorities the smaller one comes first.
    pub precedence: u32,
    /// Last, names in byte order.
    pub name: Arc<str>,
}

/// An immutable index over rules. Building sorts the keys of the rules, and neither parses nor copies them; looking up
/// allocates nothing, but where a query value has to be decoded.
#[derive(Debug, Default)]
pub struct Table {
    /// In the order of evaluation.
    pub(crate) routes: Vec<Route>,
    hosts: HashMap<Arc<str>, u32, RandomState>,
    /// By what follows the first label.
    wildcards: HashMap<Arc<str>, u32, RandomState>,
    paths: Paths,
}

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) rule: Arc<Rule>,
    /// The place in the list that the table was built from.
    pub(crate) index: usize,
}

/// The bucket of rules for any host.
const ANY_HOST: u32 = 0;

impl Table {
    /// Builds the index. The order of evaluation does not depend on the order of `entries`, unless two have the same
    /// rank: then the earlier one comes first.
    pub fn build(entries: Vec<Entry>) -> Self {
        let mut order: Vec<_> = entries.into_iter().enumerate().collect();
        order.sort_by(|(_, a), (_, b)| a.rank.order().cmp(&b.rank.order()));
        let routes: Vec<_> =
            order.into_iter().map(|(index, entry)| Route { rule: entry.rule, index }).collect();
        let mut table = Self::default();
        table.hosts.reserve(routes.len());
        let empty: Arc<str> = Arc::from("");
        let mut buckets = ANY_HOST + 1;
        let mut records = Vec::with_capacity(routes.len());
        for (place, route) in routes.iter().enumerate() {
            for (number, key) in route.rule.keys.iter().enumerate() {
                let bucket = table.bucket(key.host(), &mut buckets);
                let (path, exact) = match key.path() {
                    None => (&empty, false),
                    Some(PathKey::Prefix(path)) => (path, false),
                    Some(PathKey::Exact(path)) => (path, true),
                };
                let (place, key, decides) = (place as u32, number as u32, key.rest.is_empty());
                records.push(Record { bucket, path, exact, place, key, decides });
            }
        }
        table.paths = Paths::build(records, buckets);
        table.routes = routes;
        table
    }

    /// The first rule that takes the request, as its index in the list the table was built from.
    pub fn find(&self, view: &View<'_>) -> Option<usize> {
        let spots = self.buckets(view.host).map(|bucket| bucket.map(|b| self.paths.locate(b, view.path)));
        // What needs no asking first: it rules out most of what would have to be asked.
        let free = spots.iter().flatten().map(|spot| spot.free()).min().unwrap_or(NONE);
        let best = spots.iter().flatten().fold(free, |best, spot| spot.ask(best, |c| self.holds(c, view)));
        self.routes.get(best as usize).map(|route| route.index)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The buckets whose rules can take a request for `host`.
    fn buckets(&self, host: &str) -> [Option<u32>; 3] {
        let wildcard = match self.wildcards.is_empty() {
            true => None,
            false => parent_domain(host).and_then(|parent| self.wildcards.get(parent)),
        };
        [self.hosts.get(host).copied(), wildcard.copied(), Some(ANY_HOST).filter(|_| !self.routes.is_empty())]
    }

    fn holds(&self, candidate: Candidate, view: &View<'_>) -> bool {
        let rule = &self.routes[candidate.place as usize].rule;
        rule.keys[candidate.key as usize].rest.iter().all(|&node| rule.tree.holds(node, view))
    }

    /// The bucket for a host key, a new one if it is the first of its host.
    fn bucket(&mut self, key: Option<&HostKey>, buckets: &mut u32) -> u32 {
        let (map, host) = match key {
            None => return ANY_HOST,
            Some(HostKey::Exact(host)) => (&mut self.hosts, host),
            Some(HostKey::Wildcard(suffix)) => (&mut self.wildcards, suffix),
        };
        *map.entry(host.clone()).or_insert_with(|| {
            *buckets += 1;
            *buckets - 1
        })
    }
}

impl Rank {
    fn order(&self) -> (Reverse<i64>, u32, &str) {
        (Reverse(self.priority), self.precedence, &self.name)
    }
}

#[cfg(test)]
mod tests;
