//! The one history that a client believes in: the newest tree head, here and in memory.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Client, Fork, SumError, lock};
use crate::note::Note;
use crate::tlog::{
    self, Hash, HashReader, TlogError, Tree, prove_tree, subtree_hash, subtree_indexes, tree_proof_indexes,
};

/// How often a swap may lose against others before we give up. Each loss means that somebody else made progress.
const SWAPS: usize = 64;

/// A signed tree head. The unsigned beginning of every log has an empty note.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) tree: Tree,
    pub(super) note: Arc<[u8]>,
}

/// What is known of the history.
pub(super) struct Heads {
    pub(super) newest: Head,
    /// Whether the memory was read at all.
    is_loaded: bool,
    /// The size of the newest tree that memory is known to hold.
    remembered: u64,
}

impl Default for Heads {
    fn default() -> Self {
        let newest = Head { tree: Tree::EMPTY, note: Arc::from([]) };
        Self { newest, is_loaded: false, remembered: 0 }
    }
}

impl Client {
    /// Takes the head that memory holds as the first one, once.
    pub(super) async fn load_head(&self) -> Result<(), SumError> {
        if lock(&self.heads).is_loaded {
            return Ok(());
        }
        let remembered = match self.memory.latest().await? {
            None => 0,
            Some(note) => self.merge_remembered(&note).await?.size,
        };
        let mut heads = lock(&self.heads);
        heads.remembered = heads.remembered.max(remembered);
        heads.is_loaded = true;
        Ok(())
    }

    /// Checks that `note` is a head of our history; if it is the newest, remembers it.
    pub(super) async fn merge_head(&self, note: &[u8]) -> Result<Tree, SumError> {
        self.load_head().await?;
        let head = self.open_head(note)?;
        let tree = head.tree;
        self.merge(head).await?;
        self.remember_newest().await?;
        Ok(tree)
    }

    /// Brings memory up to the newest head, taking in what others have put there meanwhile.
    async fn remember_newest(&self) -> Result<(), SumError> {
        for _ in 0..SWAPS {
            if self.is_remembered() {
                return Ok(());
            }
            let old = self.memory.latest().await?;
            let remembered = match &old {
                None => Tree::EMPTY,
                Some(note) => self.merge_remembered(note).await?,
            };
            let newest = lock(&self.heads).newest.clone();
            let is_newest = newest.tree.size <= remembered.size;
            if is_newest || self.memory.swap_latest(old.as_deref(), &newest.note).await? {
                let mut heads = lock(&self.heads);
                heads.remembered = heads.remembered.max(newest.tree.size);
            }
        }
        if self.is_remembered() {
            Ok(())
        } else {
            Err(SumError::Memory("the tree head keeps changing".into()))
        }
    }

    fn is_remembered(&self) -> bool {
        let heads = lock(&self.heads);
        heads.newest.tree.size <= heads.remembered
    }

    /// Merges what memory holds. A damaged head there is not passed over: it may be all that shows a fork.
    async fn merge_remembered(&self, note: &[u8]) -> Result<Tree, SumError> {
        let head = self.open_head(note).map_err(|error| SumError::Memory(format!("tree head: {error}")))?;
        let tree = head.tree;
        self.merge(head).await?;
        Ok(tree)
    }

    fn open_head(&self, note: &[u8]) -> Result<Head, SumError> {
        let text = Note::open(note, std::slice::from_ref(&self.key))?.text;
        Ok(Head { tree: Tree::parse(&text)?, note: Arc::from(note) })
    }

    /// Checks `head` against the newest one and puts it in its place if it is newer.
    async fn merge(&self, head: Head) -> Result<(), SumError> {
        let mut newest = lock(&self.heads).newest.clone();
        loop {
            self.check_consistent(&newest, &head).await?;
            if head.tree.size <= newest.tree.size {
                return Ok(());
            }
            let mut heads = lock(&self.heads);
            if heads.newest.tree == newest.tree {
                heads.newest = head;
                return Ok(());
            }
            // Somebody else was faster; the newest head only ever grows, so this ends.
            newest = heads.newest.clone();
        }
    }

    /// Checks that the smaller of two trees is a prefix of the larger.
    async fn check_consistent(&self, ours: &Head, theirs: &Head) -> Result<(), SumError> {
        let theirs_is_older = theirs.tree.size <= ours.tree.size;
        let (old, new) = if theirs_is_older { (theirs.tree, ours.tree) } else { (ours.tree, theirs.tree) };
        if old == new || old == Tree::EMPTY {
            return Ok(());
        }
        let (hash, proof) = if old.size == 0 || old.size == new.size {
            // Nothing to read: two roots of one size are a fork as they stand.
            (if old.size == 0 { Hash::EMPTY } else { new.hash }, Ok(Vec::new()))
        } else {
            let root = subtree_indexes(0, old.size)?;
            let indexes = [root.clone(), tree_proof_indexes(new.size, old.size)?].concat();
            let read = self.read_hashes(new, &indexes).await?;
            let hash = subtree_hash(&read.hashes[..root.len()]);
            if hash == old.hash {
                self.keep(read.fresh).await;
                return Ok(());
            }
            let known = Known(indexes.into_iter().zip(read.hashes).collect());
            (hash, prove(new, old.size, &hash, &known).map_err(|error| error.to_string()))
        };
        let text = |head: &Head| String::from_utf8_lossy(&head.note).into_owned();
        let fork = Fork { ours: text(ours), theirs: text(theirs), hash, proof, theirs_is_older };
        Err(SumError::Fork(Box::new(fork)))
    }
}

/// The consistency proof from the first `old` records, with this `hash`, to `new`.
fn prove(new: Tree, old: u64, hash: &Hash, known: &Known) -> Result<Vec<Hash>, TlogError> {
    let proof = prove_tree(new.size, old, known)?;
    tlog::check_tree(&proof, new.size, &new.hash, old, hash)?;
    Ok(proof)
}

/// Hashes at hand, by their place in storage.
struct Known(HashMap<u64, Hash>);

impl HashReader for Known {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TlogError> {
        indexes
            .iter()
            .map(|index| self.0.get(index).copied())
            .collect::<Option<_>>()
            .ok_or(TlogError::OutOfRange)
    }
}
