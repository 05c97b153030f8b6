//! Path keys of many rules, sorted, so that the ones a path falls under are found by one binary search.
//!
//! Within a bucket (the rules of one host) the keys are in byte order. The last key that is not after a path starts
//! with every key that is a prefix of the path, so the longest such prefix is that key itself or one of its ancestors
//! in the prefix order, and jump links reach it in logarithmic time even where all keys are prefixes of each other.
//! Each node knows the best rule among itself and its ancestors; only rules with a rest have to be asked one by one.

use std::ops::Range;
use std::sync::Arc;

/// No node, or no rule.
pub(crate) const NONE: u32 = u32::MAX;

/// A key of a rule on its way into the index.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) bucket: u32,
    pub(crate) path: &'a Arc<str>,
    /// Whether the path must equal the key instead of starting with it.
    pub(crate) exact: bool,
    /// The place of the rule in the order of evaluation.
    pub(crate) place: u32,
    /// Which key of the rule it is.
    pub(crate) key: u32,
    /// Whether the key decides alone.
    pub(crate) decides: bool,
}

/// A rule that still has to be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) place: u32,
    pub(crate) key: u32,
}

/// The keys of all buckets.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    nodes: Vec<Node>,
    buckets: Vec<Range<u32>>,
    candidates: Vec<Candidate>,
}

/// What is known about a path in a bucket after the search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot<'a> {
    paths: &'a Paths,
    /// The node whose key is the path, or [`NONE`].
    equal: u32,
    /// The node with the longest key that is a prefix of the path, or [`NONE`].
    under: u32,
}

#[derive(Debug)]
struct Node {
    path: Arc<str>,
    equal: Rules,
    prefix: Rules,
    /// Whether rules ask for this text as a prefix.
    is_prefix: bool,
    /// The nearest prefix node above.
    parent: u32,
    /// A prefix node further above.
    jump: u32,
    /// The number of prefix nodes above.
    depth: u32,
    /// The first rule that a path under this node satisfies without being asked.
    free: u32,
    /// The nearest node, this one included, with prefix rules to be asked.
    asking: u32,
    /// The first rule to be asked here or above.
    first_asked: u32,
}

/// The rules at one key.
#[derive(Debug, Default, Clone)]
struct Rules {
    /// The first one that its key decides, or [`NONE`].
    free: u32,
    /// Those before it that have to be asked, in order.
    asked: Range<u32>,
}

impl Paths {
    /// Builds the index. Each bucket number below `buckets` may have records.
    pub(crate) fn build(mut records: Vec<Record<'_>>, buckets: u32) -> Self {
        records.sort_unstable_by(|a, b| {
            (a.bucket, a.path, a.exact, a.place, a.key).cmp(&(b.bucket, b.path, b.exact, b.place, b.key))
        });
        let mut paths = Self { buckets: vec![0..0; buckets as usize], ..Self::default() };
        for bucket in records.chunk_by(|a, b| a.bucket == b.bucket) {
            let start = paths.nodes.len() as u32;
            let mut above = Vec::new();
            for records in bucket.chunk_by(|a, b| a.path == b.path) {
                paths.add(records, &mut above);
            }
            paths.buckets[bucket[0].bucket as usize] = start..paths.nodes.len() as u32;
        }
        paths
    }

