//! The last step of an import: what was proved goes into the store, proofs first, a zip's hash after the zip.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fairlead_gomod::path::Module;
use fairlead_store::{Blobs, CHUNK, FileBlobs, Put};

use super::import::{ImportOptions, Imported, Version};
use super::prove::Saved;
use super::spool::{Slice, Spool};
use super::{BundleError, blocking, failed, refused};
use crate::Wanted;
use crate::source::MAX_DOCUMENT;

/// Most bytes of a `.ziphash`.
const MAX_HASH: u64 = 128;
/// Most bytes of a tree head.
const MAX_HEAD: u64 = 1 << 20;

/// What is put where.
pub(super) struct Landing<'a> {
    pub(super) store: &'a FileBlobs,
    pub(super) spool: &'a Arc<Spool>,
    pub(super) versions: &'a BTreeMap<Module, Version>,
    pub(super) options: &'a ImportOptions,
}

/// Puts everything into the store. What a database proved comes by its folder.
pub(super) async fn land(
    landing: Landing<'_>,
    saved: Vec<(String, Saved)>,
    report: &mut Imported,
) -> Result<(), BundleError> {
    for (folder, saved) in saved {
        report.proofs += landing.put_proofs(&folder, saved).await?;
    }
    let mut last = None;
    for (module, version) in landing.versions {
        landing.put_version(module, version, report).await?;
        if last != Some(&module.path) {
            landing.forget_documents(&module.path).await?;
            last = Some(&module.path);
        }
    }
    Ok(())
}

impl Landing<'_> {
    async fn put_proofs(&self, folder: &str, saved: Saved) -> Result<usize, BundleError> {
        let count = saved.files.len();
        for (path, bytes) in saved.files {
            self.store.put(&format!("{folder}{path}"), bytes, Put::Replace).await?;
        }
        if let Some(latest) = saved.latest {
            let key = format!("{folder}/latest");
            let known = self.store.read(&key, MAX_HEAD).await?;
            if !self.store.swap(&key, known.as_ref(), latest).await? {
                return Err(refused("the store's tree head changed in the meantime: import it again"));
            }
        }
        Ok(count)
    }

    async fn put_version(
        &self,
        module: &Module,
        version: &Version,
        report: &mut Imported,
    ) -> Result<(), BundleError> {
        let folder = match version.is_proved {
            true => "mod".to_owned(),
            false => format!("own/{}/mod", self.options.route),
        };
        let small =
            [(version.info, Wanted::Info(module.clone())), (version.go_mod, Wanted::GoMod(module.clone()))];
        for (at, wanted) in small {
            let Some(at) = at else { continue };
            let bytes = self
                .spool
                .slice(at)
                .bytes(MAX_DOCUMENT as u64)
                .map_err(failed("read the unpacked bundle"))?;
            let is_new = self.put_small(&format!("{folder}/{}", wanted.key()), bytes).await?;
            count(is_new, report);
        }
        if let Some(at) = version.zip {
            let key = format!("{folder}/{}", Wanted::Zip(module.clone()).key());
            let h1 = self.spool.manifest.files[at].h1.clone().unwrap_or_default();
            count(self.put_zip(&key, self.spool.slice(at), h1).await?, report);
        }
        Ok(())
    }

    async fn put_small(&self, key: &str, bytes: Bytes) -> Result<bool, BundleError> {
        if self.store.read(key, MAX_DOCUMENT as u64).await.is_ok_and(|known| known.as_ref() == Some(&bytes)) {
            return Ok(false);
        }
        Ok(self.store.put(key, bytes, Put::Replace).await?)
    }

    /// A zip that is there with the same hash and length stays.
    async fn put_zip(&self, key: &str, slice: Slice, h1: String) -> Result<bool, BundleError> {
        let (hash_key, len) = (format!("{key}hash"), fairlead_gomod::zip::ReadAt::len(&slice));
        let known = self.store.read(&hash_key, MAX_HASH).await?;
        let is_same = known.is_some_and(|known| known.trim_ascii() == h1.as_bytes());
        if is_same && self.store.open(key).await?.is_some_and(|blob| blob.len == len) {
            return Ok(false);
        }
        let mut staged = self.store.staging().begin().await?;
        let slice = Arc::new(slice);
        while staged.len() < len {
            let (slice, at) = (Arc::clone(&slice), staged.len());
            let piece =
                blocking(move || slice.piece(at, CHUNK).map_err(failed("read the unpacked bundle"))).await?;
            staged.append(piece).await?;
        }
        self.store.put_staged(key, staged.finish().await?, Put::Replace).await?;
        self.store.put(&hash_key, h1.into(), Put::Replace).await?;
        Ok(true)
    }

    /// Lists from the time before would hide what has come.
    async fn forget_documents(&self, path: &str) -> Result<(), BundleError> {
        for wanted in [Wanted::List(path.to_owned()), Wanted::Latest(path.to_owned())] {
            self.store.delete(&format!("docs/{}/{}", self.options.route, wanted.key())).await?;
        }
        Ok(())
    }
}

fn count(is_new: bool, report: &mut Imported) {
    if is_new {
        report.added += 1;
    } else {
        report.kept += 1;
    }
}
