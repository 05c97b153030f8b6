//! Removes what crashed processes left behind.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use crate::StoreError;

/// How names of staged files end.
pub(crate) const SUFFIX: &str = ".staged";
/// Where a file system knows no locks, a file not written to for this long has no writer.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Removes staged files in `folder` that nobody writes. A folder that is not there has none.
pub(crate) fn sweep(folder: &Path) -> Result<(), StoreError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("read a folder", error)),
    };
    for entry in entries.filter_map(Result::ok) {
        let ours = entry.file_name().to_str().is_some_and(|name| name.ends_with(SUFFIX));
        let path = entry.path();
        if ours && entry.file_type().is_ok_and(|kind| kind.is_file()) && is_abandoned(&path) {
            // Another process may be sweeping too.
            let _ = std::fs::remove_file(&path);
        }
    }
    Ok(())
}

fn is_abandoned(path: &Path) -> bool {
    let Ok(file) = File::options().read(true).write(true).open(path) else { return false };
    match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => {
            let written = file.metadata().and_then(|seen| seen.modified()).ok();
            written.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > ABANDONED)
        }
    }
}
