//! A circuit breaker: stops asking what mostly fails, and asks again, one request at a time, after a pause.
//!
//! A caller asks [`Breaker::try_pass`] and tells the [`Permit`] how it went. Results count in a sliding window of buckets. The
//! clock comes in from outside. What changes the state says so once, as an [`Edge`], to the caller that changed it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Buckets in a window: the window slides in steps of a twelfth.
const BUCKETS: usize = 12;

/// When to open and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerOptions {
    /// Opens when more than this share of the results in the window are failures, 0 to 1.
    pub ratio: f64,
    /// How far back results count. It slides in steps of a twelfth, so that the oldest twelfth may count in part.
    pub window: Duration,
    /// Stays closed with fewer results than this in the window.
    pub minimum: u32,
    /// How long nothing passes once it is open.
    pub open_for: Duration,
}

impl Default for BreakerOptions {
    /// More than half of at least ten results within a minute; open for half a minute.
    fn default() -> Self {
        BreakerOptions {
            ratio: 0.5,
            window: Duration::from_secs(60),
            minimum: 10,
            open_for: Duration::from_secs(30),
        }
    }
}

/// What passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything.
    Closed,
    /// Nothing.
    Open {
        /// When it opened.
        since: Instant,
        /// When the first probe may pass.
        until: Instant,
    },
    /// One probe at a time.
    HalfOpen,
}

/// Results in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All results that count.
    pub total: u32,
    /// Those that are failures.
    pub failures: u32,
}

/// A change of state, reported once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Nothing passes from now on. The counts that were too many; one failure for a probe that failed.
    Opened(Counts),
    /// The pause is over and the first probe passes.
    HalfOpened,
    /// A probe came through; everything passes, and counting starts anew.
    Closed,
}

