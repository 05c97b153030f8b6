//! `mirror check`: what state a mirror is in, and why.
//!
//! [`check`] probes URLs side by side, never with more than [`CheckOptions::jobs`] requests in flight. A probe goes through the
//! layers of the network, name by name ([`layers`]), then through what its kind of mirror must do ([`goproxy`], [`oci`],
//! [`debian`], [`alpine`]); the first layer that fails ends it. What is seen becomes steps of a walk through [`state`]s, and the
//! walk with its evidence a [`Verdict`]. A [`cache`] keeps verdicts for a while and distrust until it is acknowledged.

mod alpine;
pub mod cache;
mod canary;
mod debian;
mod fresh;
mod goproxy;
mod layers;
mod oci;
mod options;
mod ownership;
mod probe;
mod session;
pub mod state;
mod sumdb;
mod trouble;
mod verdict;

use std::sync::Arc;

use fairlead_http::fetch::{BadFetchOptions, redact};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use url::Url;

pub use cache::acknowledge;
pub use canary::{BadCanary, Canary, defaults};
pub use debian::is_keyring;
pub use options::{
    AlpineOptions, CacheOptions, CheckOptions, DebianOptions, Kind, Leg, OciOptions, RequiredHeader, Trust,
};
pub use ownership::txt_digest;
pub use state::{Edge, Reason, State};
pub use verdict::{
    EXIT_DEGRADED, EXIT_INTEGRITY, EXIT_INTERNAL, EXIT_PROTOCOL, EXIT_UNREACHABLE, EXIT_USAGE, EXIT_VALID,
    Hold, Layer, Status, Verdict, aggregate,
};

use probe::Probe;
use session::Session;

/// Something that happened while checking.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The mirror's URL, without secrets.
    pub url: &'a str,
    /// What it mirrors.
    pub kind: Kind,
    /// When.
    pub at: Timestamp,
    /// Trace of the probe, 32 hexadecimal digits.
    pub trace_id: &'a str,
    /// Span of the probe, 16 hexadecimal digits.
    pub span_id: &'a str,
    /// What.
    pub what: What<'a>,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A probe begins.
    Started,
    /// One thing was looked at.
    Looked(&'a Layer),
    /// A verdict was kept from an earlier run, or a probe has ended.
    Finished(&'a Verdict),
}

/// Why nothing was checked.
#[derive(Debug, thiserror::Error)]
pub enum BadCheck {
    /// A URL that no mirror can have. Shown without secrets.
    #[error("{0} is neither http nor https")]
    Url(String),
    /// Nothing to ask a Go module mirror for.
    #[error("at least one canary must be a version that exists")]
    NoCanary,
    /// Trust, proxy or certificates.
    #[error(transparent)]
    Fetch(#[from] BadFetchOptions),
}

impl BadCheck {
    /// The exit code of a check that was not made.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        EXIT_USAGE
    }
}

/// Probes mirrors. Verdicts come in the order of `urls`; `progress` hears of events as they happen, of all mirrors mixed.
///
/// # Errors
/// When the options make no sense. A mirror that fails is a verdict.
pub async fn check(
    urls: &[Url],
    options: &CheckOptions,
    progress: &(dyn Fn(&Event<'_>) + Sync),
) -> Result<Vec<Verdict>, BadCheck> {
    if let Some(bad) = urls.iter().find(|url| !matches!(url.scheme(), "http" | "https")) {
        return Err(BadCheck::Url(redact(bad)));
    }
    let is_present = |canary: &Canary| matches!(canary, Canary::Present { .. });
    if options.kind == Kind::Goproxy && !options.canaries.iter().any(is_present) {
        return Err(BadCheck::NoCanary);
    }
    let session = Arc::new(Session::new(options, progress)?);
    let verdicts = urls.iter().map(|url| Box::pin(one(&session, url)));
    Ok(futures_util::stream::iter(verdicts).buffered(options.jobs.max(1)).collect().await)
}

/// The exit code of a whole check.
#[must_use]
pub fn exit_code(verdicts: &[Verdict], options: &CheckOptions) -> u8 {
    aggregate(verdicts.iter().map(|verdict| verdict.exit_code), options.fold_exit_codes)
}

/// A kept verdict, or a probe.
async fn one(session: &Session<'_>, url: &Url) -> Verdict {
    let Some(cache) = &session.cache else { return probe(session, url, cache::Past::default()).await };
    let key = cache.key(session.options, url);
    let _held = cache.hold(&key, session.deadline).await;
    let past = cache.past(session.options.kind, url).await;
    if let Some(verdict) = cache.load(&key, &past).await {
        session.tell(&verdict.url, &verdict.trace_id, &verdict.span_id, What::Finished(&verdict));
        return verdict;
    }
    let verdict = probe(session, url, past.clone()).await;
    cache.store(&key, url, &past, &verdict).await;
    verdict
}

async fn probe(session: &Session<'_>, url: &Url, past: cache::Past) -> Verdict {
    let probe = Probe::begin(session, url, &past);
    match session.deadline {
        None => look(&probe).await,
        Some(deadline) => {
            if tokio::time::timeout_at(deadline, look(&probe)).await.is_err() {
                probe.step(
                    Reason::Deadline,
                    "the check's deadline was up before the probe ended",
                    Vec::new(),
                );
            }
        }
    }
    probe.end()
}

/// All layers of one mirror. The first that fails ends it.
async fn look(probe: &Probe<'_>) {
    if let Err(trouble) = layers::direct(probe).await {
        return probe.trouble(trouble);
    }
    let kind = match probe.options().kind {
        Kind::Goproxy => Box::pin(goproxy::look(probe)).await,
        Kind::Oci => Box::pin(oci::look(probe)).await,
        Kind::Debian | Kind::Ubuntu => Box::pin(debian::look(probe)).await,
        Kind::Alpine => Box::pin(alpine::look(probe)).await,
    };
    if let Err(trouble) = kind {
        return probe.trouble(trouble);
    }
    Box::pin(probe.settle_latency()).await;
    ownership::look(probe).await;
    probe.settle_trust();
}
