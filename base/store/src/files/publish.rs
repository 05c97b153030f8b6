//! How a file comes under its key, and how it goes: in one step, and for good.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::Inner;
use crate::staging::NamedFile;
use crate::{Put, StoreError};

/// How often a put makes its folder again after a delete elsewhere took it away.
const TRIES: usize = 32;
/// Bytes per step of a copy between file systems.
const COPY: usize = 1 << 20;

impl Inner {
    /// Gives a file that is on the disk the name of `key`; false when `put` is [`Put::Create`] and the name is taken.
    pub(super) fn publish(&self, key: &str, named: NamedFile, put: Put) -> Result<bool, StoreError> {
        // A swap must not lose what comes between its look and its rename; what only creates cannot come between.
        let _lock = if put == Put::Replace { Some(self.lock(key)?) } else { None };
        self.publish_locked(key, named, put)
    }

    /// [`publish`](Self::publish) for who holds the lock of `key`, or needs none.
    pub(super) fn publish_locked(&self, key: &str, named: NamedFile, put: Put) -> Result<bool, StoreError> {
        for (segment, kept_at) in self.layout.long_segments(key) {
            if !kept_at.exists() {
                let name = self.staged(segment.as_bytes())?;
                self.place(name, &kept_at, Put::Replace)?;
            }
        }
        self.place(named, &self.layout.path(key), put)
    }

    /// Removes the file of `key`, and folders that are empty after.
    pub(super) fn delete(&self, key: &str) -> Result<bool, StoreError> {
        let path = self.layout.path(key);
        let absent =
            |kind| matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory);
        let _lock = self.lock(key)?;
        match std::fs::symlink_metadata(&path) {
            Ok(seen) if seen.is_dir() => return Ok(false),
            Err(error) if absent(error.kind()) => return Ok(false),
            _ => {}
        }
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if absent(error.kind()) => return Ok(false),
            Err(error) => return Err(StoreError::io("remove a blob", error)),
        }
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != self.layout.root()) {
            if std::fs::remove_dir(folder).is_err() {
                return sync_folder(folder).map(|()| true);
            }
        }
        sync_folder(self.layout.root())?;
        Ok(true)
    }

    /// Waits for the lock that guards `key`; dropping the file gives it back, and so does the end of the process.
    pub(super) fn lock(&self, key: &str) -> Result<File, StoreError> {
        let path = self.layout.lock(key);
        let open = || File::options().create(true).truncate(false).write(true).open(&path);
        let opened = match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| open())
            }
            opened => opened,
        };
        let file = opened.map_err(|error| StoreError::io("open a lock", error))?;
        file.lock().map_err(|error| StoreError::io("lock", error))?;
        Ok(file)
    }

    fn place(&self, named: NamedFile, path: &Path, put: Put) -> Result<bool, StoreError> {
        let (mut named, mut copied) = (named, false);
        for _ in 0..TRIES {
            let Some(from) = named.path() else {
                return Err(StoreError::Corrupt("a staged file without a name"));
            };
            match rename(from, path, put) {
                Ok(()) => {
                    named.renamed();
                    path.parent().map_or(Ok(()), sync_folder)?;
                    return Ok(true);
                }
                Err(Errno::EXIST) if put == Put::Create => return taken(path),
                Err(Errno::NOENT) => make_folder_of(path)?,
                Err(Errno::XDEV) if !copied => {
                    named = self.copied(&named)?;
                    copied = true;
                }
                Err(Errno::ISDIR | Errno::NOTDIR | Errno::EXIST | Errno::NOTEMPTY) => {
                    return Err(in_the_way(path));
                }
                Err(errno) => return Err(StoreError::io("rename", errno)),
            }
        }
        Err(StoreError::unavailable("the folder of the blob is removed as often as it is made"))
    }

    /// The same bytes on the file system of the store.
    fn copied(&self, from: &NamedFile) -> Result<NamedFile, StoreError> {
        let to = self.staging.create()?;
        let mut buffer = vec![0; COPY];
        let mut at = 0;
        loop {
            let read = from.file.read_at(&mut buffer, at).map_err(|error| StoreError::io("read", error))?;
            if read == 0 {
                break;
            }
            to.file.write_all_at(&buffer[..read], at).map_err(|error| StoreError::io("write", error))?;
            at += read as u64;
        }
        to.file.sync_all().map_err(|error| StoreError::io("flush to disk", error))?;
        Ok(to)
    }
}

fn rename(from: &Path, to: &Path, put: Put) -> Result<(), Errno> {
    if put == Put::Replace {
        return rustix::fs::rename(from, to);
    }
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can; a second name for the same file is as good, and the first is removed.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rustix::fs::link(from, to)?;
            let _ = rustix::fs::unlink(from);
            Ok(())
        }
        renamed => renamed,
    }
}

fn taken(path: &Path) -> Result<bool, StoreError> {
    if path.is_dir() { Err(in_the_way(path)) } else { Ok(false) }
}

fn in_the_way(path: &Path) -> StoreError {
    let what = if path.is_dir() { "the key is a folder of others" } else { "a folder of the key is a blob" };
    StoreError::Conflict(what.into())
}

/// Makes the folders above `path`, each known to its parent after a crash.
fn make_folder_of(path: &Path) -> Result<(), StoreError> {
    let missing: Vec<&Path> = path.ancestors().skip(1).take_while(|folder| !folder.is_dir()).collect();
    for folder in missing.into_iter().rev() {
        match std::fs::create_dir(folder) {
            Ok(()) => folder.parent().map_or(Ok(()), sync_folder)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
            // Removed again by a delete elsewhere: the next try sees to it.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotADirectory) => {
                return Err(in_the_way(folder));
            }
            Err(error) => return Err(StoreError::io("make a folder", error)),
        }
    }
    Ok(())
}

/// Makes names in `folder` last. A folder that is gone has none.
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    match synced {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => {
            Err(StoreError::io("flush a folder to disk", error))
        }
        _ => Ok(()),
    }
}
