//! The bodies of the fuzz targets, fed with mutations of their seeds: what needs nightly to be thorough is tried here at
//! least, with the same inputs in every run.

#[path = "../../../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is the library of the fuzz targets as well")]
mod fuzz;

use std::path::Path;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};

/// Bytes that mean something in more than one of the formats.
const WORDS: [&[u8]; 24] = [
    b"\r\n",
    b"\n",
    b"\0",
    b": ",
    b"{{",
    b"}}",
    b"`",
    b"(",
    b")",
    b" && ",
    b"||",
    b"!",
    b"%2e%2e",
    b"/../",
    b"Host:",
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"0\r\n\r\n",
    b"\xff",
    b"\xc3\xa9",
    b"9999999999999999999",
    b"-1",
    b"&a ",
    b"*a ",
];

/// Feeds a target with its seeds and with `count` mutations of them.
fn feed(target: &str, count: usize, run: impl Fn(&[u8])) {
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
            mutate(&mut input, &seeds, &mut random);
        }
        let shown = String::from_utf8_lossy(&input).into_owned();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&input)));
        assert!(outcome.is_ok(), "{target} broke at {shown:?}");
    }
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut impl Rng) {
    let at = random.random_range(0..=input.len());
    let end = (at + random.random_range(0..16)).min(input.len());
    match random.random_range(0..6) {
        0 => drop(input.splice(at..end, WORDS.choose(random).unwrap().iter().copied())),
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

#[test]
fn rules() {
    feed("rules", 800, fuzz::rules::run);
}

#[test]
fn configuration() {
    feed("configuration", 1_000, fuzz::configuration::run);
}

#[test]
fn template() {
    feed("template", 4_000, fuzz::template::run);
}

#[test]
fn http1() {
    feed("http1", 4_000, fuzz::http1::run);
}

#[test]
fn path() {
    feed("path", 6_000, fuzz::path::run);
}

#[test]
fn proxy_header() {
    feed("proxy_header", 1_500, fuzz::proxy_header::run);
}
