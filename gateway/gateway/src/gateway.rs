//! The running gateway: puts everything together, applies configurations as they come, and stops in order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fairlead_diag::{Finding, Findings, Severity};
use fairlead_http::{Handler, OnReject};
use fairlead_model::name;
use fairlead_model::statics::{self, Static};
use fairlead_net::listen::{Activated, BindError, Bound, ListenOptions};
use fairlead_provider::{Message, Provider, Throttle};
use fairlead_rt::{Shutdown, Worker, Workers};
use fairlead_telemetry::{AccessLog, Metrics};
use hashbrown::{HashMap, HashSet};
use http::StatusCode;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Api;
use crate::entry_point::EntryPoint;
use crate::entry_point::listen::{self, Door};
use crate::entry_point::policy::Policy;
use crate::observe::EntryObserved;
use crate::service::internal::{Noop, Ping, Prometheus, Ready};
use crate::service::whoami::Whoami;
use crate::settings;
use crate::shared::{Parts, Shared};
use crate::snapshot::{self, Snapshot};
use crate::{build, codes};

/// How long the first requests wait for providers to answer.
const FIRST_CONFIGURATION: Duration = Duration::from_secs(2);
/// Messages of providers on their way to be applied.
const QUEUE: usize = 16;

/// What a gateway is started with.
pub struct Setup {
    /// The static configuration.
    pub statics: Static,
    /// Findings of the static configuration, shown by the API as long as the process lives.
    pub findings: Findings,
    /// Where dynamic configuration comes from.
    pub providers: Vec<Box<dyn Provider>>,
    /// Other systems of the program that are reached through the gateway.
    pub systems: Vec<System>,
    /// Where everything is counted: [`metrics`] of the static configuration.
    pub metrics: Metrics,
    /// Worker threads; at least one.
    pub workers: usize,
    /// Stages of stopping.
    pub shutdown: Shutdown,
}

/// A system that is a service of the gateway.
pub struct System {
    /// Name: routers reach it as `NAME@internal`, and the API shows it under `/api/NAME/`.
    pub name: &'static str,
    /// The service.
    pub service: Arc<dyn Handler>,
    /// Answers below `/api/NAME`; requests come with the path that follows, and with any method.
    pub api: Option<Arc<dyn Handler>>,
}

/// The metrics that a static configuration asks for.
#[must_use]
pub fn metrics(statics: &Static) -> Metrics {
    Metrics::new(settings::metrics(statics))
}

/// A gateway that serves.
pub struct Gateway {
    shared: Arc<Shared>,
    workers: Workers,
    listening: Vec<(Arc<str>, SocketAddr)>,
    stopping: Stopping,
}

/// What stopping needs.
#[derive(Clone)]
struct Stopping {
    shutdown: Shutdown,
    /// No further connection is accepted.
    closing: CancellationToken,
    /// Connections end as soon as they are idle.
    drain: CancellationToken,
    /// Providers end.
    providers: CancellationToken,
    connections: TaskTracker,
}

impl Gateway {
    /// Binds all addresses, waits shortly for the first configuration, and serves. Call on the control runtime.
    ///
    /// # Errors
    /// Findings that say why it cannot start: all of them, not the first.
    pub async fn start(setup: Setup) -> Result<Gateway, Findings> {
        let workers = Workers::start(setup.workers.max(1), "worker").map_err(|error| {
            let message = format!("cannot start worker threads: {error}");
            Findings::from_iter([Finding::new(&codes::CANNOT_LISTEN, message)])
        })?;
        let statics = Arc::new(setup.statics);
        let bound = bind_all(&statics, workers.all().len())?;
        let access_log = settings::access_log(&statics)?;
        let shared = shared(&statics, setup.systems, setup.metrics, access_log);
        let stopping = Stopping {
            shutdown: setup.shutdown,
            closing: CancellationToken::new(),
            drain: CancellationToken::new(),
            providers: CancellationToken::new(),
            connections: TaskTracker::new(),
        };
        let entry_points = entry_points(&shared);
        let doors: Vec<Arc<Door>> =
            entry_points.into_iter().map(|entry_point| door(&shared, &stopping, entry_point)).collect();
        let mut control = Control::new(&shared, &doors, &workers, setup.findings);
        control.start_providers(setup.providers, &stopping.providers);
        let _ = tokio::time::timeout(FIRST_CONFIGURATION, control.first()).await;
        fairlead_rt::spawn("configuration", control.run());
        let listening = open(bound, &doors, &workers);
        Ok(Gateway { shared, workers, listening, stopping })
    }

