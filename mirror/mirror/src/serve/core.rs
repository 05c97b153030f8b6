//! What all requests share: cache, flights, proofs, and the limits of patience.

use std::sync::Arc;
use std::time::Duration;

use fairlead_rt::Shutdown;
use tokio::time::Instant;

use super::cache::Cache;
use super::entry::Entry;
use super::flight::Flights;
use super::route::Route;
use super::rules;
use super::walk::Manner;
use crate::proof::{Prover, Quarantine};
use crate::settings::TtlSettings;
use crate::{Cause, Failure, Wanted};

/// A proxy's share of the time for a document, retries included.
const DOCUMENT_LIMIT: Duration = Duration::from_secs(30);
/// A proxy's share of the time for a zip: 500 MiB at 1 MiB/s.
const ZIP_LIMIT: Duration = Duration::from_secs(600);
/// Legs at their limit that a flight has time for.
const SLOW_LEGS: u32 = 3;
/// What a flight has beyond its walk: to prove, to store, or to fall back on something old.
const REST: Duration = Duration::from_secs(60);
/// How long an answer past its time is given again before upstreams that failed are asked again.
pub(super) const STALE_PAUSE: Duration = Duration::from_secs(5);

/// The heart of a mirror.
pub(super) struct Core {
    pub(super) cache: Arc<Cache>,
    pub(super) flights: Arc<Flights>,
    pub(super) prover: Prover,
    pub(super) quarantine: Quarantine,
    pub(super) ttl: TtlSettings,
    pub(super) hedge_after: Duration,
    /// How long version control may take.
    pub(super) direct_timeout: Duration,
    pub(super) offline: bool,
    pub(super) shutdown: Shutdown,
}

impl Core {
    /// How upstreams are asked for something, and when its flight must have landed.
    pub(super) fn manner(&self, wanted: &Wanted) -> (Manner, Instant) {
        let leg_limit = if matches!(wanted, Wanted::Zip(_)) { ZIP_LIMIT } else { DOCUMENT_LIMIT };
        let deadline = Instant::now() + leg_limit * SLOW_LEGS + self.direct_timeout;
        (Manner { hedge_after: self.hedge_after, leg_limit, deadline, known: None }, deadline + REST)
    }

    /// How long an answer is good.
    pub(super) fn ttl(&self, wanted: &Wanted) -> Duration {
        match wanted {
            Wanted::List(_) => self.ttl.list.get(),
            Wanted::Latest(_) => self.ttl.latest.get(),
            _ => self.ttl.query.get(),
        }
    }

    /// Keeps an answer at hand, if the route may give it without another look.
    pub(super) fn keep(&self, route: &Route, entry: &Arc<Entry>) {
        if gate(route, entry).is_ok() {
            self.cache.memory.keep(route.number, entry);
        }
    }

    /// Believes an absence for a while.
    pub(super) fn keep_absence(&self, route: &Route, wanted: &Wanted, failure: &Failure) {
        let ttl = self.ttl.absent.get();
        if !ttl.is_zero() {
            let entry = Entry::absent(wanted.clone(), failure.clone(), ttl);
            self.cache.memory.keep(route.number, &Arc::new(entry));
        }
    }
}

/// Whether a version is old enough, by its `.info`. Other files of a version are given only after its `.info` passed.
pub(super) fn gate(route: &Route, entry: &Entry) -> Result<(), Failure> {
    let (Wanted::Info(module), Ok(bytes), false) = (&entry.wanted, &entry.body, route.minimum_age.is_zero())
    else {
        return Ok(());
    };
    let info = crate::proof::info(bytes)?;
    if rules::is_older_than(&info, route.minimum_age, std::time::SystemTime::now()) {
        return Ok(());
    }
    Err(rules::too_young(&module.path, &info, route.minimum_age))
}

/// Nothing may be asked, and there is nothing here. An absence, so that a client's list goes on.
pub(super) fn offline(wanted: &Wanted) -> Failure {
    Failure::new(
        Cause::NotFound,
        format!("not found: {wanted} is not in the cache, and this mirror is offline"),
    )
}
