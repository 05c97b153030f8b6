//! One worker's connections to backends.
//!
//! Every worker thread has a [`Pool`] of [`Host`]s, one for each transport and backend address. Nothing is shared between
//! workers; locks are there because handlers must be `Send`, and are never contended or held across an await.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::runtime::{Handle, Id};
use tokio::time::Instant;

use super::http1::Counted;
use super::http2::Http2;
use super::stats::Gauge;
use super::{Target, Transport};

/// Idle connections of one worker, all backends together.
const MAX_IDLE: usize = 8192;
/// How often expired connections, and those beyond a host's share, are looked for.
const SWEEP: Duration = Duration::from_secs(1);

thread_local! {
    static POOL: RefCell<Option<Arc<Pool>>> = const { RefCell::new(None) };
}

type Key = (u64, Arc<str>);

/// The connections of one worker.
pub(super) struct Pool {
    /// Connections live and die with the runtime that drives them.
    runtime: Id,
    hosts: Mutex<HashMap<Key, Arc<Host>, foldhash::fast::RandomState>>,
    idle: Arc<AtomicUsize>,
    sweeping: AtomicBool,
}

/// The connections of one worker to one backend address.
pub(super) struct Host {
    pub(super) transport: Arc<Transport>,
    pub(super) target: Arc<Target>,
    /// Idle connections of the whole pool.
    all_idle: Arc<AtomicUsize>,
    /// Youngest last.
    idle: Mutex<VecDeque<(Instant, Counted)>>,
    pub(super) http2: Mutex<Http2>,
    gauge: Arc<Gauge>,
}

/// Counts an open connection of a host for as long as it lives.
pub(super) struct Open(Arc<Gauge>);

impl Pool {
    /// The pool of this thread and runtime.
    pub(super) fn current() -> Arc<Pool> {
        let runtime = Handle::current().id();
        POOL.with_borrow_mut(|pool| match pool {
            Some(pool) if pool.runtime == runtime => Arc::clone(pool),
            _ => Arc::clone(pool.insert(Arc::new(Pool {
                runtime,
                hosts: Mutex::default(),
                idle: Arc::default(),
                sweeping: AtomicBool::new(false),
            }))),
        })
    }

    /// The connections to `target`.
    pub(super) fn host(self: &Arc<Self>, transport: &Arc<Transport>, target: &Arc<Target>) -> Arc<Host> {
        let key = (transport.id, Arc::clone(&target.origin));
        let host = Arc::clone(self.hosts.lock().entry(key).or_insert_with(|| {
            Arc::new(Host {
                transport: Arc::clone(transport),
                target: Arc::clone(target),
                all_idle: Arc::clone(&self.idle),
                idle: Mutex::default(),
                http2: Mutex::default(),
                gauge: Gauge::register(Arc::clone(&target.url)),
            })
        }));
        self.start_sweeping();
        host
    }

    fn start_sweeping(self: &Arc<Self>) {
        if !self.sweeping.swap(true, Ordering::Relaxed) {
            fairlead_rt::spawn("idle-sweep", sweep(Arc::downgrade(self)));
        }
    }

    /// Closes what has expired and forgets hosts without connections; whether any host is left.
    fn sweep(&self) -> bool {
        let mut hosts = self.hosts.lock();
        hosts.retain(|_, host| {
            host.expire();
            // Whoever uses or dials a connection holds its host.
            Arc::strong_count(host) > 1 || !host.idle.lock().is_empty() || !host.http2.lock().is_empty()
        });
        if hosts.is_empty() {
            *hosts = HashMap::default();
            self.sweeping.store(false, Ordering::Relaxed);
            return false;
        }
        true
    }
}

async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        if !pool.sweep() {
            return;
        }
    }
}

impl Host {
    /// The youngest idle HTTP/1.1 connection that still lives.
    pub(super) fn take_idle(&self) -> Option<Counted> {
        loop {
            let (since, mut connection) = self.idle.lock().pop_back()?;
            self.count_idle(-1);
            // The others are older still; the sweep closes them.
            if self.is_expired(since.elapsed()) {
                return None;
            }
            if !connection.is_stale() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for later requests. What the host has beyond its share goes with the next sweep, unless it is used
    /// again by then: under load the answers of many requests come together, and their connections are idle for
    /// microseconds only.
    pub(super) fn keep_idle(&self, connection: Counted) {
        if self.transport.idle_share == 0 || self.all_idle.load(Ordering::Relaxed) >= MAX_IDLE {
            return;
        }
        self.idle.lock().push_back((Instant::now(), connection));
        self.count_idle(1);
    }

    /// A new connection is open until the value is dropped.
    pub(super) fn open(&self) -> Open {
        self.gauge.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.gauge))
    }

    fn is_expired(&self, idle: Duration) -> bool {
        let limit = self.transport.options.idle_conn_timeout;
        !limit.is_zero() && idle >= limit
    }

    fn expire(&self) {
        let mut idle = self.idle.lock();
        let before = idle.len();
        let share = self.transport.idle_share;
        while idle.front().is_some_and(|(since, _)| {
            let rested = since.elapsed();
            self.is_expired(rested) || (idle.len() > share && rested >= SWEEP)
        }) {
            idle.pop_front();
        }
        idle.retain_mut(|(_, connection)| !connection.is_stale());
        let gone = before - idle.len();
        idle.shrink_to_fit();
        drop(idle);
        self.count_idle(-isize::try_from(gone).unwrap_or(0));
        self.http2.lock().expire(|rested| self.is_expired(rested));
    }

    fn count_idle(&self, change: isize) {
        self.gauge.idle.fetch_add(change.cast_unsigned(), Ordering::Relaxed);
        self.all_idle.fetch_add(change.cast_unsigned(), Ordering::Relaxed);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let left = self.idle.get_mut().len();
        self.count_idle(-isize::try_from(left).unwrap_or(0));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
