//! Verified data on disk (or in an object store), with what is small in memory before it.
//!
//! Files of versions are `mod/KEY` in the layout of Go's own `cache/download`, with the `h1:` of a zip beside it in
//! `.ziphash`: a zip without it counts as not there. Only what the checksum database proves is shared by all routes there.
//! Everything else, private modules above all, is under `own/ROUTE/mod`, which no other route reads. Documents that change
//! are `docs/ROUTE/KEY`. Nothing is put here before it was proved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use fairlead_gomod::dirhash::H1;
use fairlead_gomod::path::Module;
use fairlead_store::{Blob, Blobs, Put, Staged, Staging, StoreError};
use tokio::sync::Notify;

use super::asked::{Asked, MAX_TABLE};
use super::document::Kept;
use super::memory::Memory;
use crate::source::MAX_DOCUMENT;
use crate::{Cause, Failure, Wanted};

/// Where the times of the last requests are kept.
const TABLE: &str = "state/asked";
/// Most bytes of a `.ziphash`.
const MAX_HASH: u64 = 128;

/// The folder that all routes share.
pub(super) const SHARED: &str = "mod";

/// The cache of a mirror.
pub struct Cache {
    pub(super) blobs: Arc<dyn Blobs>,
    pub(super) staging: Staging,
    pub(super) memory: Memory,
    pub(super) asked: Asked,
    /// 0 keeps all.
    pub(super) max_bytes: u64,
    /// Bytes put since the last sweep.
    put: AtomicU64,
    /// It is time to sweep.
    pub(super) crowded: Notify,
}

/// A zip that is there, with its proof.
#[derive(Clone)]
pub(super) struct KeptZip {
    pub(super) blob: Blob,
    pub(super) h1: H1,
}

impl Cache {
    pub(super) fn new(blobs: Arc<dyn Blobs>, staging: Staging, memory_bytes: u64, max_bytes: u64) -> Self {
        Cache {
            blobs,
            staging,
            memory: Memory::new(memory_bytes),
            asked: Asked::default(),
            max_bytes,
            put: AtomicU64::new(0),
            crowded: Notify::new(),
        }
    }

    /// Remembers what an earlier run wrote down about requests.
    pub(super) async fn remember(&self) {
        if let Ok(Some(table)) = self.blobs.read(TABLE, MAX_TABLE).await {
            self.asked.learn(&table);
        }
    }

    /// The blobs themselves, for bundles.
    #[must_use]
    pub fn blobs(&self) -> &Arc<dyn Blobs> {
        &self.blobs
    }

    /// Where files are written before they are proved.
    #[must_use]
    pub fn staging(&self) -> &Staging {
        &self.staging
    }

    /// A `.info` or `.mod` in one of the folders.
    pub(super) async fn small(&self, folders: &[Arc<str>], wanted: &Wanted) -> Option<Bytes> {
        for folder in folders {
            let key = key(folder, wanted);
            if let Some(bytes) = self.read(&key, MAX_DOCUMENT as u64).await {
                self.asked.touch(&key);
                return Some(bytes);
            }
        }
        None
    }

    /// A zip in one of the folders.
    pub(super) async fn zip(&self, folders: &[Arc<str>], module: &Module) -> Option<KeptZip> {
        for folder in folders {
            let key = key(folder, &Wanted::Zip(module.clone()));
            let Some(text) = self.read(&hash_key(&key), MAX_HASH).await else { continue };
            let h1 = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
            match (h1, self.blobs.open(&key).await) {
                (Some(h1), Ok(Some(blob))) => {
                    self.asked.touch(&key);
                    return Some(KeptZip { blob, h1 });
                }
                (_, Err(error)) => complain("open", &key, &error),
                _ => {}
            }
        }
        None
    }

    /// Keeps a `.info` or `.mod` that was proved.
    pub(super) async fn keep_small(&self, folder: &str, wanted: &Wanted, bytes: &Bytes) {
        let key = key(folder, wanted);
        self.write(&key, bytes.clone(), Put::Replace).await;
    }

