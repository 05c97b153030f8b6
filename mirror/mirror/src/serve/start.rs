//! Building a mirror from settings: fetcher, store, sources, databases, routes. Everything that is wrong is found at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fairlead_diag::{Finding, Findings};
use fairlead_gomod::pattern::Patterns;
use fairlead_http::fetch::{FetchOptions, FetchTls, Fetcher, MinSpeed, RetryPolicy, Timeouts};
use fairlead_rt::Shutdown;
use fairlead_store::{Blobs, FileBlobs, Staging};
use fairlead_telemetry::Metrics;
use hashbrown::HashMap;
use http::HeaderValue;

use super::cache::Cache;
use super::core::Core;
use super::counters::Counters;
use super::proxy::Proxy;
use super::resolve::{Plan, bad, plans};
use super::route::{Folders, PassedOn, Route, Routes};
use super::tree::Tree;
use super::upstream::{Off, Upstream, UpstreamKind};
use super::walk::Leg;
use super::{Mirror, sweep};
use crate::Settings;
use crate::direct::Direct;
use crate::goenv::GoEnv;
use crate::list::{List, Place};
use crate::metrics::CACHE_BYTES;
use crate::proof::{BadSumDb, Guard, Prover, Quarantine, SumDb, SumDbSpec};
use crate::settings::{CacheSettings, ClientSettings, cache_folder};
use crate::source::Source;

/// Slower than this, measured after [`GRACE`], an upstream has failed.
const LEAST_SPEED: u64 = 1024;
const GRACE: Duration = Duration::from_secs(15);
/// An upstream that wants to be left alone for longer is not waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(2);

/// Builds it. Runs on a runtime, for the sweep.
pub(super) fn start(
    settings: &Settings,
    environment: &GoEnv,
    metrics: &Metrics,
    shutdown: &Shutdown,
) -> Result<Arc<Mirror>, Findings> {
    let mut findings = Findings::new();
    let plans = plans(settings, environment, &mut findings);
    let prover = Prover::new(&settings.go_sums, &mut findings);
    let roots = roots(&settings.client, &mut findings);
    let fetcher = fetcher(&settings.client, &roots, &mut findings);
    let store = store(&settings.cache, roots, &mut findings);
    let (Some(fetcher), Some((blobs, staging))) = (fetcher, store) else { return Err(findings) };
    let via = HeaderValue::try_from(format!("1.1 fairlead-{:016x}", rand::random::<u64>()))
        .unwrap_or(HeaderValue::from_static("1.1 fairlead"));
    let mut parts = Parts {
        settings,
        metrics,
        retry: RetryPolicy {
            retries: settings.client.retries,
            max_retry_after: MAX_RETRY_AFTER,
            ..RetryPolicy::default()
        },
        fetcher,
        via,
        blobs: Arc::clone(&blobs),
        folder: folder(&settings.cache).unwrap_or_default(),
        upstreams: Vec::new(),
        databases: HashMap::new(),
        findings,
    };
    let shared = plans.first().and_then(|plan| plan.sumdb.clone());
    let routes: Vec<(Plan, Route)> = plans
        .into_iter()
        .enumerate()
        .map(|(number, plan)| {
            let route = parts.route(number, &plan, shared.as_deref());
            (plan, route)
        })
        .collect();
    let Parts { upstreams, findings, via, .. } = parts;
    let routes = if findings.has_errors() { None } else { all(routes) };
    let Some(routes) = routes else { return Err(findings) };
    let cache = Arc::new(Cache::new(
        Arc::clone(&blobs),
        staging,
        settings.cache.memory_bytes,
        settings.cache.max_bytes,
    ));
    let folders = routes.all().map(|route| (route.number, route.folders.all().to_vec())).collect();
    let gauge = metrics.gauge(&CACHE_BYTES, &[]);
    fairlead_rt::spawn("mirror sweep", sweep::run(Arc::clone(&cache), folders, gauge, shutdown.clone()));
    let core = Core {
        cache,
        flights: Arc::default(),
        prover,
        quarantine: Quarantine::new(blobs),
        ttl: settings.ttl.clone(),
        hedge_after: settings.client.hedge_after.get(),
        direct_timeout: settings.direct.timeout.get(),
        offline: settings.offline,
        shutdown: shutdown.clone(),
    };
    Ok(Arc::new(Mirror {
        core: Arc::new(core),
        routes,
        upstreams,
        counters: Counters::new(metrics),
        via,
        findings,
        observers: std::sync::OnceLock::new(),
    }))
}

/// What is wrong with settings, found without opening a cache or asking anybody.
pub(super) fn check(settings: &Settings, environment: &GoEnv) -> Findings {
    let mut findings = Findings::new();
    let plans = plans(settings, environment, &mut findings);
    let _ = Prover::new(&settings.go_sums, &mut findings);
    let roots = roots(&settings.client, &mut findings);
    let _ = fetcher(&settings.client, &roots, &mut findings);
    let mut names: Vec<&String> = plans.iter().filter_map(|plan| plan.sumdb.as_ref()).collect();
    names.extend(&settings.sumdbs);
    names.sort_unstable();
    names.dedup();
    for text in names {
        if let Err(error) = SumDbSpec::parse(text) {
            findings.push(no_database(text, &error));
        }
    }
    findings
}

