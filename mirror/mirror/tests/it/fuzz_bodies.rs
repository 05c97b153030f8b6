//! The bodies of the mirror's fuzz targets, fed with mutations of their seeds: what needs nightly to be thorough is tried here at
//! least, with the same inputs in every run.

#[path = "../../../../fuzz/src/mirror/bodies.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets use it as well")]
mod fuzz;

#[path = "../../../../fuzz/src/feed.rs"]
#[expect(unreachable_pub, reason = "the gateway's tests use it as well")]
mod feed;

use feed::feed;

/// Bytes that mean something in more than one of the formats.
const WORDS: [&[u8]; 24] = [
    b"\n",
    b"\n\n",
    b"\0",
    b" ",
    b"/",
    b"/../",
    b"!",
    b"!a",
    b"@v/",
    b"v0.0.0-20240102030405-0123456789ab",
    b"+incompatible",
    b"/v2",
    b".mod",
    b"\xff",
    b"\xc3\xa9",
    b"9999999999999999999",
    b"\xff\xff\xff\xff",
    b"PK\x03\x04",
    b"\xe2\x80\x94 ",
    b"//",
    b"(",
    b")",
    b"<meta name=go-import content='",
    b"&amp;",
];

#[test]
fn wanted() {
    feed("wanted", &WORDS, 20_000, fuzz::wanted::run);
}

#[test]
fn zip() {
    feed("zip", &WORDS, 10_000, fuzz::zip::run);
}

#[test]
fn modfile() {
    feed("modfile", &WORDS, 10_000, fuzz::modfile::run);
}

#[test]
fn note() {
    feed("note", &WORDS, 5_000, fuzz::note::run);
}

#[test]
fn go_import() {
    feed("go_import", &WORDS, 10_000, fuzz::go_import::run);
}
