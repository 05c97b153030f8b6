//! A circuit breaker per upstream: what keeps failing is left alone for a while, then tried with one request.
//!
//! Failures are counted in a sliding window. Above a share of them, and not below a number of requests, the breaker opens;
//! when its time is up one request may try, and its outcome closes or opens it again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use fairlead_telemetry::Gauge;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::settings::BreakerSettings;

/// Slices of the window; the oldest is forgotten as a whole.
const SLICES: u32 = 12;

/// Whether an upstream is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It is.
    Closed,
    /// One request at a time is, to see how it is.
    HalfOpen,
    /// It is not.
    Open,
}

impl BreakerState {
    /// A word for logs and the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::HalfOpen => "half-open",
            BreakerState::Open => "open",
        }
    }

    fn level(self) -> f64 {
        match self {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        }
    }
}

/// What a breaker has seen lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) state: BreakerState,
    pub(super) requests: u32,
    pub(super) failures: u32,
    pub(super) is_failing: bool,
}

/// A breaker. Without settings it never opens.
pub(super) struct Breaker {
    upstream: Arc<str>,
    settings: Option<BreakerSettings>,
    gauge: Gauge,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    slices: VecDeque<Slice>,
    /// When it opened; `None` while closed.
    opened: Option<Instant>,
    /// A request is trying.
    is_trying: bool,
    /// The last outcome was a failure.
    is_failing: bool,
}

struct Slice {
    begun: Instant,
    requests: u32,
    failures: u32,
}

/// Leave to ask once. Dropping it without an outcome counts for nothing.
pub(super) struct Permit {
    breaker: Arc<Breaker>,
    is_trial: bool,
    is_settled: bool,
}

impl Breaker {
    pub(super) fn new(upstream: &Arc<str>, settings: Option<BreakerSettings>, gauge: Gauge) -> Arc<Self> {
        gauge.set(BreakerState::Closed.level());
        Arc::new(Breaker { upstream: Arc::clone(upstream), settings, gauge, inner: Mutex::default() })
    }

    /// Leave to ask, or for how long there is none.
    pub(super) fn admit(self: &Arc<Self>, now: Instant) -> Result<Permit, Duration> {
        let mut inner = self.inner.lock();
        let is_trial = match (inner.opened, &self.settings) {
            (Some(opened), Some(settings)) => {
                let left = (opened + settings.open_for.get()).saturating_duration_since(now);
                if !left.is_zero() || inner.is_trying {
                    return Err(left.max(Duration::from_secs(1)));
                }
                inner.is_trying = true;
                true
            }
            _ => false,
        };
        drop(inner);
        if is_trial {
            self.tell(BreakerState::Open, BreakerState::HalfOpen, 0, 0);
        }
        Ok(Permit { breaker: Arc::clone(self), is_trial, is_settled: false })
    }

    pub(super) fn seen(&self, now: Instant) -> Seen {
        let mut inner = self.inner.lock();
        inner.forget(now, self.window());
        let (requests, failures) = inner.counts();
        let state = match inner.opened {
            None => BreakerState::Closed,
            Some(_) if inner.is_trying => BreakerState::HalfOpen,
            Some(_) => BreakerState::Open,
        };
        Seen { state, requests, failures, is_failing: inner.is_failing }
    }

    fn window(&self) -> Duration {
        self.settings.as_ref().map_or(Duration::from_secs(60), |settings| settings.window.get())
    }

    fn settle(&self, failed: bool, was_trial: bool, now: Instant) {
        let mut inner = self.inner.lock();
        inner.is_failing = failed;
        if was_trial {
            inner.is_trying = false;
            inner.opened = failed.then_some(now);
            inner.slices.clear();
            drop(inner);
            let to = if failed { BreakerState::Open } else { BreakerState::Closed };
            return self.tell(BreakerState::HalfOpen, to, 1, u32::from(failed));
        }
        inner.count(failed, now, self.window());
        let (requests, failures) = inner.counts();
        let Some(settings) = &self.settings else { return };
        let many = requests >= settings.minimum_requests.max(1);
        let bad = f64::from(failures) > f64::from(requests) * settings.failure_ratio;
        if inner.opened.is_none() && failed && many && bad {
            inner.opened = Some(now);
            drop(inner);
            self.tell(BreakerState::Closed, BreakerState::Open, requests, failures);
        }
    }

