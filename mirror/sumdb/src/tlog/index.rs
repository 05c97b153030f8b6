//! Where a log's hashes are stored.
//!
//! Hash `number` of `level` covers the records from `number << level` to `(number + 1) << level`. It is written with the
//! last record that it covers, after the hash one level below (Crosby and Wallach, "Efficient Data Structures for
//! Tamper-Evident Logging", section 3.3).

use super::{Hash, MAX_SIZE, TlogError, node_hash};

/// The place of hash `number` of `level` (0: records) in storage.
pub fn stored_hash_index(level: u32, number: u64) -> Result<u64, TlogError> {
    let end = number.checked_add(1).ok_or(TlogError::OutOfRange)?;
    if level > 63 || end > (1 << 63) >> level {
        return Err(TlogError::OutOfRange);
    }
    let last = (end << level) - 1;
    Ok(before_record(last) + u64::from(level))
}

/// Level and number of the hash stored at `index`: the inverse of [`stored_hash_index`].
pub fn split_stored_hash_index(index: u64) -> (u32, u64) {
    // Fewer than two hashes are stored per record, and never fewer than 2n - 63 before record n.
    let mut record = index / 2;
    let mut start = u128::from(before_record(record));
    loop {
        let next = start + 1 + u128::from((record + 1).trailing_zeros());
        if next > u128::from(index) {
            break;
        }
        (record, start) = (record + 1, next);
    }
    let level = u32::try_from(u128::from(index) - start).unwrap_or(0);
    (level, record >> level)
}

/// How many hashes are stored for a log of `size` records.
pub fn stored_hash_count(size: u64) -> Result<u64, TlogError> {
    if size > MAX_SIZE { Err(TlogError::OutOfRange) } else { Ok(before_record(size)) }
}

/// The stored hashes, left to right, that make up the records from `lo` to `hi`.
///
/// `lo` must be a multiple of the largest power of two that fits into the range, as it is for every part of a proof.
pub(crate) fn subtree_indexes(mut lo: u64, hi: u64) -> Result<Vec<u64>, TlogError> {
    if hi > MAX_SIZE {
        return Err(TlogError::OutOfRange);
    }
    let mut indexes = Vec::new();
    while lo < hi {
        let level = (hi - lo).ilog2();
        indexes.push(stored_hash_index(level, lo >> level)?);
        lo += 1 << level;
    }
    Ok(indexes)
}

/// The hash over the parts that [`subtree_indexes`] names.
pub(crate) fn subtree_hash(parts: &[Hash]) -> Hash {
    parts.iter().copied().rev().reduce(|right, left| node_hash(&left, &right)).unwrap_or(Hash::EMPTY)
}

/// How many hashes are stored before those of `record`, which must be at most 2^63.
fn before_record(record: u64) -> u64 {
    // n + n/2 + n/4 + … = 2n - (number of one bits), written so that 2^63 does not overflow.
    (record - u64::from(record.count_ones())) + record
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn storage_has_no_gap_and_no_overlap() {
        let mut next = 0;
        for record in 0..2000_u64 {
            assert_eq!(stored_hash_count(record), Ok(next));
            for level in 0..=(record + 1).trailing_zeros() {
                assert_eq!(stored_hash_index(level, record >> level), Ok(next));
                assert_eq!(split_stored_hash_index(next), (level, record >> level));
                next += 1;
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_do_not_overflow() {
        assert_eq!(stored_hash_index(0, MAX_SIZE), Ok(u64::MAX - 1 - 63));
        assert_eq!(stored_hash_index(63, 0), Ok(u64::MAX - 1));
        assert_eq!(stored_hash_index(0, MAX_SIZE + 1), Err(TlogError::OutOfRange));
        assert_eq!(stored_hash_index(0, u64::MAX), Err(TlogError::OutOfRange));
        assert_eq!(stored_hash_index(63, 1), Err(TlogError::OutOfRange));
        assert_eq!(stored_hash_index(64, 0), Err(TlogError::OutOfRange));
        assert_eq!(stored_hash_index(u32::MAX, u64::MAX), Err(TlogError::OutOfRange));
        assert_eq!(stored_hash_count(MAX_SIZE), Ok(u64::MAX - 1 - 63));
        assert_eq!(stored_hash_count(MAX_SIZE + 1), Err(TlogError::OutOfRange));
        assert_eq!(subtree_indexes(0, u64::MAX), Err(TlogError::OutOfRange));
        assert_eq!(subtree_indexes(0, MAX_SIZE).map(|parts| parts.len()), Ok(63));
        assert_eq!(split_stored_hash_index(u64::MAX - 1), (63, 0));
        split_stored_hash_index(u64::MAX);
    }

    proptest! {
        #[test]
        fn splitting_inverts_the_index(index in 0..u64::MAX) {
            let (level, number) = split_stored_hash_index(index);
            prop_assert_eq!(stored_hash_index(level, number), Ok(index));
        }

        #[test]
        fn the_index_inverts_splitting(level in 0..64_u32, number: u64) {
            let number = number >> 1 >> level;
            let index = stored_hash_index(level, number).unwrap();
            prop_assert_eq!(split_stored_hash_index(index), (level, number));
        }
    }
}
