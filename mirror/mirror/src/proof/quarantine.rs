//! Where answers go that were refused, for people to look at. Bounded: the oldest makes room.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fairlead_store::{Blobs, Put, Staged};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Failure, Wanted};

/// Where in the store.
const FOLDER: &str = "quarantine";
/// Most refused answers that are kept.
const MAX_KEPT: usize = 64;
/// Most bytes of one that are kept; a larger one is told of, not kept.
const MAX_BYTES: u64 = 64 << 20;
/// Longest report that is read.
const MAX_REPORT: u64 = 64 << 10;

/// The report beside a refused answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantined {
    /// When it was refused.
    pub at: Timestamp,
    /// What was asked for, as a path below a GOPROXY.
    pub wanted: String,
    /// Who answered: a redacted URL, or `direct`.
    pub upstream: String,
    /// The kind of failure.
    pub cause: String,
    /// Why, in words.
    pub why: String,
    /// How many bytes it had.
    pub bytes: u64,
    /// The name beside which its bytes stand, without `.json`.
    pub name: String,
}

/// The quarantine of a store.
pub struct Quarantine {
    blobs: Arc<dyn Blobs>,
    next: AtomicU64,
}

/// A refused answer.
pub enum Refused {
    /// A document.
    Bytes(Bytes),
    /// A zip.
    Staged(Staged),
}

impl From<Bytes> for Refused {
    fn from(bytes: Bytes) -> Self {
        Refused::Bytes(bytes)
    }
}

impl From<Staged> for Refused {
    fn from(staged: Staged) -> Self {
        Refused::Staged(staged)
    }
}

impl Quarantine {
    /// The quarantine of `blobs`.
    #[must_use]
    pub fn new(blobs: Arc<dyn Blobs>) -> Self {
        Quarantine { blobs, next: AtomicU64::new(0) }
    }

    /// Keeps a refused answer with its report, and logs the event. A store that fails loses the bytes, not the event.
    pub async fn keep(&self, wanted: &Wanted, upstream: &str, why: &Failure, refused: impl Into<Refused>) {
        let refused = refused.into();
        let bytes = match &refused {
            Refused::Bytes(bytes) => bytes.len() as u64,
            Refused::Staged(staged) => staged.len(),
        };
        let name = self.name();
        tracing::warn!(
            code = crate::codes::REFUSED.id,
            %wanted,
            upstream,
            cause = why.cause.word(),
            bytes,
            quarantine = name,
            "refused an answer that cannot be proved: {}",
            why.text
        );
        let report = Quarantined {
            at: Timestamp::now(),
            wanted: wanted.to_string(),
            upstream: upstream.to_owned(),
            cause: why.cause.word().to_owned(),
            why: why.text.to_string(),
            bytes,
            name: name.clone(),
        };
        if let Err(error) = self.store(&name, &report, refused).await {
            tracing::warn!(%error, "cannot keep a refused answer");
        }
    }

    /// Reports of what is kept, oldest first.
    pub async fn list(&self) -> Vec<Quarantined> {
        let mut all = Vec::new();
        for entry in self.entries().await {
            if let (true, Ok(Some(bytes))) =
                (entry.ends_with(".json"), self.blobs.read(&entry, MAX_REPORT).await)
            {
                all.extend(serde_json::from_slice(&bytes).ok());
            }
        }
        all
    }

    async fn store(
        &self,
        name: &str,
        report: &Quarantined,
        refused: Refused,
    ) -> Result<(), fairlead_store::StoreError> {
        self.make_room().await?;
        let key = format!("{FOLDER}/{name}");
        match refused {
            Refused::Bytes(bytes) => drop(self.blobs.put(&key, bytes, Put::Create).await?),
            Refused::Staged(staged) if staged.len() <= MAX_BYTES => {
                self.blobs.put_staged(&key, staged, Put::Create).await?;
            }
            Refused::Staged(_) => {}
        }
        let text = serde_json::to_vec_pretty(report).unwrap_or_default();
        self.blobs.put(&format!("{key}.json"), text.into(), Put::Replace).await?;
        Ok(())
    }

    /// Two blobs for each refused answer: itself and its report.
    async fn make_room(&self) -> Result<(), fairlead_store::StoreError> {
        let entries = self.entries().await;
        let surplus = (entries.len() + 2).saturating_sub(2 * MAX_KEPT);
        for key in entries.iter().take(surplus) {
            self.blobs.delete(key).await?;
        }
        Ok(())
    }

    async fn entries(&self) -> Vec<String> {
        let page = self.blobs.list(FOLDER, None, fairlead_store::MAX_PAGE).await.unwrap_or_default();
        page.into_iter().map(|entry| entry.key).collect()
    }

    /// A name that sorts by time.
    fn name(&self) -> String {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let process = std::process::id();
        format!("{millis:014}-{process}-{:06}", self.next.fetch_add(1, Ordering::Relaxed) % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use fairlead_store::FileBlobs;

    use super::*;
    use crate::Cause;

    #[tokio::test]
    async fn what_is_refused_is_kept_with_its_reason_and_the_oldest_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::new(Arc::new(FileBlobs::open(folder.path()).unwrap()));
        let wanted = Wanted::parse("/a.example/m/@v/v1.0.0.mod", &[]).unwrap();
        let why = Failure::new(Cause::Untrusted, "checksum mismatch");
        for n in 0..MAX_KEPT + 3 {
            quarantine.keep(&wanted, "https://m.example", &why, Bytes::from(format!("module m{n}"))).await;
        }
        let kept = quarantine.list().await;
        assert_eq!(kept.len(), MAX_KEPT);
        let last = kept.last().unwrap();
        assert_eq!((last.cause.as_str(), last.why.as_str()), ("untrusted", "checksum mismatch"));
        let bytes = quarantine.blobs.read(&format!("{FOLDER}/{}", last.name), 100).await.unwrap().unwrap();
        assert_eq!(bytes, format!("module m{}", MAX_KEPT + 2));
    }
}
