//! Building a snapshot: from a merged configuration and the previous snapshot to the next one, off the request path.
//!
//! Order: transports → services → middlewares → routers → tables → TLS. Each built thing carries a fingerprint
//! of everything that it depends on; when the fingerprint is that of the previous snapshot, the thing itself is taken over with
//! its connections, health and counters. What cannot be built is left out with a finding and the rest lives on.

pub mod internal;
pub mod middlewares;
pub(crate) mod routers;
pub(crate) mod rule;
mod services;
mod tables;
mod tls;

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use fairlead_diag::{Finding, Findings, Severity};
use fairlead_http::Handler;
use fairlead_http::client::Transport;
use fairlead_model::{Merged, check, name};
use fairlead_net::tls::server::{ServerTls, ServerTlsInput};
use hashbrown::{HashMap, HashSet};
use indexmap::IndexMap;

use crate::codes;
use crate::entry_point::EntryPoint;
use crate::router::Router;
use crate::service::load_balancer::LoadBalancer;
use crate::shared::Shared;
use crate::snapshot::{EntryRoutes, Snapshot, Status};

/// What was built, by qualified name, with what the next build needs to know to take it over.
#[derive(Default)]
pub struct Built {
    /// Transports.
    pub transports: HashMap<Arc<str>, BuiltTransport>,
    /// Services.
    pub services: HashMap<Arc<str>, BuiltService>,
    /// Middlewares.
    pub middlewares: HashMap<Arc<str>, middlewares::BuiltMiddleware>,
    /// Routers, in the order of the configuration: tables sort faster what comes nearly sorted.
    pub routers: BuiltRouters,
    /// For each declared router, where in `routers` begins what it became. Empty when two declarations became routers
    /// of the same name.
    pub starts: Vec<usize>,
}

impl Built {
    /// What the router became that is the `place`th to be declared.
    fn routers_of(&self, place: usize) -> Option<&BuiltRoutersSlice> {
        let start = *self.starts.get(place)?;
        let end = self.starts.get(place + 1).copied().unwrap_or(self.routers.len());
        self.routers.get_range(start..end)
    }
}

/// Routers by the names that the API shows.
pub type BuiltRouters = IndexMap<Arc<str>, Arc<BuiltRouter>, foldhash::fast::RandomState>;
type BuiltRoutersSlice = indexmap::map::Slice<Arc<str>, Arc<BuiltRouter>>;

/// A transport, or why there is none.
#[derive(Clone)]
pub struct BuiltTransport {
    /// Hash of what it was built from.
    pub fingerprint: u64,
    /// The transport; `None` when it could not be built.
    pub transport: Option<Arc<Transport>>,
    /// What is wrong with it.
    pub findings: Arc<Findings>,
}

/// A service, or why there is none.
#[derive(Clone)]
pub struct BuiltService {
    /// Hash of what it was built from.
    pub fingerprint: u64,
    /// What answers; `None` when it could not be built.
    pub handler: Option<Arc<dyn Handler>>,
    /// Its servers, when it has any.
    pub balancer: Option<Arc<LoadBalancer>>,
    /// What the API says.
    pub status: Arc<Status>,
    /// What is wrong with it.
    pub findings: Arc<Findings>,
}

/// A router on all its entry points.
pub struct BuiltRouter {
    /// Hash of what it was built from.
    pub fingerprint: u64,
    /// Qualified name of its service.
    pub service: Arc<str>,
    /// What the service was built from; `None` when there is none.
    pub service_fingerprint: Option<u64>,
    /// Where it serves: place of the entry point, whether over TLS, and the router there.
    pub places: Vec<(usize, bool, Arc<Router>)>,
    /// What the API says.
    pub status: Status,
    /// TLS options it names, when it serves over TLS.
    pub tls_options: Option<Arc<str>>,
    /// Middlewares as they are named, the entry point's first, qualified.
    pub named: Vec<Arc<str>>,
    /// The same as they run: chains spelled out.
    pub middlewares: Vec<Arc<str>>,
    /// What is wrong with it.
    pub findings: Findings,
}

