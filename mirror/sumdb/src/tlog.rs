//! A transparency log as a Merkle tree over records (RFC 6962): its hashes, where they are stored, and its proofs.
//!
//! Records are numbered from 0. A record's hash and those of the full subtrees that it completes are stored one after
//! the other, so that storage only grows; [`stored_hash_index`] says where a hash lies, and a [`HashReader`] fetches it.
//! [`prove_record`] and [`check_record`] show that a record is in a tree, [`prove_tree`] and [`check_tree`] that one tree
//! is a prefix of another. [`Tree`] is the text of a tree head, [`Record`] one entry as a server sends it.
//!
//! Every size, index and proof may come from a hostile server: sizes end at [`MAX_SIZE`], and what lies beyond is
//! [`TlogError::OutOfRange`].

mod index;
mod proof;
mod text;

use sha2::{Digest as _, Sha256};

pub use index::{split_stored_hash_index, stored_hash_count, stored_hash_index};
pub(crate) use index::{subtree_hash, subtree_indexes};
pub(crate) use proof::tree_proof_indexes;
pub use proof::{check_record, check_tree, prove_record, prove_tree};
pub(crate) use text::is_record_text;
pub use text::{Record, Tree};

use crate::base64;

/// The most records a log may have: sizes are Go's signed 64-bit integers.
pub const MAX_SIZE: u64 = i64::MAX as u64;

/// The hash of a record, of a subtree, or of a whole tree: SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Bytes of a hash.
    pub const SIZE: usize = 32;

    /// The hash of the tree without records: SHA-256 of nothing.
    pub const EMPTY: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
        0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    /// Reads the base64 form.
    pub fn parse(text: &str) -> Option<Self> {
        base64::decode(text)?.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&base64::encode(self.0))
    }
}

/// What can go wrong in a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogError {
    /// The text is not a tree head.
    #[error("malformed tree note")]
    MalformedTree,
    /// The text is not a record.
    #[error("malformed record data")]
    MalformedRecord,
    /// A size, number or index is beyond the tree, or beyond [`MAX_SIZE`].
    #[error("no such place in the log")]
    OutOfRange,
    /// The proof does not show what it should.
    #[error("invalid transparency proof")]
    ProofFailed,
    /// A [`HashReader`] could not read, or did not return as many hashes as it was asked for.
    #[error("reading hashes: {0}")]
    Read(String),
}

/// Where the hashes of a log are stored.
pub trait HashReader {
    /// The hashes at `indexes` (see [`stored_hash_index`]), in that order and as many.
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TlogError>;
}

impl HashReader for [Hash] {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TlogError> {
        let at = |&index: &u64| usize::try_from(index).ok().and_then(|index| self.get(index)).copied();
        indexes.iter().map(at).collect::<Option<_>>().ok_or(TlogError::OutOfRange)
    }
}

impl HashReader for Vec<Hash> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TlogError> {
        self.as_slice().read_hashes(indexes)
    }
}

/// The hash of a record: SHA-256 of a zero byte and its text.
pub fn record_hash(record: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(record).finalize().into())
}

/// The hash of a tree's inner node: SHA-256 of a one byte and both children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The hashes to store, from [`stored_hash_index`]`(0, number)` on, when the record with this hash is added.
///
/// Reads at most 63 older hashes.
pub fn stored_hashes<R: HashReader + ?Sized>(
    number: u64,
    record: Hash,
    reader: &R,
) -> Result<Vec<Hash>, TlogError> {
    if number >= MAX_SIZE {
        return Err(TlogError::OutOfRange);
    }
    // Each trailing one bit of the number says that this record completes a subtree with an older neighbour.
    let neighbours = (0..number.trailing_ones())
        .map(|level| stored_hash_index(level, (number >> level) - 1))
        .collect::<Result<Vec<_>, _>>()?;
    let mut hashes = vec![record];
    let mut top = record;
    for left in read_all(reader, &neighbours)? {
        top = node_hash(&left, &top);
        hashes.push(top);
    }
    Ok(hashes)
}

/// The root hash of the tree with `size` records, from at most 63 stored hashes.
pub fn tree_hash<R: HashReader + ?Sized>(size: u64, reader: &R) -> Result<Hash, TlogError> {
    let indexes = subtree_indexes(0, size)?;
    Ok(subtree_hash(&read_all(reader, &indexes)?))
}

/// What `reader` has at `indexes`, held to the promised number.
pub(crate) fn read_all<R: HashReader + ?Sized>(reader: &R, indexes: &[u64]) -> Result<Vec<Hash>, TlogError> {
    if indexes.is_empty() {
        return Ok(Vec::new());
    }
    let hashes = reader.read_hashes(indexes)?;
    if hashes.len() != indexes.len() {
        let message = format!("asked for {} hashes, got {}", indexes.len(), hashes.len());
        return Err(TlogError::Read(message));
    }
    Ok(hashes)
}
