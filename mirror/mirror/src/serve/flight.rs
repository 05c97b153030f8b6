//! Single flight: however many ask for the same thing, upstreams are asked once.
//!
//! A flight is a task of its own, so that it goes on when whoever started it leaves; it ends by its deadline. Those who wait
//! see its [`Stage`]: documents when they are proved, a zip also while it still flows.

use std::sync::Arc;
use std::time::Duration;

use fairlead_http::BoxFuture;
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::entry::Entry;
use super::stream::Flow;
use crate::{Cause, Failure};

/// Most flights at a time. One more is refused, and may be asked for again in a moment.
const MAX_FLIGHTS: usize = 1024;
/// When a refused client may come again.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// What a flight brought.
#[derive(Clone)]
pub(super) enum Brought {
    /// A small answer.
    Small(Arc<Entry>),
    /// A zip that is proved and still being stored.
    Proved(Flow, fairlead_gomod::dirhash::H1),
}

/// How far a flight is.
#[derive(Clone)]
pub(super) enum Stage {
    /// No upstream has answered.
    Waiting,
    /// A zip flows; it is not proved.
    Flowing(Flow),
    /// The end, for those who wait.
    Landed(Result<Brought, Failure>),
}

/// What is asked for: the route's number and the key of the answer.
pub(super) type FlightKey = (u32, String);

/// All flights.
#[derive(Default)]
pub(super) struct Flights {
    live: Mutex<HashMap<FlightKey, watch::Receiver<Stage>>>,
    /// How many there are.
    count: watch::Sender<usize>,
}

/// The flight's side.
pub(super) struct Pilot {
    stage: watch::Sender<Stage>,
}

impl Pilot {
    /// Tells those who wait.
    pub(super) fn tell(&self, stage: Stage) {
        self.stage.send_if_modified(|known| {
            let is_open = !matches!(known, Stage::Landed(_));
            if is_open {
                *known = stage;
            }
            is_open
        });
    }
}

/// Takes the flight off the list, however it ends.
struct Lands {
    flights: Arc<Flights>,
    key: FlightKey,
}

impl Drop for Lands {
    fn drop(&mut self) {
        let mut live = self.flights.live.lock();
        live.remove(&self.key);
        self.flights.count.send_replace(live.len());
    }
}

impl Flights {
    /// The flight for `key`, begun by `begin` when there is none; true when it was there before.
    pub(super) fn join(
        self: &Arc<Self>,
        key: FlightKey,
        deadline: Instant,
        begin: impl FnOnce(Arc<Pilot>) -> BoxFuture<'static, Result<Brought, Failure>>,
    ) -> Result<(watch::Receiver<Stage>, bool), Failure> {
        let mut live = self.live.lock();
        if let Some(stage) = live.get(&key) {
            return Ok((stage.clone(), true));
        }
        if live.len() >= MAX_FLIGHTS {
            return Err(crowded());
        }
        let (sender, stage) = watch::channel(Stage::Waiting);
        live.insert(key.clone(), stage.clone());
        self.count.send_replace(live.len());
        drop(live);
        let lands = Lands { flights: Arc::clone(self), key };
        let pilot = Arc::new(Pilot { stage: sender });
        let work = begin(Arc::clone(&pilot));
        fairlead_rt::spawn("mirror flight", async move {
            let lands = lands;
            let brought = timeout_at(deadline, work).await.unwrap_or_else(|_| Err(late()));
            pilot.tell(Stage::Landed(brought));
            drop(lands);
        });
        Ok((stage, false))
    }

    /// Waits until there is none: all that was fetched is stored.
    pub(super) async fn none(&self) {
        // The sender is ours: it does not go away meanwhile.
        drop(self.count.subscribe().wait_for(|count| *count == 0).await);
    }
}

/// Waits until a flight has landed.
pub(super) async fn landed(stage: &mut watch::Receiver<Stage>) -> Result<Brought, Failure> {
    match stage.wait_for(|stage| matches!(stage, Stage::Landed(_))).await.map(|stage| stage.clone()) {
        Ok(Stage::Landed(brought)) => brought,
        Ok(_) | Err(_) => Err(lost()),
    }
}

/// Waits until there is something to give to a client.
pub(super) async fn flowing(stage: &mut watch::Receiver<Stage>) -> Result<Stage, Failure> {
    let there = stage.wait_for(|stage| !matches!(stage, Stage::Waiting)).await;
    there.map(|stage| stage.clone()).map_err(|_| lost())
}

fn crowded() -> Failure {
    let mut failure = Failure::new(Cause::Unavailable, "service unavailable: too much is being fetched");
    failure.status = http::StatusCode::SERVICE_UNAVAILABLE;
    failure.retry_after = Some(COME_AGAIN);
    failure
}

fn late() -> Failure {
    Failure::new(Cause::Timeout, "gateway timeout: the upstreams took too long")
}

fn lost() -> Failure {
    Failure::new(Cause::Unavailable, "bad gateway: the download was given up")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> FlightKey {
        (0, "a.example/x/@v/list".into())
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_survives_whoever_began_it_and_ends_by_its_deadline() {
        let flights = Arc::new(Flights::default());
        let fails = |cause| std::future::ready(Err(Failure::new(cause, "as told")));
        let slow = async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            fails(Cause::Gone).await
        };
        let (leader, joined) = flights.join(key(), soon(), |_| Box::pin(slow)).unwrap();
        assert!(!joined);
        drop(leader);
        let (mut second, joined) = flights.join(key(), soon(), |_| Box::pin(fails(Cause::Denied))).unwrap();
        assert!(joined);
        assert_eq!(landed(&mut second).await.err().unwrap().cause, Cause::Gone);
        tokio::task::yield_now().await;
        let (mut third, joined) = flights.join(key(), soon(), |_| Box::pin(std::future::pending())).unwrap();
        assert!(!joined, "the first has landed");
        assert_eq!(landed(&mut third).await.err().unwrap().cause, Cause::Timeout);
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_and_nothing_stays() {
        let flights = Arc::new(Flights::default());
        let (mut stage, _) =
            flights.join(key(), soon(), |_| Box::pin(async { panic!("on purpose") })).unwrap();
        assert_eq!(landed(&mut stage).await.err().unwrap().cause, Cause::Unavailable);
        assert!(flights.live.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_never_too_many() {
        let flights = Arc::new(Flights::default());
        let wait = || Box::pin(std::future::pending()) as BoxFuture<'static, Result<Brought, Failure>>;
        let all: Vec<_> = (0..MAX_FLIGHTS)
            .map(|at| flights.join((0, at.to_string()), soon(), |_| wait()).unwrap())
            .collect();
        let refused = flights.join((0, "more".into()), soon(), |_| wait()).err().unwrap();
        assert_eq!(refused.status, http::StatusCode::SERVICE_UNAVAILABLE);
        drop(all);
    }
}
