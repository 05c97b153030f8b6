//! What every store can do.

use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use bytes::Bytes;

use crate::{Blob, Staged, StoreError};

/// A future behind a pointer, so that stores can be chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Most entries that one [`Blobs::list`] gives, whatever was asked for.
pub const MAX_PAGE: usize = 1000;
/// Most bytes of a blob that [`Blobs::swap`] works on.
pub const MAX_SWAP: u64 = 1 << 20;

/// What to do when the key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Leave what is there.
    Create,
    /// Put the new blob in its place; readers of the old one keep it.
    Replace,
}

/// A key with what is known without reading its blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Length in bytes.
    pub len: u64,
    /// When the blob was put.
    pub modified: SystemTime,
}

/// Whole blobs under `/`-separated keys (see [`check_key`](crate::check_key)). Every method refuses a bad key with
/// [`StoreError::BadKey`]. A blob is visible whole or not at all, and survives a crash once its put has returned.
pub trait Blobs: Send + Sync + 'static {
    /// The blob under `key`, to be read piece by piece.
    fn open<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Blob>, StoreError>>;

    /// The bytes under `key`; [`StoreError::TooLarge`] when there are more than `limit`.
    fn read<'a>(&'a self, key: &'a str, limit: u64) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>>;

    /// Stores `bytes`; false when `put` is [`Put::Create`] and something is there.
    fn put<'a>(&'a self, key: &'a str, bytes: Bytes, put: Put) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Stores what was staged; false when `put` is [`Put::Create`] and something is there. The staged file is gone after.
    fn put_staged<'a>(
        &'a self,
        key: &'a str,
        staged: Staged,
        put: Put,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Stores `new` if the blob is just `expected` (`None`: there is none); false when it is not. Of several at once
    /// only one finds what it expects, also across processes. Both sides at most [`MAX_SWAP`] bytes.
    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<&'a Bytes>,
        new: Bytes,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Removes the blob; false when there was none. Readers that have it open keep it where the store can.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Blobs beneath the folder `prefix` (empty: all) whose keys come after the key `after` in byte order, sorted, at most
    /// `limit` and [`MAX_PAGE`]. A page shorter than both is the last.
    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>>;
}