    /// Entry points with the addresses they listen on.
    #[must_use]
    pub fn listening(&self) -> &[(Arc<str>, SocketAddr)] {
        &self.listening
    }

    /// State behind the entry points.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Serves until the process is asked to stop, then stops in order: ping turns, requests are still accepted for
    /// `requestAcceptGraceTimeout`, then connections end when idle, and what is left after `graceTimeOut` is cut off.
    pub async fn run(self) {
        let Stopping { shutdown, closing, drain, providers, connections } = self.stopping;
        shutdown.draining().await;
        fairlead_rt::systemd::stopping();
        self.shared.drain();
        let (accept, grace) = grace(&self.shared.statics);
        tokio::select! {
            () = tokio::time::sleep(accept) => {}
            () = shutdown.stopping() => {}
        }
        providers.cancel();
        closing.cancel();
        drain.cancel();
        connections.close();
        tokio::select! {
            () = connections.wait() => {}
            () = tokio::time::sleep(grace) => tracing::warn!("grace time-out is over: cutting off what is left"),
            () = shutdown.stopping() => {}
        }
        shutdown.stop();
        if let Some(log) = &self.shared.access_log {
            log.flush();
        }
        self.workers.stop();
    }
}

/// Applies configurations: the one place that swaps snapshots.
struct Control {
    shared: Arc<Shared>,
    entry_points: Vec<Arc<EntryPoint>>,
    workers: Vec<Worker>,
    /// Newest configuration of each provider, with its findings.
    known: BTreeMap<Arc<str>, Message>,
    static_findings: Findings,
    throttle: Throttle,
    out: mpsc::Sender<Message>,
}

impl Control {
    fn new(shared: &Arc<Shared>, doors: &[Arc<Door>], workers: &Workers, mut findings: Findings) -> Self {
        findings.extend(settings::udp_findings(&shared.statics));
        let (out, messages) = mpsc::channel(QUEUE);
        let interval = shared.statics.providers.providers_throttle_duration.into();
        let internal = Message {
            provider: name::INTERNAL.into(),
            dynamic: Arc::new(build::internal::dynamic(&shared.statics)),
            findings: Findings::new(),
        };
        Control {
            shared: Arc::clone(shared),
            entry_points: doors.iter().map(|door| Arc::clone(&door.entry_point)).collect(),
            workers: workers.all().to_vec(),
            known: BTreeMap::from([(Arc::clone(&internal.provider), internal)]),
            static_findings: findings,
            throttle: Throttle::new(messages, interval),
            out,
        }
    }

    fn start_providers(&self, providers: Vec<Box<dyn Provider>>, stop: &CancellationToken) {
        for provider in providers {
            self.shared.expect_provider(provider.name());
            let name = format!("provider {}", provider.name());
            fairlead_rt::spawn(name, provider.run(self.out.clone(), stop.clone()));
        }
    }

    /// Serves the internal routers at once, then waits until every provider has answered.
    async fn first(&mut self) {
        self.apply();
        while self.shared.providers().iter().any(|(_, answered)| !answered) {
            if !self.step().await {
                return;
            }
        }
    }

    async fn run(mut self) {
        while self.step().await {}
    }

    async fn step(&mut self) -> bool {
        let Some(batch) = self.throttle.next().await else { return false };
        let names: Vec<Arc<str>> =
            batch.messages.iter().map(|message| Arc::clone(&message.provider)).collect();
        for message in batch.messages {
            if message.findings.has_errors() {
                self.shared.metrics.config_reload_failed();
            }
            self.known.insert(Arc::clone(&message.provider), message);
        }
        self.apply();
        for name in names {
            self.shared.provider_answered(&name);
        }
        true
    }

