//! Where copies of repositories stand: each in a folder named by the hash of its URL. What nobody used for longest goes first.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::repository::{FolderLock, Remote, Repository, SIZE, remove_folder};
use super::run::Git;

/// Copies together may be this many times as large as one alone.
const SHARE: u64 = 4;
/// Most copies.
const MAX_COPIES: usize = 4096;
/// Repositories whose branches and tags are remembered, beside those in use.
const MAX_KNOWN: usize = 64;

/// The copies of one folder.
pub(super) struct Shelf {
    git: Git,
    folder: PathBuf,
    known: Mutex<HashMap<String, Arc<Repository>>>,
}

impl Shelf {
    pub(super) fn new(git: Git, folder: PathBuf) -> Self {
        Shelf { git, folder, known: Mutex::default() }
    }

    /// The repository of a URL.
    pub(super) fn repository(&self, remote: &Remote) -> Arc<Repository> {
        let key = key(&remote.url);
        let mut known = self.known.lock();
        if let Some(repository) = known.get(&key)
            && repository.remote() == remote
        {
            return Arc::clone(repository);
        }
        if known.len() >= MAX_KNOWN {
            known.retain(|_, repository| Arc::strong_count(repository) > 1);
        }
        let repository = Arc::new(Repository::new(self.git.clone(), remote.clone(), self.folder.join(&key)));
        known.insert(key, Arc::clone(&repository));
        repository
    }

    /// Makes room if there are too many copies or they are too large together. Copies in use stay.
    pub(super) async fn sweep(&self) {
        let (folder, room) = (self.folder.clone(), self.git.max_bytes.saturating_mul(SHARE));
        // Room that could not be made now is made the next time.
        let _ = tokio::task::spawn_blocking(move || sweep(&folder, room, MAX_COPIES)).await;
    }
}

fn key(url: &str) -> String {
    Sha256::digest(url).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A copy: when it was used last, where it is, its size in bytes.
type Copy = (SystemTime, PathBuf, u64);

fn sweep(folder: &Path, room: u64, most: usize) {
    let mut copies = copies(folder);
    copies.sort();
    let mut size: u64 = copies.iter().map(|(.., size)| size).sum();
    let mut count = copies.len();
    for (_, copy, its) in copies {
        if size <= room && count <= most {
            return;
        }
        let Ok(Some(_lock)) = FolderLock::try_new(&copy) else { continue };
        if remove_folder(&copy).is_ok() {
            let _ = std::fs::remove_file(copy.with_extension("lock"));
            size -= its;
            count -= 1;
        }
    }
}

fn copies(folder: &Path) -> Vec<Copy> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let locks = entries.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "lock"));
    let copy = |entry: std::fs::DirEntry| {
        let used = entry.metadata().ok()?.modified().ok()?;
        let copy = entry.path().with_extension("");
        let size = std::fs::read_to_string(copy.join(SIZE)).ok();
        Some((used, copy, size.and_then(|text| text.parse().ok()).unwrap_or(0)))
    };
    locks.filter_map(copy).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn remote(url: &str) -> Remote {
        Remote { url: url.to_owned(), shown: url.to_owned(), origin: url.to_owned(), protocols: "https" }
    }

    #[test]
    fn one_repository_for_one_url() {
        let git = Git { timeout: Duration::from_secs(1), max_bytes: 1 };
        let shelf = Shelf::new(git, PathBuf::from("/nowhere"));
        let a = shelf.repository(&remote("https://a.example/x"));
        assert!(Arc::ptr_eq(&a, &shelf.repository(&remote("https://a.example/x"))));
        for number in 0..2 * MAX_KNOWN {
            let other = shelf.repository(&remote(&format!("https://b.example/{number}")));
            assert!(!Arc::ptr_eq(&a, &other));
        }
        assert!(shelf.known.lock().len() <= MAX_KNOWN);
        assert!(Arc::ptr_eq(&a, &shelf.repository(&remote("https://a.example/x"))), "it is still in use");
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: &str, size: u64| {
            let copy = place.path().join(name);
            let lock = FolderLock::try_new(&copy).unwrap().unwrap();
            std::fs::create_dir(&copy).unwrap();
            std::fs::write(copy.join(SIZE), size.to_string()).unwrap();
            let used = SystemTime::UNIX_EPOCH + Duration::from_secs(size);
            std::fs::File::options()
                .write(true)
                .open(copy.with_extension("lock"))
                .unwrap()
                .set_modified(used)
                .unwrap();
            lock
        };
        let in_use = make("a", 1);
        for (name, size) in [("b", 2), ("c", 3), ("d", 4)] {
            drop(make(name, size));
        }
        let names = || {
            let mut names: Vec<_> = copies(place.path()).into_iter().map(|(_, copy, _)| copy).collect();
            names.sort();
            names
                .iter()
                .map(|copy| copy.file_name().unwrap().to_str().unwrap().to_owned())
                .collect::<String>()
        };
        sweep(place.path(), 10, 4);
        assert_eq!(names(), "abcd");
        sweep(place.path(), 8, 4);
        assert_eq!(names(), "acd");
        sweep(place.path(), 100, 2);
        assert_eq!(names(), "ad");
        drop(in_use);
    }
}
