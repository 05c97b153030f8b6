//! Asking ahead: what a client will ask for next is fetched before it does.
//!
//! The go command reads the module graph one `.mod` after the other, with few requests at a time, and then downloads zips by
//! path. So a `.mod` that a client gets brings in the `.mod` and `.info` of all it requires, and of what those require; never
//! a zip. The first `.zip` says that the client has chosen its versions: then the zips of every module path whose `.mod` it
//! asked for are brought in, each at the highest version seen, which is the one minimal version selection chooses.
//!
//! An answer passes [`clients`] (is this new for this client?), then a bounded queue of notes that one task reads, then
//! [`queue`] with the files to fetch, which at most so many tasks work off. Everything goes through the route that the
//! client used, so that its rules and upstreams hold. A client never waits for the queue: it joins the flight that a fetch
//! has begun, or begins its own.

mod clients;
mod health;
mod queue;

use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use fairlead_gomod::modfile::ModFile;
use fairlead_gomod::path::{self, Module};
use fairlead_rt::Shutdown;
use fairlead_telemetry::{Counter, Metrics};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::metrics::PREFETCHED;
use crate::serve::{Mirror, Observer, Route};
use crate::{Settings, Wanted};
use clients::{ClientKey, Clients};
use health::Health;
use queue::{File, Kind, Note, NoteKind, Queue};

/// How long what a client asked for counts.
const WINDOW: Duration = Duration::from_secs(600);
/// Longest go.mod that is read for what it requires, in bytes. The largest in public use have some hundred KiB.
const MAX_GO_MOD: usize = 1 << 20;
/// A longer one is parsed off the worker's thread.
const LONG_GO_MOD: usize = 64 << 10;

/// The observer that asks ahead.
pub struct Prefetch {
    inner: Arc<Inner>,
}

struct Inner {
    mirror: Weak<Mirror>,
    is_enabled: bool,
    started: Instant,
    clients: Clients,
    queue: Queue,
    health: Health,
    counters: Counters,
    shutdown: Shutdown,
}

/// Series by kind and result.
struct Counters([[Counter; 3]; 3]);

#[derive(Clone, Copy)]
enum Outcome {
    Fetched,
    Failed,
    Dropped,
}

impl Prefetch {
    /// An observer for a mirror, which it does not keep alive. An offline mirror is never asked ahead.
    #[must_use]
    pub fn new(
        mirror: &Arc<Mirror>,
        settings: &Settings,
        metrics: &Metrics,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        let options = &settings.prefetch;
        let inner = Inner {
            mirror: Arc::downgrade(mirror),
            is_enabled: options.enabled && options.concurrency > 0 && !settings.offline,
            started: Instant::now(),
            clients: Clients::new(options.max_modules),
            queue: Queue::new(options.concurrency),
            health: Health::default(),
            counters: Counters::new(metrics),
            shutdown: shutdown.clone(),
        };
        Arc::new(Prefetch { inner: Arc::new(inner) })
    }

    /// Whether nothing waits and nothing is being fetched.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.inner.queue.is_idle()
    }
}

impl Observer for Prefetch {
    fn served(&self, route: &Arc<Route>, wanted: &Wanted, client: IpAddr, mod_bytes: Option<&Bytes>) {
        let inner = &self.inner;
        if !inner.is_enabled {
            return;
        }
        let key = ClientKey { ip: client, route: route.number };
        let kind = match (wanted, mod_bytes) {
            (Wanted::GoMod(module), Some(bytes)) if bytes.len() <= MAX_GO_MOD => {
                if !inner.clients.saw_mod(key, module, inner.now()) {
                    return;
                }
                NoteKind::Served(bytes.clone())
            }
            (Wanted::Zip(_), _) if inner.clients.wants_plan(key) => NoteKind::Plan,
            _ => return,
        };
        inner.note(Note { route: Arc::clone(route), client: key, kind });
    }
}