    /// Builds the next snapshot, swaps it in, and lets the workers forget the old one.
    fn apply(&self) {
        let started = std::time::Instant::now();
        let dynamics = self.known.iter().map(|(name, message)| (&**name, &*message.dynamic));
        let merged = self.shared.current.load().config.renewed(dynamics);
        let mut findings = self.static_findings.clone();
        findings.extend(self.known.values().flat_map(|message| message.findings.iter().cloned()));
        let next = Arc::new(build::build(&self.shared, &self.entry_points, merged, findings));
        let [_, warnings, errors] = build::count(&next.findings);
        let generation = next.generation;
        announce(&self.shared.current.load().findings, &next.findings);
        let old = self.shared.current.swap(next);
        for worker in &self.workers {
            worker.spawn("unpin snapshot", || async { snapshot::unpin() });
        }
        self.shared.metrics.config_reloaded(SystemTime::now());
        tracing::info!(generation, warnings, errors, took = ?started.elapsed(), "configuration applied");
        drop(old);
        self.shared.endpoints.sweep();
    }
}

/// Logs findings that are new. What was known before is told by code, message and subject; a place may move with its file.
fn announce(old: &Findings, new: &Findings) {
    fn key(finding: &Finding) -> (&str, &str, &str) {
        (finding.code.id, &finding.message, &finding.subject)
    }
    let known: HashSet<_> = old.iter().map(key).collect();
    for finding in new.iter().filter(|finding| !known.contains(&key(finding))) {
        let code = finding.code.id;
        let origin = finding.origin().map(ToString::to_string).unwrap_or_default();
        match finding.severity {
            Severity::Error => tracing::error!(code, origin, "{}", finding.message),
            Severity::Warning => tracing::warn!(code, origin, "{}", finding.message),
            Severity::Info => tracing::info!(code, origin, "{}", finding.message),
        }
    }
}

/// Binds every TCP entry point once for each worker.
fn bind_all(statics: &Static, workers: usize) -> Result<Vec<Vec<Bound>>, Findings> {
    let mut activated = Activated::from_env();
    let mut findings = Findings::new();
    let mut all = Vec::with_capacity(statics.entry_points.len());
    for (name, options) in &statics.entry_points {
        if options.address.protocol == statics::Protocol::Udp {
            all.push(Vec::new());
            continue;
        }
        let listen = ListenOptions { reuse_port: options.reuse_port, ..ListenOptions::default() };
        let bound = match activated.take(name, workers) {
            Ok(Some(bound)) => Ok(bound),
            Ok(None) => fairlead_net::listen::bind(&options.address.to_string(), listen, workers),
            Err(source) => Err(BindError::Refused { address: name.to_string(), source, holders: Vec::new() }),
        };
        match bound {
            Ok(bound) => all.push(bound),
            Err(error) => {
                let message = format!("entry point `{name}`: {error}");
                let finding =
                    Finding::new(&codes::CANNOT_LISTEN, message).about(format!("entryPoint {name}"));
                findings.push(finding.help("free the port, or give the entry point another address"));
            }
        }
    }
    if findings.is_empty() { Ok(all) } else { Err(findings) }
}

/// Begins to accept; returns where.
fn open(bound: Vec<Vec<Bound>>, doors: &[Arc<Door>], workers: &Workers) -> Vec<(Arc<str>, SocketAddr)> {
    let mut listening = Vec::new();
    for (sockets, door) in bound.into_iter().zip(doors) {
        if let Some(first) = sockets.first() {
            listening.push((Arc::clone(&door.entry_point.name), first.local()));
        }
        for (socket, worker) in sockets.into_iter().zip(workers.all()) {
            listen::serve(worker, socket, door);
        }
    }
    listening
}

/// The handlers of all entry points, in the order of the static configuration.
pub(crate) fn entry_points(shared: &Arc<Shared>) -> Vec<Arc<EntryPoint>> {
    let all = shared.statics.entry_points.iter().enumerate();
    all.map(|(place, (name, options))| Arc::new(entry_point(shared, place, name, options))).collect()
}

