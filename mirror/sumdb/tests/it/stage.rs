//! What the tests stand on: a log of some records, a server that may lie, a memory that may fail, and an executor.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use fairlead_sumdb::client::{BoxFuture, Client, Memory, MemoryError, Remote, RemoteError};
use fairlead_sumdb::log::{AnswerError, Log};
use fairlead_sumdb::note::{SignerKey, VerifierKey, sign};
use fairlead_sumdb::tlog::{Hash, Tree, record_hash, stored_hashes};

/// The tile height of most tests: low, so that few records already make a deep tree.
pub(crate) const HEIGHT: u8 = 2;

pub(crate) fn signer() -> SignerKey {
    SignerKey::generate("sums.example.com", [42; 32]).unwrap()
}

pub(crate) fn key() -> VerifierKey {
    signer().verifier().clone()
}

/// The `go.sum` lines of the made-up module `number`; another `flavour` has other hashes.
pub(crate) fn record(number: u64, flavour: &str) -> String {
    format!(
        "example.com/m{number} v1.{number}.0 h1:{flavour}zip=\nexample.com/m{number} v1.{number}.0/go.mod h1:{flavour}mod=\n"
    )
}

pub(crate) fn module(number: u64) -> (String, String) {
    (format!("example.com/m{number}"), format!("v1.{number}.0"))
}

/// A log of `size` records, of which those from `fork_at` on are of another flavour.
pub(crate) fn forked_log(size: u64, fork_at: u64) -> Log {
    let mut log = Log::new(signer());
    for number in 0..size {
        log.add(&record(number, if number < fork_at { "true" } else { "other" })).unwrap();
    }
    log
}

pub(crate) fn log(size: u64) -> Log {
    forked_log(size, u64::MAX)
}

/// The stored hashes of a log whose records are the numbers themselves.
pub(crate) fn hashes(size: u64) -> Vec<Hash> {
    let mut hashes = Vec::new();
    for number in 0..size {
        let more = stored_hashes(number, record_hash(&number.to_be_bytes()), &hashes).unwrap();
        hashes.extend(more);
    }
    hashes
}

/// A signed head that no log backs.
pub(crate) fn signed(size: u64, hash: Hash) -> Vec<u8> {
    sign(&Tree { size, hash }.render(), &[signer()]).unwrap()
}

type Tamper = dyn Fn(&str, Result<Vec<u8>, AnswerError>) -> Result<Vec<u8>, AnswerError> + Send + Sync;

/// A server of a log.
pub(crate) struct Server {
    pub(crate) log: Mutex<Log>,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) is_down: Mutex<bool>,
    tamper: Mutex<Box<Tamper>>,
}

impl Server {
    pub(crate) fn new(log: Log) -> Arc<Self> {
        Arc::new(Self {
            log: Mutex::new(log),
            asked: Mutex::default(),
            is_down: Mutex::new(false),
            tamper: Mutex::new(Box::new(|_, answer| answer)),
        })
    }

    /// From now on `tamper` sees every path and answer and may give another one.
    pub(crate) fn tamper(
        &self,
        tamper: impl Fn(&str, Result<Vec<u8>, AnswerError>) -> Result<Vec<u8>, AnswerError>
        + Send
        + Sync
        + 'static,
    ) {
        *self.tamper.lock().unwrap() = Box::new(tamper);
    }

    /// From now on bit `bit` of the answer to `path` is flipped.
    pub(crate) fn flip(&self, path: &str, bit: usize) {
        let path = path.to_owned();
        self.tamper(move |asked, answer| {
            let mut answer = answer?;
            if asked == path {
                answer[bit / 8] ^= 1 << (bit % 8);
            }
            Ok(answer)
        });
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Remote for Server {
    fn read<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<u8>, RemoteError>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(path.to_owned());
            if *self.is_down.lock().unwrap() {
                return Err(RemoteError { not_found: false, message: "connection refused".into() });
            }
            let answer = self.log.lock().unwrap().answer(path);
            let answer = self.tamper.lock().unwrap()(path, answer);
            answer.map_err(|error| RemoteError {
                not_found: error == AnswerError::NotFound,
                message: format!("{path}: {error}"),
            })
        })
    }
}

/// A memory that outlives clients.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) latest: Mutex<Option<Vec<u8>>>,
    pub(crate) files: Mutex<HashMap<String, Vec<u8>>>,
    /// How many swaps from now on fail.
    pub(crate) failing_swaps: AtomicUsize,
    /// Put in the place of the latest head, one at each swap, as a neighbour would.
    pub(crate) neighbours: Mutex<Vec<Vec<u8>>>,
}

impl Memory for Store {
    fn latest(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>, MemoryError>> {
        Box::pin(async { Ok(self.latest.lock().unwrap().clone()) })
    }

    fn swap_latest<'a>(
        &'a self,
        old: Option<&'a [u8]>,
        new: &'a [u8],
    ) -> BoxFuture<'a, Result<bool, MemoryError>> {
        Box::pin(async move {
            let fails = |left: usize| left.checked_sub(1);
            if self.failing_swaps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok() {
                return Err(MemoryError { message: "disk full".into() });
            }
            let mut latest = self.latest.lock().unwrap();
            if let Some(neighbour) = self.neighbours.lock().unwrap().pop() {
                *latest = Some(neighbour);
            }
            let is_same = latest.as_deref() == old;
            if is_same {
                *latest = Some(new.to_vec());
            }
            Ok(is_same)
        })
    }

    fn cached<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { self.files.lock().unwrap().get(path).cloned() })
    }

    fn save<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.files.lock().unwrap().insert(path.to_owned(), bytes.to_vec());
        })
    }
}

pub(crate) fn client(server: &Arc<Server>, store: &Arc<Store>) -> Client {
    Client::new(key(), server.clone(), store.clone(), HEIGHT)
}

pub(crate) fn lookup(client: &Client, number: u64) -> Result<Vec<String>, fairlead_sumdb::client::SumError> {
    let (path, version) = module(number);
    block_on(client.lookup(&path, &version))
}

/// Runs `future` to its end on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => std::thread::park(),
        }
    }
}
