//! Looks modules up in a checksum database that nobody needs to trust.
//!
//! A lookup answer is a record and a signed tree head. The [`Client`] checks the signature, checks that the head belongs
//! to the one history it has seen so far (either head must be a prefix of the other), and proves with tiles that the record
//! is in that history. Only then do the lines of `go.sum` come out. What proved true is saved in [`Memory`]; what did
//! not is never saved. The newest head is remembered too, by compare-and-swap, so that a server cannot show one
//! history today and another tomorrow, nor one to this process and another to its neighbour.
//!
//! All I/O goes through [`Remote`] and [`Memory`]; the futures need no particular runtime.

mod error;
mod flight;
mod head;
mod pass;
mod recent;
mod shape;
mod tiles;

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fairlead_gomod::path::{escape_path, escape_version};

pub use error::{Fork, MemoryError, RemoteError, SumError};
pub use shape::has_shape;

use self::flight::Flights;
use self::head::Heads;
use self::recent::Recent;
use self::tiles::{TileKey, TileRead};
use crate::note::VerifierKey;
use crate::tile::{MAX_HEIGHT, Tile};
use crate::tlog::{Record, Tree, record_hash, stored_hash_index};

/// A boxed future, so that the traits can be used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The tile height every known database serves.
pub const TILE_HEIGHT: u8 = 8;

/// How many looked-up records a client keeps in the process.
const RECORDS: usize = 4096;

/// How many tiles a client keeps in the process: 4 MiB at the usual height.
const TILES: usize = 512;

/// Where the database is served.
pub trait Remote: Send + Sync {
    /// What the server has at `path`: `/latest`, `/lookup/…` or `/tile/…`, to be put behind the database's own address.
    ///
    /// Only status 200 is an answer. The implementation bounds time and size; one megabyte is enough for any answer
    /// at the usual tile height.
    fn read<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<u8>, RemoteError>>;
}

/// What is remembered of one database across restarts.
pub trait Memory: Send + Sync {
    /// The newest signed tree head, if there is one. Unlike the rest of the memory it must not get lost.
    fn latest(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>, MemoryError>>;

    /// Puts `new` in the place of `old` in one step, or returns `false` if something other than `old` was there.
    fn swap_latest<'a>(
        &'a self,
        old: Option<&'a [u8]>,
        new: &'a [u8],
    ) -> BoxFuture<'a, Result<bool, MemoryError>>;

    /// What was saved at `path` (`/lookup/…` or `/tile/…`), if it is still there.
    fn cached<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Option<Vec<u8>>>;

    /// Saves `bytes`, which were checked, at `path`, in the place of what is there. May fail silently.
    fn save<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, ()>;
}

/// A client of one checksum database. All methods may run at the same time.
pub struct Client {
    key: VerifierKey,
    remote: Arc<dyn Remote>,
    memory: Arc<dyn Memory>,
    height: u8,
    heads: Mutex<Heads>,
    records: Mutex<Recent<String, Arc<[String]>>>,
    tiles: Mutex<Recent<Tile, Arc<[u8]>>>,
    lookups: Flights<String, Result<Arc<[String]>, SumError>>,
    tile_reads: Flights<TileKey, Result<TileRead, SumError>>,
}

impl Client {
    /// A client of the database that signs with `key` and serves tiles of `height` (see [`TILE_HEIGHT`]).
    ///
    /// A height outside 1 to 30 is taken as the nearest one inside.
    pub fn new(key: VerifierKey, remote: Arc<dyn Remote>, memory: Arc<dyn Memory>, height: u8) -> Self {
        Self {
            key,
            remote,
            memory,
            height: height.clamp(1, MAX_HEIGHT),
            heads: Mutex::default(),
            records: Mutex::new(Recent::new(RECORDS)),
            tiles: Mutex::new(Recent::new(TILES)),
            lookups: Flights::default(),
            tile_reads: Flights::default(),
        }
    }

    /// The key that this client's database signs with.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The lines of `go.sum` for a module version, proved to be in the log: that of the zip and that of its `go.mod`.
    ///
    /// `path` and `version` are as `go.mod` has them, not escaped. Lookups of the same version at the same time
    /// become one, and share its result.
    pub async fn lookup(&self, path: &str, version: &str) -> Result<Vec<String>, SumError> {
        let remote_path = lookup_path(path, version)?;
        if let Some(lines) = lock(&self.records).get(&remote_path) {
            return Ok(lines.to_vec());
        }
        let work = self.lookup_afresh(path, version, &remote_path);
        let lines = self.lookups.run(remote_path.clone(), Box::pin(work)).await?;
        lock(&self.records).insert(remote_path, Arc::clone(&lines));
        Ok(lines.to_vec())
    }

