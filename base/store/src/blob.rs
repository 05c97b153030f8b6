//! A blob that is open: read at an offset, or from one place to another.

use std::fs::File;
use std::future::poll_fn;
use std::io::IoSliceMut;
use std::num::NonZeroU64;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use rustix::fs::Advice;
use rustix::io::{Errno, ReadWriteFlags};
use tokio::task::JoinHandle;

use crate::{BoxFuture, StoreError};

/// Bytes in a chunk of a sequential read; the last may be shorter, and an object store gives what its network gives.
pub const CHUNK: usize = 256 * 1024;
/// What one read takes of a file that is in memory: little enough to be in the processor's cache still when it is written.
const CACHED_CHUNK: u64 = 128 * 1024;

/// An open blob: what was under the key when it was opened. A file stays readable whatever happens to the key; of an object
/// that was replaced or removed since, reads fail.
#[derive(Clone)]
pub struct Blob {
    /// Length in bytes.
    pub len: u64,
    /// When it was put.
    pub modified: SystemTime,
    source: Source,
}

#[derive(Clone)]
enum Source {
    File(Arc<File>),
    #[cfg_attr(not(feature = "s3"), expect(dead_code, reason = "only object stores read over the network"))]
    Remote(Arc<dyn Remote>),
}

/// A blob that is not a file.
pub(crate) trait Remote: Send + Sync + 'static {
    /// The bytes of `range`, which lies within the blob.
    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, StoreError>>;
    /// The bytes of `range` one after the other.
    fn stream(&self, range: Range<u64>) -> Box<dyn RemoteChunks>;
}

/// A sequential read over the network. It reads on only while it is polled, so that memory stays bounded.
pub(crate) trait RemoteChunks: Send {
    /// The next bytes, never empty; `None` after the last.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StoreError>>>;
}

impl Blob {
    /// A blob in `file`, of which `len` bytes count.
    pub(crate) fn of_file(file: Arc<File>, len: u64, modified: SystemTime) -> Self {
        Blob { len, modified, source: Source::File(file) }
    }

    /// A blob elsewhere.
    #[cfg(feature = "s3")]
    pub(crate) fn of_remote(remote: Arc<dyn Remote>, len: u64, modified: SystemTime) -> Self {
        Blob { len, modified, source: Source::Remote(remote) }
    }

    /// Up to `len` bytes at `offset`; fewer only where the blob ends.
    ///
    /// # Errors
    /// What the store says; [`StoreError::Corrupt`] when the blob became shorter.
    pub async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, StoreError> {
        let end = offset.saturating_add(len as u64).min(self.len);
        if offset >= end {
            return Ok(Bytes::new());
        }
        match &self.source {
            Source::File(file) => {
                let file = Arc::clone(file);
                blocking(move || read_exact(&file, offset..end)).await
            }
            Source::Remote(remote) => remote.read(offset..end).await,
        }
    }

    /// Reads all of it in order.
    #[must_use]
    pub fn chunks(&self) -> Chunks {
        self.chunks_of(0..self.len)
    }

    /// Reads `range` in order; what lies outside of the blob is left out.
    #[must_use]
    pub fn chunks_of(&self, range: Range<u64>) -> Chunks {
        let end = range.end.min(self.len);
        let range = range.start.min(end)..end;
        Chunks(match &self.source {
            Source::File(file) => Reading::File(FileReading {
                file: Arc::clone(file),
                left: range,
                ahead: None,
                given: Bytes::new(),
                asks_page_cache: true,
            }),
            Source::Remote(_) if range.is_empty() => Reading::Done,
            Source::Remote(remote) => Reading::Remote(remote.stream(range)),
        })
    }

    /// The file, when it is one: for `sendfile` and for readers that seek. Only the first `len` bytes count.
    #[must_use]
    pub fn as_file(&self) -> Option<Arc<File>> {
        match &self.source {
            Source::File(file) => Some(Arc::clone(file)),
            Source::Remote(_) => None,
        }
    }
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blob")
            .field("len", &self.len)
            .field("modified", &self.modified)
            .finish_non_exhaustive()
    }
}

/// A sequential read. What the kernel has in memory is read at once, the rest where it may block. There are never more than two
/// chunks.
pub struct Chunks(Reading);

enum Reading {
    File(FileReading),
    Remote(Box<dyn RemoteChunks>),
    Done,
}

