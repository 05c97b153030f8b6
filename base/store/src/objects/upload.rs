//! Uploads of staged files: in one request when they are small, in parts when they are not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use object_store::path::Path;
use object_store::{Error, MultipartUpload, ObjectStoreExt};

use super::{ObjectBlobs, failed, mode};
use crate::key::RESERVED;
use crate::{Blob, Put, Staged, StoreError};

/// Bytes in a part, and in memory. Stores take no less than 5 MiB, and no more than 10 000 parts.
const PART: u64 = 8 << 20;
const MAX_PARTS: u64 = 10_000;

impl ObjectBlobs {
    pub(super) async fn upload(&self, key: &str, staged: Staged, put: Put) -> Result<bool, StoreError> {
        let path = self.path(key)?;
        let blob = staged.blob();
        if blob.len > PART * MAX_PARTS {
            return Err(StoreError::TooLarge { len: blob.len, limit: PART * MAX_PARTS });
        }
        if blob.len <= PART {
            let bytes = blob.read_at(0, PART as usize).await?;
            return self.store(&path, bytes.into(), mode(put)).await;
        }
        match put {
            Put::Replace => self.upload_parts(&path, &blob).await.map(|()| true),
            Put::Create if self.look(&path).await?.is_some() => Ok(false),
            Put::Create => self.upload_beside(&path, &blob).await,
        }
    }

    /// Uploads under another name first: only a copy of an object knows the condition that nothing is there.
    async fn upload_beside(&self, path: &Path, blob: &Blob) -> Result<bool, StoreError> {
        let beside = self.full(&fresh_key())?;
        self.upload_parts(&beside, blob).await?;
        let copied = self.store.copy_if_not_exists(&beside, path).await;
        // One that stays is not seen by anybody.
        let _ = self.store.delete(&beside).await;
        match copied {
            Ok(()) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn upload_parts(&self, path: &Path, blob: &Blob) -> Result<(), StoreError> {
        let mut upload = self.store.put_multipart(path).await.map_err(|error| failed(&error))?;
        let sent = send_parts(upload.as_mut(), blob).await;
        if sent.is_err() {
            // What cannot be taken back is for the bucket's own rules to clear.
            let _ = upload.abort().await;
        }
        sent
    }
}

async fn send_parts(upload: &mut dyn MultipartUpload, blob: &Blob) -> Result<(), StoreError> {
    let mut at = 0;
    while at < blob.len {
        let part = blob.read_at(at, PART as usize).await?;
        at += part.len() as u64;
        upload.put_part(part.into()).await.map_err(|error| failed(&error))?;
    }
    upload.complete().await.map(drop).map_err(|error| failed(&error))
}

/// A key that no other upload has.
fn fresh_key() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    format!("{RESERVED}/uploads/{now:x}-{}-{count}", std::process::id())
}
