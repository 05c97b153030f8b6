//! Tiles for others: whoever passes a database on gives away only what it has proved itself.

use super::{Client, SumError};
use crate::tile::{Level, Tile};
use crate::tlog::{Hash, stored_hash_index};

impl Client {
    /// The bytes of a hash tile, proved by the newest tree; a tile beyond that tree makes the client ask for a newer one.
    ///
    /// Tiles of another height than the client's, and data tiles, are not passed on: they are [`SumError::NotFound`].
    pub async fn tile(&self, tile: Tile) -> Result<Vec<u8>, SumError> {
        let missing = || SumError::NotFound(tile.path());
        let Level::Hashes(level) = tile.l else { return Err(missing()) };
        if tile.h != self.height {
            return Err(missing());
        }
        let shift = u32::from(level) * u32::from(tile.h);
        let (start, end) = tile.entries().ok_or_else(missing)?;
        let records = end.checked_shl(shift).filter(|records| records >> shift == end).ok_or_else(missing)?;
        let mut tree = self.latest().await?.map(|(tree, _)| tree);
        if tree.is_none_or(|tree| tree.size < records) {
            tree = Some(self.refresh().await?);
        }
        let tree = tree.filter(|tree| tree.size >= records).ok_or_else(missing)?;
        let indexes: Result<Vec<u64>, _> = (start..end).map(|n| stored_hash_index(shift, n)).collect();
        let read = self.read_hashes(tree, &indexes?).await?;
        self.keep(read.fresh).await;
        Ok(read.hashes.iter().flat_map(|hash: &Hash| hash.0).collect())
    }
}
