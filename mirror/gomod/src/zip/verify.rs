//! One pass over a module archive: rules, contents, hash.

use sha2::{Digest as _, Sha256};

use super::fault::{Rule, broken, corrupt, shown};
use super::rules::{check, check_zip_size};
use super::{Archive, Content, Entry, Fault, ReadAt, ZipError};
use crate::dirhash::{DirHash, H1};

const BUFFER_LEN: usize = 64 << 10;

/// What a sound module archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The hash that go.sum and the checksum database list for the version.
    pub h1: H1,
    /// The go.mod file in the root.
    pub go_mod: Option<Vec<u8>>,
    /// Number of files; directories do not count.
    pub files: usize,
    /// Sum of the sizes of the files, in bytes.
    pub unpacked: u64,
}

/// Reads an archive to its end: structure, module rules, every size and checksum. Blocks on the source and on the processor.
///
/// Memory: the directory, some bytes per file, the go.mod file, and two buffers of 64 KiB.
///
/// # Errors
/// The first thing that is wrong. An archive that the go command refuses is refused; of those that it takes, the ambiguous ones are refused too.
pub fn verify(source: &dyn ReadAt, module: &str, version: &str) -> Result<Verified, ZipError> {
    check_zip_size(source.len())?;
    let archive = Archive::open(source)?;
    let report = check(&archive, module, version)?;
    let go_mod_name = format!("{module}@{version}/go.mod");
    let mut hash = DirHash::new();
    let mut go_mod = report.has_go_mod.then(Vec::new);
    let mut reader = Reader::new(&archive);
    for entry in archive.entries() {
        let name = str::from_utf8(entry.name()).map_err(|_| broken(entry.name(), Rule::NotUtf8))?;
        let copy = go_mod.as_mut().filter(|_| name == go_mod_name);
        let digest = reader.digest(entry, copy)?;
        hash.add(name, digest).map_err(|_| corrupt(entry.name(), Fault::Extra))?;
    }
    Ok(Verified { h1: hash.finish(), go_mod, files: report.files, unpacked: report.unpacked })
}

/// The content of the entry with that exact name, `path@version/` included.
///
/// # Errors
/// When there is no such entry or more than one, when it is larger than `limit` bytes, or when its content is not sound.
pub fn extract_file(archive: &Archive<'_>, name: &str, limit: u64) -> Result<Vec<u8>, ZipError> {
    let mut found = archive.entries().filter(|entry| entry.name() == name.as_bytes());
    let entry = found.next().ok_or_else(|| ZipError::NoEntry(shown(name.as_bytes())))?;
    if found.next().is_some() {
        return Err(broken(entry.name(), Rule::Duplicate));
    }
    if entry.size() > limit {
        return Err(ZipError::TooLarge { what: "file", size: entry.size(), limit });
    }
    let mut bytes = Vec::new();
    Reader::new(archive).digest(entry, Some(&mut bytes))?;
    Ok(bytes)
}

/// Reads entries of one archive with the same buffers.
struct Reader<'a> {
    archive: &'a Archive<'a>,
    content: Option<Content<'a>>,
    buffer: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn new(archive: &'a Archive<'_>) -> Self {
        Self { archive, content: None, buffer: vec![0; BUFFER_LEN] }
    }

    /// The SHA-256 of the content, which is also appended to `copy`.
    fn digest(&mut self, entry: Entry<'a>, mut copy: Option<&mut Vec<u8>>) -> Result<[u8; 32], ZipError> {
        let content = self.content.get_or_insert_with(|| self.archive.content(entry));
        content.turn_to(entry);
        let mut sha = Sha256::new();
        loop {
            let n = content.fill(&mut self.buffer)?;
            let piece = self.buffer.get(..n).unwrap_or_default();
            if piece.is_empty() {
                return Ok(sha.finalize().into());
            }
            sha.update(piece);
            if let Some(copy) = copy.as_mut() {
                copy.extend_from_slice(piece);
            }
        }
    }
}
