//! Hashes out of tiles, for every tree up to 65 records and several heights.

use std::collections::{HashMap, HashSet};

use fairlead_sumdb::tile::{
    Level, MAX_HEIGHT, Tile, TileError, TileProof, hash_from_tile, new_tiles, read_tile_data, tile_for_index,
};
use fairlead_sumdb::tlog::{Hash, MAX_SIZE, TlogError, Tree, stored_hash_count, tree_hash};
use proptest::prelude::*;

use crate::stage::hashes;

const MAX: u64 = 65;

fn tree(size: u64, stored: &Vec<Hash>) -> Tree {
    Tree { size, hash: tree_hash(size, stored).unwrap() }
}

fn data_of(proof: &TileProof, stored: &Vec<Hash>) -> Vec<Vec<u8>> {
    proof.tiles().iter().map(|tile| read_tile_data(tile, stored).unwrap()).collect()
}

#[test]
fn every_hash_of_every_tree_is_read_from_tiles() {
    let stored = hashes(MAX);
    for h in [1, 2, 3, 8] {
        for size in 0..=MAX {
            let count = stored_hash_count(size).unwrap();
            for index in 0..count {
                let proof = TileProof::new(tree(size, &stored), h, &[index]).unwrap();
                let read = proof.authenticate(&data_of(&proof, &stored));
                assert_eq!(read, Ok(vec![stored[index as usize]]), "{h} {size} {index}");
            }
            assert_eq!(
                TileProof::new(tree(size, &stored), h, &[count]).err(),
                Some(TlogError::OutOfRange),
                "{h} {size}"
            );
            let all: Vec<u64> = (0..count).collect();
            let proof = TileProof::new(tree(size, &stored), h, &all).unwrap();
            assert_eq!(proof.authenticate(&data_of(&proof, &stored)).unwrap(), stored[..count as usize]);
            let unique: HashSet<_> = proof.tiles().iter().collect();
            assert_eq!(unique.len(), proof.tiles().len());
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_tile_is_noticed() {
    let stored = hashes(MAX);
    for size in [1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 33, 63, 64, 65] {
        for index in 0..stored_hash_count(size).unwrap() {
            let proof = TileProof::new(tree(size, &stored), 2, &[index]).unwrap();
            let data = data_of(&proof, &stored);
            for at in 0..data.len() {
                for entry in 0..data[at].len() / Hash::SIZE {
                    let mut data = data.clone();
                    data[at][entry * Hash::SIZE + (at * 5 + entry) % 32] ^= 1 << (entry % 8);
                    let refused = proof.authenticate(&data);
                    assert_eq!(
                        refused,
                        Err(TileError::Inconsistent),
                        "{size} {index} {}",
                        proof.tiles()[at].path()
                    );
                }
            }
        }
    }
}

#[test]
fn a_tile_of_a_wrong_length_is_noticed() {
    let stored = hashes(33);
    let proof = TileProof::new(tree(33, &stored), 2, &[5]).unwrap();
    let data = data_of(&proof, &stored);
    for at in 0..data.len() {
        let path = proof.tiles()[at].path();
        let changes: [fn(&mut Vec<u8>); 3] =
            [Vec::clear, |tile| tile.truncate(tile.len() - 1), |tile| tile.push(0)];
        for change in changes {
            let mut data = data.clone();
            change(&mut data[at]);
            assert_eq!(proof.authenticate(&data), Err(TileError::WrongLength(path.clone())));
        }
        assert!(matches!(proof.authenticate(&data[..at]), Err(TileError::WrongLength(_))));
    }
}

#[test]
fn tiles_of_another_tree_are_noticed() {
    let stored = hashes(MAX);
    for size in 1..=MAX {
        let other = Tree { size, hash: tree_hash(size - 1, &stored).unwrap() };
        let proof = TileProof::new(other, 2, &[0]).unwrap();
        assert_eq!(proof.authenticate(&data_of(&proof, &stored)), Err(TileError::Inconsistent), "{size}");
    }
}

#[test]
fn every_hash_lies_in_the_tile_that_is_named_for_it() {
    let stored = hashes(MAX);
    for h in 1..=4 {
        for (index, hash) in (0..).zip(&stored) {
            let tile = tile_for_index(h, index).unwrap();
            let data = read_tile_data(&tile, &stored).unwrap();
            assert_eq!(hash_from_tile(&tile, &data, index), Ok(*hash), "{h} {index}");
            assert_eq!(Tile::parse_path(&tile.path()), Some(tile));
            // Neither from a narrower tile nor from a neighbour.
            let narrow = Tile { w: tile.w - 1, ..tile };
            assert!(hash_from_tile(&narrow, &data, index).is_err());
            assert!(hash_from_tile(&Tile { n: tile.n + 1, ..tile }, &data, index).is_err());
            assert!(hash_from_tile(&tile, &data[..data.len() - 1], index).is_err());
            assert!(hash_from_tile(&Tile { l: Level::Data, ..tile }, &data, index).is_err());
        }
    }
}

#[test]
fn what_is_published_step_by_step_is_what_is_read() {
    let stored = hashes(MAX);
    for h in 1..=3 {
        let mut published = HashMap::new();
        for size in 1..=MAX {
            for tile in new_tiles(h, size - 1, size).unwrap() {
                let data =
                    read_tile_data(&tile, &stored[..stored_hash_count(size).unwrap() as usize]).unwrap();
                assert_eq!(data.len(), tile.size());
                published.insert(tile, data);
            }
            let all: Vec<u64> = (0..stored_hash_count(size).unwrap()).collect();
            for tile in TileProof::new(tree(size, &stored), h, &all).unwrap().tiles() {
                assert!(published.contains_key(tile), "{h} {size} {}", tile.path());
            }
        }
        // All at once publishes no tile that the steps did not.
        assert!(new_tiles(h, 0, MAX).unwrap().iter().all(|tile| published.contains_key(tile)));
        assert_eq!(new_tiles(h, MAX, MAX), Ok(vec![]));
    }
}

#[test]
fn places_beyond_the_log_are_errors() {
    let stored = hashes(9);
    for path in [
        "tile/2/0/002.p/2",
        "tile/2/0/003",
        "tile/2/1/000.p/3",
        "tile/2/31/000.p/1",
        "tile/30/63/000.p/1",
        "tile/8/0/x018/x446/x744/x073/x709/x551/615",
        "tile/2/data/000",
    ] {
        let tile = Tile::parse_path(path).unwrap();
        assert_eq!(read_tile_data(&tile, &stored), Err(TlogError::OutOfRange), "{path}");
    }
    assert_eq!(tile_for_index(0, 0), Err(TlogError::OutOfRange));
    assert_eq!(tile_for_index(MAX_HEIGHT + 1, 0), Err(TlogError::OutOfRange));
    assert_eq!(new_tiles(0, 0, 1), Err(TlogError::OutOfRange));
    assert_eq!(new_tiles(8, 0, MAX_SIZE + 1), Err(TlogError::OutOfRange));
}

proptest! {
    #[test]
    fn no_size_makes_the_plan_panic(
        h in 0..=40_u8,
        size in prop_oneof![Just(MAX_SIZE), Just(u64::MAX), any::<u64>()],
        index in prop_oneof![Just(u64::MAX), Just(u64::MAX - 64), any::<u64>()],
    ) {
        let plan = TileProof::new(Tree { size, hash: Hash::EMPTY }, h, &[index, index >> 1, 0]);
        if let Ok(plan) = plan {
            prop_assert!(size <= MAX_SIZE && plan.tiles().len() <= 64 * 4);
            for tile in plan.tiles() {
                prop_assert_eq!(Tile::parse_path(&tile.path()), Some(*tile));
            }
            prop_assert!(plan.authenticate::<Vec<u8>>(&[]).is_err());
        }
        let _ = new_tiles(h, size.saturating_sub(1000), size);
    }
}
