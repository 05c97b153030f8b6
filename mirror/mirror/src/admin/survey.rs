//! How much the cache holds, counted on demand and not too often.

use std::time::Duration;

use fairlead_store::{Blobs, MAX_PAGE, StoreError};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a count is good.
const KEPT: Duration = Duration::from_secs(60);
/// Blobs that one count looks at.
const MAX_BLOBS: usize = 2_000_000;

/// The last count. Who asks while it is being made waits for it.
#[derive(Default)]
pub(super) struct Surveys {
    last: Mutex<Option<(Instant, Value)>>,
}

#[derive(Default, serde::Serialize)]
struct Count {
    bytes: u64,
    entries: u64,
}

impl Surveys {
    pub(super) async fn survey(&self, blobs: &dyn Blobs) -> Result<Value, StoreError> {
        let mut last = self.last.lock().await;
        if let Some((_, value)) = last.as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
            return Ok(value.clone());
        }
        let value = count(blobs).await?;
        *last = Some((Instant::now(), value.clone()));
        Ok(value)
    }
}

async fn count(blobs: &dyn Blobs) -> Result<Value, StoreError> {
    let mut folders: IndexMap<String, Count> = IndexMap::new();
    let (mut all, mut after): (Count, Option<String>) = Default::default();
    let is_complete = loop {
        let page = blobs.list("", after.as_deref(), MAX_PAGE).await?;
        for entry in &page {
            let folder = entry.key.split('/').next().unwrap_or_default();
            let count = folders.entry(folder.to_owned()).or_default();
            for count in [&mut all, count] {
                count.bytes += entry.len;
                count.entries += 1;
            }
        }
        if page.len() < MAX_PAGE {
            break true;
        }
        if all.entries >= MAX_BLOBS as u64 {
            break false;
        }
        after = page.into_iter().last().map(|entry| entry.key);
    };
    Ok(json!({
        "at": Timestamp::now(),
        "bytes": all.bytes,
        "entries": all.entries,
        "isComplete": is_complete,
        "folders": folders,
    }))
}