    /// Keeps a `.info` where there is none.
    pub(super) async fn keep_small_once(&self, folder: &str, wanted: &Wanted, bytes: &Bytes) {
        self.write(&key(folder, wanted), bytes.clone(), Put::Create).await;
    }

    /// Keeps a zip that was proved. The proof comes last, because it makes the zip count.
    pub(super) async fn keep_zip(&self, folder: &str, module: &Module, staged: Staged, h1: &H1) {
        let key = key(folder, &Wanted::Zip(module.clone()));
        let len = staged.len();
        match self.blobs.put_staged(&key, staged, Put::Replace).await {
            Ok(_) => {
                self.count(len);
                self.write(&hash_key(&key), h1.to_string().into(), Put::Replace).await;
            }
            Err(error) => complain("keep", &key, &error),
        }
    }

    /// A document of a route, fresh or not.
    pub(super) async fn document(&self, route: &str, wanted: &Wanted) -> Option<Kept> {
        let blob = self.read(&document_key(route, wanted), 2 * MAX_DOCUMENT as u64).await?;
        Kept::decode(&blob)
    }

    pub(super) async fn keep_document(&self, route: &str, wanted: &Wanted, kept: &Kept) {
        self.write(&document_key(route, wanted), kept.encode(), Put::Replace).await;
    }

    /// Removes a blob; false when there was none.
    pub(super) async fn remove(&self, key: &str) -> Result<bool, Failure> {
        self.asked.forget(key);
        self.blobs.delete(key).await.map_err(|error| failed("remove", &error))
    }

    /// Names of blobs under a folder, at most `limit`.
    pub(super) async fn names(&self, folder: &str, limit: usize) -> Result<Vec<String>, Failure> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let page = self.blobs.list(folder, names.last().map(String::as_str), limit - names.len()).await;
            let page = page.map_err(|error| failed("list", &error))?;
            let is_last = page.len() < fairlead_store::MAX_PAGE;
            names.extend(page.into_iter().map(|entry| entry.key));
            if is_last || names.len() >= limit {
                return Ok(names);
            }
        }
    }

    /// Writes down when blobs were asked for.
    pub(super) async fn keep_times(&self) {
        if let Err(error) = self.blobs.put(TABLE, self.asked.encode(), Put::Replace).await {
            complain("keep", TABLE, &error);
        }
    }

    /// A sweep begins.
    pub(super) fn swept(&self) {
        self.put.store(0, Ordering::Relaxed);
    }

    async fn read(&self, key: &str, limit: u64) -> Option<Bytes> {
        match self.blobs.read(key, limit).await {
            Ok(found) => found,
            Err(error) => {
                complain("read", key, &error);
                None
            }
        }
    }

    async fn write(&self, key: &str, bytes: Bytes, put: Put) {
        let len = bytes.len() as u64;
        match self.blobs.put(key, bytes, put).await {
            Ok(_) => self.count(len),
            Err(error) => complain("keep", key, &error),
        }
    }

    fn count(&self, len: u64) {
        let put = self.put.fetch_add(len, Ordering::Relaxed) + len;
        if self.max_bytes > 0 && put > self.max_bytes / 20 {
            self.crowded.notify_one();
        }
    }
}

/// The key of a file in a folder.
pub(super) fn key(folder: &str, wanted: &Wanted) -> String {
    format!("{folder}/{}", wanted.key())
}

/// Beside a zip.
pub(super) fn hash_key(zip: &str) -> String {
    format!("{zip}hash")
}

pub(super) fn document_key(route: &str, wanted: &Wanted) -> String {
    format!("docs/{route}/{}", wanted.key())
}

/// A cache that cannot be used makes the mirror slower, not wrong.
fn complain(action: &'static str, key: &str, error: &StoreError) {
    tracing::warn!(action, key, %error, "failed to use the cache");
}

pub(super) fn failed(action: &'static str, error: &StoreError) -> Failure {
    let mut failure =
        Failure::new(Cause::Unavailable, format!("internal error: failed to {action}: {error}"));
    failure.status = http::StatusCode::INTERNAL_SERVER_ERROR;
    failure
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}
