//! Lists the blobs of a folder in the order of their keys.
//!
//! A folder is read in batches of the smallest names that come after the last, so that memory is bounded by the page and not
//! by the folder. Sorted by their bytes, a folder stands where its name with a `/` would.

use std::collections::BinaryHeap;
use std::fs::{DirEntry, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use crate::key::{MAX_KEY, RESERVED};
use crate::{Entry, StoreError};

/// Names taken from a folder at a time, at least.
const BATCH: usize = 256;

/// Up to `limit` blobs beneath `prefix` whose keys come after `after`.
pub(super) fn list(
    layout: &Layout,
    prefix: &str,
    after: &str,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let mut walk = Walk { layout, after, limit, found: Vec::new() };
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    walk.folder(&layout.path(&prefix), &prefix)?;
    Ok(walk.found)
}

struct Walk<'a> {
    layout: &'a Layout,
    after: &'a str,
    limit: usize,
    found: Vec<Entry>,
}

/// A file or a folder; folders end in `/`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    key: String,
    path: PathBuf,
}

impl Walk<'_> {
    /// `prefix` is the key of `folder` with a `/`. As deep as a key has segments, at most.
    fn folder(&mut self, folder: &Path, prefix: &str) -> Result<(), StoreError> {
        let mut done = String::new();
        while self.found.len() < self.limit {
            let wanted = BATCH.max(self.limit - self.found.len());
            let batch = self.batch(folder, prefix, &done, wanted)?;
            let last = batch.len() < wanted;
            for Name { key, path } in batch {
                if self.found.len() == self.limit {
                    return Ok(());
                }
                if key.ends_with('/') {
                    self.folder(&path, &key)?;
                } else if let Some(entry) = entry(&key, &path) {
                    self.found.push(entry);
                }
                done = key;
            }
            if last {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The `wanted` smallest names after `done` that can hold keys after the one asked for, in order.
    fn batch(&self, folder: &Path, prefix: &str, done: &str, wanted: usize) -> Result<Vec<Name>, StoreError> {
        let mut smallest = BinaryHeap::with_capacity(wanted + 1);
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(StoreError::io("read a folder", error)),
        };
        for entry in entries.filter_map(Result::ok) {
            let Some(name) = self.name(&entry, prefix) else { continue };
            if name.key.as_str() > done && self.is_after(&name.key) {
                smallest.push(name);
                if smallest.len() > wanted {
                    smallest.pop();
                }
            }
        }
        Ok(smallest.into_sorted_vec())
    }

    fn name(&self, entry: &DirEntry, prefix: &str) -> Option<Name> {
        let name = entry.file_name().into_string().ok()?;
        if prefix.is_empty() && name == RESERVED {
            return None;
        }
        let mut key = format!("{prefix}{}", self.layout.segment(&name)?);
        // A link to a folder is not followed: it may lead round in a circle.
        if entry.file_type().ok()?.is_dir() {
            key.push('/');
        }
        (key.len() <= MAX_KEY).then(|| Name { key, path: entry.path() })
    }

    fn is_after(&self, key: &str) -> bool {
        key > self.after || (key.ends_with('/') && self.after.starts_with(key))
    }
}

/// `None` for what is not a file, or no longer there.
fn entry(key: &str, path: &Path) -> Option<Entry> {
    let seen: Metadata = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
    Some(Entry { key: key.to_owned(), len: seen.len(), modified: seen.modified().ok()? })
}
