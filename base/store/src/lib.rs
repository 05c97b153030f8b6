//! Blobs by key: files that survive a crash, or an S3-compatible object store.
//!
//! What comes from elsewhere is first staged in a file of its own ([`Staging`]), read while it grows ([`Follower`]), and only
//! put under its key when it is whole: a reader sees all of a blob or nothing. [`Blobs`] is what both stores can do;
//! [`FileBlobs`] keeps plain files, `ObjectBlobs` (feature `s3`) is the only place that names the object store.

mod blob;
mod blobs;
mod error;
mod files;
mod key;
#[cfg(feature = "s3")]
mod objects;
mod staging;

pub use blob::{Blob, CHUNK, Chunks};
pub use blobs::{Blobs, BoxFuture, Entry, MAX_PAGE, MAX_SWAP, Put};
pub use error::StoreError;
pub use files::FileBlobs;
pub use key::{MAX_KEY, check as check_key};
#[cfg(feature = "s3")]
pub use objects::{Credentials, ObjectBlobs, ObjectOptions};
pub use staging::{Follower, Growing, Staged, StagedWriter, Staging};
