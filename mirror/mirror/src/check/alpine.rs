//! What an Alpine mirror must have: a signed index of packages (<https://wiki.alpinelinux.org/wiki/Apk_spec>).
//!
//! `APKINDEX.tar.gz` is two gzip members: a tar with the signature, and a tar with the index. The packages are counted, and the
//! [`signature`] is held against the keys that the caller or the system has.

mod signature;

use std::io::Read;
use std::time::Instant;

use bytes::Bytes;
use fairlead_http::fetch::{Document, redact};
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, HeaderValue, header};

use super::cache::blocking;
use super::probe::Probe;
use super::state::Reason;
use super::trouble::{Trouble, sound};
use super::verdict::Status;
use signature::Judged;

/// Longest index, packed. The largest one has 2 MB.
const MAX_PACKED: usize = 64 << 20;
/// Longest index, unpacked.
const MAX_UNPACKED: u64 = 512 << 20;
/// Block of a tar.
const BLOCK: usize = 512;

/// What an index has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Index {
    packages: usize,
    signature: Option<String>,
    description: Option<String>,
}

pub(super) async fn look(probe: &Probe<'_>) -> Result<(), Trouble> {
    let started = Instant::now();
    let options = &probe.options().alpine;
    let path = format!("{}/{}/APKINDEX.tar.gz", options.repository.trim_matches('/'), options.arch);
    // The file is gzip itself: nobody is to undo a coding.
    let identity = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    let document = probe.ask(&path, identity, MAX_PACKED).await.and_then(sound);
    let document = document.map_err(|trouble| probe.failed("http", started, trouble))?;
    probe.first_answer(started, &document)?;
    let started = Instant::now();
    let body = document.body.clone();
    let read =
        blocking(move || index(&body)).await.unwrap_or_else(|| Err("reading was interrupted".to_owned()));
    let trouble = |text: String| Trouble::new(Reason::Protocol, text).with("url", redact(&document.url));
    let index = read.map_err(|why| probe.failed("index", started, trouble(why)))?;
    let Some(signature) = index.signature else {
        return Err(probe.failed("index", started, trouble("the index is not signed".to_owned())));
    };
    if index.packages == 0 {
        return Err(probe.failed("index", started, trouble("the index has no packages".to_owned())));
    }
    probe.answers(format!("serves {path}"));
    let mut evidence =
        vec![("packages".to_owned(), index.packages.to_string()), ("signature".to_owned(), signature)];
    evidence.extend(index.description.map(|text| ("description".to_owned(), text)));
    probe.looked("index", Status::Ok, started, evidence);
    signed(probe, &document).await;
    Ok(())
}

async fn signed(probe: &Probe<'_>, document: &Document) {
    let started = Instant::now();
    let (body, keys) = (document.body.clone(), probe.options().alpine.keys.clone());
    let judged = blocking(move || {
        let signed = signature::split(&body);
        signed.map(|signed| signature::verify(&signed, keys.as_deref()))
    });
    match judged.await.flatten() {
        Some(Ok(Judged::Good(key))) => {
            probe.content_holds();
            probe.looked(
                "signature",
                Status::Ok,
                started,
                vec![("key".to_owned(), key.display().to_string())],
            );
        }
        Some(Ok(Judged::Skipped(why))) => {
            probe.looked("signature", Status::Skipped, started, vec![("why".to_owned(), why)]);
        }
        Some(Err(trouble)) => {
            let trouble = trouble.with("url", redact(&document.url));
            probe.trouble(probe.failed("signature", started, trouble));
        }
        None => {
            let text = "the signature is not where it must be: in the first gzip member";
            probe.trouble(probe.failed("signature", started, Trouble::new(Reason::BadSignature, text)));
        }
    }
}