impl Inner {
    /// Seconds since this began.
    fn now(&self) -> u32 {
        u32::try_from(self.started.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    fn note(self: &Arc<Self>, note: Note) {
        let word = if matches!(note.kind, NoteKind::Plan) { Kind::Zip } else { Kind::Mod };
        if self.shutdown.is_draining() || self.health.is_paused(self.now()) {
            return self.counters.add(word, Outcome::Dropped, 1);
        }
        let Ok(runtime) = Handle::try_current() else { return };
        match self.queue.note(note) {
            queue::Noted::Dropped => self.counters.add(word, Outcome::Dropped, 1),
            queue::Noted::Queued => {}
            queue::Noted::NeedsReader => {
                let inner = Arc::clone(self);
                fairlead_rt::spawn_on(
                    &runtime,
                    "mirror prefetch reader",
                    async move { inner.read_notes().await },
                );
            }
        }
    }

    /// Works off the notes, one after the other, so that a plan comes after the go.mod files that it is made from.
    async fn read_notes(self: Arc<Self>) {
        let mut reading = queue::Reading::new(&self.queue);
        while let Some(note) = reading.next() {
            match note.kind {
                NoteKind::Served(bytes) => {
                    let required = required(bytes).await;
                    self.clients.raise(note.client, &required);
                    self.bring_mods(&note.route, note.client, required);
                }
                NoteKind::Plan => self.bring_zips(&note.route, note.client),
            }
            // A long queue must not keep requests of this thread waiting.
            tokio::task::yield_now().await;
        }
    }

    fn bring_mods(self: &Arc<Self>, route: &Arc<Route>, client: ClientKey, modules: Vec<Module>) {
        let now = self.now();
        let mut files = Vec::with_capacity(2 * modules.len());
        for module in modules {
            let wanted = Wanted::GoMod(module.clone());
            if !self.queue.begin(client.route, &wanted, now) {
                continue;
            }
            if !self.clients.charge(client, now) {
                self.counters.add(Kind::Mod, Outcome::Dropped, 1);
                continue;
            }
            files.push(File { route: Arc::clone(route), client, wanted });
            let info = Wanted::Info(module);
            if self.queue.begin(client.route, &info, now) {
                files.push(File { route: Arc::clone(route), client, wanted: info });
            }
        }
        self.fetch(files);
    }

    fn bring_zips(self: &Arc<Self>, route: &Arc<Route>, client: ClientKey) {
        let now = self.now();
        let plan = self.clients.plan(client, now);
        let wanted = plan.into_iter().flat_map(|module| [Wanted::Info(module.clone()), Wanted::Zip(module)]);
        let new = wanted.filter(|wanted| self.queue.begin(client.route, wanted, now));
        self.fetch(new.map(|wanted| File { route: Arc::clone(route), client, wanted }).collect());
    }

    fn fetch(self: &Arc<Self>, files: Vec<File>) {
        let (dropped, workers) = self.queue.push(files);
        for (kind, count) in dropped {
            self.counters.add(kind, Outcome::Dropped, count);
        }
        for worker in workers {
            let inner = Arc::clone(self);
            fairlead_rt::spawn("mirror prefetch", async move { inner.work(worker).await });
        }
    }

    async fn work(self: Arc<Self>, worker: queue::Worker) {
        let mut turn = queue::Turn::new(&self.queue, worker);
        while let Some(file) = turn.next() {
            let Some(mirror) = self.mirror.upgrade().filter(|_| !self.shutdown.is_draining()) else {
                return self.clear();
            };
            if !health::may_ask(&file.route, &file.wanted) {
                self.counters.add(Kind::of(&file.wanted), Outcome::Dropped, 1);
                continue;
            }
            tokio::select! {
                () = self.fetch_one(&mirror, file) => {}
                () = self.shutdown.draining() => return self.clear(),
            }
        }
    }

    async fn fetch_one(self: &Arc<Self>, mirror: &Mirror, file: File) {
        let kind = Kind::of(&file.wanted);
        match mirror.fetch_ahead(&file.route, &file.wanted).await {
            Ok(ahead) => {
                self.health.went_well();
                if ahead.was_fetched {
                    self.counters.add(kind, Outcome::Fetched, 1);
                }
                if let (Kind::Mod, Some(bytes)) =
                    (kind, ahead.bytes.filter(|bytes| bytes.len() <= MAX_GO_MOD))
                {
                    let required = required(bytes).await;
                    self.bring_mods(&file.route, file.client, required);
                }
            }
            Err(failure) => {
                self.counters.add(kind, Outcome::Failed, 1);
                tracing::debug!(wanted = %file.wanted, cause = failure.cause.word(), "failed to fetch ahead");
                if self.health.failed(failure.cause, self.now()) {
                    self.clear();
                }
            }
        }
    }

    /// Forgets what waits.
    fn clear(&self) {
        for (kind, count) in self.queue.clear() {
            self.counters.add(kind, Outcome::Dropped, count);
        }
    }
}

impl Counters {
    fn new(metrics: &Metrics) -> Self {
        let of = |kind, result| metrics.counter(&PREFETCHED, &[("kind", kind), ("result", result)]);
        Counters(
            ["mod", "info", "zip"]
                .map(|kind| ["fetched", "failed", "dropped"].map(|result| of(kind, result))),
        )
    }

    fn add(&self, kind: Kind, outcome: Outcome, count: u32) {
        self.0[kind as usize][outcome as usize].add(count);
    }
}

/// What a go.mod file requires, as far as it can be asked for. A file that cannot be read requires nothing.
async fn required(bytes: Bytes) -> Vec<Module> {
    if bytes.len() <= LONG_GO_MOD {
        return parse(&bytes);
    }
    tokio::task::spawn_blocking(move || parse(&bytes)).await.unwrap_or_default()
}

fn parse(bytes: &[u8]) -> Vec<Module> {
    let Ok(file) = ModFile::parse_lax(bytes) else { return Vec::new() };
    let modules = file.require.into_iter().map(|require| require.module);
    modules.filter(|module| path::check(&module.path, &module.version).is_ok()).collect()
}
