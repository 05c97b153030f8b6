//! Blobs as plain files under a folder: `ROOT/KEY`. A folder that Go's `cache/download` filled is a store, and the other
//! way round. What the store needs for itself is in `ROOT/.fairlead`: files being written, locks, names too long for a path.

mod layout;
mod publish;
mod walk;

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::blob::{blocking, read_exact};
use crate::key::{check, check_folder};
use crate::staging::NamedFile;
use crate::{Blob, Blobs, BoxFuture, Entry, MAX_PAGE, MAX_SWAP, Put, Staged, Staging, StoreError};
use layout::Layout;

/// A store of files.
#[derive(Clone, Debug)]
pub struct FileBlobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    layout: Layout,
    staging: Staging,
}

impl FileBlobs {
    /// The store in `root`, which is made when it is not there. Nothing else is written until the first put, so that a
    /// folder that may only be read can be served. Removes what a crash left. Blocks: for start-up.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let layout = Layout::new(root.into());
        std::fs::create_dir_all(layout.root()).map_err(|error| StoreError::io("make a folder", error))?;
        let staging = Staging::lazy(layout.staging());
        staging.sweep()?;
        Ok(FileBlobs { inner: Arc::new(Inner { layout, staging }) })
    }

    /// A staging folder on the store's own file system: what is staged there is put by a rename.
    #[must_use]
    pub fn staging(&self) -> Staging {
        self.inner.staging.clone()
    }

    fn run<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&Inner, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        if let Err(refused) = check(key) {
            return Box::pin(std::future::ready(Err(refused)));
        }
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        Box::pin(blocking(move || work(&inner, &key)))
    }
}

impl Blobs for FileBlobs {
    fn open<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Blob>, StoreError>> {
        self.run(key, |inner, key| {
            let found = inner.open(key)?;
            Ok(found.map(|(file, len, modified)| Blob::of_file(Arc::new(file), len, modified)))
        })
    }

    fn read<'a>(&'a self, key: &'a str, limit: u64) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.run(key, move |inner, key| inner.read(key, limit))
    }

    fn put<'a>(&'a self, key: &'a str, bytes: Bytes, put: Put) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.run(key, move |inner, key| {
            if put == Put::Create && inner.open(key)?.is_some() {
                return Ok(false);
            }
            let named = inner.staged(&bytes)?;
            inner.publish(key, named, put)
        })
    }

    fn put_staged<'a>(
        &'a self,
        key: &'a str,
        staged: Staged,
        put: Put,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.run(key, move |inner, key| inner.publish(key, staged.into_named(), put))
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<&'a Bytes>,
        new: Bytes,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        if new.len() as u64 > MAX_SWAP {
            let refused = StoreError::TooLarge { len: new.len() as u64, limit: MAX_SWAP };
            return Box::pin(std::future::ready(Err(refused)));
        }
        let expected = expected.cloned();
        self.run(key, move |inner, key| inner.swap(key, expected, &new))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.run(key, |inner, key| inner.delete(key))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        if let Err(refused) = check_folder(prefix).and_then(|()| after.map_or(Ok(()), check)) {
            return Box::pin(std::future::ready(Err(refused)));
        }
        let (inner, prefix) = (Arc::clone(&self.inner), prefix.to_owned());
        let (after, limit) = (after.unwrap_or_default().to_owned(), limit.min(MAX_PAGE));
        Box::pin(blocking(move || walk::list(&inner.layout, &prefix, &after, limit)))
    }
}

impl Inner {
    /// The file under `key`, its length and its time.
    fn open(&self, key: &str) -> Result<Option<(File, u64, SystemTime)>, StoreError> {
        // Without blocking: somebody may have put a pipe there.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let opened = File::options().read(true).custom_flags(flags).open(self.layout.path(key));
        let file = match opened {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(StoreError::io("open a blob", error)),
        };
        let seen = file.metadata().map_err(|error| StoreError::io("look at a blob", error))?;
        if !seen.is_file() {
            return Ok(None);
        }
        let modified = seen.modified().map_err(|error| StoreError::io("look at a blob", error))?;
        Ok(Some((file, seen.len(), modified)))
    }

    fn read(&self, key: &str, limit: u64) -> Result<Option<Bytes>, StoreError> {
        match self.open(key)? {
            None => Ok(None),
            Some((_, len, _)) if len > limit => Err(StoreError::TooLarge { len, limit }),
            Some((file, len, _)) => read_exact(&file, 0..len).map(Some),
        }
    }

    /// A file that holds `bytes` and is on the disk, not yet under its key.
    fn staged(&self, bytes: &[u8]) -> Result<NamedFile, StoreError> {
        let named = self.staging.create()?;
        named.file.write_all_at(bytes, 0).map_err(|error| StoreError::io("write", error))?;
        named.file.sync_all().map_err(|error| StoreError::io("flush to disk", error))?;
        Ok(named)
    }

    fn swap(&self, key: &str, expected: Option<Bytes>, new: &[u8]) -> Result<bool, StoreError> {
        let named = self.staged(new)?;
        let _lock = self.lock(key)?;
        if self.read(key, MAX_SWAP)? != expected {
            return Ok(false);
        }
        let put = if expected.is_some() { Put::Replace } else { Put::Create };
        self.publish_locked(key, named, put)
    }
}