    /// Says once that the state is another.
    fn tell(&self, from: BreakerState, to: BreakerState, requests: u32, failures: u32) {
        self.gauge.set(to.level());
        tracing::warn!(
            upstream = %self.upstream,
            from = from.word(),
            to = to.word(),
            requests,
            failures,
            "circuit breaker of an upstream changed"
        );
    }
}

impl Inner {
    fn count(&mut self, failed: bool, now: Instant, window: Duration) {
        self.forget(now, window);
        let fits = self.slices.back().is_some_and(|slice| now < slice.begun + window / SLICES);
        if !fits {
            self.slices.push_back(Slice { begun: now, requests: 0, failures: 0 });
        }
        if let Some(slice) = self.slices.back_mut() {
            slice.requests = slice.requests.saturating_add(1);
            slice.failures = slice.failures.saturating_add(u32::from(failed));
        }
    }

    fn forget(&mut self, now: Instant, window: Duration) {
        while self.slices.front().is_some_and(|slice| now.saturating_duration_since(slice.begun) >= window) {
            self.slices.pop_front();
        }
    }

    fn counts(&self) -> (u32, u32) {
        self.slices.iter().fold((0, 0), |(requests, failures), slice| {
            (slice.requests.saturating_add(requests), slice.failures.saturating_add(failures))
        })
    }
}

impl Permit {
    /// The upstream answered well, or said that it has no such thing.
    pub(super) fn succeeded(self) {
        self.settle(false);
    }

    /// The upstream failed.
    pub(super) fn failed(self) {
        self.settle(true);
    }

    fn settle(mut self, failed: bool) {
        self.is_settled = true;
        self.breaker.settle(failed, self.is_trial, Instant::now());
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_trial && !self.is_settled {
            self.breaker.inner.lock().is_trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(minimum: u32) -> Arc<Breaker> {
        let settings = BreakerSettings { minimum_requests: minimum, ..BreakerSettings::default() };
        Breaker::new(&"https://a.example".into(), Some(settings), Gauge::default())
    }

    fn state(breaker: &Breaker) -> BreakerState {
        breaker.seen(Instant::now()).state
    }

    fn ask(breaker: &Arc<Breaker>, failed: bool) {
        let permit = breaker.admit(Instant::now()).unwrap_or_else(|_| panic!("is open"));
        if failed { permit.failed() } else { permit.succeeded() }
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_half_opens_but_not_before_there_are_enough() {
        let few = breaker(10);
        (0..9).for_each(|_| ask(&few, true));
        assert_eq!(state(&few), BreakerState::Closed);
        ask(&few, true);
        assert_eq!(state(&few), BreakerState::Open);
        let half = breaker(4);
        for failed in [false, true, false, true, false, true] {
            ask(&half, failed);
        }
        assert_eq!(state(&half), BreakerState::Closed, "half is not more than half");
        ask(&half, true);
        assert_eq!(state(&half), BreakerState::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_older_than_the_window_is_forgotten() {
        let breaker = breaker(10);
        (0..9).for_each(|_| ask(&breaker, true));
        tokio::time::advance(Duration::from_secs(61)).await;
        (0..9).for_each(|_| ask(&breaker, true));
        assert_eq!(state(&breaker), BreakerState::Closed);
        assert_eq!(breaker.seen(Instant::now()).requests, 9);
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_tries_and_decides() {
        let breaker = breaker(1);
        ask(&breaker, true);
        assert!(breaker.admit(Instant::now()).is_err());
        tokio::time::advance(Duration::from_secs(30)).await;
        let trial = breaker.admit(Instant::now()).unwrap_or_else(|_| panic!("is open"));
        assert_eq!(state(&breaker), BreakerState::HalfOpen);
        assert!(breaker.admit(Instant::now()).is_err(), "one at a time");
        trial.failed();
        assert!(breaker.admit(Instant::now()).is_err());
        tokio::time::advance(Duration::from_secs(30)).await;
        drop(breaker.admit(Instant::now()));
        ask(&breaker, false);
        assert_eq!(state(&breaker), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn without_settings_it_never_opens() {
        let breaker = Breaker::new(&"direct".into(), None, Gauge::default());
        (0..100).for_each(|_| ask(&breaker, true));
        assert_eq!(state(&breaker), BreakerState::Closed);
        assert!(breaker.seen(Instant::now()).is_failing);
    }
}
