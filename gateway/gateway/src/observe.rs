//! What is seen of a request: at its end a line in the access log and counts in the metrics.
//!
//! [`Exchange::begin`] notes what is needed before the request moves on, and nothing when nobody watches;
//! [`Exchange::watch`] hangs the rest on the end of the response.

mod grpc;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use fairlead_http::{Conn, Done, Outcome, Request, Response, Sent};
use fairlead_model::name;
use fairlead_telemetry::access::{Headers, NO_HEADERS, Record};
use fairlead_telemetry::{Gauge, Observation, Protocol, Scope};
use http::{HeaderMap, Method, Uri, Version, header};

use crate::build;
use crate::entry_point::EntryPoint;
use crate::router::{Observed, Router};
use crate::shared::Shared;

/// What an entry point observes of requests, whatever their router.
#[derive(Clone, Default)]
pub struct EntryObserved {
    /// Counts of the entry point; inactive when it is not counted.
    pub scope: Scope,
    /// Whether requests without a router are logged.
    pub access_log: bool,
    /// Header names whose values become labels.
    pub header_labels: Arc<[Box<str>]>,
}

/// A request under observation; `None` when nobody watches.
pub struct Exchange(Option<Box<Seen>>);

struct Seen {
    shared: Arc<Shared>,
    conn: Arc<Conn>,
    method: Method,
    version: Version,
    protocol: Protocol,
    started: Instant,
    entry: Scope,
    observed: Observed,
    service: Option<Arc<str>>,
    /// The service is one of the program's own, which say nothing of what became of a request.
    internal: bool,
    labels: Vec<String>,
    line: Option<Line>,
}

/// What only the access log needs.
struct Line {
    start: SystemTime,
    router: Option<Arc<str>>,
    uri: Uri,
    headers: HeaderMap,
}

impl Exchange {
    /// Notes what will be needed of `request`.
    #[must_use]
    pub fn begin(entry_point: &EntryPoint, router: Option<&Arc<Router>>, request: &mut Request) -> Self {
        let entry = &entry_point.observed;
        let observed = router.map_or_else(Observed::default, |router| router.observed.clone());
        let counts = entry.scope.is_active() && (router.is_none() || observed.metrics);
        let logged = router.map_or(entry.access_log, |router| router.observed.access_log);
        let log = logged && entry_point.shared.access_log.is_some();
        if !counts && !observed.metrics && !log {
            return Exchange(None);
        }
        request.watched = true;
        let line = log.then(|| Line {
            start: SystemTime::now(),
            router: router.map(|router| Arc::clone(&router.name)),
            uri: request.uri.clone(),
            headers: request.headers.clone(),
        });
        Exchange(Some(Box::new(Seen {
            shared: Arc::clone(&entry_point.shared),
            conn: Arc::clone(&request.conn),
            method: request.method.clone(),
            version: request.version,
            protocol: protocol(request),
            started: Instant::now(),
            entry: if counts { entry.scope.clone() } else { Scope::default() },
            observed,
            service: router.map(|router| Arc::clone(&router.service_name)),
            internal: router.is_some_and(|router| name::provider(&router.service_name) == name::INTERNAL),
            labels: entry.header_labels.iter().map(|name| first(&request.headers, name)).collect(),
            line,
        })))
    }

    /// Arranges that the end of `response` is observed.
    #[must_use]
    pub fn watch(self, mut response: Response) -> Response {
        let Some(seen) = self.0 else { return response };
        let status = response.status.as_u16();
        let outcome = response.outcome.clone();
        let call = matches!(seen.protocol, Protocol::Grpc | Protocol::GrpcWeb)
            .then(|| grpc::Status::of(&mut response));
        let reads = seen.shared.access_log.as_ref().is_some_and(|log| log.reads_response_headers());
        let headers = (reads && seen.line.is_some()).then(|| response.headers.clone());
        response.done =
            Some(Done::new(move |sent| seen.finish(status, call, outcome, headers.as_ref(), sent)));
        response
    }
}

impl Seen {
    fn finish(
        &self,
        status: u16,
        call: Option<grpc::Status>,
        outcome: Option<Box<Outcome>>,
        headers: Option<&HeaderMap>,
        sent: Sent,
    ) {
        let duration = self.started.elapsed();
        let status = if sent.complete || status >= 400 { status } else { 499 };
        let reached = outcome.as_ref().is_some_and(|outcome| outcome.service.is_some());
        self.count(call.map_or(status, |call| call.code()), duration, sent, reached);
        if let Some(again) = outcome.as_ref().and_then(|outcome| outcome.attempts.checked_sub(2)) {
            self.observed.retries.add(again + 1);
        }
        if let Some(line) = &self.line {
            self.log(line, status, duration, outcome.as_deref(), headers, sent);
        }
    }

