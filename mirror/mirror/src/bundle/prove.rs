//! The checksum database's part: what proves a bundle is found by proving it, with everything that is read written down.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fairlead_gomod::path::Module;
use fairlead_store::Blobs;
use fairlead_sumdb::client::{
    BoxFuture, Client, Memory, MemoryError, Remote, RemoteError, SumError, TILE_HEIGHT, lookup_path,
};
use fairlead_sumdb::note::VerifierKey;
use parking_lot::Mutex;

use super::BundleError;

/// Longest file of a database, in bytes. A full tile has 8 KiB.
pub(super) const MAX_FILE: u64 = 1 << 20;

/// Files of a database by path, such as `/latest`.
pub(super) type Files = BTreeMap<String, Bytes>;

/// Finds the proofs that a store has.
pub(super) struct Exporting {
    folder: String,
    blobs: Arc<dyn Blobs>,
    key: VerifierKey,
    read: Arc<Mutex<Files>>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Proofs {
    /// Versions that are proved.
    pub(super) proved: usize,
    /// By path below a GOPROXY.
    pub(super) files: Files,
}

impl Exporting {
    pub(super) fn new(blobs: &Arc<dyn Blobs>, key: &VerifierKey) -> Self {
        let folder = folder(key);
        Exporting { folder, blobs: Arc::clone(blobs), key: key.clone(), read: Arc::default() }
    }

    /// Proves what can be proved of `modules` with what the store has.
    pub(super) async fn prove(&self, modules: impl Iterator<Item = &Module>) -> Result<Proofs, BundleError> {
        let mut proofs = Proofs::default();
        let Some(latest) = self.blobs.read(&format!("{}/latest", self.folder), MAX_FILE).await? else {
            return Ok(proofs);
        };
        let memory = Arc::new(Overlay::new(&self.blobs, &self.key, Arc::clone(&self.read)));
        let client = Client::new(self.key.clone(), Arc::new(Nobody), memory, TILE_HEIGHT);
        let place = |path: &str| format!("{}{path}", self.folder);
        for module in modules {
            let is_proved = client.lookup(&module.path, &module.version).await.is_ok();
            let read = std::mem::take(&mut *self.read.lock());
            // Half a proof proves nothing.
            if is_proved {
                proofs.proved += 1;
                proofs.files.extend(read.into_iter().map(|(path, bytes)| (place(&path), bytes)));
            }
        }
        if proofs.proved > 0 {
            proofs.files.insert(place("/latest"), latest);
            proofs.files.insert(place("/supported"), Bytes::new());
        }
        Ok(proofs)
    }
}

/// Where a database is in a store, and in a bundle.
pub(super) fn folder(key: &VerifierKey) -> String {
    format!("sumdb/{}", key.name())
}

/// A remote that is not there.
struct Nobody;

impl Remote for Nobody {
    fn read<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<u8>, RemoteError>> {
        let error = RemoteError { not_found: false, message: "it is not in the cache".to_owned() };
        Box::pin(std::future::ready(Err(error)))
    }
}

/// A store's memory of a database, on which nothing is written: what is saved is kept apart, what is read is noted.
pub(super) struct Overlay {
    folder: String,
    blobs: Arc<dyn Blobs>,
    /// Lookups of the store are not believed, so that those of a bundle are looked at.
    reads_lookups: bool,
    read: Arc<Mutex<Files>>,
    saved: Mutex<Files>,
    latest: Mutex<Option<Bytes>>,
}

/// What an overlay holds in the end.
pub(super) struct Saved {
    /// Lookups and tiles by path.
    pub(super) files: Files,
    /// A tree head that is newer than the store's.
    pub(super) latest: Option<Bytes>,
}

impl Overlay {
    /// For a store whose proofs are to be found.
    fn new(blobs: &Arc<dyn Blobs>, key: &VerifierKey, read: Arc<Mutex<Files>>) -> Self {
        Overlay {
            folder: folder(key),
            blobs: Arc::clone(blobs),
            reads_lookups: true,
            read,
            saved: Mutex::default(),
            latest: Mutex::default(),
        }
    }

    /// For a store that a bundle goes to.
    pub(super) fn over(blobs: &Arc<dyn Blobs>, key: &VerifierKey) -> Self {
        Overlay { reads_lookups: false, ..Self::new(blobs, key, Arc::default()) }
    }

    pub(super) fn take(&self) -> Saved {
        Saved { files: std::mem::take(&mut self.saved.lock()), latest: self.latest.lock().take() }
    }

    fn key(&self, path: &str) -> String {
        format!("{}{path}", self.folder)
    }

    async fn find(&self, path: &str) -> Option<Bytes> {
        if let Some(bytes) = self.saved.lock().get(path) {
            return Some(bytes.clone());
        }
        if !self.reads_lookups && path.starts_with("/lookup/") {
            return None;
        }
        let bytes = self.blobs.read(&self.key(path), MAX_FILE).await.ok().flatten()?;
        if self.reads_lookups {
            self.read.lock().insert(path.to_owned(), bytes.clone());
        }
        Some(bytes)
    }
}

impl Memory for Overlay {
    fn latest(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>, MemoryError>> {
        Box::pin(async move {
            if let Some(latest) = self.latest.lock().clone() {
                return Ok(Some(latest.into()));
            }
            let note = self.blobs.read(&self.key("/latest"), MAX_FILE).await;
            let note = note.map_err(|error| MemoryError { message: error.to_string() })?;
            Ok(note.map(Vec::from))
        })
    }

    fn swap_latest<'a>(
        &'a self,
        _: Option<&'a [u8]>,
        new: &'a [u8],
    ) -> BoxFuture<'a, Result<bool, MemoryError>> {
        // Nobody else has this overlay; the store itself is swapped when everything has been proved.
        *self.latest.lock() = Some(Bytes::copy_from_slice(new));
        Box::pin(std::future::ready(Ok(true)))
    }

    fn cached<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { self.find(path).await.map(Vec::from) })
    }

    fn save<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, ()> {
        self.saved.lock().insert(path.to_owned(), Bytes::copy_from_slice(bytes));
        Box::pin(std::future::ready(()))
    }
}

/// The lines that a database has about a version; `None` when it says nothing here.
///
/// # Errors
/// When what it says does not hold, in words.
pub(super) async fn lines(client: &Client, module: &Module) -> Result<Option<Vec<String>>, String> {
    match client.lookup(&module.path, &module.version).await {
        Ok(lines) => Ok(Some(lines)),
        Err(SumError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Where the lookup of a version is.
pub(super) fn lookup_of(module: &Module) -> Option<String> {
    lookup_path(&module.path, &module.version).ok()
}
