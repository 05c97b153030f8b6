//! Hashes of a tree, read from tiles that were saved, or else from the server.

use std::sync::Arc;

use super::flight::join_all;
use super::{BoxFuture, Client, SumError, lock};
use crate::tile::{Tile, TileProof};
use crate::tlog::{Hash, Tree};

/// How many tiles are asked for at the same time.
const SIDE_BY_SIDE: usize = 16;

/// A tile to read, and whether what we saved ourselves may serve.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TileKey {
    tile: Tile,
    saved_will_do: bool,
}

/// A tile as it was read: not yet authenticated.
#[derive(Clone)]
pub(super) struct TileRead {
    data: Arc<[u8]>,
    is_saved: bool,
}

impl AsRef<[u8]> for TileRead {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

/// Authenticated hashes, and the tiles among their proof that are not saved yet.
pub(super) struct HashesRead {
    pub(super) hashes: Vec<Hash>,
    pub(super) fresh: Vec<(Tile, Arc<[u8]>)>,
}

impl Client {
    /// The hashes stored at `indexes` in `tree`, proved by its root.
    ///
    /// The caller hands the fresh tiles to [`keep`](Self::keep) once it believes in `tree`.
    pub(super) async fn read_hashes(&self, tree: Tree, indexes: &[u64]) -> Result<HashesRead, SumError> {
        let proof = TileProof::new(tree, self.height, indexes)?;
        let tiles = self.read_tiles(proof.tiles(), true).await?;
        match proof.authenticate(&tiles) {
            Ok(hashes) => Ok(with_fresh(hashes, &proof, tiles)),
            // Saved tiles may be damaged, or belong to another history; the server must have the right ones.
            Err(_) if tiles.iter().any(|tile| tile.is_saved) => {
                let tiles = self.read_tiles(proof.tiles(), false).await?;
                Ok(with_fresh(proof.authenticate(&tiles)?, &proof, tiles))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Saves tiles that were authenticated by a tree we believe in.
    pub(super) async fn keep(&self, fresh: Vec<(Tile, Arc<[u8]>)>) {
        for (tile, data) in fresh {
            self.memory.save(&tile_path(&tile), &data).await;
            lock(&self.tiles).insert(tile, data);
        }
    }

    async fn read_tiles(&self, tiles: &[Tile], saved_will_do: bool) -> Result<Vec<TileRead>, SumError> {
        let mut read = Vec::with_capacity(tiles.len());
        for some in tiles.chunks(SIDE_BY_SIDE) {
            let reads = some.iter().map(|&tile| -> BoxFuture<'_, _> {
                let work = self.read_tile(tile, saved_will_do);
                Box::pin(self.tile_reads.run(TileKey { tile, saved_will_do }, work))
            });
            for tile in join_all(reads.collect()).await {
                read.push(tile?);
            }
        }
        Ok(read)
    }

    async fn read_tile(&self, tile: Tile, saved_will_do: bool) -> Result<TileRead, SumError> {
        let saved = if saved_will_do { self.saved_tile(tile).await } else { None };
        if let Some(data) = saved {
            return Ok(TileRead { data, is_saved: true });
        }
        let path = tile_path(&tile);
        let data = match self.remote.read(&path).await {
            Ok(data) => data,
            // A server may drop a partial tile once the full one is there.
            Err(error) if error.not_found && !tile.is_full() => {
                let full = self.remote.read(&tile_path(&tile.full())).await;
                cut(&tile, full.map_err(|_| missing(&path, &error.message))?)
            }
            Err(error) if error.not_found => return Err(missing(&path, &error.message)),
            Err(error) => return Err(error.into()),
        };
        Ok(TileRead { data: data.into(), is_saved: false })
    }

    async fn saved_tile(&self, tile: Tile) -> Option<Arc<[u8]>> {
        if let Some(data) = lock(&self.tiles).get(&tile) {
            return Some(data);
        }
        let data = match self.memory.cached(&tile_path(&tile)).await {
            Some(data) => data,
            None if tile.is_full() => return None,
            None => cut(&tile, self.memory.cached(&tile_path(&tile.full())).await?),
        };
        Some(data.into())
    }
}

fn with_fresh(hashes: Vec<Hash>, proof: &TileProof, tiles: Vec<TileRead>) -> HashesRead {
    let fresh = proof.tiles().iter().zip(tiles).filter(|(_, read)| !read.is_saved);
    HashesRead { hashes, fresh: fresh.map(|(&tile, read)| (tile, read.data)).collect() }
}

/// The part of a full tile that `tile` is. One of a wrong length is left for the proof to refuse.
fn cut(tile: &Tile, mut full: Vec<u8>) -> Vec<u8> {
    if full.len() == tile.full().size() {
        full.truncate(tile.size());
    }
    full
}

/// A missing tile says nothing about the module looked up: to call it "not found" would pass for a denial.
fn missing(path: &str, message: &str) -> SumError {
    SumError::Unreachable(format!("no {}: {message}", path.trim_start_matches('/')))
}

fn tile_path(tile: &Tile) -> String {
    format!("/{}", tile.path())
}