fn no_database(text: &str, error: &BadSumDb) -> Finding {
    bad("sumdb", format!("{text:?} names no checksum database: {error}"))
}

/// What routes are built from. Upstreams and databases are shared by all that name the same.
struct Parts<'a> {
    settings: &'a Settings,
    metrics: &'a Metrics,
    fetcher: Fetcher,
    retry: RetryPolicy,
    via: HeaderValue,
    blobs: Arc<dyn Blobs>,
    folder: PathBuf,
    /// By identity: the URL with its secrets, `direct` or `off`.
    upstreams: Vec<(String, Arc<Upstream>)>,
    databases: HashMap<String, Arc<SumDb>>,
    findings: Findings,
}

impl Parts<'_> {
    fn route(&mut self, number: usize, plan: &Plan, shared: Option<&str>) -> Route {
        let proxies: Vec<url::Url> = plan.upstreams.entries.iter().filter_map(web).collect();
        let sumdb = plan.sumdb.as_deref().and_then(|text| self.database(text, &proxies));
        let mut sumdbs: Vec<PassedOn> = Vec::new();
        let unasked =
            Patterns::parse(&plan.no_sumdb.globs().chain(plan.private.globs()).collect::<Vec<_>>().join(","));
        sumdbs.extend(sumdb.iter().map(|database| PassedOn::new(database, &plan.no_sumdb)));
        for text in &self.settings.sumdbs.clone() {
            let more = self.database(text, &proxies);
            let is_new = |database: &Arc<SumDb>| sumdbs.iter().all(|known| known.name != *database.name());
            let more = more.filter(is_new).map(|database| PassedOn::new(&database, &unasked));
            sumdbs.extend(more);
        }
        Route {
            number: u32::try_from(number).unwrap_or(u32::MAX),
            name: Arc::clone(&plan.name),
            public_legs: self.legs(&plan.upstreams),
            private_legs: self.legs(&plan.private_upstreams),
            private: plan.private.clone(),
            shares: plan.sumdb.is_some() && plan.sumdb.as_deref() == shared,
            guard: Guard { sumdb, no_sumdb: plan.no_sumdb.clone() },
            rules: plan.rules.clone(),
            minimum_age: plan.minimum_age,
            sumdbs,
            folders: Folders::new(&plan.name),
        }
    }

    fn legs(&mut self, list: &List) -> Vec<Leg> {
        let entries = list.entries.iter();
        entries.map(|entry| Leg { upstream: self.upstream(&entry.place), then: entry.then }).collect()
    }

    fn upstream(&mut self, place: &Place) -> Arc<Upstream> {
        let identity = match place {
            Place::Proxy(url) => url.to_string(),
            Place::Direct => "direct".to_owned(),
            Place::Off => "off".to_owned(),
        };
        if let Some((_, known)) = self.upstreams.iter().find(|(known, _)| *known == identity) {
            return Arc::clone(known);
        }
        let (source, kind): (Arc<dyn Source>, _) = match place {
            Place::Proxy(url) if url.scheme() == "file" => (self.tree(url), UpstreamKind::Proxy),
            Place::Proxy(url) => {
                let proxy = Proxy::new(url.clone(), self.fetcher.clone(), self.retry, self.via.clone());
                (Arc::new(proxy), UpstreamKind::Proxy)
            }
            Place::Direct => (self.direct(), UpstreamKind::Direct),
            Place::Off => (Arc::new(Off::new()), UpstreamKind::Off),
        };
        let upstream = Upstream::new(source, kind, &self.settings.breaker, self.metrics);
        self.upstreams.push((identity, Arc::clone(&upstream)));
        upstream
    }

    fn tree(&mut self, url: &url::Url) -> Arc<Tree> {
        let folder = url.to_file_path().unwrap_or_else(|()| {
            self.findings.push(bad("upstreams", "a file URL names a folder on another machine"));
            PathBuf::new()
        });
        Arc::new(Tree::new(url.as_str().into(), folder))
    }

    fn direct(&self) -> Arc<dyn Source> {
        Direct::new(&self.settings.direct, self.fetcher.clone(), self.folder.join("direct"))
    }

    fn database(&mut self, text: &str, proxies: &[url::Url]) -> Option<Arc<SumDb>> {
        if let Some(known) = self.databases.get(text) {
            return Some(Arc::clone(known));
        }
        let made = SumDbSpec::parse(text).and_then(|spec| {
            let Some(spec) = spec else { return Ok(None) };
            let blobs = Arc::clone(&self.blobs);
            SumDb::new(spec, proxies, self.fetcher.clone(), self.retry, blobs, self.settings.offline)
                .map(Some)
        });
        match made {
            Ok(database) => {
                let database = Arc::new(database?);
                self.databases.insert(text.to_owned(), Arc::clone(&database));
                Some(database)
            }
            Err(error) => {
                self.findings.push(no_database(text, &error));
                None
            }
        }
    }
}

