//! The writer thread and the buffers it empties.
//!
//! Each thread appends whole lines to its own buffer under its own lock; the writer swaps the buffers out and writes
//! them. It sleeps until a buffer gets its first line, then collects for a moment.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Most bytes that wait in the buffer of one thread.
const BUFFER_LIMIT: usize = 1 << 20;
/// How long the writer collects after the first line.
const COLLECT: Duration = Duration::from_millis(5);
/// The same, when the user asked for buffering.
const COLLECT_LONGER: Duration = Duration::from_millis(200);

type Buffer = Arc<Mutex<Vec<u8>>>;

/// Takes lines from any thread to one file.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    id: u64,
    buffers: Mutex<Vec<Buffer>>,
    /// Whether a line waits that the writer has not been told of.
    waiting: AtomicBool,
    dropped: AtomicU64,
    stop: AtomicBool,
    reopen: AtomicBool,
    /// Rounds asked for by `flush`, and rounds done.
    rounds: Mutex<(u64, u64)>,
    round_done: Condvar,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static BUFFERS: RefCell<Vec<(u64, Buffer)>> = const { RefCell::new(Vec::new()) };
}

impl Writer {
    /// Opens the file (standard output when `None`) and starts the thread.
    pub(crate) fn start(path: Option<PathBuf>, collect_longer: bool) -> io::Result<Writer> {
        let mut target = Target::open(path)?;
        let shared = Arc::new(Shared {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            buffers: Mutex::default(),
            waiting: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            reopen: AtomicBool::new(false),
            rounds: Mutex::default(),
            round_done: Condvar::new(),
        });
        let collect = if collect_longer { COLLECT_LONGER } else { COLLECT };
        let ours = shared.clone();
        let thread = std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || ours.run(&mut target, collect))?;
        Ok(Writer { shared, thread: Some(thread) })
    }

    /// Appends what `format` writes, as a whole or not at all.
    pub(crate) fn push(&self, format: impl FnOnce(&mut Vec<u8>)) {
        let _ = BUFFERS.try_with(|buffers| {
            let Ok(mut buffers) = buffers.try_borrow_mut() else { return };
            let at = buffers.iter().position(|(id, _)| *id == self.shared.id).unwrap_or_else(|| {
                buffers.retain(|(_, buffer)| Arc::strong_count(buffer) > 1);
                let buffer = Buffer::default();
                self.shared.buffers.lock().push(buffer.clone());
                buffers.push((self.shared.id, buffer));
                buffers.len() - 1
            });
            let mut buffer = buffers[at].1.lock();
            let start = buffer.len();
            format(&mut buffer);
            if buffer.len() > BUFFER_LIMIT {
                buffer.truncate(start);
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
        });
        if !self.shared.waiting.load(Ordering::Acquire) && !self.shared.waiting.swap(true, Ordering::AcqRel) {
            self.wake();
        }
    }

    pub(crate) fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn flush(&self) {
        let mut rounds = self.shared.rounds.lock();
        rounds.0 += 1;
        let wanted = rounds.0;
        self.wake();
        while rounds.1 < wanted {
            self.shared.round_done.wait(&mut rounds);
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, target: &mut Target, collect: Duration) {
        loop {
            let (asked, done) = *self.rounds.lock();
            let stop = self.stop.load(Ordering::Acquire);
            let reopen = self.reopen.swap(false, Ordering::AcqRel);
            if asked == done && !stop && !reopen {
                if !self.waiting.load(Ordering::Acquire) {
                    std::thread::park();
                    continue;
                }
                std::thread::park_timeout(collect);
            }
            // Cleared before the buffers are read, so that a line which comes later wakes the writer again.
            self.waiting.store(false, Ordering::Release);
            self.empty(target);
            if reopen {
                target.reopen();
            }
            self.rounds.lock().1 = asked;
            self.round_done.notify_all();
            if stop {
                return;
            }
        }
    }

    /// Writes what all buffers hold, and forgets the buffers of ended threads.
    fn empty(&self, target: &mut Target) {
        let buffers: Vec<Buffer> = self.buffers.lock().clone();
        let mut spare = Vec::new();
        for buffer in &buffers {
            std::mem::swap(&mut *buffer.lock(), &mut spare);
            if !spare.is_empty() && target.write_all(&spare).is_err() {
                let lines = spare.iter().filter(|byte| **byte == b'\n').count();
                self.dropped.fetch_add(lines as u64, Ordering::Relaxed);
            }
            spare.clear();
        }
        drop(buffers);
        self.buffers.lock().retain(|buffer| Arc::strong_count(buffer) > 1 || !buffer.lock().is_empty());
    }
}

/// Where lines go.
enum Target {
    Stdout,
    File(PathBuf, File),
}

impl Target {
    fn open(path: Option<PathBuf>) -> io::Result<Target> {
        let Some(path) = path else { return Ok(Target::Stdout) };
        let file = open(&path)?;
        Ok(Target::File(path, file))
    }

    fn reopen(&mut self) {
        if let Target::File(path, file) = self {
            match open(path) {
                Ok(new) => *file = new,
                Err(error) => tracing::error!("failed to reopen the access log {}: {error}", path.display()),
            }
        }
    }

    fn write_all(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Target::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(lines)?;
                out.flush()
            }
            Target::File(_, file) => file.write_all(lines),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}
