//! A `file://` upstream: a folder in the layout of Go's `cache/download`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use fairlead_http::{Body, BoxFuture};
use fairlead_store::{Blobs as _, FileBlobs, StoreError};
use tokio::sync::OnceCell;

use super::stream::BlobBody;
use crate::source::{Ask, Document, Fetched, MAX_DOCUMENT, MAX_ZIP, Source, Validators};
use crate::{Cause, Failure, Wanted};

/// A folder with modules.
pub(super) struct Tree {
    name: Arc<str>,
    folder: PathBuf,
    /// Opened when it is asked first, so that a folder may come later.
    blobs: OnceCell<FileBlobs>,
}

impl Tree {
    pub(super) fn new(name: Arc<str>, folder: PathBuf) -> Self {
        Tree { name, folder, blobs: OnceCell::new() }
    }

    async fn open(&self) -> Result<&FileBlobs, Failure> {
        let open = || async {
            let folder = self.folder.clone();
            let opened = tokio::task::spawn_blocking(move || {
                if folder.is_dir() { FileBlobs::open(folder).map(Some) } else { Ok(None) }
            });
            match opened.await {
                Ok(Ok(Some(blobs))) => Ok(blobs),
                Ok(Ok(None)) => Err(self.failure("there is no such folder")),
                Ok(Err(error)) => Err(self.failure(&error.to_string())),
                Err(_) => Err(self.failure("the runtime is stopping")),
            }
        };
        self.blobs.get_or_try_init(open).await
    }

    async fn read(&self, wanted: &Wanted) -> Result<Fetched, Failure> {
        let (blobs, key) = (self.open().await?, wanted.key());
        let refused = |error: StoreError| match error {
            StoreError::BadKey(_) => self.absent(wanted),
            error => self.failure(&error.to_string()),
        };
        if let Wanted::Zip(_) = wanted {
            let blob = blobs.open(&key).await.map_err(refused)?.ok_or_else(|| self.absent(wanted))?;
            if blob.len > MAX_ZIP {
                return Err(self.failure("the zip is too large"));
            }
            return Ok(Fetched::Zip {
                len: Some(blob.len),
                body: Body::stream(BlobBody::new(&blob, 0..blob.len)),
            });
        }
        let bytes = blobs.read(&key, MAX_DOCUMENT as u64).await.map_err(refused)?;
        let bytes = bytes.ok_or_else(|| self.absent(wanted))?;
        Ok(Fetched::Document(Document { bytes, validators: Validators::default(), at: SystemTime::now() }))
    }

    fn absent(&self, wanted: &Wanted) -> Failure {
        Failure::new(Cause::NotFound, format!("not found: {}: no {wanted}", self.name)).of(&self.name)
    }

    fn failure(&self, why: &str) -> Failure {
        Failure::new(Cause::Unavailable, format!("bad gateway: {}: {why}", self.name)).of(&self.name)
    }
}

impl Source for Tree {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn fetch<'a>(&'a self, wanted: &'a Wanted, _: &'a Ask) -> BoxFuture<'a, Result<Fetched, Failure>> {
        Box::pin(self.read(wanted))
    }
}
