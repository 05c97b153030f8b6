//! Inclusion and consistency proofs.
//!
//! Both walk down from the root and note, at each fork, the side not taken; the proof is the hashes of those sides from
//! the bottom up (RFC 6962, sections 2.1.1 and 2.1.2). Proving reads the sides from storage, checking takes them from the
//! proof: one walk serves both.

use super::{Hash, HashReader, MAX_SIZE, TlogError, node_hash, read_all, subtree_hash, subtree_indexes};

/// A side not taken: the records from `lo` to `hi`, lying left or right of the path.
struct Side {
    lo: u64,
    hi: u64,
    is_left: bool,
}

impl Side {
    /// This side's hash joined with that of the path beside it.
    fn join(&self, side: &Hash, path: &Hash) -> Hash {
        if self.is_left { node_hash(side, path) } else { node_hash(path, side) }
    }
}

/// The proof that record `number` is in the tree of `size` records.
pub fn prove_record<R: HashReader + ?Sized>(
    size: u64,
    number: u64,
    reader: &R,
) -> Result<Vec<Hash>, TlogError> {
    let parts: Vec<_> = record_path(size, number)?.iter().map(|side| (side.lo, side.hi)).collect();
    prove(&parts, reader)
}

/// Checks that `proof` shows that the tree of `size` records and this `root` has `record` as its record `number`.
pub fn check_record(
    proof: &[Hash],
    size: u64,
    root: &Hash,
    number: u64,
    record: &Hash,
) -> Result<(), TlogError> {
    let path = record_path(size, number)?;
    if path.len() != proof.len() {
        return Err(TlogError::ProofFailed);
    }
    let top = path.iter().zip(proof).fold(*record, |hash, (side, given)| side.join(given, &hash));
    if top == *root { Ok(()) } else { Err(TlogError::ProofFailed) }
}

/// The proof that the tree of `size` records begins with the tree of `old` records.
pub fn prove_tree<R: HashReader + ?Sized>(size: u64, old: u64, reader: &R) -> Result<Vec<Hash>, TlogError> {
    prove(&tree_proof_parts(size, old)?, reader)
}

/// Checks that `proof` shows that the tree of `size` records and this `root` begins with the tree of `old` records
/// and `old_root`.
pub fn check_tree(
    proof: &[Hash],
    size: u64,
    root: &Hash,
    old: u64,
    old_root: &Hash,
) -> Result<(), TlogError> {
    let (common, path) = tree_path(size, old)?;
    let (start, proof) = match (common, proof) {
        // The old tree is itself a node of the new one, so its hash need not be sent.
        ((0, _), proof) => (*old_root, proof),
        (_, [first, rest @ ..]) => (*first, rest),
        (_, []) => return Err(TlogError::ProofFailed),
    };
    if path.len() != proof.len() {
        return Err(TlogError::ProofFailed);
    }
    let (mut before, mut after) = (start, start);
    for (side, given) in path.iter().zip(proof) {
        after = side.join(given, &after);
        if side.is_left {
            before = side.join(given, &before);
        }
    }
    if before == *old_root && after == *root { Ok(()) } else { Err(TlogError::ProofFailed) }
}

/// The stored hashes that [`prove_tree`] reads.
pub(crate) fn tree_proof_indexes(size: u64, old: u64) -> Result<Vec<u64>, TlogError> {
    let indexes = tree_proof_parts(size, old)?
        .iter()
        .map(|&(lo, hi)| subtree_indexes(lo, hi))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(indexes.concat())
}

/// The record ranges whose hashes make up a consistency proof, in its order.
fn tree_proof_parts(size: u64, old: u64) -> Result<Vec<(u64, u64)>, TlogError> {
    let (common, path) = tree_path(size, old)?;
    let first = (common.0 != 0).then_some(common);
    Ok(first.into_iter().chain(path.iter().map(|side| (side.lo, side.hi))).collect())
}

/// The hashes of `parts`, read with one call.
fn prove<R: HashReader + ?Sized>(parts: &[(u64, u64)], reader: &R) -> Result<Vec<Hash>, TlogError> {
    let indexes = parts.iter().map(|&(lo, hi)| subtree_indexes(lo, hi)).collect::<Result<Vec<_>, _>>()?;
    let hashes = read_all(reader, &indexes.concat())?;
    let mut rest = hashes.as_slice();
    let mut proof = Vec::with_capacity(parts.len());
    for part in &indexes {
        let (mine, others) = rest.split_at(part.len());
        proof.push(subtree_hash(mine));
        rest = others;
    }
    Ok(proof)
}

/// The sides of the path from record `number` up to the root.
fn record_path(size: u64, number: u64) -> Result<Vec<Side>, TlogError> {
    if size > MAX_SIZE || number >= size {
        return Err(TlogError::OutOfRange);
    }
    Ok(path_to(size, |lo, hi| lo + 1 == hi, |middle| number < middle).1)
}

/// The largest subtree that ends where the old tree ends, and the sides of the path from it up to the root.
fn tree_path(size: u64, old: u64) -> Result<((u64, u64), Vec<Side>), TlogError> {
    if size > MAX_SIZE || old == 0 || old > size {
        return Err(TlogError::OutOfRange);
    }
    Ok(path_to(size, |_, hi| hi == old, |middle| old <= middle))
}

/// Walks down until `arrived`, to the left of each middle where `goes_left`; the sides come bottom first.
fn path_to(
    size: u64,
    arrived: impl Fn(u64, u64) -> bool,
    goes_left: impl Fn(u64) -> bool,
) -> ((u64, u64), Vec<Side>) {
    let (mut lo, mut hi) = (0, size);
    let mut sides = Vec::new();
    while !arrived(lo, hi) {
        let middle = lo + largest_power_below(hi - lo);
        if goes_left(middle) {
            sides.push(Side { lo: middle, hi, is_left: false });
            hi = middle;
        } else {
            sides.push(Side { lo, hi: middle, is_left: true });
            lo = middle;
        }
    }
    sides.reverse();
    ((lo, hi), sides)
}

/// The largest power of two below `count`, which is at least 2.
fn largest_power_below(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}
