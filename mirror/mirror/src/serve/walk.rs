//! Walking an upstream list: who is asked next, who is asked beside, and which failure is told in the end.
//!
//! A leg whose breaker is open counts as unavailable without being asked. A proxy that takes long is hedged: the next
//! healthy proxy is asked beside it and the first good answer wins, but only where every separator between them is `|` (or
//! the route's policy says so). After a comma the order is a matter of trust, not of speed, and only an absence may pass it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::{Instant, sleep};

use super::breaker::Permit;
use super::upstream::{Upstream, UpstreamKind};
use crate::list::Then;
use crate::source::{Ask, Fetched, Validators};
use crate::{Cause, Failure, Wanted};

/// One upstream in a route's list, and when the next is asked.
#[derive(Clone)]
pub struct Leg {
    pub(super) upstream: Arc<Upstream>,
    pub(super) then: Then,
}

impl Leg {
    /// Whom it asks.
    #[must_use]
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }
}

/// How a walk asks.
#[derive(Clone)]
pub(super) struct Manner {
    /// Zero never hedges.
    pub(super) hedge_after: Duration,
    /// One leg's share of the time.
    pub(super) leg_limit: Duration,
    /// The end of all patience.
    pub(super) deadline: Instant,
    /// What is known already, and from whom: nobody else understands its validators.
    pub(super) known: Option<(Arc<str>, Validators)>,
}

/// A walk on its way. The caller takes an answer with [`next`](Self::next), judges it, and says so with
/// [`accept`](Self::accept) or [`refuse`](Self::refuse).
pub(super) struct Walk<'a> {
    legs: &'a [Leg],
    wanted: &'a Wanted,
    manner: Manner,
    at: usize,
    outcomes: Vec<Option<Cause>>,
    worst: Option<(Rank, Failure)>,
    /// The leg whose answer is being judged.
    judged: Option<(usize, Permit)>,
}

/// How much a failure tells, as the go command ranks them: what `direct` says before what a proxy says, an absence last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Absent,
    Proxy,
    Direct,
}

/// Nobody had it.
#[derive(Debug)]
pub(super) struct Exhausted {
    /// What the client is told.
    pub(super) failure: Failure,
    /// Every leg that was asked said that there is no such thing.
    pub(super) is_certain: bool,
    /// Some upstream failed, rather than refused.
    pub(super) is_trouble: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(legs: &'a [Leg], wanted: &'a Wanted, manner: Manner) -> Self {
        Walk { legs, wanted, manner, at: 0, outcomes: vec![None; legs.len()], worst: None, judged: None }
    }

    /// The next answer, with its upstream. `None` when the list's rules say that the search is over.
    pub(super) async fn next(&mut self) -> Option<(Arc<Upstream>, Fetched)> {
        while let Some(leg) = self.legs.get(self.at) {
            if let Some(cause) = self.outcomes[self.at] {
                self.at = if leg.then.goes_on(cause) { self.at + 1 } else { self.legs.len() };
                continue;
            }
            if Instant::now() >= self.manner.deadline {
                self.fail(
                    self.at,
                    Failure::new(Cause::Timeout, "gateway timeout: the upstreams took too long"),
                );
                break;
            }
            let Some(permit) = self.admitted(self.at) else { continue };
            if let Some((at, permit, fetched)) = self.ask(permit).await {
                self.judged = Some((at, permit));
                return Some((Arc::clone(&self.legs[at].upstream), fetched));
            }
        }
        None
    }

    /// The answer is good.
    pub(super) fn accept(&mut self) {
        if let Some((_, permit)) = self.judged.take() {
            permit.succeeded();
        }
    }

    /// The answer is of no use; the search goes on.
    pub(super) fn refuse(&mut self, failure: Failure) {
        if let Some((at, permit)) = self.judged.take() {
            settle(permit, failure.cause);
            self.legs[at].upstream.failed(failure.cause);
            self.fail(at, failure);
        }
    }

    /// What there is to say when nobody had it.
    pub(super) fn exhausted(self) -> Exhausted {
        let asked = || self.outcomes.iter().flatten();
        let is_certain = asked().all(|cause| cause.is_absence()) && asked().next().is_some();
        let is_trouble = asked().any(|cause| cause.is_failure_of_upstream());
        let failure = match self.worst {
            Some((_, failure)) => failure,
            None => Failure::new(Cause::NotFound, "not found: the upstream list is empty"),
        };
        Exhausted { failure, is_certain, is_trouble }
    }

    fn admitted(&mut self, at: usize) -> Option<Permit> {
        match self.legs[at].upstream.admit() {
            Ok(permit) => Some(permit),
            Err(failure) => {
                self.fail(at, failure);
                None
            }
        }
    }

