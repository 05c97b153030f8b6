//! How a log's tree head and records are written.

use super::{Hash, MAX_SIZE, TlogError};

/// The longest tree head or record we read, in bytes.
const MAX_TEXT: usize = 1_000_000;

const TREE_PREFIX: &str = "go.sum database tree\n";

/// A tree head: how many records, and the hash over them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tree {
    /// The number of records, at most [`MAX_SIZE`].
    pub size: u64,
    /// The root hash.
    pub hash: Hash,
}

impl Tree {
    /// The tree without records, where every log begins.
    pub const EMPTY: Self = Self { size: 0, hash: Hash::EMPTY };

    /// Reads a note's text: a title line, the size in plain decimal, the root in base64.
    ///
    /// Further lines are for later formats and ignored.
    pub fn parse(text: &str) -> Result<Self, TlogError> {
        let parsed = || {
            let mut lines = text.strip_prefix(TREE_PREFIX)?.split_inclusive('\n');
            let mut line = || lines.next()?.strip_suffix('\n');
            let (size, hash) = (parse_decimal(line()?)?, Hash::parse(line()?)?);
            (text.len() <= MAX_TEXT).then_some(Self { size, hash })
        };
        parsed().ok_or(TlogError::MalformedTree)
    }

    /// The text to sign.
    pub fn render(&self) -> String {
        format!("{TREE_PREFIX}{}\n{}\n", self.size, self.hash)
    }
}

/// One record as a lookup answers it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Record {
    /// The record's number in the log.
    pub id: u64,
    /// Lines of `go.sum`, each with its newline.
    pub text: String,
}

impl Record {
    /// Reads a record at the start of `message`, up to its blank line; returns it with what follows.
    pub fn parse(message: &[u8]) -> Result<(Self, &[u8]), TlogError> {
        let parsed = || {
            let id_end = message.iter().position(|&byte| byte == b'\n')?;
            let id = parse_decimal(std::str::from_utf8(&message[..id_end]).ok()?)?;
            let body = &message[id_end + 1..];
            let end = body.windows(2).position(|pair| pair == b"\n\n")? + 1;
            let text = std::str::from_utf8(&body[..end]).ok()?;
            is_record_text(text).then(|| (Self { id, text: text.to_owned() }, &body[end + 1..]))
        };
        parsed().ok_or(TlogError::MalformedRecord)
    }

    /// The record with its blank line. Refuses text that [`parse`](Self::parse) would not give back.
    pub fn render(&self) -> Result<Vec<u8>, TlogError> {
        if self.id > MAX_SIZE || !is_record_text(&self.text) {
            return Err(TlogError::MalformedRecord);
        }
        Ok(format!("{}\n{}\n", self.id, self.text).into_bytes())
    }
}

/// Whether `text` may be a record: lines without control characters, none of them blank.
pub(crate) fn is_record_text(text: &str) -> bool {
    text.len() <= MAX_TEXT
        && text.ends_with('\n')
        && !text.starts_with('\n')
        && !text.contains("\n\n")
        && text.bytes().all(|byte| byte >= b' ' || byte == b'\n')
}

/// A number from 0 to [`MAX_SIZE`] without sign or leading zeros.
fn parse_decimal(text: &str) -> Option<u64> {
    let is_canonical = text == "0" || !text.starts_with(['0', '+', '-']);
    text.parse().ok().filter(|&number| is_canonical && number <= MAX_SIZE)
}