    /// Counts the exchange; for its service only when the request got there.
    fn count(&self, code: u16, duration: Duration, sent: Sent, reached: bool) {
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        let observation = Observation {
            code,
            method: self.method.as_str(),
            protocol: self.protocol,
            duration,
            request_bytes: sent.request_bytes,
            response_bytes: sent.body_bytes,
            tls: self.conn.tls.as_ref().map(|tls| (tls.version, tls.cipher)),
            header_labels: &labels,
        };
        self.entry.observe(&observation);
        self.observed.router.observe(&observation);
        if reached || self.internal {
            self.observed.service.observe(&observation);
        }
    }

    fn log(
        &self,
        line: &Line,
        status: u16,
        duration: Duration,
        outcome: Option<&Outcome>,
        headers: Option<&HeaderMap>,
        sent: Sent,
    ) {
        let Some(log) = &self.shared.access_log else { return };
        let retries = outcome.map_or(0, |outcome| outcome.attempts.saturating_sub(1));
        if !log.wanted(status, retries, duration) {
            return;
        }
        let reached = outcome.and_then(|outcome| outcome.service.as_deref());
        let service = reached.or(self.service.as_deref().filter(|_| self.internal));
        let request_headers = Fields(&line.headers);
        let response_headers = headers.map(Fields);
        let shown: &dyn Headers = response_headers.as_ref().map_or(NO_HEADERS, |fields| fields);
        let from_origin = outcome.is_some_and(|outcome| outcome.origin_status > 0);
        let tls = self.conn.tls.as_ref();
        log.write(&Record {
            start: line.start,
            duration,
            entry_point: &self.conn.entry_point,
            router: line.router.as_deref(),
            service: service.filter(|_| line.router.is_some()),
            service_url: outcome.and_then(|outcome| outcome.server.as_deref()),
            client: self.conn.peer,
            user: outcome.and_then(|outcome| outcome.user.as_deref()),
            host: line.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
            method: self.method.as_str(),
            path: line.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
            protocol: version_text(self.version),
            scheme: self.conn.scheme(),
            request_size: sent.request_bytes,
            origin_status: outcome.map_or(0, |outcome| outcome.origin_status),
            origin_duration: outcome.map_or(Duration::ZERO, |outcome| outcome.origin_duration),
            origin_size: outcome
                .filter(|outcome| outcome.origin_status > 0)
                .map_or(0, |outcome| outcome.origin_len.unwrap_or(sent.body_bytes)),
            status,
            size: sent.body_bytes,
            retries,
            tls: tls.map(|tls| (tls.version, tls.cipher)),
            tls_client_subject: tls.and_then(|tls| tls.client.as_ref()).map(|client| client.subject.as_str()),
            trace: None,
            request_headers: &request_headers,
            origin_headers: if from_origin { shown } else { NO_HEADERS },
            downstream_headers: shown,
        });
    }
}

/// Brings the gauges up to date that nobody updates as things happen.
pub fn refresh_gauges(shared: &Shared) {
    let snapshot = shared.current.load();
    let [infos, warnings, errors] = build::count(&snapshot.findings);
    shared.metrics.set_findings(infos, warnings, errors);
    let mut gauges = Vec::new();
    let mut show = |gauge: Gauge, value: f64| {
        gauge.set(value);
        gauges.push(gauge);
    };
    if let Some(log) = &shared.access_log {
        show(shared.metrics.dropped_log_lines("access"), log.dropped() as f64);
    }
    for server in fairlead_http::client::stats() {
        show(shared.metrics.backend_connections_open(&server.url), server.open as f64);
        show(shared.metrics.backend_connections_idle(&server.url), server.idle as f64);
    }
    *shared.gauges.lock() = gauges;
}

/// How Traefik names the protocol of a request.
fn protocol(request: &Request) -> Protocol {
    if request.upgrade().is_some_and(|name| name.eq_ignore_ascii_case("websocket")) {
        return Protocol::WebSocket;
    }
    let value = |name| request.headers.get(name).map(|value: &header::HeaderValue| value.as_bytes());
    match value(header::CONTENT_TYPE) {
        Some(kind) if kind.starts_with(b"application/grpc-web") => return Protocol::GrpcWeb,
        Some(kind) if kind.starts_with(b"application/grpc") => return Protocol::Grpc,
        _ => {}
    }
    let accepts = value(header::ACCEPT).is_some_and(|accept| accept == b"text/event-stream");
    if accepts { Protocol::Sse } else { Protocol::Http }
}

fn first(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

fn version_text(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 | Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// A header map as the access log reads it.
struct Fields<'a>(&'a HeaderMap);

impl Headers for Fields<'_> {
    fn for_each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        for (name, value) in self.0 {
            each(name.as_str(), value.as_bytes());
        }
    }
}
