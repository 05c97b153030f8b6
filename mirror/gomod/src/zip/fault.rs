//! What can be wrong with an archive, sorted by what a caller does about it: fetch again, distrust the source, or give up.

use std::io;

use crate::path::PathError;

/// Why an archive was refused.
///
/// Names from the archive appear escaped and shortened, so the text is fit for a log line.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// The bytes are something else, for example an HTML page.
    #[error("not a zip archive")]
    NotAZip,
    /// The bytes begin like an archive and end too early: a broken transfer, worth another try.
    #[error("zip archive is cut short")]
    Truncated,
    /// The end record or the central directory contradicts itself, so that two readers could see two archives.
    #[error("zip archive is malformed: {0}")]
    Malformed(&'static str),
    /// One entry does not hold what its headers promise.
    #[error("zip entry \"{name}\": {fault}")]
    Corrupt {
        /// The entry, as in the archive.
        name: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The archive is sound but no module archive.
    #[error("file \"{name}\" breaks the rules for module zips: {rule}")]
    Rule {
        /// The file: with its prefix when read from an archive, without when chosen for one.
        name: String,
        /// The broken rule.
        rule: Rule,
    },
    /// The module path and version cannot name an archive.
    #[error("cannot name a module zip: {0}")]
    Module(PathError),
    /// A limit is exceeded.
    #[error("{what} is too large: {size} bytes, limit is {limit}")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its size in bytes, as far as it is known.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The archive has no such entry.
    #[error("no entry \"{0}\" in the zip archive")]
    NoEntry(String),
    /// The medium failed.
    #[error("cannot read or write a zip archive: {0}")]
    Io(#[from] io::Error),
}

/// What is wrong with one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Local header and central directory disagree.
    #[error("local header and central directory disagree on the {0}")]
    Disagreement(&'static str),
    /// There is no local header where the central directory says.
    #[error("no local header")]
    NoLocalHeader,
    /// It shares bytes with another entry or with the directory.
    #[error("overlaps another entry")]
    Overlap,
    /// It is encrypted.
    #[error("is encrypted")]
    Encrypted,
    /// A compression method other than stored and deflated.
    #[error("unsupported compression method {0}")]
    Method(u16),
    /// An extra field cannot be read, or contradicts the header.
    #[error("bad extra field")]
    Extra,
    /// The compressed data is no deflate stream, or ends before or after its declared size.
    #[error("bad compressed data")]
    Deflate,
    /// The content is shorter or longer than declared.
    #[error("size differs from the declared size")]
    Size,
    /// The CRC-32 of the content differs from the declared one.
    #[error("checksum differs from the declared checksum")]
    Checksum,
    /// The data descriptor contradicts the central directory.
    #[error("bad data descriptor")]
    Descriptor,
    /// A directory that claims to have content.
    #[error("is a directory with content")]
    DirectoryContent,
}

/// A rule for the files of a module archive (<https://go.dev/ref/mod#zip-path-size-constraints>).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// The name does not begin with `path@version/`.
    #[error("path lacks the prefix \"{0}\"")]
    ForeignPrefix(String),
    /// The path is absolute.
    #[error("path is not relative")]
    NotRelative,
    /// The path has `.`, `..`, empty elements or a closing slash.
    #[error("path is not clean")]
    NotClean,
    /// The path is longer than file systems take.
    #[error("path is longer than {} bytes", super::MAX_NAME)]
    NameTooLong,
    /// The path has elements that no module file may have.
    #[error("{0}")]
    BadPath(PathError),
    /// The path is no UTF-8.
    #[error("path is not valid UTF-8")]
    NotUtf8,
    /// Two paths are equal when letter case is ignored.
    #[error("differs only in letter case from \"{0}\"")]
    CaseCollision(String),
    /// The path is that of a file and of a directory.
    #[error("is both a file and a directory")]
    FileAndDirectory,
    /// The path comes twice.
    #[error("comes more than once")]
    Duplicate,
    /// A go.mod file below the root.
    #[error("go.mod file is not in the module root directory")]
    NestedGoMod,
    /// A go.mod file with capitals.
    #[error("go.mod files must have lower-case names")]
    GoModCase,
    /// A symbolic link, device or the like.
    #[error("is not a regular file")]
    Irregular,
}

pub(super) fn corrupt(name: &[u8], fault: Fault) -> ZipError {
    ZipError::Corrupt { name: shown(name), fault }
}

pub(super) fn broken(name: &[u8], rule: Rule) -> ZipError {
    ZipError::Rule { name: shown(name), rule }
}

/// A name from outside, fit for a log line.
pub(super) fn shown(name: &[u8]) -> String {
    const LIMIT: usize = 200;
    let mut text: String = name.get(..LIMIT).unwrap_or(name).escape_ascii().to_string();
    if let Ok(name) = str::from_utf8(name) {
        text = name.chars().take(LIMIT).flat_map(char::escape_debug).collect();
    }
    if name.len() > LIMIT {
        text.push('…');
    }
    text
}