impl Chunks {
    /// The next chunk, never empty; `None` after the last. After an error there is nothing more.
    pub async fn next(&mut self) -> Option<Result<Bytes, StoreError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`next`](Self::next) for those who implement a stream. Must be polled on a runtime.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StoreError>>> {
        let next = match &mut self.0 {
            Reading::Done => return Poll::Ready(None),
            Reading::Remote(remote) => ready!(remote.poll_next(cx)),
            Reading::File(file) => ready!(file.poll_next(cx)),
        };
        if !matches!(next, Some(Ok(_))) {
            self.0 = Reading::Done;
        }
        Poll::Ready(next)
    }
}

impl std::fmt::Debug for Chunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chunks")
    }
}

struct FileReading {
    file: Arc<File>,
    /// What is not being read yet.
    left: Range<u64>,
    ahead: Option<JoinHandle<Result<Bytes, StoreError>>>,
    /// The last chunk, whose memory serves again once its user has let go of it.
    given: Bytes,
    /// Whether the file system can say that a read would block.
    asks_page_cache: bool,
}

impl FileReading {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StoreError>>> {
        if self.ahead.is_none() {
            // Reads that never wait must not keep other tasks of the thread from their turn.
            let budget = ready!(tokio::task::coop::poll_proceed(cx));
            if let Some(bytes) = self.read_page_cache() {
                budget.made_progress();
                return Poll::Ready(Some(Ok(bytes)));
            }
            self.ahead = self.read_ahead();
        }
        let Some(reading) = &mut self.ahead else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(cx)).unwrap_or_else(|_| Err(stopped()));
        // The kernel reads on by itself, so that the next chunk is most likely in memory.
        self.ahead = if read.is_ok() && !self.asks_page_cache { self.read_ahead() } else { None };
        Poll::Ready(Some(read))
    }

    /// The next bytes, if the kernel has them in memory.
    fn read_page_cache(&mut self) -> Option<Bytes> {
        if !self.asks_page_cache || self.left.is_empty() {
            return None;
        }
        let wanted = (self.left.end - self.left.start).min(CACHED_CHUNK);
        let mut buffer = std::mem::take(&mut self.given).try_into_mut().unwrap_or_default();
        buffer.resize(usize::try_from(wanted).ok()?, 0);
        let mut parts = [IoSliceMut::new(&mut buffer)];
        match rustix::io::preadv2(&self.file, &mut parts, self.left.start, ReadWriteFlags::NOWAIT) {
            Ok(0) | Err(Errno::AGAIN | Errno::INTR) => None,
            Ok(count) => {
                self.left.start += count as u64;
                buffer.truncate(count);
                self.given = buffer.freeze();
                Some(self.given.clone())
            }
            Err(_) => {
                self.asks_page_cache = false;
                None
            }
        }
    }

    fn read_ahead(&mut self) -> Option<JoinHandle<Result<Bytes, StoreError>>> {
        if self.left.is_empty() {
            return None;
        }
        let next = self.left.start..self.left.end.min(self.left.start.saturating_add(CHUNK as u64));
        self.left.start = next.end;
        let file = Arc::clone(&self.file);
        Some(tokio::task::spawn_blocking(move || {
            let end = next.end;
            let read = read_exact(&file, next);
            // Only advice: without it the next read waits a little longer.
            let _ = rustix::fs::fadvise(&*file, end, NonZeroU64::new(CHUNK as u64), Advice::WillNeed);
            read
        }))
    }
}

/// The bytes of `range`, without writing noughts into the buffer first.
pub(crate) fn read_exact(file: &File, range: Range<u64>) -> Result<Bytes, StoreError> {
    let wanted = usize::try_from(range.end - range.start)
        .map_err(|_| StoreError::TooLarge { len: range.end - range.start, limit: usize::MAX as u64 })?;
    let mut bytes = Vec::with_capacity(wanted);
    while bytes.len() < wanted {
        let at = range.start + bytes.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut bytes), at) {
            Ok(0) => return Err(StoreError::Corrupt("the file is shorter than it was")),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(StoreError::io("read", errno)),
        }
    }
    // The allocator may have given more room than was asked for.
    bytes.truncate(wanted);
    Ok(bytes.into())
}

/// Runs file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(stopped()))
}

fn stopped() -> StoreError {
    StoreError::unavailable("the runtime is stopping")
}
