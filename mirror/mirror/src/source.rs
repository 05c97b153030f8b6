//! What an upstream is to the rest of the house: something that answers a [`Wanted`], or says why not.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use fairlead_http::{Body, BoxFuture};
use tokio::time::Instant;

use crate::{Failure, Wanted};

/// Longest document (everything but a zip) that is read, in bytes. Go's own limit for go.mod is 16 MiB.
pub const MAX_DOCUMENT: usize = 16 << 20;
/// Longest zip, in bytes (`golang.org/x/mod/zip.MaxZipFile`).
pub const MAX_ZIP: u64 = 500 << 20;

/// A place that modules come from.
pub trait Source: Send + Sync + 'static {
    /// Its name for logs, metrics and errors: a redacted URL or `direct`.
    fn name(&self) -> &Arc<str>;

    /// Asks once; retries of what is worth it are inside. The zip's body may be read only once.
    ///
    /// # Errors
    /// As [`Failure`] says; nothing is logged here.
    fn fetch<'a>(&'a self, wanted: &'a Wanted, ask: &'a Ask) -> BoxFuture<'a, Result<Fetched, Failure>>;
}

/// How to ask.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// What is known already, for a conditional request.
    pub known: Option<Validators>,
    /// When the answer is of no use any more.
    pub deadline: Option<Instant>,
}

/// What tells one state of a document from another (RFC 9110, section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`, as sent.
    pub etag: Option<String>,
    /// `Last-Modified`, as sent.
    pub last_modified: Option<String>,
}

/// An answer of a source; not proved yet.
pub enum Fetched {
    /// A small document, whole.
    Document(Document),
    /// A zip that still flows.
    Zip {
        /// Its bytes; an error of the stream is a failure of the download.
        body: Body,
        /// Declared length.
        len: Option<u64>,
    },
    /// What is known already is still true.
    NotModified,
}

/// A small document as the source gave it, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The bytes.
    pub bytes: Bytes,
    /// For the next conditional request.
    pub validators: Validators,
    /// When it was got.
    pub at: SystemTime,
}
