//! Files that are still being written: staged under a name of their own, read while they grow, gone when dropped.
//!
//! A writer holds a lock on its file for as long as it lives. That is how another process that shares the folder tells a
//! file in use from what a crash left behind.

mod follow;
mod sweep;

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;

use crate::blob::blocking;
use crate::{Blob, StoreError};
use follow::End;
pub use follow::{Follower, Growing};

/// How often a name is tried that turns out to be taken.
const TRIES: usize = 16;

/// A folder for files that are being written. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Staging {
    folder: Arc<Path>,
}

impl Staging {
    /// Makes `folder` if it is not there and removes what crashed processes left in it. Several processes may share a folder.
    /// Blocks: for start-up.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let staging = Self::lazy(folder.into());
        std::fs::create_dir_all(&staging.folder).map_err(|error| StoreError::io("make a folder", error))?;
        sweep::sweep(&staging.folder)?;
        Ok(staging)
    }

    /// [`new`](Self::new), but the folder is only made when the first file is.
    pub(crate) fn lazy(folder: PathBuf) -> Self {
        Staging { folder: folder.into() }
    }

    /// Removes leftovers if there is a folder.
    pub(crate) fn sweep(&self) -> Result<(), StoreError> {
        sweep::sweep(&self.folder)
    }

    /// Starts a file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn begin(&self) -> Result<StagedWriter, StoreError> {
        let staging = self.clone();
        blocking(move || staging.create().map(StagedWriter::new)).await
    }

    /// A new file, locked.
    pub(crate) fn create(&self) -> Result<NamedFile, StoreError> {
        for _ in 0..TRIES {
            let path = self.folder.join(fresh_name());
            let file = match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    std::fs::create_dir_all(&self.folder)
                        .map_err(|error| StoreError::io("make a folder", error))?;
                    continue;
                }
                Err(error) => return Err(StoreError::io("make a file", error)),
            };
            // A sweep may come between making and locking. Where there are no locks it goes by age.
            let swept = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            if !swept && file.metadata().is_ok_and(|seen| seen.nlink() > 0) {
                return Ok(NamedFile { file: Arc::new(file), path: Some(path) });
            }
        }
        Err(StoreError::unavailable("no free name for a staged file"))
    }
}

/// Unlike any other in this process, and most likely in others.
fn fresh_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    format!("{}-{now:x}-{count}{}", std::process::id(), sweep::SUFFIX)
}

/// A file with a name that goes when this does.
#[derive(Debug)]
pub(crate) struct NamedFile {
    pub(crate) file: Arc<File>,
    path: Option<PathBuf>,
}

impl NamedFile {
    /// Where it is.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// It was given another name: there is nothing to remove.
    pub(crate) fn renamed(&mut self) {
        self.path = None;
    }
}

impl Drop for NamedFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Only the name goes here; the bytes go with the last reader.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A file that grows. Dropping it fails its followers and removes the file.
#[derive(Debug)]
pub struct StagedWriter {
    named: Option<NamedFile>,
    growing: Growing,
    len: u64,
    /// An append was begun and not seen to its end.
    torn: bool,
}

impl StagedWriter {
    fn new(named: NamedFile) -> Self {
        let growing = Growing::new(Arc::clone(&named.file));
        StagedWriter { named: Some(named), growing, len: 0, torn: false }
    }

    /// Writes `bytes` at the end; followers see them when it returns. A writer whose append failed, or was not awaited to its
    /// end, takes no more.
    ///
    /// # Errors
    /// What the file system says, such as that the disk is full.
    pub async fn append(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.whole()?;
        self.torn = true;
        let file = Arc::clone(self.growing.file());
        let (at, added) = (self.len, bytes.len() as u64);
        blocking(move || file.write_all_at(&bytes, at).map_err(|error| StoreError::io("write", error)))
            .await?;
        self.torn = false;
        self.len += added;
        self.growing.grown(self.len);
        Ok(())
    }

    /// Bytes so far.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a count of bytes, not a collection")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// What can be handed to those who want to read along; see [`Growing::follow`].
    #[must_use]
    pub fn growing(&self) -> Growing {
        self.growing.clone()
    }

    /// The file, to look at what was written.
    #[must_use]
    pub fn as_file(&self) -> &Arc<File> {
        self.growing.file()
    }

    /// Makes sure the bytes are on the disk, and lets followers end.
    ///
    /// # Errors
    /// What the file system says; followers fail with it.
    pub async fn finish(mut self) -> Result<Staged, StoreError> {
        self.whole()?;
        let file = Arc::clone(self.growing.file());
        let flushed =
            blocking(move || file.sync_all().map_err(|error| StoreError::io("flush to disk", error))).await;
        if let Err(error) = &flushed {
            self.growing.ended(End::Failed(error.to_string().into()));
        }
        flushed?;
        let Some(named) = self.named.take() else { return Err(torn()) };
        self.growing.ended(End::Whole);
        Ok(Staged { named, len: self.len, growing: self.growing.clone() })
    }

    /// Ends followers with `reason` and removes the file.
    pub fn fail(self, reason: &str) {
        self.growing.ended(End::Failed(reason.into()));
    }

    fn whole(&self) -> Result<(), StoreError> {
        if self.torn { Err(torn()) } else { Ok(()) }
    }
}

fn torn() -> StoreError {
    StoreError::Corrupt("a write was broken off")
}

impl Drop for StagedWriter {
    fn drop(&mut self) {
        // Whoever still waits must not wait for ever.
        self.growing.ended(End::Failed("the writer gave up".into()));
    }
}

/// A whole file that waits to be put under its key. Dropping it removes it; who reads it can read on.
#[derive(Debug)]
pub struct Staged {
    named: NamedFile,
    len: u64,
    growing: Growing,
}

impl Staged {
    /// Length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a count of bytes, not a collection")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The file.
    #[must_use]
    pub fn as_file(&self) -> &Arc<File> {
        &self.named.file
    }

    /// The bytes, as if they were stored.
    #[must_use]
    pub fn blob(&self) -> Blob {
        Blob::of_file(Arc::clone(&self.named.file), self.len, SystemTime::now())
    }

    /// For readers that come late; see [`Growing::follow`].
    #[must_use]
    pub fn growing(&self) -> Growing {
        self.growing.clone()
    }

    /// The file with its name.
    pub(crate) fn into_named(self) -> NamedFile {
        self.named
    }
}
