//! Tree hashes and proofs, for every tree up to 65 records.

use fairlead_sumdb::tlog::{
    Hash, HashReader, MAX_SIZE, TlogError, check_record, check_tree, node_hash, prove_record, prove_tree,
    record_hash, stored_hash_count, stored_hashes, tree_hash,
};
use proptest::prelude::*;

use crate::stage::hashes;

const MAX: u64 = 65;

/// The tree hash as RFC 6962 defines it, section 2.1.
fn defined_hash(lo: u64, hi: u64) -> Hash {
    match hi - lo {
        0 => Hash::EMPTY,
        1 => record_hash(&lo.to_be_bytes()),
        count => {
            let middle = lo + count.next_power_of_two() / 2;
            node_hash(&defined_hash(lo, middle), &defined_hash(middle, hi))
        }
    }
}

fn roots(hashes: &Vec<Hash>) -> Vec<Hash> {
    (0..=MAX + 1).map(|size| tree_hash(size, hashes).unwrap()).collect()
}

/// Each way to flip one bit in one of `proof`'s hashes, another bit each time.
fn flipped(proof: &[Hash]) -> impl Iterator<Item = Vec<Hash>> {
    (0..proof.len()).map(|at| {
        let mut proof = proof.to_vec();
        proof[at].0[at * 7 % 32] ^= 1 << (at % 8);
        proof
    })
}

/// Each way to leave out, double or swap one of `proof`'s hashes.
fn mangled(proof: &[Hash]) -> impl Iterator<Item = Vec<Hash>> {
    (0..proof.len()).flat_map(move |at| {
        let (mut without, mut doubled, mut swapped) = (proof.to_vec(), proof.to_vec(), proof.to_vec());
        without.remove(at);
        doubled.insert(at, proof[at]);
        swapped.swap(at, (at + 1) % proof.len());
        [without, doubled, swapped].into_iter().filter(move |other| other != proof)
    })
}

#[test]
fn tree_hashes_are_as_defined() {
    let stored = hashes(MAX + 1);
    for (size, root) in (0..).zip(roots(&stored)) {
        assert_eq!(root, defined_hash(0, size), "{size}");
        assert_eq!(stored_hash_count(size), Ok(hashes(size).len() as u64));
    }
}

#[test]
fn the_empty_tree_and_known_leaves_hash_as_in_certificate_transparency() {
    // The first entries of the reference vectors that Certificate Transparency implementations share.
    assert_eq!(tree_hash(0, &Vec::new()), Ok(Hash::EMPTY));
    assert_eq!(record_hash(b"").0[..4], [0x6e, 0x34, 0x0b, 0x9c]);
    let mut stored = stored_hashes(0, record_hash(b""), &Vec::new()).unwrap();
    stored.extend(stored_hashes(1, record_hash(b"\x00"), &stored).unwrap());
    assert_eq!(tree_hash(2, &stored).unwrap().0[..4], [0xfa, 0xc5, 0x42, 0x03]);
}

#[test]
fn every_record_is_proved_in_every_tree() {
    let stored = hashes(MAX + 1);
    let roots = roots(&stored);
    for size in 1..=MAX {
        let root = &roots[size as usize];
        for number in 0..size {
            let record = record_hash(&number.to_be_bytes());
            let proof = prove_record(size, number, &stored).unwrap();
            assert_eq!(check_record(&proof, size, root, number, &record), Ok(()), "{size} {number}");
            for bad in flipped(&proof).chain(mangled(&proof)) {
                let refused = check_record(&bad, size, root, number, &record);
                assert_eq!(refused, Err(TlogError::ProofFailed), "{size} {number}");
            }
            // Neither another record, nor another place, nor another tree.
            let other = record_hash(b"other");
            assert!(check_record(&proof, size, root, number, &other).is_err(), "{size} {number}");
            for place in [number.wrapping_sub(1), number + 1] {
                assert!(check_record(&proof, size, root, place, &record).is_err(), "{size} {number} {place}");
            }
            for wrong in [size - 1, size + 1] {
                let root = &roots[wrong as usize];
                assert!(
                    check_record(&proof, wrong, root, number, &record).is_err(),
                    "{size} {number} {wrong}"
                );
                assert!(
                    check_record(&proof, size, root, number, &record).is_err(),
                    "{size} {number} {wrong}"
                );
            }
        }
    }
}

