//! Who is asked for: counts by module path, for people who want to know what their builds depend on.
//!
//! Every good answer is counted in [`table`], which holds a bounded number of paths: when it is full the least asked for go,
//! and only the totals remember them. The counts are written to the store now and then and when the mirror ends, so that a
//! restart keeps them; what was counted after the last write is lost in a crash.

mod table;

use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use fairlead_rt::Shutdown;
use fairlead_store::{Blobs, Put};

use crate::Wanted;
use crate::serve::{Mirror, Observer, Route};
use table::Table;
pub use table::{KINDS, Kept, PathUsage};

/// Where the counts are kept.
const KEY: &str = "state/usage";
/// Longest blob of counts that is read, in bytes.
const MAX_BLOB: u64 = 16 << 20;
/// Time between two writes.
const PERIOD: Duration = Duration::from_secs(300);

/// The observer that counts.
#[derive(Default)]
pub struct Usage {
    table: Table,
}

impl Usage {
    /// Counts for a mirror, beginning with what an earlier run wrote down, and keeps writing. Needs a runtime.
    #[must_use]
    pub fn start(mirror: &Arc<Mirror>, shutdown: &Shutdown) -> Arc<Self> {
        let usage = Arc::new(Usage::default());
        let blobs = Arc::clone(mirror.cache().blobs());
        fairlead_rt::spawn("mirror usage", keep(Arc::downgrade(&usage), blobs, shutdown.clone()));
        usage
    }

    /// Adds what an earlier run wrote down.
    pub async fn learn(&self, blobs: &dyn Blobs) {
        match blobs.read(KEY, MAX_BLOB).await {
            Ok(Some(blob)) => match serde_json::from_slice(&blob) {
                Ok(kept) => self.table.learn(kept),
                Err(error) => tracing::warn!(%error, "failed to read the usage of modules"),
            },
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "failed to read the usage of modules"),
        }
    }

    /// Writes the counts down, if there is anything new.
    pub async fn write(&self, blobs: &dyn Blobs) {
        let Some(kept) = self.table.news() else { return };
        let Ok(text) = serde_json::to_vec(&kept) else { return };
        if let Err(error) = blobs.put(KEY, text.into(), Put::Replace).await {
            self.table.not_written();
            tracing::warn!(%error, "failed to keep the usage of modules");
        }
    }

    /// The counts as of now, the most asked for first; those of paths that begin with `prefix`.
    #[must_use]
    pub fn seen(&self, prefix: &str) -> Kept {
        let mut kept = self.table.all();
        kept.modules.retain(|usage| usage.path.starts_with(prefix));
        kept.modules.sort_unstable_by(|a, b| b.total().cmp(&a.total()).then_with(|| a.path.cmp(&b.path)));
        kept
    }
}

impl Observer for Usage {
    fn served(&self, _: &Arc<Route>, wanted: &Wanted, _: IpAddr, _: Option<&Bytes>) {
        self.table.count(wanted);
    }
}

async fn keep(usage: Weak<Usage>, blobs: Arc<dyn Blobs>, shutdown: Shutdown) {
    if let Some(usage) = usage.upgrade() {
        usage.learn(&*blobs).await;
    }
    loop {
        let is_over = tokio::select! {
            () = shutdown.draining() => true,
            () = tokio::time::sleep(PERIOD) => false,
        };
        let Some(usage) = usage.upgrade() else { return };
        usage.write(&*blobs).await;
        if is_over {
            return;
        }
    }
}