    /// Checks a lookup answer that somebody served, and returns its lines as [`lookup`](Self::lookup) does.
    pub async fn check_lookup(
        &self,
        path: &str,
        version: &str,
        answer: &[u8],
    ) -> Result<Vec<String>, SumError> {
        let (record, note) = Record::parse(answer)?;
        self.merge_head(note).await?;
        self.check_record(&record).await?;
        let lines = go_sum_lines(&record, path, version);
        if lines.is_empty() {
            let message =
                format!("record {} is in the log, but says nothing about {path}@{version}", record.id);
            return Err(SumError::Inclusion(message));
        }
        Ok(lines)
    }

    /// Folds a signed tree head that somebody served into the memory, and returns it.
    ///
    /// An older head of the same history is fine and changes nothing; one of another history is a [`Fork`].
    pub async fn check_tree(&self, note: &[u8]) -> Result<Tree, SumError> {
        self.merge_head(note).await
    }

    /// Asks the server for its newest tree head, and folds it into the memory.
    pub async fn refresh(&self) -> Result<Tree, SumError> {
        let note = self.remote.read("/latest").await?;
        self.merge_head(&note).await
    }

    /// The newest signed tree head known, without asking the server: the tree, and the note that says so.
    pub async fn latest(&self) -> Result<Option<(Tree, Vec<u8>)>, SumError> {
        self.load_head().await?;
        let head = lock(&self.heads).newest.clone();
        Ok((!head.note.is_empty()).then(|| (head.tree, head.note.to_vec())))
    }

    async fn lookup_afresh(
        &self,
        path: &str,
        version: &str,
        remote_path: &str,
    ) -> Result<Arc<[String]>, SumError> {
        if let Some(saved) = self.memory.cached(remote_path).await {
            match self.check_lookup(path, version, &saved).await {
                // What was saved had been checked, so it was damaged since: ask again.
                Err(SumError::Malformed(_) | SumError::BadSignature(_) | SumError::Inclusion(_)) => {}
                result => return result.map(Arc::from),
            }
        }
        let answer = self.remote.read(remote_path).await?;
        let lines = self.check_lookup(path, version, &answer).await?;
        self.memory.save(remote_path, &answer).await;
        Ok(lines.into())
    }

    /// Proves that `record` is in the newest tree.
    async fn check_record(&self, record: &Record) -> Result<(), SumError> {
        let tree = lock(&self.heads).newest.tree;
        if record.id >= tree.size {
            let message = format!("record {} cannot be in a tree of {} records", record.id, tree.size);
            return Err(SumError::Inclusion(message));
        }
        let read = self.read_hashes(tree, &[stored_hash_index(0, record.id)?]).await?;
        if read.hashes != [record_hash(record.text.as_bytes())] {
            return Err(SumError::Inclusion(format!("record {} is not what the log holds", record.id)));
        }
        self.keep(read.fresh).await;
        Ok(())
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("key", &self.key).field("height", &self.height).finish_non_exhaustive()
    }
}

/// The path of a lookup, without the address of the database: `/lookup/` and the escaped module and version.
///
/// The version may end in `/go.mod`, as it does in `go.sum`.
pub fn lookup_path(path: &str, version: &str) -> Result<String, SumError> {
    let name = |error: &dyn std::fmt::Display| SumError::BadName(error.to_string());
    let version = version.strip_suffix("/go.mod").unwrap_or(version);
    let path = escape_path(path).map_err(|error| name(&error))?;
    let version = escape_version(version).map_err(|error| name(&error))?;
    Ok(format!("/lookup/{path}@{version}"))
}

/// The record's lines about this module version: `path version h1:…` and `path version/go.mod h1:…`.
fn go_sum_lines(record: &Record, path: &str, version: &str) -> Vec<String> {
    let version = version.strip_suffix("/go.mod").unwrap_or(version);
    let is_wanted = |line: &&str| {
        let rest = line.strip_prefix(path).and_then(|rest| rest.strip_prefix(' '));
        let rest = rest.and_then(|rest| rest.strip_prefix(version));
        rest.is_some_and(|rest| rest.strip_prefix("/go.mod").unwrap_or(rest).starts_with(' '))
    };
    record.text.lines().filter(is_wanted).map(str::to_owned).collect()
}

/// What `mutex` guards; every critical section leaves it whole, even one that panics.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