/// Routes by tenant and environment; `None` without a default one.
fn all(routes: Vec<(Plan, Route)>) -> Option<Routes> {
    let (mut default, mut tenants) = (None, HashMap::<Box<str>, HashMap<Box<str>, Arc<Route>>>::new());
    for (plan, route) in routes {
        let route = Arc::new(route);
        match plan.tenant {
            None => default = Some(route),
            Some((tenant, environment)) => {
                tenants.entry(tenant).or_default().insert(environment, route);
            }
        }
    }
    Some(Routes { default: default?, tenants })
}

/// A proxy that is reached over the network.
fn web(entry: &crate::list::Entry) -> Option<url::Url> {
    match &entry.place {
        Place::Proxy(url) if url.scheme() != "file" => Some(url.clone()),
        _ => None,
    }
}

/// The authorities, PEM, that are trusted beside the system's.
fn roots(settings: &ClientSettings, findings: &mut Findings) -> Vec<Bytes> {
    let mut roots = Vec::new();
    for path in &settings.root_cas {
        match std::fs::read(path) {
            Ok(pem) => roots.push(pem.into()),
            Err(error) => {
                findings.push(bad("client.rootCas", format!("cannot read {}: {error}", path.display())));
            }
        }
    }
    roots
}

fn fetcher(settings: &ClientSettings, roots: &[Bytes], findings: &mut Findings) -> Option<Fetcher> {
    let options = FetchOptions {
        tls: FetchTls {
            extra_roots: roots.iter().map(|root| root.to_vec().into()).collect(),
            ..FetchTls::default()
        },
        timeouts: Timeouts {
            dns: settings.dns_timeout.get(),
            connect: settings.connect_timeout.get(),
            tls: settings.tls_timeout.get(),
            first_byte: settings.first_byte_timeout.get(),
            idle: settings.idle_timeout.get(),
            total: None,
        },
        min_speed: Some(MinSpeed { bytes_per_second: LEAST_SPEED, grace: GRACE }),
        netrc: settings.netrc,
        ..FetchOptions::default()
    };
    match Fetcher::new(options) {
        Ok(fetcher) => Some(fetcher),
        Err(error) => {
            findings.push(bad("client", error.to_string()));
            None
        }
    }
}

/// The folder of the cache.
fn folder(settings: &CacheSettings) -> Option<PathBuf> {
    settings.directory.clone().or_else(|| cache_folder("mirror"))
}

fn store(
    settings: &CacheSettings,
    roots: Vec<Bytes>,
    findings: &mut Findings,
) -> Option<(Arc<dyn Blobs>, Staging)> {
    let Some(folder) = folder(settings) else {
        findings
            .push(bad("cache.directory", "there is no home folder to put the cache into: name a directory"));
        return None;
    };
    if settings.s3.is_some() {
        return objects(settings, &folder, roots, findings);
    }
    match FileBlobs::open(&folder) {
        Ok(blobs) => {
            let staging = blobs.staging();
            Some((Arc::new(blobs), staging))
        }
        Err(error) => {
            findings.push(bad("cache.directory", format!("{}: {error}", folder.display())));
            None
        }
    }
}

#[cfg(feature = "s3")]
fn objects(
    settings: &CacheSettings,
    folder: &Path,
    roots: Vec<Bytes>,
    findings: &mut Findings,
) -> Option<(Arc<dyn Blobs>, Staging)> {
    use fairlead_store::{Credentials, ObjectBlobs, ObjectOptions};
    let s3 = settings.s3.as_ref()?;
    let credentials = match (&s3.access_key_id, &s3.secret_access_key) {
        (Some(access_key_id), Some(secret_access_key)) => Credentials::Given {
            access_key_id: access_key_id.clone(),
            secret_access_key: secret_access_key.reveal().to_owned(),
            session_token: None,
        },
        (None, None) => Credentials::Environment,
        _ => {
            findings.push(bad("cache.s3", "accessKeyId and secretAccessKey go together"));
            return None;
        }
    };
    let options = ObjectOptions {
        endpoint: s3.endpoint.clone(),
        bucket: s3.bucket.clone(),
        prefix: s3.prefix.trim_matches('/').to_owned(),
        region: s3.region.clone(),
        path_style: s3.path_style,
        credentials,
        roots,
    };
    let opened =
        ObjectBlobs::new(&options).and_then(|blobs| Ok((blobs, Staging::new(folder.join("staging"))?)));
    match opened {
        Ok((blobs, staging)) => Some((Arc::new(blobs), staging)),
        Err(error) => {
            findings.push(bad("cache.s3", error.to_string()));
            None
        }
    }
}

#[cfg(not(feature = "s3"))]
fn objects(
    _: &CacheSettings,
    _: &Path,
    _: Vec<Bytes>,
    findings: &mut Findings,
) -> Option<(Arc<dyn Blobs>, Staging)> {
    findings.push(bad("cache.s3", "this build has no object store"));
    None
}