#[test]
fn every_tree_is_proved_to_begin_with_every_smaller_one() {
    let stored = hashes(MAX + 1);
    let roots = roots(&stored);
    for size in 1..=MAX {
        let root = &roots[size as usize];
        for old in 1..=size {
            let old_root = &roots[old as usize];
            let proof = prove_tree(size, old, &stored).unwrap();
            assert_eq!(check_tree(&proof, size, root, old, old_root), Ok(()), "{size} {old}");
            for bad in flipped(&proof).chain(mangled(&proof)) {
                let refused = check_tree(&bad, size, root, old, old_root);
                assert_eq!(refused, Err(TlogError::ProofFailed), "{size} {old}");
            }
            for wrong in [old - 1, old + 1] {
                let wrong_root = &roots[wrong as usize];
                assert!(check_tree(&proof, size, root, wrong, wrong_root).is_err(), "{size} {old} {wrong}");
                assert!(check_tree(&proof, size, root, wrong, old_root).is_err(), "{size} {old} {wrong}");
                assert!(check_tree(&proof, size, root, old, wrong_root).is_err(), "{size} {old} {wrong}");
            }
            for wrong in [size - 1, size + 1] {
                let wrong_root = &roots[wrong as usize];
                assert!(
                    check_tree(&proof, wrong, wrong_root, old, old_root).is_err(),
                    "{size} {old} {wrong}"
                );
                assert!(check_tree(&proof, size, wrong_root, old, old_root).is_err(), "{size} {old} {wrong}");
            }
        }
    }
}

#[test]
fn questions_beyond_the_log_are_refused() {
    let stored = hashes(8);
    assert_eq!(prove_record(10, 9, &stored), Err(TlogError::OutOfRange));
    assert_eq!(prove_record(8, 8, &stored), Err(TlogError::OutOfRange));
    assert_eq!(prove_tree(8, 9, &stored), Err(TlogError::OutOfRange));
    assert_eq!(prove_tree(8, 0, &stored), Err(TlogError::OutOfRange));
    assert_eq!(prove_tree(0, 0, &stored), Err(TlogError::OutOfRange));
    assert_eq!(tree_hash(9, &stored), Err(TlogError::OutOfRange));
}

/// Storage that answers everything, and counts how much it was asked for.
struct Endless;

impl HashReader for Endless {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TlogError> {
        assert!(indexes.len() <= 64 * 64);
        Ok(indexes.iter().map(|index| record_hash(&index.to_be_bytes())).collect())
    }
}

/// Storage that answers with one hash too few.
struct Short;

impl HashReader for Short {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TlogError> {
        Ok(vec![Hash::EMPTY; indexes.len() - 1])
    }
}

#[test]
fn too_few_hashes_from_storage_are_an_error() {
    assert!(matches!(tree_hash(5, &Short), Err(TlogError::Read(_))));
    assert!(matches!(prove_record(5, 2, &Short), Err(TlogError::Read(_))));
    assert!(matches!(prove_tree(5, 3, &Short), Err(TlogError::Read(_))));
    assert!(matches!(stored_hashes(5, Hash::EMPTY, &Short), Err(TlogError::Read(_))));
}

/// Sizes with which a hostile server would try the arithmetic.
fn sizes() -> impl Strategy<Value = u64> {
    let edges = [0, 1, 2, 1 << 31, 1 << 32, 1 << 62, MAX_SIZE - 1, MAX_SIZE, MAX_SIZE + 1, u64::MAX];
    prop_oneof![
        prop::sample::select(edges.to_vec()),
        any::<u64>(),
        (any::<u64>(), 0..64_u32).prop_map(|(n, s)| n >> s)
    ]
}

proptest! {
    #[test]
    fn no_size_makes_the_arithmetic_panic(size in sizes(), at in sizes(), proof_len in 0..70_usize) {
        let proof = vec![Hash::EMPTY; proof_len];
        let root = Hash::EMPTY;
        prop_assert!(check_record(&proof, size, &root, at, &root).is_err() || size == 1);
        prop_assert!(check_tree(&proof, size, &root, at, &root).is_err() || size == at);
        prop_assert_eq!(tree_hash(size, &Endless).is_ok(), size <= MAX_SIZE);
        let stored = stored_hashes(at, root, &Endless);
        prop_assert_eq!(stored.is_ok(), at < MAX_SIZE);
        if let Ok(proof) = prove_record(size, at, &Endless) {
            prop_assert!(at < size && size <= MAX_SIZE && proof.len() <= 63);
        }
        if let Ok(proof) = prove_tree(size, at, &Endless) {
            prop_assert!(at <= size && size <= MAX_SIZE && proof.len() <= 64);
        }
    }
}
