//! What all probes of one check share: connections, permits, the deadline, and what is remembered of checksum databases.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fairlead_http::fetch::{Document, Fetch, FetchOptions, FetchTls, Fetcher, Redirects, RetryPolicy};
use http::HeaderMap;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use url::Url;

use super::cache::Cache;
use super::options::CheckOptions;
use super::trouble::Trouble;
use super::{BadCheck, Event, What};

/// Longest pause before the first retry.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// How requests go out; clones share everything.
#[derive(Clone)]
pub(super) struct Wire {
    fetcher: Fetcher,
    retry: RetryPolicy,
    permits: Arc<Semaphore>,
    deadline: Option<Instant>,
}

pub(super) struct Session<'a> {
    pub(super) options: &'a CheckOptions,
    pub(super) cache: Option<Cache>,
    pub(super) deadline: Option<Instant>,
    pub(super) wire: Wire,
    /// Tree heads by database, where there is no folder for them.
    pub(super) heads: Heads,
    progress: &'a (dyn Fn(&Event<'_>) + Sync),
}

/// Signed tree heads by database.
pub(super) type Heads = Arc<Mutex<HashMap<String, Vec<u8>>>>;

impl Wire {
    fn new(options: &CheckOptions, deadline: Option<Instant>) -> Result<Self, BadCheck> {
        let jobs = options.jobs.max(1);
        let fetcher = Fetcher::new(FetchOptions {
            tls: FetchTls { extra_roots: options.roots.clone(), ..FetchTls::default() },
            timeouts: options.timeouts,
            redirects: Redirects { policy: options.redirects, ..Redirects::default() },
            proxy: options.proxy.clone(),
            credentials: options.credentials.clone(),
            netrc: options.netrc,
            max_idle_per_host: jobs,
            ..FetchOptions::default()
        })?;
        let retry = RetryPolicy {
            retries: options.attempts.saturating_sub(1),
            base: FIRST_PAUSE.min(options.retry_delay),
            cap: options.retry_delay,
            max_retry_after: options.retry_delay,
            ..RetryPolicy::default()
        };
        let permits = Arc::new(Semaphore::new(jobs.min(Semaphore::MAX_PERMITS)));
        Ok(Wire { fetcher, retry, permits, deadline })
    }

    /// The right to have one request in flight. Nobody asks for a second one while holding it.
    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.permits.acquire().await.ok()
    }

    /// One document of at most `limit` bytes, tried as often as it makes sense.
    pub(super) async fn get(&self, url: &Url, headers: HeaderMap, limit: usize) -> Result<Document, Trouble> {
        let _permit = self.permit().await;
        let fetch = Fetch { headers, deadline: self.deadline, ..Fetch::new(url) };
        let read = Box::pin(self.fetcher.read_with_retry(&fetch, &self.retry, limit));
        read.await.map_err(|error| Trouble::of_fetch(&error))
    }

    /// How long to wait before attempt number `attempt` (from 1) of what is no fetch; `None` when there is none.
    pub(super) fn pause(&self, attempt: u32) -> Option<Duration> {
        if attempt > self.retry.retries {
            return None;
        }
        let doubled = self.retry.base.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        Some(doubled.min(self.retry.cap).mul_f64((self.retry.random)().clamp(0.0, 1.0)))
    }

    /// Whether a proxy is asked for this URL.
    pub(super) fn uses_proxy(&self, url: &Url) -> bool {
        self.fetcher.uses_proxy(url)
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(
        options: &'a CheckOptions,
        progress: &'a (dyn Fn(&Event<'_>) + Sync),
    ) -> Result<Self, BadCheck> {
        let deadline = options.deadline.and_then(|limit| Instant::now().checked_add(limit));
        Ok(Session {
            options,
            cache: options.cache.clone().map(Cache::new),
            deadline,
            wire: Wire::new(options, deadline)?,
            heads: Heads::default(),
            progress,
        })
    }

    /// Tells whoever listens.
    pub(super) fn tell(&self, url: &str, trace_id: &str, span_id: &str, what: What<'_>) {
        let kind = self.options.kind;
        (self.progress)(&Event { url, kind, at: Timestamp::now(), trace_id, span_id, what });
    }
}
