//! Blobs in an S3-compatible object store. A put with a condition (`If-None-Match: *`, `If-Match: ETAG`) is what makes a create
//! and a swap one step; a store must know both. Keys below `.fairlead` in the bucket hold large uploads until they are whole.

mod connect;
mod remote;
mod transport;
mod upload;

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    UpdateVersion,
};

use crate::key::{MAX_KEY, check, check_folder};
use crate::{Blob, Blobs, BoxFuture, Entry, MAX_PAGE, MAX_SWAP, Put, Staged, StoreError};
pub use connect::{Credentials, ObjectOptions};
use remote::Object;

/// A store of objects in a bucket.
#[derive(Clone, Debug)]
pub struct ObjectBlobs {
    store: Arc<AmazonS3>,
    /// Goes before every key, with a `/` at its end unless it is empty.
    prefix: Arc<str>,
}

impl ObjectBlobs {
    /// The store that `options` name. Nothing is sent yet; a bucket that is not there shows in the first
    /// [`list`](Blobs::list).
    ///
    /// # Errors
    /// [`StoreError::BadOptions`].
    pub fn new(options: &ObjectOptions) -> Result<Self, StoreError> {
        let store = connect::connect(options)?;
        let prefix = if options.prefix.is_empty() { String::new() } else { format!("{}/", options.prefix) };
        Ok(ObjectBlobs { store: Arc::new(store), prefix: prefix.into() })
    }

    /// The name of `key` in the bucket.
    fn path(&self, key: &str) -> Result<Path, StoreError> {
        check(key)?;
        self.full(key)
    }

    fn full(&self, key: &str) -> Result<Path, StoreError> {
        let full = format!("{}{key}", self.prefix);
        if full.len() > MAX_KEY {
            return Err(StoreError::BadKey("longer than 1024 bytes with the prefix of the bucket"));
        }
        Path::parse(full).map_err(|_| StoreError::BadKey("the object store does not take it"))
    }

    async fn look(&self, path: &Path) -> Result<Option<ObjectMeta>, StoreError> {
        found(self.store.head(path).await)
    }

    async fn fetch(&self, path: &Path, limit: u64) -> Result<Option<(ObjectMeta, Bytes)>, StoreError> {
        let Some(got) = found(self.store.get_opts(path, GetOptions::default()).await)? else {
            return Ok(None);
        };
        let meta = got.meta.clone();
        Ok(Some((meta, collect(got, limit).await?)))
    }

    async fn store(&self, path: &Path, payload: PutPayload, mode: PutMode) -> Result<bool, StoreError> {
        match self.store.put_opts(path, payload, PutOptions::from(mode)).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn exchange(&self, key: &str, expected: Option<&Bytes>, new: Bytes) -> Result<bool, StoreError> {
        let path = self.path(key)?;
        if new.len() as u64 > MAX_SWAP {
            return Err(StoreError::TooLarge { len: new.len() as u64, limit: MAX_SWAP });
        }
        let Some(expected) = expected else { return self.store(&path, new.into(), PutMode::Create).await };
        match self.fetch(&path, MAX_SWAP).await? {
            Some((meta, bytes)) if bytes == *expected => {
                let seen = UpdateVersion { e_tag: meta.e_tag, version: None };
                self.store(&path, new.into(), PutMode::Update(seen)).await
            }
            _ => Ok(false),
        }
    }

    async fn page(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        check_folder(prefix)?;
        let limit = limit.min(MAX_PAGE);
        // The prefix of the bucket with no key after it is a folder too.
        let folder = format!("{}{prefix}", self.prefix);
        let folder = match folder.trim_end_matches('/') {
            "" => None,
            folder => Some(
                Path::parse(folder).map_err(|_| StoreError::BadKey("the object store does not take it"))?,
            ),
        };
        let mut listed = match after {
            None => self.store.list(folder.as_ref()),
            Some(after) => self.store.list_with_offset(folder.as_ref(), &self.path(after)?),
        };
        let mut entries = Vec::new();
        while entries.len() < limit
            && let Some(meta) = listed.next().await
        {
            entries.extend(self.entry(meta.map_err(|error| failed(&error))?));
        }
        Ok(entries)
    }

    /// `None` for what is not a blob of this store.
    fn entry(&self, meta: ObjectMeta) -> Option<Entry> {
        let key = meta.location.as_ref().strip_prefix(&*self.prefix)?;
        check(key).ok()?;
        Some(Entry { key: key.to_owned(), len: meta.size, modified: meta.last_modified.into() })
    }
}

impl Blobs for ObjectBlobs {
    fn open<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Blob>, StoreError>> {
        Box::pin(async move {
            let path = self.path(key)?;
            let Some(meta) = self.look(&path).await? else { return Ok(None) };
            let (len, modified) = (meta.size, meta.last_modified.into());
            let object = Object { store: Arc::clone(&self.store), path, e_tag: meta.e_tag };
            Ok(Some(Blob::of_remote(Arc::new(object), len, modified)))
        })
    }