/// Walks through the tar inside.
fn index(packed: &Bytes) -> Result<Index, String> {
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return Err("the index is no gzip".to_owned());
    }
    let broken = |error: std::io::Error| format!("the index cannot be unpacked: {error}");
    let mut tar = MultiGzDecoder::new(&packed[..]).take(MAX_UNPACKED);
    let mut found = Index::default();
    let mut has_index = false;
    let mut block = [0; BLOCK];
    while fill(&mut tar, &mut block).map_err(broken)? {
        if block.iter().all(|byte| *byte == 0) {
            continue;
        }
        let (name, size) = header_of(&block).ok_or("the index is no tar")?;
        let padded = size.div_ceil(BLOCK as u64) * BLOCK as u64;
        let mut content = (&mut tar).take(padded);
        match name.as_str() {
            "APKINDEX" => {
                has_index = true;
                found.packages = packages(&mut content, size).map_err(broken)?;
            }
            "DESCRIPTION" => {
                let mut text = Vec::new();
                (&mut content).take(size.min(200)).read_to_end(&mut text).map_err(broken)?;
                found.description = Some(String::from_utf8_lossy(&text).trim().to_owned());
            }
            name if name.starts_with(".SIGN.") => found.signature = Some(name.to_owned()),
            _ => {}
        }
        std::io::copy(&mut content, &mut std::io::sink()).map_err(broken)?;
    }
    if has_index { Ok(found) } else { Err("the archive has no APKINDEX".to_owned()) }
}

/// Name and size in a tar header whose checksum is right.
fn header_of(block: &[u8; BLOCK]) -> Option<(String, u64)> {
    let octal = |field: &[u8]| {
        let text = str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
        u64::from_str_radix(text, 8).ok()
    };
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { u64::from(b' ') } else { u64::from(*byte) })
        .sum();
    let name = block[..100].split(|byte| *byte == 0).next()?;
    (octal(&block[148..156])? == sum).then_some(())?;
    Some((str::from_utf8(name).ok()?.to_owned(), octal(&block[124..136])?))
}

/// Counts paragraphs that name a package.
fn packages(content: &mut impl Read, size: u64) -> std::io::Result<usize> {
    let mut text = std::io::BufReader::new(content.take(size));
    let (mut count, mut line) = (0, Vec::new());
    loop {
        line.clear();
        // A line of an index has some kB at most.
        if std::io::BufRead::read_until(&mut (&mut text).take(1 << 20), b'\n', &mut line)? == 0 {
            return Ok(count);
        }
        count += usize::from(line.starts_with(b"P:"));
    }
}

/// Fills the block; false at the end.
fn fill(source: &mut impl Read, block: &mut [u8; BLOCK]) -> std::io::Result<bool> {
    let mut filled = 0;
    while filled < BLOCK {
        match source.read(&mut block[filled..])? {
            0 if filled == 0 => return Ok(false),
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn entry(name: &str, content: &str) -> Vec<u8> {
        let mut block = [0_u8; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        let mut tar = block.to_vec();
        tar.extend(content.as_bytes());
        tar.resize(tar.len().div_ceil(BLOCK) * BLOCK, 0);
        tar
    }

    fn member(tar: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(tar).unwrap();
        encoder.finish().unwrap()
    }

    const PACKAGES: &str = "P:musl\nV:1.2\n\nP:zlib\nV:1.3\n";

    #[test]
    fn a_signed_index_is_counted() {
        let sign = member(&entry(".SIGN.RSA.key.rsa.pub", "signature"));
        let mut tar = [entry("DESCRIPTION", "v3.20\n"), entry("APKINDEX", PACKAGES)].concat();
        tar.resize(tar.len() + 2 * BLOCK, 0);
        let whole = Bytes::from([sign, member(&tar)].concat());
        let expected = Index {
            packages: 2,
            signature: Some(".SIGN.RSA.key.rsa.pub".to_owned()),
            description: Some("v3.20".to_owned()),
        };
        assert_eq!(index(&whole), Ok(expected));
        assert!(index(&whole.slice(..whole.len() - 9)).is_err(), "cut");
    }

    #[test]
    fn what_is_no_index_is_refused() {
        assert!(index(&Bytes::from_static(b"<html>")).is_err());
        assert!(index(&member(b"no tar").into()).is_err());
        assert!(index(&member(&[1; BLOCK]).into()).is_err());
        assert!(index(&member(&entry("other", "x")).into()).is_err());
        let unsigned = index(&member(&entry("APKINDEX", PACKAGES)).into()).unwrap();
        assert_eq!((unsigned.packages, unsigned.signature), (2, None));
    }
}
