//! What a Debian or Ubuntu archive must have (<https://wiki.debian.org/DebianRepository/Format>).
//!
//! `dists/SUITE/InRelease` is a signed list of indexes with their hashes. It must be of the suite, in its time, and name what is
//! really there: the smallest index of the first component is fetched and compared. The signature is looked at by the `gpgv`
//! program, where a keyring is given.

mod release;
mod signature;

use std::time::Instant;

use fairlead_http::fetch::{Document, redact};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::cache::hex;
use super::options::Kind;
use super::probe::Probe;
use super::state::Reason;
use super::trouble::{Trouble, sound};
use super::verdict::Status;
pub use signature::is_keyring;

use release::{Listed, Release};

/// Longest `InRelease`. Debian's has 200 kB.
const MAX_RELEASE: usize = 8 << 20;
/// Longest index that is fetched.
const MAX_INDEX: u64 = 64 << 20;

pub(super) async fn look(probe: &Probe<'_>) -> Result<(), Trouble> {
    let suite = suite(probe);
    let started = Instant::now();
    let path = format!("dists/{suite}/InRelease");
    let document = probe.read(&path, MAX_RELEASE).await;
    let document = document.map_err(|trouble| probe.failed("http", started, trouble))?;
    probe.cheap(&path);
    probe.first_answer(started, &document)?;
    let started = Instant::now();
    let release =
        in_release(&document, suite).map_err(|trouble| probe.failed("release", started, trouble))?;
    probe.answers(format!("serves {path} of {}", release.date));
    let mut evidence = vec![
        ("date".to_owned(), release.date.to_string()),
        ("indexes".to_owned(), release.files.len().to_string()),
    ];
    evidence.extend(release.valid_until.map(|until| ("validUntil".to_owned(), until.to_string())));
    probe.looked("release", Status::Ok, started, evidence);
    Box::pin(signed(probe, &document)).await;
    let started = Instant::now();
    match Box::pin(listed(probe, suite, &release)).await {
        Ok(evidence) => probe.looked("index", Status::Ok, started, evidence),
        Err(trouble) => probe.trouble(probe.failed("index", started, trouble)),
    }
    Ok(())
}

fn suite<'a>(probe: &Probe<'a>) -> &'a str {
    let otherwise = if probe.options().kind == Kind::Ubuntu { "noble" } else { "stable" };
    probe.options().debian.suite.as_deref().unwrap_or(otherwise)
}

/// The release that a document is, if it is of the suite and in its time.
fn in_release(document: &Document, suite: &str) -> Result<Release, Trouble> {
    let bad = |reason, text: String| Trouble::new(reason, text).with("url", redact(&document.url));
    let release = Release::parse(&document.body).map_err(|why| bad(Reason::Protocol, why))?;
    if release.suite.as_deref() != Some(suite) && release.codename.as_deref() != Some(suite) {
        let text = format!("the release is not that of {suite}");
        return Err(bad(Reason::Protocol, text)
            .with("suite", release.suite.unwrap_or_default())
            .with("codename", release.codename.unwrap_or_default()));
    }
    if release.files.is_empty() {
        return Err(bad(Reason::Protocol, "the release lists no SHA256 hashes".to_owned()));
    }
    match release.valid_until {
        Some(until) if until < Timestamp::now() => {
            Err(bad(Reason::Expired, format!("the release was valid until {until}")))
        }
        _ => Ok(release),
    }
}

async fn signed(probe: &Probe<'_>, document: &Document) {
    let started = Instant::now();
    let Some(keyring) = &probe.options().debian.keyring else {
        let why = ("why".to_owned(), "no keyring is given".to_owned());
        return probe.looked("signature", Status::Skipped, started, vec![why]);
    };
    match Box::pin(signature::verify(keyring, document.body.clone())).await {
        Ok(by) => {
            probe.content_holds();
            probe.looked("signature", Status::Ok, started, vec![("gpgv".to_owned(), by)]);
        }
        Err(trouble) => probe.trouble(probe.failed("signature", started, trouble)),
    }
}

/// Fetches one index that the release names.
async fn listed(probe: &Probe<'_>, suite: &str, release: &Release) -> Result<Vec<(String, String)>, Trouble> {
    let Some(Listed { path, sha256, size }) = release.sample(MAX_INDEX) else {
        return Err(Trouble::new(Reason::Unverified, "the release names no index that could be fetched"));
    };
    let path = format!("dists/{suite}/{path}");
    let identity = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    let limit = usize::try_from(MAX_INDEX).unwrap_or(usize::MAX);
    let document = probe.ask(&path, identity, limit).await?;
    if matches!(document.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        return Err(Trouble::new(
            Reason::MetadataLag,
            format!("the release names {path}, which is not there"),
        )
        .with("url", redact(&document.url)));
    }
    let document = sound(document)?;
    let got = hex(&Sha256::digest(&document.body));
    if got != *sha256 || document.body.len() as u64 != *size {
        return Err(Trouble::new(
            Reason::DigestMismatch,
            format!("{path} is not the one that the release names"),
        )
        .with("url", redact(&document.url))
        .with("got", format!("{got}, {} bytes", document.body.len()))
        .with("expected", format!("{sha256}, {size} bytes")));
    }
    Ok(vec![("path".to_owned(), path), ("sha256".to_owned(), got)])
}
