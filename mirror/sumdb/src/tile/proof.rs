//! Hashes out of tiles that nobody vouches for.
//!
//! The tree head fixes the root. [`TileProof::new`] lists the tiles whose hashes make up the root, and for each wanted
//! hash the tiles from there down to it, parents first. Once somebody has fetched them, [`TileProof::authenticate`]
//! recomputes the root, then holds each further tile against the hash its parent has for it. Every byte of every
//! tile on the list is covered by one of the two, so the tiles may be kept afterwards.

use std::collections::HashMap;

use super::{Tile, hash_from_tile, tile_for_index, tile_hash};
use crate::tlog::{
    Hash, TlogError, Tree, stored_hash_count, stored_hash_index, subtree_hash, subtree_indexes,
};

/// Why tiles were not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// A tile is missing or not as long as it must be.
    #[error("tile {0} has a wrong length")]
    WrongLength(String),
    /// The tiles do not add up to the tree head. Some tile is wrong; which one cannot be known.
    #[error("downloaded inconsistent tiles")]
    Inconsistent,
    /// A hash beyond the tree was asked for.
    #[error(transparent)]
    Log(#[from] TlogError),
}

/// The tiles to fetch for some hashes of a tree, and what they must add up to.
#[derive(Debug, Clone)]
pub struct TileProof {
    tree: Tree,
    tiles: Vec<Tile>,
    /// The stored hashes that make up the root, each with the place of its tile in `tiles`.
    root: Vec<(u64, usize)>,
    /// How many of `tiles` the root proves; the others are proved by their parents.
    proved_by_root: usize,
    /// The hashes asked for, each with the place of its tile in `tiles`.
    wanted: Vec<(u64, usize)>,
}

impl TileProof {
    /// Plans to read the hashes stored at `indexes` from tiles of height `h` of `tree`.
    pub fn new(tree: Tree, h: u8, indexes: &[u64]) -> Result<Self, TlogError> {
        let mut plan = Plan { size: tree.size, tiles: Vec::new(), order: HashMap::new() };
        let root = subtree_indexes(0, tree.size)?
            .into_iter()
            .map(|index| Ok((index, plan.add_root(tile_for_index(h, index)?)?)))
            .collect::<Result<Vec<_>, TlogError>>()?;
        let proved_by_root = plan.tiles.len();
        let count = stored_hash_count(tree.size)?;
        let wanted = indexes
            .iter()
            .map(|&index| match index < count {
                true => Ok((index, plan.add_with_parents(tile_for_index(h, index)?)?)),
                false => Err(TlogError::OutOfRange),
            })
            .collect::<Result<Vec<_>, TlogError>>()?;
        Ok(Self { tree, tiles: plan.tiles, root, proved_by_root, wanted })
    }

    /// The tiles to fetch; [`authenticate`](Self::authenticate) wants their contents in this order.
    pub fn tiles(&self) -> &[Tile] {
        &self.tiles
    }

    /// The hashes asked for, if `data` holds the tree's own tiles. Only then may the tiles be saved.
    pub fn authenticate<D: AsRef<[u8]>>(&self, data: &[D]) -> Result<Vec<Hash>, TileError> {
        for (at, tile) in self.tiles.iter().enumerate() {
            if data.get(at).is_none_or(|data| data.as_ref().len() != tile.size()) {
                return Err(TileError::WrongLength(tile.path()));
            }
        }
        let pick = |&(index, at): &(u64, usize)| hash_from_tile(&self.tiles[at], data[at].as_ref(), index);
        let root = self.root.iter().map(pick).collect::<Result<Vec<_>, _>>()?;
        if subtree_hash(&root) != self.tree.hash {
            return Err(TileError::Inconsistent);
        }
        let places: HashMap<&Tile, usize> = self.tiles.iter().zip(0..).collect();
        for (tile, data_of_tile) in self.tiles.iter().zip(data).skip(self.proved_by_root) {
            let parent = tile.parent(1, self.tree.size).ok_or(TlogError::OutOfRange)?;
            let at = *places.get(&parent).ok_or(TlogError::OutOfRange)?;
            let index = stored_hash_index(parent.depth(), tile.n)?;
            if pick(&(index, at))? != tile_hash(data_of_tile.as_ref()) {
                return Err(TileError::Inconsistent);
            }
        }
        Ok(self.wanted.iter().map(pick).collect::<Result<_, _>>()?)
    }
}

/// A growing list of tiles in which parents come before their children.
struct Plan {
    size: u64,
    tiles: Vec<Tile>,
    order: HashMap<Tile, usize>,
}

impl Plan {
    /// Adds a tile that holds a part of the root, as wide as the tree has it.
    fn add_root(&mut self, tile: Tile) -> Result<usize, TlogError> {
        let tile = tile.parent(0, self.size).ok_or(TlogError::OutOfRange)?;
        Ok(self.add(tile))
    }

    /// Adds a tile and those above it, up to one that is already on the list.
    fn add_with_parents(&mut self, tile: Tile) -> Result<usize, TlogError> {
        let mut missing = Vec::new();
        for up in 0.. {
            let tile = tile.parent(up, self.size).ok_or(TlogError::OutOfRange)?;
            if self.order.contains_key(&tile) {
                break;
            }
            missing.push(tile);
        }
        for &tile in missing.iter().rev() {
            self.add(tile);
        }
        let tile = tile.parent(0, self.size).ok_or(TlogError::OutOfRange)?;
        self.order.get(&tile).copied().ok_or(TlogError::OutOfRange)
    }

    fn add(&mut self, tile: Tile) -> usize {
        let next = self.tiles.len();
        let at = *self.order.entry(tile).or_insert(next);
        if at == next {
            self.tiles.push(tile);
        }
        at
    }
}
