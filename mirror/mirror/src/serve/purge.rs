//! Removing a module, or one of its versions, from the cache of every route.

use fairlead_gomod::path::{self, Module};

use super::Mirror;
use super::cache::{document_key, hash_key, key};
use crate::{Cause, Failure, Wanted};

/// Most blobs that one purge looks at in a folder.
const MAX_BLOBS: usize = 100_000;

impl Mirror {
    /// Forgets a module, or one version of it, and says how many blobs are gone. Upstreams are asked again when it is
    /// wanted again.
    ///
    /// # Errors
    /// When the name is none, or the store refuses.
    pub async fn purge(&self, module: &str, version: Option<&str>) -> Result<usize, Failure> {
        let escaped = path::escape_path(module)
            .map_err(|error| Failure::new(Cause::BadRequest, format!("bad request: {error}")))?;
        if let Some(version) = version {
            path::check(module, version)
                .map_err(|error| Failure::new(Cause::BadRequest, format!("bad request: {error}")))?;
        }
        let cache = self.cache();
        let mut keys = Vec::new();
        for route in self.routes() {
            for folder in route.folders.all() {
                match version {
                    Some(version) => keys.extend(files(folder, &Module::new(module, version))),
                    None => keys.extend(cache.names(&format!("{folder}/{escaped}/@v"), MAX_BLOBS).await?),
                }
            }
            let documents = format!("docs/{}/{escaped}/@v", route.name());
            keys.extend(cache.names(&documents, MAX_BLOBS).await?);
            keys.push(document_key(route.name(), &Wanted::Latest(module.to_owned())));
        }
        keys.sort_unstable();
        keys.dedup();
        let mut gone = 0;
        for key in keys {
            gone += usize::from(cache.remove(&key).await?);
        }
        cache.memory.forget(|entry| {
            let is_version = |of: &Module| version.is_none_or(|version| of.version == version);
            entry.wanted.module_path() == Some(module) && entry.wanted.module().is_none_or(is_version)
        });
        tracing::info!(module, version = version.unwrap_or("all"), blobs = gone, "purged a module");
        Ok(gone)
    }
}

fn files(folder: &str, module: &Module) -> [String; 4] {
    let zip = key(folder, &Wanted::Zip(module.clone()));
    let of = |wanted: &dyn Fn(Module) -> Wanted| key(folder, &wanted(module.clone()));
    [of(&Wanted::Info), of(&Wanted::GoMod), hash_key(&zip), zip]
}
