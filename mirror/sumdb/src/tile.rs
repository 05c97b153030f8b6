//! A log's hashes cut into files.
//!
//! A [`Tile`] of height `h` at level `l` holds `w` hashes that lie side by side, `h * l` levels above the records; the
//! levels in between are hashed from them. [`tile_for_index`] names the tile that holds a stored hash and
//! [`hash_from_tile`] takes it out; [`new_tiles`] says what to publish when a log has grown, and [`read_tile_data`] makes it.
//! [`TileProof`] reads hashes from tiles that somebody else sent, and believes none that the tree head does not prove.
//!
//! A path is `tile/H/L/NNN`, with `.p/W` after it if the tile is not full: `tile/8/0/x001/x234/067.p/1`. The number stands
//! in groups of three digits, all but the last with an `x` before, so that no folder grows large. Level `data` holds records.

mod path;
mod proof;

pub use proof::{TileError, TileProof};

use crate::tlog::{
    Hash, HashReader, MAX_SIZE, TlogError, read_all, split_stored_hash_index, stored_hash_index, subtree_hash,
};

/// The greatest height of a tile.
pub const MAX_HEIGHT: u8 = 30;

/// The greatest level of a tile.
pub const MAX_LEVEL: u8 = 63;

/// What a level of tiles holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// The records themselves.
    Data,
    /// Hashes, this many tile heights above the records.
    Hashes(u8),
}

/// The place of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Height: 1 to [`MAX_HEIGHT`].
    pub h: u8,
    /// Level: 0 to [`MAX_LEVEL`], or data.
    pub l: Level,
    /// Number within the level.
    pub n: u64,
    /// Width in hashes: 1 to 2^h.
    pub w: u32,
}

impl Tile {
    /// The path, such as `tile/8/0/x001/x234/067.p/1`.
    pub fn path(&self) -> String {
        path::render(self)
    }

    /// Reads what [`path`](Self::path) writes, and nothing else.
    pub fn parse_path(text: &str) -> Option<Self> {
        path::parse(text)
    }

    /// This tile in its full width.
    pub fn full(self) -> Self {
        Self { w: full_width(self.h), ..self }
    }

    /// Whether the tile has its full width and so will never change.
    pub fn is_full(&self) -> bool {
        self.w == full_width(self.h)
    }

    /// Bytes of a hash tile.
    pub fn size(&self) -> usize {
        self.w as usize * Hash::SIZE
    }

    /// The numbers, within the tile's own level, of the first entry and of the one after the last.
    pub(crate) fn entries(&self) -> Option<(u64, u64)> {
        let start = self.n.checked_mul(u64::from(full_width(self.h)))?;
        Some((start, start.checked_add(u64::from(self.w))?))
    }

    /// How many entries the tile's level has in a tree of `size` records.
    pub(crate) fn entries_in(&self, size: u64) -> u64 {
        size.checked_shr(self.depth()).unwrap_or(0)
    }

    /// Levels of the tree below the tile.
    fn depth(&self) -> u32 {
        match self.l {
            Level::Data => 0,
            Level::Hashes(level) => u32::from(level) * u32::from(self.h),
        }
    }

    /// The tile `up` levels above that holds this tile's hash, as wide as it is in a tree of `size` records.
    fn parent(&self, up: u8, size: u64) -> Option<Self> {
        let Level::Hashes(level) = self.l else { return None };
        let n = self.n.checked_shr(u32::from(up) * u32::from(self.h)).unwrap_or(0);
        let mut parent = Self { l: Level::Hashes(level.checked_add(up)?), n, ..*self }.full();
        let entries = parent.entries_in(size);
        let (start, end) = parent.entries()?;
        if end > entries {
            parent.w = u32::try_from(entries.checked_sub(start)?).ok().filter(|&width| width > 0)?;
        }
        Some(parent)
    }
}

/// The narrowest tile of height `h` that holds the hash stored at `index`.
pub fn tile_for_index(h: u8, index: u64) -> Result<Tile, TlogError> {
    locate(h, index).map(|(tile, _)| tile)
}

