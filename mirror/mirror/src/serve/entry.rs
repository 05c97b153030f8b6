//! A small answer, ready to be given: what memory holds and what flights bring.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fairlead_gomod::dirhash::H1;
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::{Failure, Wanted};

/// A document, a small zip, or an absence.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) wanted: Wanted,
    /// The bytes, or why there are none (404 and 410 only).
    pub(super) body: Result<Bytes, Failure>,
    pub(super) etag: Option<HeaderValue>,
    /// Nobody but the client may keep it.
    pub(super) is_private: bool,
    /// `None`: it never changes.
    pub(super) life: Option<Life>,
}

/// For how long an answer that may change is good.
#[derive(Clone, Debug)]
pub(super) struct Life {
    /// When the upstream said so.
    pub(super) at: SystemTime,
    /// Until when it is given without asking.
    pub(super) until: Instant,
    /// It is past its time and given all the same, for this reason.
    pub(super) stale: Option<Stale>,
}

/// Why an answer is given past its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stale {
    /// It is being asked for anew.
    Refreshing,
    /// It was asked for anew, without success.
    Failed(&'static str),
    /// Nothing may be asked.
    Offline,
}

impl Entry {
    /// A file of a version, proved.
    pub(super) fn immutable(wanted: Wanted, bytes: Bytes, h1: Option<H1>, is_private: bool) -> Self {
        let etag = match h1 {
            Some(h1) => etag_of_h1(&h1),
            None => etag_of_bytes(&bytes),
        };
        Entry { wanted, body: Ok(bytes), etag, is_private, life: None }
    }

    /// An answer that may change.
    pub(super) fn mutable(wanted: Wanted, bytes: Bytes, is_private: bool, life: Life) -> Self {
        let etag = etag_of_bytes(&bytes);
        Entry { wanted, body: Ok(bytes), etag, is_private, life: Some(life) }
    }

    /// An absence that is believed for a while.
    pub(super) fn absent(wanted: Wanted, failure: Failure, ttl: Duration) -> Self {
        let life = Life { at: SystemTime::now(), until: Instant::now() + ttl, stale: None };
        Entry { wanted, body: Err(failure), etag: None, is_private: true, life: Some(life) }
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.life.as_ref().is_none_or(|life| Instant::now() < life.until)
    }

    /// Bytes it takes in memory, about.
    pub(super) fn weight(&self) -> usize {
        let body = match &self.body {
            Ok(bytes) => bytes.len(),
            Err(failure) => failure.text.len(),
        };
        body + 256
    }
}

/// A strong tag from the proof.
pub(super) fn etag_of_h1(h1: &H1) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("\"{h1}\"")).ok()
}

fn etag_of_bytes(bytes: &[u8]) -> Option<HeaderValue> {
    let digest = Sha256::digest(bytes);
    let mut text = String::with_capacity(34);
    text.push('"');
    for byte in &digest[..16] {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    text.push('"');
    HeaderValue::try_from(text).ok()
}
