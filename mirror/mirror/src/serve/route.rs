//! Routes: where a tenant's environment gets its modules from, and what it may see.
//!
//! `/tenants/NAME/…` is the tenant's environment `default`, `/tenants/NAME/ENVIRONMENT/…` the one of that name, everything
//! else the route of the settings themselves. No module path begins with a segment without a dot, so an environment is
//! never mistaken for one.

use std::sync::Arc;
use std::time::Duration;

use fairlead_gomod::pattern::Patterns;
use hashbrown::HashMap;

use super::cache::SHARED;
use super::rules::Rules;
use super::upstream::Upstream;
use super::walk::Leg;
use crate::proof::{Guard, SumDb};
use crate::{Cause, Failure, Wanted};

/// One route.
pub struct Route {
    /// Its place among the routes, for keys.
    pub(crate) number: u32,
    pub(super) name: Arc<str>,
    pub(crate) public_legs: Vec<Leg>,
    pub(crate) private_legs: Vec<Leg>,
    pub(super) private: Patterns,
    pub(super) guard: Guard,
    /// What its checksum database proves is proved for all.
    pub(super) shares: bool,
    pub(super) rules: Rules,
    /// Zero serves all.
    pub(super) minimum_age: Duration,
    /// Databases that are passed through, by name.
    pub(super) sumdbs: Vec<PassedOn>,
    pub(super) folders: Folders,
}

/// A checksum database that clients may ask through us.
pub(super) struct PassedOn {
    pub(super) name: Arc<str>,
    pub(super) database: Arc<SumDb>,
    /// What it is not asked about.
    pub(super) private: Patterns,
}

impl PassedOn {
    pub(super) fn new(database: &Arc<SumDb>, private: &Patterns) -> Self {
        PassedOn {
            name: Arc::clone(database.name()),
            database: Arc::clone(database),
            private: private.clone(),
        }
    }
}

/// Where a route's verified files are.
pub(super) struct Folders {
    own: [Arc<str>; 1],
    shared: [Arc<str>; 1],
    both: [Arc<str>; 2],
}

impl Folders {
    pub(super) fn new(route: &str) -> Self {
        let own: Arc<str> = format!("own/{route}/mod").into();
        let shared: Arc<str> = SHARED.into();
        Folders { own: [Arc::clone(&own)], both: [own, Arc::clone(&shared)], shared: [shared] }
    }

    /// All of them, the route's own first.
    pub(super) fn all(&self) -> &[Arc<str>] {
        &self.both
    }
}

impl Route {
    /// `default`, or `tenants/NAME/ENVIRONMENT`.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether a module must never be named to a public upstream.
    #[must_use]
    pub fn is_private(&self, module_path: &str) -> bool {
        self.private.matches(module_path).is_some()
    }

    /// The upstreams that may be asked about a module, in order.
    #[must_use]
    pub fn legs(&self, module_path: &str) -> &[Leg] {
        if self.is_private(module_path) { &self.private_legs } else { &self.public_legs }
    }

    /// Every upstream of the route.
    pub fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.public_legs.iter().chain(&self.private_legs).map(|leg| leg.upstream())
    }

    /// Where files of a module are looked for. The first is where they are kept.
    pub(super) fn folders(&self, module_path: &str) -> &[Arc<str>] {
        let is_guarded = self.guard.sumdb.is_some() && self.guard.no_sumdb.matches(module_path).is_none();
        if self.is_private(module_path) {
            &self.folders.own
        } else if is_guarded {
            if self.shares { &self.folders.shared } else { &self.folders.own }
        } else {
            // What others have proved is good enough for a route that asks for no proof.
            &self.folders.both
        }
    }

    /// What a path asks for.
    pub(super) fn parse(&self, path: &str) -> Result<Wanted, Failure> {
        if self.sumdbs.is_empty() || !path.contains("sumdb/") {
            return Wanted::parse(path, &[]);
        }
        let names: Vec<&str> = self.sumdbs.iter().map(|sumdb| &*sumdb.name).collect();
        Wanted::parse(path, &names)
    }

    /// Whether the rules let something be asked for.
    pub(super) fn check(&self, wanted: &Wanted) -> Result<(), Failure> {
        if self.rules.is_empty() {
            return Ok(());
        }
        match (wanted.module(), wanted.module_path()) {
            (Some(module), _) => self.rules.check(&module.path, &module.version),
            (None, Some(path)) => self.rules.check_module(path),
            (None, None) => Ok(()),
        }
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Route").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All routes.
pub(super) struct Routes {
    pub(super) default: Arc<Route>,
    pub(super) tenants: HashMap<Box<str>, HashMap<Box<str>, Arc<Route>>>,
}

impl Routes {
    /// The route of a request path, and what follows, without a leading slash.
    pub(super) fn find<'p>(&self, path: &'p str) -> Result<(&Arc<Route>, &'p str), Failure> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let Some(rest) = path.strip_prefix("tenants/") else { return Ok((&self.default, path)) };
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let unknown =
            || Failure::new(Cause::NotFound, "not found: this mirror has no such tenant or environment");
        let environments = self.tenants.get(name).ok_or_else(unknown)?;
        let (first, after) = rest.split_once('/').unwrap_or((rest, ""));
        let (route, rest) = if is_environment(first) {
            (environments.get(first).or_else(|| environments.get("default")), after)
        } else {
            (environments.get("default"), rest)
        };
        route.map(|route| (route, rest)).ok_or_else(unknown)
    }

    /// Every route, the default one first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Route>> {
        std::iter::once(&self.default).chain(self.tenants.values().flat_map(HashMap::values))
    }
}

/// Whether a segment can only be the name of an environment.
pub(super) fn is_environment(segment: &str) -> bool {
    !segment.is_empty() && segment != "sumdb" && !segment.contains(['.', '%'])
}