    /// Adds the node of one key; `above` holds the prefix nodes that the previous node is under.
    fn add(&mut self, records: &[Record<'_>], above: &mut Vec<u32>) {
        let path = records[0].path;
        while above.last().is_some_and(|&node| !path.starts_with(&*self.nodes[node as usize].path)) {
            above.pop();
        }
        let (prefix, equal) = records.split_at(records.partition_point(|r| !r.exact));
        let id = self.nodes.len() as u32;
        let parent = above.last().copied().unwrap_or(NONE);
        let (inherited, depth) = self.node(parent).map_or((NONE, 0), |p| (p.free, p.depth + 1));
        let equal = self.rules(equal, inherited);
        let prefix_rules = self.rules(prefix, inherited);
        let free = inherited.min(prefix_rules.free);
        let mut node = Node {
            path: path.clone(),
            equal,
            prefix: prefix_rules,
            is_prefix: !prefix.is_empty(),
            parent,
            jump: self.jump(parent),
            depth,
            free,
            asking: self.node(parent).map_or(NONE, |p| p.asking),
            first_asked: self.node(parent).map_or(NONE, |p| p.first_asked),
        };
        if let Some(first) = self.candidates[range(&node.prefix.asked)].first() {
            node.asking = id;
            node.first_asked = node.first_asked.min(first.place);
        }
        if node.is_prefix {
            above.push(id);
        }
        self.nodes.push(node);
    }

    /// Keeps of the rules at a key those that can win: up to the first that is free, and before `inherited`.
    fn rules(&mut self, records: &[Record<'_>], inherited: u32) -> Rules {
        let free = records.iter().find(|r| r.decides).map_or(NONE, |r| r.place);
        let start = self.candidates.len() as u32;
        let before = records.iter().take_while(|r| !r.decides && r.place < inherited);
        self.candidates.extend(before.map(|r| Candidate { place: r.place, key: r.key }));
        Rules { free, asked: start..self.candidates.len() as u32 }
    }

    /// The jump link of a child of `parent`: the links form a skew-binary counter over the depth.
    fn jump(&self, parent: u32) -> u32 {
        let Some(above) = self.node(parent) else { return NONE };
        let Some(first) = self.node(above.jump) else { return parent };
        match self.node(first.jump) {
            Some(second) if above.depth - first.depth == first.depth - second.depth => first.jump,
            _ => parent,
        }
    }

    /// Looks `path` up in a bucket.
    pub(crate) fn locate(&self, bucket: u32, path: &str) -> Spot<'_> {
        let range = self.buckets[bucket as usize].clone();
        let nodes = &self.nodes[range.start as usize..range.end as usize];
        let after = nodes.partition_point(|node| *node.path <= *path);
        let Some(last) = after.checked_sub(1) else { return Spot { paths: self, equal: NONE, under: NONE } };
        let id = range.start + last as u32;
        let node = &nodes[last];
        let shared = shared_prefix(node.path.as_bytes(), path.as_bytes());
        let equal = if shared == path.len() && shared == node.path.len() { id } else { NONE };
        let under = if node.is_prefix { id } else { node.parent };
        Spot { paths: self, equal, under: self.shortened(under, shared) }
    }

    /// The nearest of `id` and its ancestors whose key is at most `length` bytes long.
    fn shortened(&self, mut id: u32, length: usize) -> u32 {
        while let Some(node) = self.node(id).filter(|node| node.path.len() > length) {
            #[cfg(test)]
            crate::testing::count_step();
            id = match self.node(node.jump) {
                Some(far) if far.path.len() > length => node.jump,
                _ => node.parent,
            };
        }
        id
    }

    fn node(&self, id: u32) -> Option<&Node> {
        self.nodes.get(id as usize)
    }
}

impl Spot<'_> {
    /// The first rule that needs no asking, or [`NONE`].
    pub(crate) fn free(&self) -> u32 {
        let equal = self.paths.node(self.equal).map_or(NONE, |node| node.equal.free);
        let under = self.paths.node(self.under).map_or(NONE, |node| node.free);
        equal.min(under)
    }

    /// The first rule before `best` of which `holds` is true, else `best`.
    pub(crate) fn ask(&self, mut best: u32, holds: impl Fn(Candidate) -> bool) -> u32 {
        if let Some(node) = self.paths.node(self.equal) {
            best = self.first(&node.equal, best, &holds);
        }
        let mut next = self.paths.node(self.under);
        while let Some(node) = next.filter(|node| node.first_asked < best) {
            let Some(asking) = self.paths.node(node.asking) else { break };
            best = self.first(&asking.prefix, best, &holds);
            next = self.paths.node(asking.parent);
        }
        best
    }

    fn first(&self, rules: &Rules, best: u32, holds: &impl Fn(Candidate) -> bool) -> u32 {
        let asked = self.paths.candidates[range(&rules.asked)].iter().take_while(|c| c.place < best);
        asked.copied().find(|&candidate| holds(candidate)).map_or(best, |candidate| candidate.place)
    }
}

fn range(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
