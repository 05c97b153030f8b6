//! One piece of work for all who want it at the same time, and several pieces side by side.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::{BoxFuture, lock};

/// Work under way, by key. Only as many keys as there are callers are ever held.
pub(super) struct Flights<K: Hash + Eq, T> {
    flights: Mutex<HashMap<K, Arc<Flight<T>>>>,
}

impl<K: Hash + Eq, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self { flights: Mutex::new(HashMap::new()) }
    }
}

impl<K: Hash + Eq + Clone, T: Clone> Flights<K, T> {
    /// The result of `work`, or of the work that somebody else has under way for the same key.
    ///
    /// Should the one who does the work be dropped, one of those who wait does his own.
    pub(super) async fn run(&self, key: K, work: impl Future<Output = T>) -> T {
        loop {
            let (flight, is_first) = self.join(&key);
            if is_first {
                let lead = Lead { flights: self, key, flight };
                let result = work.await;
                lock(&lead.flight.state).end = Some(End::Landed(result.clone()));
                return result;
            }
            if let End::Landed(result) = (Wait { flight, place: None }).await {
                return result;
            }
        }
    }

    fn join(&self, key: &K) -> (Arc<Flight<T>>, bool) {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(key) {
            return (Arc::clone(flight), false);
        }
        let flight = Arc::new(Flight { state: Mutex::new(State { end: None, waiting: Vec::new() }) });
        flights.insert(key.clone(), Arc::clone(&flight));
        (flight, true)
    }
}

struct Flight<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    end: Option<End<T>>,
    waiting: Vec<Option<Waker>>,
}

#[derive(Clone)]
enum End<T> {
    Landed(T),
    Abandoned,
}

/// Ends the flight however its leader ends.
struct Lead<'a, K: Hash + Eq, T> {
    flights: &'a Flights<K, T>,
    key: K,
    flight: Arc<Flight<T>>,
}

impl<K: Hash + Eq, T> Drop for Lead<'_, K, T> {
    fn drop(&mut self) {
        lock(&self.flights.flights).remove(&self.key);
        let waiting = {
            let mut state = lock(&self.flight.state);
            state.end.get_or_insert(End::Abandoned);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

/// Waits for a flight that somebody else leads.
struct Wait<T> {
    flight: Arc<Flight<T>>,
    place: Option<usize>,
}

impl<T: Clone> Future for Wait<T> {
    type Output = End<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<End<T>> {
        let flight = Arc::clone(&self.flight);
        let mut state = lock(&flight.state);
        if let Some(end) = &state.end {
            return Poll::Ready(end.clone());
        }
        let place = *self.place.get_or_insert_with(|| {
            state.waiting.push(None);
            state.waiting.len() - 1
        });
        state.waiting[place] = Some(context.waker().clone());
        Poll::Pending
    }
}

/// The results of all `futures`, which run side by side, in their order.
pub(super) fn join_all<T>(futures: Vec<BoxFuture<'_, T>>) -> impl Future<Output = Vec<T>> {
    let mut slots: Vec<_> = futures.into_iter().map(Slot::Running).collect();
    std::future::poll_fn(move |context| {
        let mut is_pending = false;
        for slot in &mut slots {
            if let Slot::Running(future) = slot {
                match future.as_mut().poll(context) {
                    Poll::Ready(result) => *slot = Slot::Done(result),
                    Poll::Pending => is_pending = true,
                }
            }
        }
        if is_pending {
            return Poll::Pending;
        }
        let done = |slot| if let Slot::Done(result) = slot { Some(result) } else { None };
        Poll::Ready(std::mem::take(&mut slots).into_iter().filter_map(done).collect())
    })
}

enum Slot<'a, T> {
    Running(BoxFuture<'a, T>),
    Done(T),
}