/// Builds the next snapshot. `findings` are those of static configuration and providers; the builder adds its own.
#[must_use]
pub fn build(
    shared: &Arc<Shared>,
    entry_points: &[Arc<EntryPoint>],
    config: Merged,
    mut findings: Findings,
) -> Snapshot {
    let previous = shared.current.load_full();
    let config = Arc::new(config);
    let mut built = Built::default();
    built.transports = services::transports(shared, &config, &previous.built.transports);
    built.services = services::services(shared, &config, &built.transports, &previous.built.services);
    built.middlewares = middlewares::middlewares(&config, &previous.built.middlewares);
    (built.routers, built.starts) = routers::routers(shared, entry_points, &config, &built, &previous);
    let (server_tls, conflicts) =
        tls::server_tls(shared, entry_points, &config, &built, &previous, &mut findings);
    findings.extend(checks(shared, &config));
    collect_findings(&built, &mut findings);
    let tables = tables::tables(shared, entry_points.len(), &config, &built, &mut findings);
    let entry_points = tables
        .into_iter()
        .zip(server_tls)
        .map(|((plain, tls), server_tls)| EntryRoutes { server_tls, plain, tls })
        .collect();
    Snapshot {
        generation: previous.generation + 1,
        entry_points,
        config,
        built,
        tls_conflicts: conflicts,
        findings: Arc::new(findings),
    }
}

/// What the model finds wrong with the configuration as a whole.
fn checks(shared: &Shared, config: &Merged) -> Findings {
    let names: Vec<Arc<str>> =
        shared.internal.keys().map(|short| name::qualify(short, name::INTERNAL)).collect();
    let internal_services: Vec<&str> = names.iter().map(|name| &**name).collect();
    let surroundings = check::Surroundings {
        statics: &shared.statics,
        internal_services: &internal_services,
        internal_middlewares: &[],
    };
    check::dynamic(config, surroundings)
}

/// The TLS of the empty snapshot: the default options and a generated certificate.
#[must_use]
pub fn default_tls() -> Arc<ServerTls> {
    Arc::new(ServerTls::build(&ServerTlsInput::default(), None).0)
}

fn collect_findings(built: &Built, findings: &mut Findings) {
    let known: HashSet<Box<str>> = findings.iter().map(|finding| finding.subject.clone()).collect();
    // The model's checks tell the value at fault, where the builder knows the service alone.
    let told = |finding: &&Finding| *finding.code == codes::SERVICE_OFF && known.contains(&finding.subject);
    let mut found: Vec<_> = built.transports.values().flat_map(|t| t.findings.iter()).collect();
    found.extend(built.services.values().flat_map(|service| service.findings.iter()).filter(|f| !told(f)));
    found.extend(built.middlewares.values().flat_map(|middleware| middleware.findings.iter()));
    found.extend(built.routers.values().flat_map(|router| router.findings.iter()));
    found.sort_by(|a, b| (b.severity, &a.subject, &a.message).cmp(&(a.severity, &b.subject, &b.message)));
    findings.extend(found.into_iter().cloned());
}

/// Findings by severity: infos, warnings, errors.
#[must_use]
pub fn count(findings: &Findings) -> [u64; 3] {
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count() as u64;
    [of(Severity::Info), of(Severity::Warning), of(Severity::Error)]
}

/// Combines hashes in order. Stable within one process, which is all that fingerprints need.
#[must_use]
pub(crate) fn fingerprint(parts: impl IntoIterator<Item = u64>) -> u64 {
    let mut hasher = foldhash::quality::FixedState::with_seed(0x0066_6169_726c_6561).build_hasher();
    for part in parts {
        part.hash(&mut hasher);
    }
    hasher.finish()
}

/// The hash of a text, for fingerprints.
#[must_use]
pub(crate) fn text_hash(text: &str) -> u64 {
    foldhash::quality::FixedState::with_seed(0x6c69_6e65).hash_one(text)
}