/// A circuit breaker. Cheap to clone; clones are the same breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: BreakerOptions,
    inner: Mutex<Inner>,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(options: BreakerOptions) -> Self {
        let inner = Mutex::new(Inner { phase: Phase::Closed, era: 0, window: Window::new(options.window) });
        Breaker { shared: Arc::new(Shared { options, inner }) }
    }

    /// Leave to ask once; `None` while it is open or a probe is under way. Look at [`Permit::edge`].
    #[must_use]
    pub fn try_pass(&self, now: Instant) -> Option<Permit> {
        let mut inner = self.shared.inner.lock();
        let edge = match inner.phase {
            Phase::Closed => None,
            Phase::HalfOpen { probing: true } => return None,
            Phase::HalfOpen { probing: false } => None,
            Phase::Open { until, .. } if now < until => return None,
            Phase::Open { .. } => {
                inner.era += 1;
                Some(Edge::HalfOpened)
            }
        };
        if inner.phase != Phase::Closed {
            inner.phase = Phase::HalfOpen { probing: true };
        }
        Some(Permit { shared: Arc::clone(&self.shared), era: inner.era, edge, told: false })
    }

    /// What passes at `now`.
    #[must_use]
    pub fn state(&self, now: Instant) -> State {
        match self.shared.inner.lock().phase {
            Phase::Closed => State::Closed,
            Phase::Open { since, until } if now < until => State::Open { since, until },
            Phase::Open { .. } | Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// Results in the window that ends at `now`. Nothing counts unless it is closed.
    #[must_use]
    pub fn counts(&self, now: Instant) -> Counts {
        self.shared.inner.lock().window.counts(now)
    }
}

/// Leave to ask once. Dropped without a word it counts as ignored.
#[derive(Debug)]
#[must_use = "tell it how the request went"]
pub struct Permit {
    shared: Arc<Shared>,
    /// The state it was given in: what comes late does not count in another.
    era: u64,
    edge: Option<Edge>,
    told: bool,
}

impl Permit {
    /// The change of state that came with this permit: [`Edge::HalfOpened`] for the first probe after a pause.
    #[must_use]
    pub fn edge(&self) -> Option<Edge> {
        self.edge
    }

    /// The request went well.
    pub fn success(self, now: Instant) -> Option<Edge> {
        self.tell(Outcome::Success, now)
    }

    /// The request failed.
    pub fn failure(self, now: Instant) -> Option<Edge> {
        self.tell(Outcome::Failure, now)
    }

    /// The request says nothing about the other side, as when the client went away. A probe may be sent again.
    pub fn ignore(self) {}

    fn tell(mut self, outcome: Outcome, now: Instant) -> Option<Edge> {
        self.told = true;
        let mut inner = self.shared.inner.lock();
        if inner.era != self.era {
            return None;
        }
        inner.learn(outcome, now, &self.shared.options)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.told {
            return;
        }
        let mut inner = self.shared.inner.lock();
        if inner.era == self.era
            && let Phase::HalfOpen { probing } = &mut inner.phase
        {
            *probing = false;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Success,
    Failure,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { since: Instant, until: Instant },
    HalfOpen { probing: bool },
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// Goes up with each change of phase.
    era: u64,
    window: Window,
}

impl Inner {
    fn learn(&mut self, outcome: Outcome, now: Instant, options: &BreakerOptions) -> Option<Edge> {
        match (self.phase, outcome) {
            (Phase::Closed, _) => {
                let counts = self.window.add(outcome, now);
                let too_many = f64::from(counts.failures) > options.ratio * f64::from(counts.total);
                (counts.total >= options.minimum && too_many).then(|| self.open(counts, now, options))
            }
            (Phase::HalfOpen { .. }, Outcome::Failure) => {
                Some(self.open(Counts { total: 1, failures: 1 }, now, options))
            }
            (Phase::HalfOpen { .. }, Outcome::Success) => {
                self.enter(Phase::Closed);
                Some(Edge::Closed)
            }
            // No permit is given in this phase.
            (Phase::Open { .. }, _) => None,
        }
    }

    fn open(&mut self, counts: Counts, now: Instant, options: &BreakerOptions) -> Edge {
        // A pause beyond the end of time is as good as a year.
        let until = now.checked_add(options.open_for).unwrap_or(now + Duration::from_secs(365 * 86_400));
        self.enter(Phase::Open { since: now, until });
        Edge::Opened(counts)
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.era += 1;
        self.window.clear();
    }
}

/// Results of late, in a ring of buckets that are each as wide as a step.
#[derive(Debug)]
struct Window {
    step: Duration,
    /// The start of step nought: the first time that was seen.
    start: Option<Instant>,
    /// The step that is counted into now; its bucket is this modulo [`BUCKETS`].
    current: u64,
    buckets: [Counts; BUCKETS],
}

impl Window {
    fn new(window: Duration) -> Self {
        let step = (window / BUCKETS as u32).max(Duration::from_nanos(1));
        Window { step, start: None, current: 0, buckets: [Counts::default(); BUCKETS] }
    }

    fn add(&mut self, outcome: Outcome, now: Instant) -> Counts {
        self.slide(now);
        let bucket = &mut self.buckets[(self.current % BUCKETS as u64) as usize];
        bucket.total = bucket.total.saturating_add(1);
        bucket.failures = bucket.failures.saturating_add(u32::from(outcome == Outcome::Failure));
        self.sum()
    }

    fn counts(&mut self, now: Instant) -> Counts {
        self.slide(now);
        self.sum()
    }

    fn clear(&mut self) {
        self.buckets = [Counts::default(); BUCKETS];
    }

    fn sum(&self) -> Counts {
        self.buckets.iter().fold(Counts::default(), |sum, bucket| Counts {
            total: sum.total.saturating_add(bucket.total),
            failures: sum.failures.saturating_add(bucket.failures),
        })
    }

    /// Empties the buckets whose time is over. Time never goes back: what comes late counts as now.
    fn slide(&mut self, now: Instant) {
        let start = *self.start.get_or_insert(now);
        let elapsed = now.saturating_duration_since(start).as_nanos() / self.step.as_nanos();
        let step = u64::try_from(elapsed).unwrap_or(u64::MAX);
        if step <= self.current {
            return;
        }
        for passed in 1..=(step - self.current).min(BUCKETS as u64) {
            self.buckets[((self.current + passed) % BUCKETS as u64) as usize] = Counts::default();
        }
        self.current = step;
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
