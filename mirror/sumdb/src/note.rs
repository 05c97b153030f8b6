//! Signed notes: a text, a blank line, and one line for each signature.
//!
//! [`Note::open`] takes the bytes apart, checks the signatures of the keys that the caller knows, and keeps those of
//! unknown keys aside; [`sign`] writes a note. The signature covers the text with its last newline.
//! The shape is that of `golang.org/x/mod/sumdb/note`, also known as C2SP signed-note.

mod key;

use std::collections::HashSet;

pub use key::{KeyError, SignerKey, VerifierKey};

use crate::base64;

/// The longest note we read, in bytes.
pub const MAX_NOTE: usize = 1_000_000;

/// The most signature lines we read in one note.
pub const MAX_SIGNATURES: usize = 100;

/// A text and who vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The text, with its last newline.
    pub text: String,
    /// The signatures of known keys; each was checked, and there is at least one.
    pub signatures: Vec<Signature>,
    /// The signatures of other keys, which prove nothing.
    pub unverified: Vec<Signature>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    /// The name the key signs under.
    pub name: String,
    /// The key's hash.
    pub hash: u32,
    /// Hash and signature as the line has them, in base64.
    pub base64: String,
}

/// Why a note is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The bytes are not a note, or exceed a limit.
    #[error("malformed note")]
    Malformed,
    /// A known key's signature does not fit the text.
    #[error("invalid signature for key {name}+{hash:08x}")]
    BadSignature {
        /// The name on the signature.
        name: String,
        /// The key hash on the signature.
        hash: u32,
    },
    /// Two of the caller's keys have the same name and hash.
    #[error("ambiguous key {name}+{hash:08x}")]
    AmbiguousKey {
        /// The name of both keys.
        name: String,
        /// The hash of both keys.
        hash: u32,
    },
    /// No known key has signed the note.
    #[error("note has no verifiable signatures")]
    Unverified,
}

impl Note {
    /// Takes `message` apart and checks every signature that one of `keys` made.
    ///
    /// A second signature by the same known key, and a repeated line of an unknown one, are ignored.
    pub fn open(message: &[u8], keys: &[VerifierKey]) -> Result<Self, NoteError> {
        let (text, lines) = split_note(message).ok_or(NoteError::Malformed)?;
        let mut note = Self { text: text.to_owned(), signatures: Vec::new(), unverified: Vec::new() };
        let mut seen = HashSet::new();
        for (number, line) in lines.split_terminator('\n').enumerate() {
            if number == MAX_SIGNATURES {
                return Err(NoteError::Malformed);
            }
            let (signature, bytes) = parse_signature(line).ok_or(NoteError::Malformed)?;
            match known(&signature, keys)? {
                None if note.unverified.contains(&signature) => {}
                None => note.unverified.push(signature),
                Some(key) if !seen.insert(key) => {}
                Some(key) if key.verifies(text.as_bytes(), &bytes) => note.signatures.push(signature),
                Some(_) => {
                    return Err(NoteError::BadSignature { name: signature.name, hash: signature.hash });
                }
            }
        }
        if note.signatures.is_empty() { Err(NoteError::Unverified) } else { Ok(note) }
    }
}

/// Writes `text` with a signature by each of `keys`.
///
/// `text` must end in a newline and hold no control character but newlines.
pub fn sign(text: &str, keys: &[SignerKey]) -> Result<Vec<u8>, NoteError> {
    if !text.ends_with('\n') || !is_plain(text) || keys.is_empty() || keys.len() > MAX_SIGNATURES {
        return Err(NoteError::Malformed);
    }
    let mut note = format!("{text}\n");
    for key in keys {
        let mut bytes = key.verifier().hash().to_be_bytes().to_vec();
        bytes.extend(key.signature(text.as_bytes()));
        note.push_str(&format!("— {} {}\n", key.verifier().name(), base64::encode(bytes)));
    }
    if note.len() > MAX_NOTE { Err(NoteError::Malformed) } else { Ok(note.into_bytes()) }
}

/// The text with its last newline, and the signature lines.
fn split_note(message: &[u8]) -> Option<(&str, &str)> {
    if message.len() > MAX_NOTE {
        return None;
    }
    let message = std::str::from_utf8(message).ok()?;
    let (text, lines) = message.split_at(message.rfind("\n\n")? + 1);
    let lines = &lines[1..];
    (is_plain(message) && lines.ends_with('\n')).then_some((text, lines))
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte >= b' ' || byte == b'\n')
}

/// The line's parts, and its signature bytes without the key hash.
fn parse_signature(line: &str) -> Option<(Signature, Vec<u8>)> {
    let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
    let mut bytes = base64::decode(encoded)?;
    if !key::is_name(name) || bytes.len() < 5 {
        return None;
    }
    let signed = bytes.split_off(4);
    let hash = u32::from_be_bytes(bytes.try_into().ok()?);
    Some((Signature { name: name.to_owned(), hash, base64: encoded.to_owned() }, signed))
}

fn known<'a>(signature: &Signature, keys: &'a [VerifierKey]) -> Result<Option<&'a VerifierKey>, NoteError> {
    let mut fitting = keys.iter().filter(|key| key.name() == signature.name && key.hash() == signature.hash);
    match (fitting.next(), fitting.next()) {
        (_, Some(key)) => Err(NoteError::AmbiguousKey { name: key.name().to_owned(), hash: key.hash() }),
        (key, None) => Ok(key),
    }
}
