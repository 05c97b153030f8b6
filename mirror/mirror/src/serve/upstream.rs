//! An upstream as routes share it: a source with its breaker and its counters, one for each identity.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fairlead_http::BoxFuture;
use fairlead_telemetry::{Counter, Metrics};
use tokio::time::{Instant, timeout_at};

use super::breaker::{Breaker, BreakerState, Permit};
use crate::metrics::{BREAKER_STATE, UNTRUSTED, UPSTREAM_BYTES, UPSTREAM_REQUESTS, UPSTREAM_SECONDS};
use crate::settings::BreakerSettings;
use crate::source::{Ask, Fetched, Source};
use crate::{Cause, Failure, Wanted};

/// What an upstream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamKind {
    /// A GOPROXY.
    Proxy,
    /// Version control.
    Direct,
    /// Nothing.
    Off,
}

/// One upstream with what is known of its health.
pub struct Upstream {
    name: Arc<str>,
    kind: UpstreamKind,
    source: Arc<dyn Source>,
    breaker: Arc<Breaker>,
    /// Somebody waited for an answer in vain, and none has come since.
    is_silent: AtomicBool,
    counters: Counters,
}

/// How an upstream is.
#[derive(Clone, Debug, serde::Serialize)]
pub struct UpstreamState {
    /// Redacted URL, `direct` or `off`.
    pub name: Arc<str>,
    /// `closed`, `half-open` or `open`.
    pub breaker: &'static str,
    /// Requests within the breaker's window.
    pub requests: u32,
    /// Failures among them.
    pub failures: u32,
    /// Whether the last request failed.
    pub is_failing: bool,
}

struct Counters {
    ok: Counter,
    not_modified: Counter,
    /// In the order of [`CAUSES`].
    failed: [Counter; CAUSES.len()],
    milliseconds: Counter,
    bytes: Counter,
    untrusted: Counter,
}

const CAUSES: [Cause; 8] = [
    Cause::NotFound,
    Cause::Gone,
    Cause::Denied,
    Cause::Unavailable,
    Cause::Timeout,
    Cause::Corrupt,
    Cause::Untrusted,
    Cause::BadRequest,
];

impl Upstream {
    /// An upstream around a source. Only proxies have a breaker: behind `direct` are many hosts.
    pub(super) fn new(
        source: Arc<dyn Source>,
        kind: UpstreamKind,
        breaker: &BreakerSettings,
        metrics: &Metrics,
    ) -> Arc<Self> {
        let name = Arc::clone(source.name());
        let settings = (kind == UpstreamKind::Proxy).then(|| breaker.clone());
        let gauge = metrics.gauge(&BREAKER_STATE, &[("upstream", &name)]);
        let breaker = Breaker::new(&name, settings, gauge);
        let (counters, is_silent) = (Counters::new(metrics, &name), AtomicBool::new(false));
        Arc::new(Upstream { name, kind, source, breaker, is_silent, counters })
    }

    /// Redacted URL, `direct` or `off`.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> UpstreamKind {
        self.kind
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> UpstreamState {
        let seen = self.breaker.seen(Instant::now());
        UpstreamState {
            name: Arc::clone(&self.name),
            breaker: seen.state.word(),
            requests: seen.requests,
            failures: seen.failures,
            is_failing: seen.is_failing,
        }
    }

    /// Whether waiting for it is most likely in vain.
    pub(super) fn is_failing(&self) -> bool {
        let seen = self.breaker.seen(Instant::now());
        seen.is_failing || seen.state != BreakerState::Closed || self.is_silent.load(Ordering::Relaxed)
    }

    /// Somebody's patience has run out.
    pub(super) fn kept_waiting(&self) {
        self.is_silent.store(true, Ordering::Relaxed);
    }

    /// Leave to ask.
    pub(super) fn admit(&self) -> Result<Permit, Failure> {
        self.breaker.admit(Instant::now()).map_err(|wait| {
            let text = format!("bad gateway: {} failed too often and is left alone for a while", self.name);
            let mut failure = Failure::new(Cause::Unavailable, text).of(&self.name);
            failure.status = http::StatusCode::SERVICE_UNAVAILABLE;
            failure.retry_after = Some(wait);
            failure
        })
    }

    /// Asks, at most until the deadline of `ask`.
    pub(super) async fn ask(&self, wanted: &Wanted, ask: &Ask) -> Result<Fetched, Failure> {
        let begun = Instant::now();
        let fetched = match ask.deadline {
            Some(deadline) => timeout_at(deadline, self.source.fetch(wanted, ask))
                .await
                .unwrap_or_else(|_| Err(self.late())),
            None => self.source.fetch(wanted, ask).await,
        };
        let waited = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        self.counters.milliseconds.add(waited);
        if !matches!(&fetched, Err(failure) if failure.cause == Cause::Timeout) {
            self.is_silent.store(false, Ordering::Relaxed);
        }
        match &fetched {
            Ok(Fetched::NotModified) => self.counters.not_modified.increment(),
            Ok(Fetched::Document(document)) => {
                self.counters.ok.increment();
                self.received(document.bytes.len());
            }
            Ok(Fetched::Zip { .. }) => self.counters.ok.increment(),
            Err(failure) => self.failed(failure.cause),
        }
        fetched
    }

    /// Bytes came.
    pub(super) fn received(&self, bytes: usize) {
        self.counters.bytes.add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// An answer could not be used after all.
    pub(super) fn failed(&self, cause: Cause) {
        if let Some(at) = CAUSES.iter().position(|known| *known == cause) {
            self.counters.failed[at].increment();
        }
        if cause == Cause::Untrusted {
            self.counters.untrusted.increment();
        }
    }

    fn late(&self) -> Failure {
        Failure::new(Cause::Timeout, format!("gateway timeout: {} did not answer in time", self.name))
            .of(&self.name)
    }
}

impl Counters {
    fn new(metrics: &Metrics, name: &str) -> Self {
        let outcome = |word| metrics.counter(&UPSTREAM_REQUESTS, &[("upstream", name), ("outcome", word)]);
        let of_upstream = |family| metrics.counter(family, &[("upstream", name)]);
        Counters {
            ok: outcome("ok"),
            not_modified: outcome("not_modified"),
            failed: CAUSES.map(|cause| outcome(cause.word())),
            milliseconds: of_upstream(&UPSTREAM_SECONDS),
            bytes: of_upstream(&UPSTREAM_BYTES),
            untrusted: of_upstream(&UNTRUSTED),
        }
    }
}

/// The end of a list that ends in `off`.
pub(super) struct Off(Arc<str>);

impl Off {
    pub(super) fn new() -> Self {
        Off("off".into())
    }
}

impl Source for Off {
    fn name(&self) -> &Arc<str> {
        &self.0
    }

    fn fetch<'a>(&'a self, _: &'a Wanted, _: &'a Ask) -> BoxFuture<'a, Result<Fetched, Failure>> {
        let failure =
            Failure::new(Cause::NotFound, "not found: module lookup is off at the end of the upstream list");
        Box::pin(std::future::ready(Err(failure)))
    }
}
