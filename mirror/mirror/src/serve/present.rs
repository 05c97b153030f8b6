//! What a route shows of a document: lists without the versions that may not pass, and what can be told from files alone.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use fairlead_gomod::{path, pseudo, version};
use fairlead_http::BoxFuture;
use futures_util::StreamExt;
use hashbrown::HashSet;

use super::core::{Core, gate};
use super::document::Kept;
use super::entry::{Entry, Life};
use super::obtain::What;
use super::route::Route;
use super::rules::{self, Rules};
use crate::source::{Document, Validators};
use crate::{Cause, Failure, Wanted};

/// Newest versions of a list whose age is looked up. Older ones are listed as they are; each is judged again when it is asked
/// for itself.
const MAX_AGED: usize = 64;
/// Ages that are looked up at a time.
const ABREAST: usize = 8;
/// Files of a module that a list is made from.
const MAX_FILES: usize = 20_000;

/// How far a look goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Upstreams may be asked.
    Network,
    /// Only what is in the cache counts.
    Cache,
}

impl Core {
    /// The document as clients of the route see it.
    pub(super) async fn present(
        self: &Arc<Self>,
        route: &Arc<Route>,
        wanted: &Wanted,
        kept: &Kept,
        life: Life,
        reach: Reach,
    ) -> Result<Arc<Entry>, Failure> {
        let bytes = &kept.document.bytes;
        let module_path = wanted.module_path().unwrap_or_default();
        let is_filtered = !route.rules.is_empty() || !route.minimum_age.is_zero();
        let shown = match wanted {
            _ if !is_filtered => bytes.clone(),
            Wanted::List(path) => self.filtered(route, path, bytes, reach).await,
            _ => {
                may_show(route, wanted, module_path, bytes)?;
                bytes.clone()
            }
        };
        Ok(Arc::new(Entry::mutable(wanted.clone(), shown, route.is_private(module_path), life)))
    }

    /// A list without the versions that may not pass.
    async fn filtered(self: &Arc<Self>, route: &Arc<Route>, path: &str, list: &Bytes, reach: Reach) -> Bytes {
        let mut versions = allowed(&route.rules, path, list);
        if !route.minimum_age.is_zero() {
            let young = self.young(route, path, newest_of(&versions), reach).await;
            versions.retain(|version| !young.contains(version));
        }
        only(list, &versions)
    }

