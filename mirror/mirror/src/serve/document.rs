//! An answer that may change, as the cache keeps it: one blob of a line of JSON and the bytes, so that a write is atomic.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::source::{Document, Validators};

/// The only format so far.
const FORMAT: u32 = 1;
/// Longest first line.
const MAX_HEAD: usize = 8192;

/// A document with whom it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) document: Document,
    /// The upstream that its validators are meant for.
    pub(super) from: String,
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    /// Milliseconds since the epoch.
    at: u64,
    from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
    /// Length of the bytes.
    len: usize,
}

impl Kept {
    /// The blob.
    pub(super) fn encode(&self) -> Bytes {
        let Document { bytes, validators, at } = &self.document;
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let head = Head {
            format: FORMAT,
            at: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            from: self.from.clone(),
            etag: validators.etag.clone(),
            last_modified: validators.last_modified.clone(),
            len: bytes.len(),
        };
        let line = serde_json::to_vec(&head).unwrap_or_default();
        let mut blob = BytesMut::with_capacity(line.len() + 1 + bytes.len());
        blob.extend_from_slice(&line);
        blob.extend_from_slice(b"\n");
        blob.extend_from_slice(bytes);
        blob.freeze()
    }

    /// Reads a blob; `None` if it is none of ours.
    pub(super) fn decode(blob: &Bytes) -> Option<Self> {
        let end = blob.iter().take(MAX_HEAD).position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(&blob[..end]).ok()?;
        let bytes = blob.slice(end + 1..);
        if head.format != FORMAT || head.len != bytes.len() {
            return None;
        }
        let at = UNIX_EPOCH.checked_add(Duration::from_millis(head.at))?;
        let validators = Validators { etag: head.etag, last_modified: head.last_modified };
        Some(Kept { document: Document { bytes, validators, at }, from: head.from })
    }

    /// How old it is; nothing when it is from the future.
    pub(super) fn age(&self) -> Duration {
        SystemTime::now().duration_since(self.document.at).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back_and_nothing_else_does() {
        let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let validators = Validators { etag: Some("\"x\"".into()), last_modified: None };
        let document = Document { bytes: Bytes::from_static(b"v1.0.0\n{}\n"), validators, at };
        let kept = Kept { document, from: "https://a.example".into() };
        let blob = kept.encode();
        assert_eq!(Kept::decode(&blob), Some(kept));
        for len in 0..blob.len() {
            assert_eq!(Kept::decode(&blob.slice(..len)), None, "{len}");
        }
        assert_eq!(Kept::decode(&Bytes::from_static(b"v1.0.0\n")), None);
    }
}
