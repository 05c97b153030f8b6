//! What is remembered of a checksum database, in the store: the newest tree head by compare-and-swap, lookups and tiles by path.

use std::sync::Arc;

use bytes::Bytes;
use fairlead_store::{Blobs, Put};
use fairlead_sumdb::client::{BoxFuture, Memory, MemoryError};

/// Longest lookup answer or tile that is read back. A full tile has 8 KiB.
const MAX_FILE: u64 = 1 << 20;

/// The memory of one database.
pub(crate) struct Remembered {
    blobs: Arc<dyn Blobs>,
    /// `sumdb/NAME`
    folder: String,
}

impl Remembered {
    pub(crate) fn new(blobs: Arc<dyn Blobs>, name: &str) -> Self {
        Remembered { blobs, folder: format!("sumdb/{name}") }
    }

    /// `path` begins with a slash.
    fn key(&self, path: &str) -> String {
        format!("{}{path}", self.folder)
    }
}

impl Memory for Remembered {
    fn latest(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>, MemoryError>> {
        Box::pin(async move {
            let note = self.blobs.read(&self.key("/latest"), MAX_FILE).await.map_err(memory_error)?;
            Ok(note.map(Vec::from))
        })
    }

    fn swap_latest<'a>(
        &'a self,
        old: Option<&'a [u8]>,
        new: &'a [u8],
    ) -> BoxFuture<'a, Result<bool, MemoryError>> {
        Box::pin(async move {
            let old = old.map(Bytes::copy_from_slice);
            let key = self.key("/latest");
            self.blobs.swap(&key, old.as_ref(), Bytes::copy_from_slice(new)).await.map_err(memory_error)
        })
    }

    fn cached<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Option<Vec<u8>>> {
        Box::pin(
            async move { self.blobs.read(&self.key(path), MAX_FILE).await.ok().flatten().map(Vec::from) },
        )
    }

    fn save<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let put = self.blobs.put(&self.key(path), Bytes::copy_from_slice(bytes), Put::Replace).await;
            if let Err(error) = put {
                tracing::warn!(%error, path, "cannot remember what a checksum database proved");
            }
        })
    }
}

fn memory_error(error: fairlead_store::StoreError) -> MemoryError {
    MemoryError { message: error.to_string() }
}
