//! What requests are counted under: an entry point, a router, a service.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hashbrown::HashSet;

use super::Metrics;
use super::shard::Alive;

/// Name of a scope, in the label values of its series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ScopeName {
    EntryPoint(Box<str>),
    Router { router: Box<str>, service: Box<str> },
    Service(Box<str>),
}

/// Counts the requests of one entry point, router or service. Cheap to clone; the default one counts nothing.
#[derive(Clone, Default)]
pub struct Scope(Option<Arc<ScopeInner>>);

/// A living scope.
pub(crate) struct ScopeInner {
    /// Key in the shards.
    pub(crate) id: u32,
    pub(crate) name: ScopeName,
    metrics: Metrics,
}

/// What the client spoke, as the label `protocol` says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// Anything that is none of the others.
    #[default]
    Http,
    /// `Accept: text/event-stream`.
    Sse,
    /// `Upgrade: websocket`.
    WebSocket,
    /// `Content-Type: application/grpc…`.
    Grpc,
    /// `Content-Type: application/grpc-web…`.
    GrpcWeb,
}

/// Label values by the number of [`Protocol`].
pub(crate) const PROTOCOLS: [&str; 5] = ["http", "sse", "websocket", "grpc", "grpc-web"];

/// Label values by the number of a method; the last one stands for any other.
pub(crate) const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "EXTENSION_METHOD"];

/// One request, at the end of its response.
#[derive(Clone, Debug, Default)]
pub struct Observation<'a> {
    /// Status sent; outside 100 to 999 it is counted as 0. With gRPC it is the status of the call, 0 to 16; others are
    /// counted as 2, unknown.
    pub code: u16,
    /// Method as sent.
    pub method: &'a str,
    /// What the client spoke.
    pub protocol: Protocol,
    /// From reading the request head to the end of the response.
    pub duration: Duration,
    /// Body bytes of the request.
    pub request_bytes: u64,
    /// Body bytes of the response.
    pub response_bytes: u64,
    /// Version (`1.3`) and IANA name of the suite.
    pub tls: Option<(&'static str, &'static str)>,
    /// Values of [`MetricsOptions::header_labels`](super::MetricsOptions), in that order; empty where the header is
    /// absent. Missing values at the end count as empty.
    pub header_labels: &'a [&'a str],
}

impl Scope {
    /// Counts one request in the shard of the calling thread.
    pub fn observe(&self, observation: &Observation<'_>) {
        if let Some(scope) = &self.0 {
            let inner = &scope.metrics.inner;
            let labels = inner.options.header_labels.len();
            inner.with_shard(|shard| shard.observe(scope.id, observation, &inner.bounds, labels));
        }
    }

    /// Whether it counts anything.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.0.is_some()
    }
}

/// The scopes that handles refer to.
#[derive(Default)]
pub(crate) struct Scopes {
    by_name: HashMap<ScopeName, Weak<ScopeInner>>,
    next_id: u32,
    sweep_at: usize,
}

impl Scopes {
    /// The living scope of that name, or a new one; and whether it is time to sweep.
    pub(crate) fn resolve(&mut self, metrics: &Metrics, name: ScopeName) -> (Scope, bool) {
        if let Some(scope) = self.by_name.get(&name).and_then(Weak::upgrade) {
            return (Scope(Some(scope)), false);
        }
        self.next_id = self.next_id.wrapping_add(1);
        let scope = Arc::new(ScopeInner { id: self.next_id, name: name.clone(), metrics: metrics.clone() });
        self.by_name.insert(name, Arc::downgrade(&scope));
        (Scope(Some(scope)), self.by_name.len() > self.sweep_at.max(1024))
    }

    /// Forgets dead scopes and returns the ids of the living.
    pub(crate) fn sweep(&mut self) -> Alive {
        let mut ids = HashSet::new();
        self.by_name.retain(|_, weak| match weak.upgrade() {
            Some(scope) => ids.insert(scope.id),
            None => false,
        });
        self.sweep_at = self.by_name.len() * 2;
        Alive { ids, last: self.next_id }
    }

    /// Names of the living scopes by id.
    pub(crate) fn names(&self) -> HashMap<u32, ScopeName> {
        let alive = self.by_name.values().filter_map(Weak::upgrade);
        alive.map(|scope| (scope.id, scope.name.clone())).collect()
    }
}

/// The code that an exchange is counted under.
pub(crate) fn code_of(seen: &Observation<'_>) -> u16 {
    match seen.protocol {
        Protocol::Grpc | Protocol::GrpcWeb if seen.code <= 16 => seen.code,
        Protocol::Grpc | Protocol::GrpcWeb => 2,
        _ if (100..=999).contains(&seen.code) => seen.code,
        _ => 0,
    }
}

/// The number of a method in [`METHODS`].
pub(crate) fn method_index(method: &str) -> u8 {
    let known = &METHODS[..METHODS.len() - 1];
    known.iter().position(|name| *name == method).unwrap_or(known.len()) as u8
}