    fn fail(&mut self, at: usize, failure: Failure) {
        let leg = &self.legs[at];
        let rank = match leg.upstream.kind() {
            UpstreamKind::Direct => Rank::Direct,
            _ if failure.cause.is_absence() => Rank::Absent,
            _ => Rank::Proxy,
        };
        self.outcomes[at] = Some(failure.cause);
        let goes_on = leg.then.goes_on(failure.cause);
        if goes_on && !failure.cause.is_absence() {
            let next = self.legs.get(at + 1).map_or("", |leg| leg.upstream.name());
            tracing::info!(from = %leg.upstream.name(), to = next, cause = failure.cause.word(), wanted = %self.wanted, "falling back to the next upstream");
        }
        let tells_more = self.worst.as_ref().is_none_or(|(known, _)| match (*known, rank) {
            (Rank::Absent, Rank::Absent) | (Rank::Proxy, Rank::Proxy) => true,
            (known, rank) => rank > known,
        });
        if tells_more {
            self.worst = Some((rank, failure));
        }
    }

    /// Asks the leg at hand, perhaps with another beside it. `None`: what failed is noted.
    async fn ask(&mut self, permit: Permit) -> Option<(usize, Permit, Fetched)> {
        let (at, legs, wanted) = (self.at, self.legs, self.wanted);
        let ask = self.question(at);
        let first = std::pin::pin!(legs[at].upstream.ask(wanted, &ask));
        if !self.may_hedge(at) {
            let fetched = first.await;
            return self.settled(at, permit, fetched);
        }
        let first = match select(first, std::pin::pin!(sleep(self.manner.hedge_after))).await {
            Either::Left((fetched, _)) => return self.settled(at, permit, fetched),
            Either::Right(((), first)) => first,
        };
        let Some((beside, other_permit)) = self.beside(at) else {
            let fetched = first.await;
            return self.settled(at, permit, fetched);
        };
        tracing::info!(slow = %legs[at].upstream.name(), beside = %legs[beside].upstream.name(), wanted = %wanted, "asking the next upstream beside a slow one");
        let other_ask = self.question(beside);
        let second = std::pin::pin!(legs[beside].upstream.ask(wanted, &other_ask));
        match select(first, second).await {
            Either::Left((Err(failure), second)) => {
                self.settled(at, permit, Err(failure));
                let fetched = second.await;
                self.settled(beside, other_permit, fetched)
            }
            Either::Left((fetched, _)) => self.settled(at, permit, fetched),
            Either::Right((Err(failure), first)) => {
                self.settled(beside, other_permit, Err(failure));
                let fetched = first.await;
                self.settled(at, permit, fetched)
            }
            Either::Right((fetched, _)) => self.settled(beside, other_permit, fetched),
        }
    }

    /// Notes a failure; an answer is left to be judged.
    fn settled(
        &mut self,
        at: usize,
        permit: Permit,
        fetched: Result<Fetched, Failure>,
    ) -> Option<(usize, Permit, Fetched)> {
        match fetched {
            Ok(fetched) => Some((at, permit, fetched)),
            Err(failure) => {
                settle(permit, failure.cause);
                self.fail(at, failure);
                None
            }
        }
    }

    fn question(&self, at: usize) -> Ask {
        let name = self.legs[at].upstream.name();
        let known =
            self.manner.known.as_ref().filter(|(from, _)| from == name).map(|(_, known)| known.clone());
        let limit = match self.legs[at].upstream.kind() {
            UpstreamKind::Direct | UpstreamKind::Off => self.manner.deadline,
            UpstreamKind::Proxy => self.manner.deadline.min(Instant::now() + self.manner.leg_limit),
        };
        Ask { known, deadline: Some(limit) }
    }

    fn may_hedge(&self, at: usize) -> bool {
        let leg = &self.legs[at];
        !self.manner.hedge_after.is_zero()
            && leg.upstream.kind() == UpstreamKind::Proxy
            && leg.then == Then::Always
    }

    /// The next proxy that may be asked beside the one at `at`.
    fn beside(&self, at: usize) -> Option<(usize, Permit)> {
        for (next, leg) in self.legs.iter().enumerate().skip(at + 1) {
            let fits = leg.upstream.kind() == UpstreamKind::Proxy && self.outcomes[next].is_none();
            if fits && let Ok(permit) = leg.upstream.admit() {
                return Some((next, permit));
            }
            if leg.then != Then::Always {
                break;
            }
        }
        None
    }
}

fn settle(permit: Permit, cause: Cause) {
    if cause.is_failure_of_upstream() { permit.failed() } else { permit.succeeded() }
}
