//! One server, and the registry that keeps its state over reloads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use hashbrown::HashMap;
use parking_lot::Mutex;

use fairlead_http::client::Target;

/// Whether a server is well, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Requests may go there.
    pub up: bool,
    /// When `up` last changed; the start for a server that never changed.
    pub since: Instant,
    /// Why it is down, or what the last probe saw.
    pub reason: Option<Box<str>>,
}

/// A server of a service. Starts up; only a probe takes it down.
#[derive(Debug)]
pub struct Endpoint {
    target: Arc<Target>,
    up: AtomicBool,
    health: Mutex<Health>,
}

impl Endpoint {
    /// A server that is up.
    #[must_use]
    pub fn new(target: Arc<Target>) -> Self {
        Endpoint {
            target,
            up: AtomicBool::new(true),
            health: Mutex::new(Health { up: true, since: Instant::now(), reason: None }),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Whether requests may go there.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Health with its reason.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.lock().clone()
    }

    /// Records what a probe saw; true when `up` changed.
    pub fn set_health(&self, up: bool, reason: Option<Box<str>>) -> bool {
        let mut health = self.health.lock();
        health.reason = reason;
        if health.up == up {
            return false;
        }
        health.up = up;
        health.since = Instant::now();
        self.up.store(up, Ordering::Relaxed);
        true
    }
}

/// Endpoints by identity. It holds them weakly: what no snapshot uses is forgotten.
#[derive(Debug, Default)]
pub struct Endpoints {
    known: Mutex<HashMap<Identity, Weak<Endpoint>>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Identity {
    service: Box<str>,
    url: Arc<str>,
    options: u64,
}

impl Endpoints {
    /// The endpoint of `service` at `target` under options that hash to `options`; the flag says whether it is new.
    pub fn obtain(&self, service: &str, target: &Arc<Target>, options: u64) -> (Arc<Endpoint>, bool) {
        let mut known = self.known.lock();
        let identity = Identity { service: service.into(), url: Arc::clone(&target.url), options };
        if let Some(endpoint) = known.get(&identity).and_then(Weak::upgrade) {
            return (endpoint, false);
        }
        let endpoint = Arc::new(Endpoint::new(Arc::clone(target)));
        known.insert(identity, Arc::downgrade(&endpoint));
        (endpoint, true)
    }

    /// Forgets endpoints that nobody holds.
    pub fn sweep(&self) {
        self.known.lock().retain(|_, endpoint| endpoint.strong_count() > 0);
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.lock().len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Arc<Target> {
        Arc::new(Target::parse(url).unwrap())
    }

    #[test]
    fn state_is_found_again_under_the_same_identity() {
        let known = Endpoints::default();
        let (first, new) = known.obtain("a@file", &target("http://127.0.0.1:1"), 7);
        assert!(new);
        assert!(first.set_health(false, Some("refused".into())));
        let (again, new) = known.obtain("a@file", &target("http://127.0.0.1:1"), 7);
        assert!(!new && !again.is_up());
        let (other_options, new) = known.obtain("a@file", &target("http://127.0.0.1:1"), 8);
        assert!(new && other_options.is_up());
    }

    #[test]
    fn what_nobody_holds_is_forgotten() {
        let known = Endpoints::default();
        drop(known.obtain("a@file", &target("http://127.0.0.1:1"), 0));
        known.sweep();
        assert!(known.is_empty());
    }
}
