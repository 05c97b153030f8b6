//! Options that take a path or the content itself, as every certificate, key and CA option does.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer};
use serde::{Serialize, Serializer};

/// The path of a file, or its content. Content is told by being PEM or by having more than one line.
///
/// `Debug` and `Serialize` never show content, only paths.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct FileOrContent(String);

/// Why the file cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system said no.
    #[error("cannot read {path}: {source}")]
    Io {
        /// Path as configured.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Larger than any certificate bundle.
    #[error("{path} is larger than {} bytes", FileOrContent::LARGEST)]
    TooLarge {
        /// Path as configured.
        path: String,
    },
    /// Not text where text is needed.
    #[error("{path} is not UTF-8 text")]
    NotText {
        /// Path as configured, or `(content)`.
        path: String,
    },
}

impl FileOrContent {
    /// Bytes beyond which a file is not read: 16 MiB.
    pub const LARGEST: u64 = 16 << 20;

    /// From what the option says.
    pub fn new(text: impl Into<String>) -> Self {
        FileOrContent(text.into())
    }

    /// What the option says: the path or the content. Content may be a key; never log it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the option says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// The path, if it is one.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        (!self.is_content()).then(|| PathBuf::from(self.0.trim()))
    }

    /// The content, read from the file if it is a path.
    ///
    /// # Errors
    /// The file is unreadable or larger than [`Self::LARGEST`].
    pub fn read(&self) -> Result<Vec<u8>, ReadError> {
        match self.path() {
            Some(path) => read_bounded(&path),
            None => Ok(self.0.clone().into_bytes()),
        }
    }

    /// The content as text.
    ///
    /// # Errors
    /// As [`Self::read`], and when it is not UTF-8.
    pub fn read_text(&self) -> Result<String, ReadError> {
        String::from_utf8(self.read()?).map_err(|_| ReadError::NotText { path: format!("{self:?}") })
    }

    fn is_content(&self) -> bool {
        let text = self.0.trim();
        text.starts_with("-----BEGIN") || text.contains(['\n', '\0'])
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, ReadError> {
    let shown = || path.display().to_string();
    let io = |source| ReadError::Io { path: shown(), source };
    let file = std::fs::File::open(path).map_err(io)?;
    let mut content = Vec::new();
    file.take(FileOrContent::LARGEST + 1).read_to_end(&mut content).map_err(io)?;
    if content.len() as u64 > FileOrContent::LARGEST {
        return Err(ReadError::TooLarge { path: shown() });
    }
    Ok(content)
}

impl fmt::Debug for FileOrContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_content() { f.write_str("(content)") } else { f.write_str(&self.0) }
    }
}

impl fmt::Display for FileOrContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Serialize for FileOrContent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileOrContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(FileOrContent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";

    #[test]
    fn content_is_taken_as_it_is_and_never_shown() {
        let key = FileOrContent::new(KEY);
        assert_eq!(key.read_text().unwrap(), KEY);
        assert_eq!(key.path(), None);
        assert_eq!(format!("{key:?} {key}"), "(content) (content)");
        assert_eq!(serde_json::to_string(&key).unwrap(), "\"(content)\"");
    }

    #[test]
    fn a_path_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), KEY).unwrap();
        let option = FileOrContent::new(file.path().to_str().unwrap());
        assert_eq!(option.read().unwrap(), KEY.as_bytes());
        assert_eq!(format!("{option:?}"), file.path().to_str().unwrap());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = FileOrContent::new("/nonexistent/cert.pem").read().unwrap_err();
        assert!(error.to_string().starts_with("cannot read /nonexistent/cert.pem: "), "{error}");
        assert!(matches!(FileOrContent::new("/dev/zero").read(), Err(ReadError::TooLarge { .. })));
    }
}