    fn read<'a>(&'a self, key: &'a str, limit: u64) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        Box::pin(async move {
            let read = self.fetch(&self.path(key)?, limit).await?;
            Ok(read.map(|(_, bytes)| bytes))
        })
    }

    fn put<'a>(&'a self, key: &'a str, bytes: Bytes, put: Put) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move { self.store(&self.path(key)?, bytes.into(), mode(put)).await })
    }

    fn put_staged<'a>(
        &'a self,
        key: &'a str,
        staged: Staged,
        put: Put,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.upload(key, staged, put))
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<&'a Bytes>,
        new: Bytes,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.exchange(key, expected, new))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let path = self.path(key)?;
            // A delete of nothing looks like any other.
            if self.look(&path).await?.is_none() {
                return Ok(false);
            }
            Ok(found(self.store.delete(&path).await)?.is_some())
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        Box::pin(self.page(prefix, after, limit))
    }
}

fn mode(put: Put) -> PutMode {
    match put {
        Put::Create => PutMode::Create,
        Put::Replace => PutMode::Overwrite,
    }
}

fn found<T>(answer: Result<T, Error>) -> Result<Option<T>, StoreError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

/// The bytes of an answer whose length is in its head.
async fn collect(got: GetResult, limit: u64) -> Result<Bytes, StoreError> {
    let len = got.range.end - got.range.start;
    if len > limit {
        return Err(StoreError::TooLarge { len, limit });
    }
    let bytes = got.bytes().await.map_err(|error| failed(&error))?;
    if bytes.len() as u64 == len {
        Ok(bytes)
    } else {
        Err(StoreError::Corrupt("the object store sent another length"))
    }
}

/// What went wrong, without what the server wrote: its answer may name the key that signed the request.
fn failed(error: &Error) -> StoreError {
    let reason: Arc<str> = match error {
        Error::NotFound { .. } => "the object, or its bucket, is not there".into(),
        Error::Precondition { .. } | Error::NotModified { .. } => "the object was replaced meanwhile".into(),
        Error::PermissionDenied { .. } => "the object store refuses: no permission".into(),
        Error::Unauthenticated { .. } => "the object store refuses: bad credentials".into(),
        other => format!("object store: {}", root_cause(other)).into(),
    };
    StoreError::Unavailable(reason)
}

/// The innermost cause that does not quote an answer.
fn root_cause(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let told =
        causes.map(ToString::to_string).try_fold(String::new(), |_, cause| match cause.split_once('<') {
            None => ControlFlow::Continue(cause),
            Some((plain, _)) => ControlFlow::Break(plain.to_owned()),
        });
    let mut cause = match told {
        ControlFlow::Continue(cause) | ControlFlow::Break(cause) => cause,
    };
    cause.truncate(cause.floor_char_boundary(200));
    cause
}
