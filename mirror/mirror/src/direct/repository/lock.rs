//! A lock on a repository's folder that other processes see too.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How often another process's lock is tried.
const PAUSE: Duration = Duration::from_millis(50);

/// Held until dropped. Its file stands beside the folder; when it was changed last is when the folder was used last.
#[derive(Debug)]
pub(in super::super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Waits for the lock.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] after `patience`, or when the file cannot be made.
    pub(in super::super) async fn wait(folder: &Path, patience: Duration) -> io::Result<Self> {
        let until = Instant::now() + patience;
        loop {
            let folder = folder.to_owned();
            let tried = tokio::task::spawn_blocking(move || FolderLock::try_new(&folder)).await;
            if let Some(lock) = tried.map_err(io::Error::other)?? {
                return Ok(lock);
            }
            if Instant::now() >= until {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds it"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The lock, unless somebody else has it. Blocks for as long as the disk does.
    pub(in super::super) fn try_new(folder: &Path) -> io::Result<Option<Self>> {
        let path = path_of(folder);
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above)?;
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => {}
        }
        // A sweep may have removed it between opening and locking.
        if file.metadata()?.nlink() == 0 {
            return Ok(None);
        }
        file.set_modified(SystemTime::now())?;
        Ok(Some(FolderLock { _file: file }))
    }
}

/// The lock's file.
pub(in super::super) fn path_of(folder: &Path) -> PathBuf {
    folder.with_extension("lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("repository");
        let first = FolderLock::try_new(&folder).unwrap().unwrap();
        assert!(FolderLock::try_new(&folder).unwrap().is_none());
        let error = FolderLock::wait(&folder, Duration::from_millis(60)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(first);
        assert!(FolderLock::try_new(&folder).unwrap().is_some());
    }
}
