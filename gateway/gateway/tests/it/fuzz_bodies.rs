//! The bodies of the fuzz targets, fed with mutations of their seeds: what needs nightly to be thorough is tried here at
//! least, with the same inputs in every run.

#[path = "../../../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is the library of the fuzz targets as well")]
mod fuzz;

#[path = "../../../../fuzz/src/feed.rs"]
#[expect(unreachable_pub, reason = "the mirror's tests use it as well")]
mod feed;

use feed::feed;

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

#[test]
fn rules() {
    feed("rules", &WORDS, 800, fuzz::rules::run);
}

#[test]
fn configuration() {
    feed("configuration", &WORDS, 1_000, fuzz::configuration::run);
}

#[test]
fn template() {
    feed("template", &WORDS, 4_000, fuzz::template::run);
}

#[test]
fn http1() {
    feed("http1", &WORDS, 4_000, fuzz::http1::run);
}

#[test]
fn path() {
    feed("path", &WORDS, 6_000, fuzz::path::run);
}

#[test]
fn proxy_header() {
    feed("proxy_header", &WORDS, 1_500, fuzz::proxy_header::run);
}
