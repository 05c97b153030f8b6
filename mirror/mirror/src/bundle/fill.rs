//! Bringing what a bundle is to have into a mirror's cache, with the proofs.

use std::sync::Arc;

use fairlead_gomod::path::Module;
use fairlead_sumdb::client::{BoxFuture, Client, Remote, RemoteError, TILE_HEIGHT};
use fairlead_sumdb::note::VerifierKey;
use futures_util::StreamExt;
use serde::Serialize;

use super::Selection;
use super::prove::folder;
use crate::proof::Remembered;
use crate::serve::{Mirror, Route};
use crate::{Failure, Wanted};

/// Files that are asked for at a time.
const ABREAST: usize = 16;
/// How long the store may take for what was fetched last.
const SETTLING: std::time::Duration = std::time::Duration::from_secs(60);
/// Failures that are told one by one.
const MAX_TOLD: usize = 1000;

/// What was brought in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filled {
    /// Files that were fetched.
    pub fetched: usize,
    /// Files that were there.
    pub present: usize,
    /// Files and proofs that could not be had; at most 1,000 of them are in `failures`.
    pub failed: usize,
    /// What could not be had, with the reason.
    pub failures: Vec<String>,
}

/// Fetches the files of a selection through a route of a mirror, and what its databases need to prove them. `progress` hears of
/// each file that is done, with how many there are. [`Selection::All`] is what the cache has: nothing is fetched for it.
pub async fn fill(
    mirror: &Arc<Mirror>,
    route: &Arc<Route>,
    selection: &Selection,
    keys: &[VerifierKey],
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Filled {
    let mut filled = Filled::default();
    let selected = selection.wanted().unwrap_or_default();
    let files: Vec<Wanted> = selected
        .iter()
        .flat_map(|(module, zip)| {
            let small = [Wanted::Info(module.clone()), Wanted::GoMod(module.clone())];
            small.into_iter().chain(zip.then(|| Wanted::Zip(module.clone())))
        })
        .collect();
    let total = files.len();
    let fetches: Vec<_> = files
        .into_iter()
        .map(|wanted| async move {
            let ahead = mirror.fetch_ahead(route, &wanted).await;
            (wanted, ahead)
        })
        .collect();
    let mut fetches = futures_util::stream::iter(fetches).buffer_unordered(ABREAST);
    let mut done = 0;
    while let Some((wanted, ahead)) = fetches.next().await {
        match ahead {
            Ok(ahead) if ahead.was_fetched => filled.fetched += 1,
            Ok(_) => filled.present += 1,
            Err(failure) => filled.failed(&wanted.to_string(), &failure.text),
        }
        done += 1;
        progress(done, total);
    }
    let public: Vec<&Module> = selected.keys().filter(|module| !route.is_private(&module.path)).collect();
    for key in keys {
        complete(mirror, route, key, &public, &mut filled).await;
    }
    // What was fetched is stored a moment after it is given.
    drop(tokio::time::timeout(SETTLING, mirror.settled()).await);
    filled
}

impl Filled {
    fn failed(&mut self, what: &str, why: &str) {
        self.failed += 1;
        if self.failures.len() < MAX_TOLD {
            self.failures.push(format!("{what}: {why}"));
        }
    }
}

/// Proves each version as an import will, so that every tile this needs is in the store.
async fn complete(
    mirror: &Arc<Mirror>,
    route: &Arc<Route>,
    key: &VerifierKey,
    modules: &[&Module],
    filled: &mut Filled,
) {
    let through =
        Through { mirror: Arc::clone(mirror), route: Arc::clone(route), name: key.name().to_owned() };
    // Databases that the route does not pass on are none of its business.
    if let Err(error) = through.read("/latest").await {
        return filled.failed(&format!("{}/latest", folder(key)), &error.message);
    }
    // Where the mirror remembers it too.
    let memory = Remembered::new(Arc::clone(mirror.cache().blobs()), key.name());
    let client = Client::new(key.clone(), Arc::new(through), Arc::new(memory), TILE_HEIGHT);
    for module in modules {
        if let Err(error) = client.lookup(&module.path, &module.version).await {
            filled.failed(&format!("proof of {module}"), &error.to_string());
        }
    }
}

/// A database as a mirror passes it on.
struct Through {
    mirror: Arc<Mirror>,
    route: Arc<Route>,
    name: String,
}

impl Remote for Through {
    fn read<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<u8>, RemoteError>> {
        Box::pin(async move {
            let wanted = Wanted::Sumdb { name: self.name.clone(), path: path.to_owned() };
            let refused = |failure: Failure| RemoteError {
                not_found: failure.cause.is_absence(),
                message: failure.text.into(),
            };
            let ahead = self.mirror.fetch_ahead(&self.route, &wanted).await.map_err(refused)?;
            Ok(ahead.bytes.unwrap_or_default().into())
        })
    }
}
