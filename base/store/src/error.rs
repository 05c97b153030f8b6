//! What can go wrong with a blob.

use std::io;
use std::sync::Arc;

/// Why a store could not do what it was asked. Texts fit after "failed to …:" and name no secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("{action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The key is not one that a store takes; nothing was tried.
    #[error("not a key: {0}")]
    BadKey(&'static str),
    /// Options that name no store.
    #[error("not a store: {0}")]
    BadOptions(Box<str>),
    /// Something else is where the blob should be: a key that is also a folder of others.
    #[error("in the way: {0}")]
    Conflict(Box<str>),
    /// The store, or the writer that is followed, did not deliver; a later try may.
    #[error("{0}")]
    Unavailable(Arc<str>),
    /// The stored bytes are not what they were when the blob was opened.
    #[error("corrupt: {0}")]
    Corrupt(&'static str),
    /// More bytes than the caller, or the store, takes.
    #[error("{len} bytes where {limit} are allowed")]
    TooLarge {
        /// Bytes there are.
        len: u64,
        /// Bytes allowed.
        limit: u64,
    },
}

impl StoreError {
    /// An error of the operating system.
    pub(crate) fn io(action: &'static str, source: impl Into<io::Error>) -> Self {
        StoreError::Io { action, source: Arc::new(source.into()) }
    }

    /// A refusal that may pass.
    pub(crate) fn unavailable(reason: impl Into<Arc<str>>) -> Self {
        StoreError::Unavailable(reason.into())
    }
}