    /// Those of the versions that are too young, or whose age cannot be told.
    async fn young(
        self: &Arc<Self>,
        route: &Arc<Route>,
        path: &str,
        versions: Vec<String>,
        reach: Reach,
    ) -> HashSet<String> {
        let looks: Vec<BoxFuture<'_, Option<String>>> = versions
            .into_iter()
            .map(|version| Box::pin(self.is_young(route, path, version, reach)) as BoxFuture<'_, _>)
            .collect();
        futures_util::stream::iter(looks)
            .buffer_unordered(ABREAST)
            .filter_map(std::future::ready)
            .collect()
            .await
    }

    /// The version, if it is too young.
    async fn is_young(
        self: &Arc<Self>,
        route: &Arc<Route>,
        path: &str,
        version: String,
        reach: Reach,
    ) -> Option<String> {
        let wanted = Wanted::Info(path::Module::new(path, version.as_str()));
        let is_old = match reach {
            Reach::Network => self.obtain(route, &wanted).await.is_ok_and(|given| has_bytes(&given.what)),
            Reach::Cache => self.is_old_in_cache(route, wanted).await,
        };
        (!is_old).then_some(version)
    }

    async fn is_old_in_cache(&self, route: &Route, wanted: Wanted) -> bool {
        let folders = route.folders(wanted.module_path().unwrap_or_default());
        let Some(bytes) = self.cache.small(folders, &wanted).await else { return false };
        gate(route, &Entry::immutable(wanted, bytes, None, true)).is_ok()
    }

    /// A list or the newest version, from the files in the cache: for places without a network.
    pub(super) async fn made_of_files(&self, route: &Route, wanted: &Wanted) -> Option<Kept> {
        let (Wanted::List(module) | Wanted::Latest(module)) = wanted else { return None };
        let mut versions = self.versions(route, module).await;
        let bytes = if let Wanted::List(_) = wanted {
            versions.retain(|version| !pseudo::is_pseudo(version));
            versions.iter().flat_map(|version| [version, "\n"]).collect::<String>().into()
        } else {
            let newest = newest(&versions)?;
            let info = Wanted::Info(path::Module::new(module.as_str(), newest));
            self.cache.small(route.folders(module), &info).await?
        };
        let document = Document { bytes, validators: Validators::default(), at: SystemTime::now() };
        Some(Kept { document, from: "cache".into() }).filter(|kept| !kept.document.bytes.is_empty())
    }

    /// Versions of which the cache has a `.info`, in order.
    async fn versions(&self, route: &Route, module: &str) -> Vec<String> {
        let mut versions = Vec::new();
        let Ok(escaped) = path::escape_path(module) else { return versions };
        for folder in route.folders(module) {
            let names =
                self.cache.names(&format!("{folder}/{escaped}/@v"), MAX_FILES).await.unwrap_or_default();
            versions.extend(names.iter().filter_map(|name| {
                let file = name.rsplit('/').next()?.strip_suffix(".info")?;
                path::unescape_version(file).ok()
            }));
        }
        versions.sort_unstable_by(|a, b| version::order(a, b));
        versions.dedup();
        versions
    }
}

fn named(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

/// Versions of a list that the rules let pass.
fn allowed(rules: &Rules, path: &str, list: &[u8]) -> HashSet<String> {
    let text = String::from_utf8_lossy(list);
    let versions = text.lines().map(named).filter(|version| rules.check(path, version).is_ok());
    versions.map(str::to_owned).collect()
}

/// The newest of them, as many as are looked at.
fn newest_of(versions: &HashSet<String>) -> Vec<String> {
    let mut versions: Vec<String> = versions.iter().cloned().collect();
    versions.sort_unstable_by(|a, b| version::order(b, a));
    versions.truncate(MAX_AGED);
    versions
}

/// The lines about these versions; the list itself when they are all.
fn only(list: &Bytes, versions: &HashSet<String>) -> Bytes {
    let text = String::from_utf8_lossy(list);
    if text.lines().all(|line| versions.contains(named(line))) {
        return list.clone();
    }
    let mut shown = String::with_capacity(list.len());
    for line in text.lines().filter(|line| versions.contains(named(line))) {
        shown.push_str(line);
        shown.push('\n');
    }
    shown.into()
}

/// The newest of sorted versions as the go command has it: releases before pre-releases before pseudo-versions.
fn newest(versions: &[String]) -> Option<&str> {
    let last =
        |fits: &dyn Fn(&str) -> bool| versions.iter().rev().map(String::as_str).find(|version| fits(version));
    last(&|version| version::prerelease(version).is_empty())
        .or_else(|| last(&|version| !pseudo::is_pseudo(version)))
        .or_else(|| last(&|_| true))
}

fn has_bytes(what: &What) -> bool {
    matches!(what, What::Small(entry) if entry.body.is_ok())
}

/// Whether the version that `@latest` or a query leads to may pass. For `@latest` it is an absence if not: the go command
/// then chooses from the list.
fn may_show(route: &Route, wanted: &Wanted, module: &str, bytes: &Bytes) -> Result<(), Failure> {
    let info = crate::proof::info(bytes)?;
    let is_old =
        route.minimum_age.is_zero() || rules::is_older_than(&info, route.minimum_age, SystemTime::now());
    let verdict = route.rules.check(module, &info.version).and_then(|()| match is_old {
        true => Ok(()),
        false => Err(rules::too_young(module, &info, route.minimum_age)),
    });
    verdict.map_err(|failure| match wanted {
        Wanted::Latest(_) => Failure::new(Cause::NotFound, failure.text),
        _ => failure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_come_before_what_is_not_finished() {
        let all = |list: &[&str]| list.iter().map(|version| (*version).to_owned()).collect::<Vec<_>>();
        assert_eq!(newest(&all(&["v1.0.0", "v1.1.0", "v1.2.0-rc.1"])), Some("v1.1.0"));
        let pseudo = "v1.3.1-0.20240102030405-0123456789ab";
        assert_eq!(newest(&all(&["v1.2.0-rc.1", pseudo])), Some("v1.2.0-rc.1"));
        assert_eq!(newest(&all(&[pseudo])), Some(pseudo));
        assert_eq!(newest(&[]), None);
    }
}
