//! What the mirror counts for its clients, resolved once.

use fairlead_telemetry::{Counter, Metrics};

use super::obtain::How;
use crate::metrics::{REQUESTS, SERVED_BYTES};
use crate::{Failure, Wanted};

const KINDS: [&str; 8] = ["list", "latest", "query", "info", "mod", "zip", "sumdb", "other"];
const RESULTS: [&str; 7] = ["hit", "miss", "stale", "joined", "absent", "denied", "failed"];

/// Series by kind and result.
pub(super) struct Counters {
    requests: [[Counter; RESULTS.len()]; KINDS.len()],
    pub(super) served_bytes: Counter,
}

impl Counters {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let of = |kind, result| metrics.counter(&REQUESTS, &[("kind", kind), ("result", result)]);
        Counters {
            requests: KINDS.map(|kind| RESULTS.map(|result| of(kind, result))),
            served_bytes: metrics.counter(&SERVED_BYTES, &[]),
        }
    }

    pub(super) fn given(&self, wanted: &Wanted, how: How) {
        let result = match how {
            How::Hit => 0,
            How::Miss => 1,
            How::Stale => 2,
            How::Joined => 3,
        };
        self.requests[kind(Some(wanted))][result].increment();
    }

    /// `wanted` is `None` where a path asks for nothing that there is.
    pub(super) fn failed(&self, wanted: Option<&Wanted>, failure: &Failure) {
        let result = match failure.cause {
            cause if cause.is_absence() => 4,
            crate::Cause::Denied => 5,
            _ => 6,
        };
        self.requests[kind(wanted)][result].increment();
    }
}

fn kind(wanted: Option<&Wanted>) -> usize {
    let word = wanted.map_or("other", Wanted::word);
    KINDS.iter().position(|kind| *kind == word).unwrap_or(KINDS.len() - 1)
}
