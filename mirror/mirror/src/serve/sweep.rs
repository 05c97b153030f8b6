//! Eviction: when the cache holds more than it may, what was not asked for longest goes first.
//!
//! One pass over the keys finds the total and, in a heap of bounded size, the oldest blobs; they are removed until the total
//! is a tenth below the limit. A cache that is far above it takes several passes.

use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use fairlead_rt::Shutdown;
use fairlead_store::MAX_PAGE;
use fairlead_telemetry::Gauge;

use super::cache::{Cache, hash_key, key};
use crate::Failure;

/// Blobs that one pass can remove.
const VICTIMS: usize = 8192;
/// Time between sweeps when nothing presses.
const PERIOD: Duration = Duration::from_secs(600);
/// Least time between two sweeps.
const PAUSE: Duration = Duration::from_secs(5);
/// What is swept: verified files and documents.
const FOLDERS: [&str; 3] = [super::cache::SHARED, "own", "docs"];

/// Sweeps now and then until the process ends.
pub(super) async fn run(
    cache: Arc<Cache>,
    routes: Vec<(u32, Vec<Arc<str>>)>,
    gauge: Gauge,
    shutdown: Shutdown,
) {
    cache.remember().await;
    loop {
        match cache.sweep(&routes).await {
            Ok(bytes) => gauge.set(bytes as f64),
            Err(failure) => tracing::warn!(%failure, "failed to sweep the cache"),
        }
        tokio::select! {
            () = shutdown.draining() => break,
            () = tokio::time::sleep(PERIOD) => {}
            () = cache.crowded.notified() => tokio::time::sleep(PAUSE).await,
        }
    }
    cache.keep_times().await;
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Victim {
    /// Seconds since the epoch; the heap's top is the youngest.
    asked: u32,
    key: String,
    len: u64,
}

impl Cache {
    /// Brings the cache below its limit and says how many bytes it holds then.
    pub(super) async fn sweep(&self, routes: &[(u32, Vec<Arc<str>>)]) -> Result<u64, Failure> {
        self.swept();
        self.touch_memory(routes);
        let mut before = u64::MAX;
        loop {
            let (total, oldest) = self.survey().await?;
            let is_small = self.max_bytes == 0 || total <= self.max_bytes;
            // A pass that freed nothing will not do better next time.
            if is_small || total >= before {
                self.keep_times().await;
                return Ok(total);
            }
            before = total;
            let aim = self.max_bytes - self.max_bytes / 10;
            self.evict(total.saturating_sub(aim), oldest).await?;
        }
    }

    /// What memory gives away is never read from disk, but wanted all the same.
    fn touch_memory(&self, routes: &[(u32, Vec<Arc<str>>)]) {
        self.memory.each(|route, entry| {
            if !entry.wanted.is_immutable() {
                return;
            }
            for (_, folders) in routes.iter().filter(|(of, _)| *of == route) {
                folders.iter().for_each(|folder| self.asked.touch(&key(folder, &entry.wanted)));
            }
        });
    }

    /// Bytes in all, and the blobs that were not asked for longest.
    async fn survey(&self) -> Result<(u64, Vec<Victim>), Failure> {
        let (mut total, mut oldest) = (0, BinaryHeap::new());
        for folder in FOLDERS {
            let mut after: Option<String> = None;
            loop {
                let page = self.blobs.list(folder, after.as_deref(), MAX_PAGE).await;
                let page = page.map_err(|error| super::cache::failed("list the cache", &error))?;
                let is_last = page.len() < MAX_PAGE;
                after = page.last().map(|entry| entry.key.clone());
                for entry in page {
                    total += entry.len;
                    // It goes with its zip.
                    if entry.key.ends_with(".ziphash") {
                        continue;
                    }
                    let asked = self.asked.last(&entry.key, entry.modified);
                    oldest.push(Victim { asked, key: entry.key, len: entry.len });
                    if oldest.len() > VICTIMS {
                        oldest.pop();
                    }
                }
                if is_last {
                    break;
                }
            }
        }
        Ok((total, oldest.into_sorted_vec()))
    }

    /// Removes the first of `oldest` until `excess` bytes are gone.
    async fn evict(&self, excess: u64, oldest: Vec<Victim>) -> Result<(), Failure> {
        let (mut freed, mut blobs) = (0_u64, 0_u32);
        for victim in oldest {
            if freed >= excess {
                break;
            }
            // The proof goes first: a zip without it counts as not there.
            if victim.key.ends_with(".zip") {
                self.remove(&hash_key(&victim.key)).await?;
            }
            self.remove(&victim.key).await?;
            freed += victim.len;
            blobs += 1;
        }
        tracing::info!(blobs, bytes = freed, "evicted what was not asked for longest");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use fairlead_store::{FileBlobs, Put};

    use super::*;

    #[tokio::test]
    async fn what_was_not_asked_for_longest_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(folder.path()).unwrap();
        let staging = blobs.staging();
        let cache = Cache::new(Arc::new(blobs), staging, 1 << 20, 1000);
        for at in 0..9 {
            let key = format!("mod/a.example/x/@v/v1.0.{at}.zip");
            cache.blobs.put(&key, Bytes::from(vec![0; 200]), Put::Create).await.unwrap();
            cache.blobs.put(&hash_key(&key), Bytes::from_static(b"h1:"), Put::Create).await.unwrap();
        }
        let kept = "mod/a.example/x/@v/v1.0.0.zip";
        // Times count in seconds: this one is asked for in a time to come.
        let other = super::super::asked::Asked::default();
        other.touch(kept);
        let mut table = other.encode()[..8].to_vec();
        table.extend_from_slice(&u32::MAX.to_le_bytes());
        cache.asked.learn(&table);
        let left = cache.sweep(&[]).await.unwrap();
        assert!(left <= 1000, "{left}");
        assert!(cache.blobs.open(kept).await.unwrap().is_some());
        let names = cache.names("mod", 100).await.unwrap();
        assert_eq!(names.iter().filter(|name| name.ends_with(".zip")).count(), 4, "{names:?}");
        assert_eq!(names.len(), 8, "each with its proof: {names:?}");
        let again = cache.sweep(&[]).await.unwrap();
        assert_eq!(again, left);
    }
}