fn entry_point(
    shared: &Arc<Shared>,
    place: usize,
    name: &Arc<str>,
    options: &statics::EntryPoint,
) -> EntryPoint {
    let statics = &shared.statics;
    let metrics = &shared.metrics;
    let counted = options.observability.metrics && statics.metrics.is_some();
    let labels = metrics.options().header_labels.iter().map(|(_, header)| header.to_ascii_lowercase().into());
    let observed = EntryObserved {
        scope: if counted { metrics.entry_point(name) } else { Default::default() },
        access_log: options.observability.access_logs,
        header_labels: labels.collect(),
    };
    EntryPoint {
        name: Arc::clone(name),
        place,
        policy: Policy::new(options, statics.global.not_append_x_forwarded_for, &shared.hostname),
        shared: Arc::clone(shared),
        observed,
    }
}

fn door(shared: &Shared, stopping: &Stopping, entry_point: Arc<EntryPoint>) -> Arc<Door> {
    let name = &entry_point.name;
    let default = statics::EntryPoint::default();
    let options = shared.statics.entry_points.get(&**name).unwrap_or(&default);
    let metrics = &shared.metrics;
    Arc::new(Door {
        options: Arc::new(listen::server_options(options, on_reject(metrics, name))),
        proxy: listen::trusted_peers(options),
        open: metrics.open_connections(name, "TCP"),
        back_offs: metrics.accept_back_offs(name),
        bad_proxy_headers: metrics.rejected_requests(name, "proxy-header"),
        bad_handshakes: metrics.rejected_requests(name, "tls-handshake"),
        connections: stopping.connections.clone(),
        closing: stopping.closing.clone(),
        shutdown: stopping.shutdown.clone(),
        drain: stopping.drain.clone(),
        entry_point,
    })
}

/// Counts requests that no handler saw.
fn on_reject(metrics: &Metrics, entry_point: &str) -> OnReject {
    let words = |status: u16| match status {
        405 => "tunnel",
        408 => "timeout",
        414 => "uri-too-long",
        431 => "headers-too-large",
        501 => "not-implemented",
        505 => "version",
        _ => "malformed",
    };
    let kinds = [400, 405, 408, 414, 431, 501, 505];
    let counters: Vec<_> =
        kinds.iter().map(|k| (*k, metrics.rejected_requests(entry_point, words(*k)))).collect();
    Arc::new(move |_conn, status| {
        let counter = counters.iter().find(|(kind, _)| *kind == status.as_u16()).or(counters.first());
        if let Some((_, counter)) = counter {
            counter.increment();
        }
    })
}

/// State for these statics and systems.
pub(crate) fn shared(
    statics: &Arc<Static>,
    systems: Vec<System>,
    metrics: Metrics,
    access_log: Option<AccessLog>,
) -> Arc<Shared> {
    let hostname = settings::hostname();
    Arc::new_cyclic(|weak| {
        let mut internal: HashMap<&'static str, Arc<dyn Handler>> =
            systems.iter().map(|system| (system.name, Arc::clone(&system.service))).collect();
        let apis = systems.into_iter().filter_map(|system| Some((system.name, system.api?))).collect();
        internal.insert("noop", Arc::new(Noop));
        internal.insert("whoami", Arc::new(Whoami::new(hostname.clone())));
        internal.insert("ready", Arc::new(Ready { shared: weak.clone() }));
        if let Some(ping) = &statics.ping {
            let terminating = StatusCode::from_u16(ping.terminating_status_code);
            let terminating = terminating.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            internal.insert("ping", Arc::new(Ping { shared: weak.clone(), terminating }));
        }
        if statics.metrics.as_ref().is_some_and(|metrics| metrics.prometheus.is_some()) {
            internal.insert("prometheus", Arc::new(Prometheus { shared: weak.clone() }));
        }
        if let Some(api) = &statics.api {
            internal.insert("api", Arc::new(Api::new(weak.clone(), &api.base_path, apis)));
        }
        let tls = build::default_tls();
        let parts = Parts { statics: Arc::clone(statics), metrics, access_log, internal, hostname };
        Shared::new(parts, Snapshot::empty(statics.entry_points.len(), &tls))
    })
}

/// Longest time-outs of all entry points: still accepting, and finishing.
fn grace(statics: &Static) -> (Duration, Duration) {
    let cycles = || statics.entry_points.values().map(|options| &options.transport.life_cycle);
    let accept = cycles().map(|cycle| cycle.request_accept_grace_timeout.into()).max().unwrap_or_default();
    let finish = cycles().map(|cycle| cycle.grace_time_out.into()).max().unwrap_or_default();
    (accept, finish)
}
