//! What can be wrong with a database, and with what it is reached and remembered by.

use std::fmt;

use crate::note::NoteError;
use crate::tile::TileError;
use crate::tlog::{Hash, TlogError};

/// Why a [`Remote`](super::Remote) has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RemoteError {
    /// Whether the server says that there is no such thing (404 or 410), as opposed to not saying anything useful.
    pub not_found: bool,
    /// What happened, without secrets.
    pub message: String,
}

/// Why a [`Memory`](super::Memory) cannot remember.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MemoryError {
    /// What happened.
    pub message: String,
}

/// Why a checksum could not be had, or must not be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SumError {
    /// No such module path or version can be asked for.
    #[error("{0}")]
    BadName(String),
    /// The server, or a part of it that the proof needs, cannot be reached. A retry is safe.
    #[error("checksum database: {0}")]
    Unreachable(String),
    /// The database knows no such module version.
    #[error("not in the checksum database: {0}")]
    NotFound(String),
    /// An answer is not of the shape it must have.
    #[error("checksum database: {0}")]
    Malformed(String),
    /// A tree head is not signed by the database.
    #[error("checksum database: {0}")]
    BadSignature(NoteError),
    /// The answer is not proved to be in the log.
    #[error("checksum database: {0}")]
    Inclusion(String),
    /// The database has signed two histories that exclude each other.
    #[error("{0}")]
    Fork(Box<Fork>),
    /// The newest tree head cannot be remembered, so that a fork could pass unseen.
    #[error("checksum database memory: {0}")]
    Memory(String),
}

/// The proof that a database has signed two histories: anybody with its key can check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The signed tree head we knew.
    pub ours: String,
    /// The signed tree head that contradicts it.
    pub theirs: String,
    /// The larger head's hash over as many records as the smaller has, which is not the smaller head's hash.
    pub hash: Hash,
    /// The consistency proof from `hash` to the larger head, or why there is none.
    pub proof: Result<Vec<Hash>, String>,
    /// Whether `theirs` is the smaller of the two.
    pub theirs_is_older: bool,
}

impl fmt::Display for Fork {
    /// The report as the go command words it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (old, new) = match self.theirs_is_older {
            true => (&self.theirs, &self.ours),
            false => (&self.ours, &self.theirs),
        };
        writeln!(f, "SECURITY ERROR\ngo.sum database server misbehavior detected!\n")?;
        writeln!(f, "old database:\n\t{}", old.replace('\n', "\n\t"))?;
        writeln!(f, "new database:\n\t{}", new.replace('\n', "\n\t"))?;
        write!(f, "proof of misbehavior:\n\t{}", self.hash)?;
        match &self.proof {
            Ok(proof) => proof.iter().try_for_each(|hash| write!(f, "\n\t{hash}")),
            Err(reason) => write!(f, "\n\t(no proof: {reason})"),
        }
    }
}

impl From<RemoteError> for SumError {
    fn from(error: RemoteError) -> Self {
        if error.not_found { Self::NotFound(error.message) } else { Self::Unreachable(error.message) }
    }
}

impl From<MemoryError> for SumError {
    fn from(error: MemoryError) -> Self {
        Self::Memory(error.message)
    }
}

impl From<NoteError> for SumError {
    fn from(error: NoteError) -> Self {
        match error {
            NoteError::Malformed => Self::Malformed(error.to_string()),
            other => Self::BadSignature(other),
        }
    }
}

impl From<TlogError> for SumError {
    fn from(error: TlogError) -> Self {
        match error {
            TlogError::MalformedTree | TlogError::MalformedRecord => Self::Malformed(error.to_string()),
            other => Self::Inclusion(other.to_string()),
        }
    }
}

impl From<TileError> for SumError {
    fn from(error: TileError) -> Self {
        match error {
            TileError::WrongLength(_) => Self::Malformed(error.to_string()),
            other => Self::Inclusion(other.to_string()),
        }
    }
}
