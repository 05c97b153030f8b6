//! Feeding a target without libFuzzer: its seeds, and mutations of them that are the same in every run. The integration tests that
//! try the bodies include this file.

use std::path::Path;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};

/// Feeds a target with its seeds and with `count` mutations of them; `words` are bytes that mean something to it.
///
/// # Panics
/// When the target does, with the input that it broke at.
pub fn feed(target: &str, words: &[&[u8]], count: usize, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(seeds.len() > 1, "{target} has no seeds");
    seeds.iter().for_each(|seed| run(seed));
    let mut random = SmallRng::seed_from_u64(0x5eed);
    for _ in 0..count {
        let mut input = seeds.choose(&mut random).unwrap().clone();
        for _ in 0..random.random_range(1..6) {
            mutate(&mut input, &seeds, words, &mut random);
        }
        let shown = String::from_utf8_lossy(&input).into_owned();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&input)));
        assert!(outcome.is_ok(), "{target} broke at {shown:?}");
    }
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&[u8]], random: &mut impl Rng) {
    let at = random.random_range(0..=input.len());
    let end = (at + random.random_range(0..16)).min(input.len());
    match random.random_range(0..6) {
        0 => drop(input.splice(at..end, words.choose(random).unwrap().iter().copied())),
        1 => drop(input.drain(at..end)),
        2 => input.truncate(at),
        3 => {
            let other = seeds.choose(random).unwrap();
            input.truncate(at);
            input.extend_from_slice(&other[random.random_range(0..=other.len())..]);
        }
        4 => {
            let piece = input[at..end].repeat(random.random_range(1..20));
            drop(input.splice(at..at, piece));
        }
        _ if at < input.len() => input[at] = random.random(),
        _ => input.push(random.random()),
    }
}
