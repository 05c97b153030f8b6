//! A folder that lives as long as the test.

use std::fs;
use std::path::{Path, PathBuf};

/// A temporary folder.
pub struct Dir(tempfile::TempDir);

impl Dir {
    /// A new, empty one.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    #[must_use]
    pub fn new() -> Dir {
        Dir(tempfile::TempDir::new().unwrap())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of something in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file so that a reader sees the old text or the new one, never a part. Makes folders as needed.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        let folder = path.parent().unwrap();
        fs::create_dir_all(folder).unwrap();
        let mut new = tempfile::NamedTempFile::with_prefix_in(".new-", folder).unwrap();
        std::io::Write::write_all(&mut new, text.as_ref()).unwrap();
        new.persist(&path).unwrap();
        path
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.join(name)).unwrap();
    }
}