/// The hash stored at `index`, out of the `data` of the tile that holds it.
pub fn hash_from_tile(tile: &Tile, data: &[u8], index: u64) -> Result<Hash, TlogError> {
    let (narrow, entries) = locate(tile.h, index)?;
    if (tile.l, tile.n) != (narrow.l, narrow.n) || tile.w < narrow.w || data.len() < tile.size() {
        return Err(TlogError::OutOfRange);
    }
    data.get(entries.start * Hash::SIZE..entries.end * Hash::SIZE).map(tile_hash).ok_or(TlogError::OutOfRange)
}

/// The tiles to publish when a log grows from `old` to `new` records.
///
/// The caller bounds `new - old`: there is about one tile for every 2^h records.
pub fn new_tiles(h: u8, old: u64, new: u64) -> Result<Vec<Tile>, TlogError> {
    if !(1..=MAX_HEIGHT).contains(&h) || new > MAX_SIZE {
        return Err(TlogError::OutOfRange);
    }
    let mut tiles = Vec::new();
    for level in 0..=MAX_LEVEL {
        let at = |size: u64| size.checked_shr(u32::from(level) * u32::from(h)).unwrap_or(0);
        let (before, after) = (at(old), at(new));
        if after == 0 {
            break;
        }
        if before == after {
            continue;
        }
        let full = Tile { h, l: Level::Hashes(level), n: 0, w: 1 << h };
        tiles.extend((before >> h..after >> h).map(|n| Tile { n, ..full }));
        let width = u32::try_from(after & ((1 << h) - 1)).map_err(|_| TlogError::OutOfRange)?;
        if width > 0 {
            tiles.push(Tile { n: after >> h, w: width, ..full });
        }
    }
    Ok(tiles)
}

/// The content of hash tile `tile`, read from storage. The caller bounds the width by the size of its log.
pub fn read_tile_data<R: HashReader + ?Sized>(tile: &Tile, reader: &R) -> Result<Vec<u8>, TlogError> {
    if tile.l == Level::Data || tile.h > MAX_HEIGHT {
        return Err(TlogError::OutOfRange);
    }
    let (start, end) = tile.entries().ok_or(TlogError::OutOfRange)?;
    // The last entry lies highest, so that a tile out of range is refused before anything is gathered.
    stored_hash_index(tile.depth(), end.saturating_sub(1))?;
    let indexes = (start..end).map(|n| stored_hash_index(tile.depth(), n)).collect::<Result<Vec<_>, _>>()?;
    let hashes = read_all(reader, &indexes)?;
    Ok(hashes.iter().flat_map(|hash| hash.0).collect())
}

/// Entries of a full tile of this height; heights that no tile has end in a width without meaning, not in a panic.
fn full_width(h: u8) -> u32 {
    1_u32.checked_shl(u32::from(h)).unwrap_or(u32::MAX)
}

/// The hash over all entries of a tile, or over a part of it whose length is a power of two.
fn tile_hash(data: &[u8]) -> Hash {
    let (entries, _) = data.as_chunks::<{ Hash::SIZE }>();
    let mut row: Vec<Hash> = entries.iter().copied().map(Hash).collect();
    while row.len() > 1 {
        row = row.chunks(2).map(subtree_hash).collect();
    }
    subtree_hash(&row)
}

/// The narrowest tile that holds the hash stored at `index`, and the entries that it is made of.
fn locate(h: u8, index: u64) -> Result<(Tile, std::ops::Range<usize>), TlogError> {
    if !(1..=MAX_HEIGHT).contains(&h) {
        return Err(TlogError::OutOfRange);
    }
    let (level, number) = split_stored_hash_index(index);
    let (l, inside) = (level / u32::from(h), level % u32::from(h));
    // A hash of several entries never crosses a tile: both are aligned to powers of two.
    let n = number >> (u32::from(h) - inside);
    let position =
        usize::try_from(number - (n << (u32::from(h) - inside))).map_err(|_| TlogError::OutOfRange)?;
    let (start, end) = (position << inside, (position + 1) << inside);
    let w = u32::try_from(end).map_err(|_| TlogError::OutOfRange)?;
    let l = Level::Hashes(u8::try_from(l).map_err(|_| TlogError::OutOfRange)?);
    Ok((Tile { h, l, n, w }, start..end))
}
