//! A checksum database of our own, in memory: it adds records, signs its head, and answers what a client asks.
//!
//! [`Log::answer`] takes the path behind the database's address. A record is the `go.sum` lines of one module version;
//! the first line says which, and lookups find it by that.

use std::collections::HashMap;

use fairlead_gomod::path::{unescape_path, unescape_version};

use crate::note::{NoteError, SignerKey, sign};
use crate::tile::{Level, Tile, read_tile_data};
use crate::tlog::{Hash, Record, TlogError, Tree, is_record_text, record_hash, stored_hashes, tree_hash};

/// A log that signs its own head.
#[derive(Debug)]
pub struct Log {
    key: SignerKey,
    records: Vec<String>,
    hashes: Vec<Hash>,
    /// Record numbers by `path version`.
    lookup: HashMap<String, u64>,
}

/// Why a record was not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The text is not one or more lines of `go.sum`, each `path version hash`.
    #[error("malformed record data")]
    Malformed,
    /// The log has another record for this module version, and a log never changes.
    #[error("record {0} is about the same module version")]
    Conflict(u64),
}

/// Why a path has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// There is no such record or tile (404).
    #[error("not found")]
    NotFound,
    /// The path is not one that a client would ask for (400).
    #[error("bad request")]
    BadRequest,
}

impl Log {
    /// An empty log that signs with `key`.
    pub fn new(key: SignerKey) -> Self {
        Self { key, records: Vec::new(), hashes: Vec::new(), lookup: HashMap::new() }
    }

    /// Adds a record and returns its number; the same text again has the same number.
    pub fn add(&mut self, text: &str) -> Result<u64, AddError> {
        let module = module_of(text).ok_or(AddError::Malformed)?;
        if let Some(&id) = self.lookup.get(&module) {
            return if self.record(id).is_some_and(|known| known == text) {
                Ok(id)
            } else {
                Err(AddError::Conflict(id))
            };
        }
        let id = self.size();
        let hashes = stored_hashes(id, record_hash(text.as_bytes()), &self.hashes);
        self.hashes.extend(hashes.map_err(|_| AddError::Malformed)?);
        self.records.push(text.to_owned());
        self.lookup.insert(module, id);
        Ok(id)
    }

    /// How many records the log has.
    pub fn size(&self) -> u64 {
        self.records.len() as u64
    }

    /// The hashes of the log as they are stored.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The tree of all records.
    pub fn tree(&self) -> Result<Tree, TlogError> {
        Ok(Tree { size: self.size(), hash: tree_hash(self.size(), &self.hashes)? })
    }

    /// The signed tree head.
    pub fn head(&self) -> Result<Vec<u8>, NoteError> {
        let tree = self.tree().map_err(|_| NoteError::Malformed)?;
        sign(&tree.render(), std::slice::from_ref(&self.key))
    }

    /// What the server says at `path`: `/supported`, `/latest`, `/lookup/module@version` or `/tile/…`.
    pub fn answer(&self, path: &str) -> Result<Vec<u8>, AnswerError> {
        match path {
            "/supported" => Ok(Vec::new()),
            "/latest" => self.signed(),
            _ => match path.strip_prefix("/lookup/") {
                Some(module) => self.answer_lookup(module),
                None if path.starts_with("/tile/") => self.answer_tile(&path[1..]),
                None => Err(AnswerError::NotFound),
            },
        }
    }

    fn answer_lookup(&self, module: &str) -> Result<Vec<u8>, AnswerError> {
        let (path, version) = split_module(module).ok_or(AnswerError::BadRequest)?;
        let path = unescape_path(path).map_err(|_| AnswerError::BadRequest)?;
        let version = unescape_version(version).map_err(|_| AnswerError::BadRequest)?;
        let id = *self.lookup.get(&format!("{path} {version}")).ok_or(AnswerError::NotFound)?;
        let text = self.record(id).ok_or(AnswerError::NotFound)?.to_owned();
        let mut answer = Record { id, text }.render().map_err(|_| AnswerError::NotFound)?;
        answer.extend(self.signed()?);
        Ok(answer)
    }

    fn answer_tile(&self, path: &str) -> Result<Vec<u8>, AnswerError> {
        let tile = Tile::parse_path(path).ok_or(AnswerError::BadRequest)?;
        let (start, end) = tile.entries().ok_or(AnswerError::NotFound)?;
        if end > tile.entries_in(self.size()) {
            return Err(AnswerError::NotFound);
        }
        if tile.l != Level::Data {
            return read_tile_data(&tile, &self.hashes).map_err(|_| AnswerError::NotFound);
        }
        // A data tile is its records, each with its blank line but without its number.
        Ok((start..end)
            .filter_map(|id| self.record(id))
            .flat_map(|text| [text, "\n"])
            .collect::<String>()
            .into())
    }

    fn record(&self, id: u64) -> Option<&str> {
        usize::try_from(id).ok().and_then(|id| self.records.get(id)).map(String::as_str)
    }

    fn signed(&self) -> Result<Vec<u8>, AnswerError> {
        self.head().map_err(|_| AnswerError::NotFound)
    }
}

/// `path version` of the module that the lines of a record are about.
fn module_of(text: &str) -> Option<String> {
    let is_line = |line: &str| line.split(' ').filter(|field| !field.is_empty()).count() == 3;
    if !is_record_text(text) || !text.lines().all(is_line) {
        return None;
    }
    let mut fields = text.lines().next()?.split(' ');
    let (path, version) = (fields.next()?, fields.next()?);
    Some(format!("{path} {}", version.strip_suffix("/go.mod").unwrap_or(version)))
}

/// Path and version of `path@vX.Y.Z`, with an optional `-suffix` and an optional `+incompatible` after the numbers.
fn split_module(text: &str) -> Option<(&str, &str)> {
    let (path, version) = text.split_once('@')?;
    let rest = version.strip_prefix('v')?;
    let rest = numbers(numbers(numbers(rest)?.strip_prefix('.')?)?.strip_prefix('.')?)?;
    let rest = rest.strip_suffix("+incompatible").unwrap_or(rest);
    let is_suffix = rest.is_empty() || rest.starts_with('-') && !rest.contains(['@', '\n']);
    (!path.is_empty() && is_suffix).then_some((path, version))
}

/// What follows the digits, of which there is at least one.
fn numbers(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}
