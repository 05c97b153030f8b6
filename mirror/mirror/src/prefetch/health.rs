//! When asking ahead would only add to the trouble.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::serve::{Route, UpstreamKind};
use crate::{Cause, Wanted};

/// Failures one after the other after which nothing is asked ahead for a while.
const PILE: u32 = 16;
/// For how long, in seconds.
const PAUSE: u32 = 30;

/// How fetches went lately.
#[derive(Default)]
pub(super) struct Health {
    failures: AtomicU32,
    /// In seconds of the prefetch's clock.
    paused_until: AtomicU32,
}

impl Health {
    pub(super) fn is_paused(&self, now: u32) -> bool {
        now < self.paused_until.load(Ordering::Relaxed)
    }

    pub(super) fn went_well(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// True when there is to be a pause. Absences and refusals say nothing about upstreams.
    pub(super) fn failed(&self, cause: Cause, now: u32) -> bool {
        if !cause.is_failure_of_upstream() || self.failures.fetch_add(1, Ordering::Relaxed) + 1 < PILE {
            return false;
        }
        self.failures.store(0, Ordering::Relaxed);
        self.paused_until.store(now.saturating_add(PAUSE), Ordering::Relaxed);
        true
    }
}

/// Whether an upstream of the route is there to answer.
pub(super) fn may_ask(route: &Route, wanted: &Wanted) -> bool {
    let legs = route.legs(wanted.module_path().unwrap_or_default());
    legs.iter().any(|leg| {
        let upstream = leg.upstream();
        upstream.kind() != UpstreamKind::Off && upstream.state().breaker == "closed"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_make_a_pause_and_absences_do_not() {
        let health = Health::default();
        for _ in 0..2 * PILE {
            assert!(!health.failed(Cause::NotFound, 0));
        }
        for _ in 1..PILE {
            assert!(!health.failed(Cause::Timeout, 5));
        }
        health.went_well();
        for _ in 1..PILE {
            assert!(!health.failed(Cause::Timeout, 5));
        }
        assert!(!health.is_paused(5));
        assert!(health.failed(Cause::Unavailable, 5));
        assert!(health.is_paused(5 + PAUSE - 1) && !health.is_paused(5 + PAUSE));
    }
}
