//! Reading a file that another task is still writing.

use std::fs::File;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::sync::watch;

use crate::blob::{CHUNK, blocking, read_exact};
use crate::{BoxFuture, StoreError};

/// How far a file has come.
#[derive(Clone, Debug)]
struct Grown {
    /// Bytes that can be read.
    len: u64,
    /// Whether and how it ended.
    end: Option<End>,
}

/// How a file ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Whole,
    Failed(Arc<str>),
}

/// A file that grows, for those who want to read along. Cheap to clone; it outlives the writer.
#[derive(Clone, Debug)]
pub struct Growing {
    file: Arc<File>,
    grown: Arc<watch::Sender<Grown>>,
}

impl Growing {
    pub(crate) fn new(file: Arc<File>) -> Self {
        Growing { file, grown: Arc::new(watch::Sender::new(Grown { len: 0, end: None })) }
    }

    /// Reads from the first byte to the last, waiting for those that are not there yet. Any number at a time.
    #[must_use]
    pub fn follow(&self) -> Follower {
        let grown = self.grown.subscribe();
        Follower(Following::Idle(Place { file: Arc::clone(&self.file), grown, at: 0 }))
    }

    /// Bytes that are there by now.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a count of bytes, not a collection")]
    pub fn len(&self) -> u64 {
        self.grown.borrow().len
    }

    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// `len` bytes can be read now.
    pub(crate) fn grown(&self, len: u64) {
        self.grown.send_modify(|grown| grown.len = len);
    }

    /// There will be no more. What was said first holds.
    pub(crate) fn ended(&self, end: End) {
        self.grown.send_if_modified(|grown| {
            let open = grown.end.is_none();
            if open {
                grown.end = Some(end);
            }
            open
        });
    }
}

/// One reader of a file that grows. It holds one chunk at a time.
pub struct Follower(Following);

enum Following {
    Idle(Place),
    Reading(BoxFuture<'static, (Place, Option<Result<Bytes, StoreError>>)>),
    Done,
}

struct Place {
    file: Arc<File>,
    grown: watch::Receiver<Grown>,
    at: u64,
}

impl Follower {
    /// The next bytes, never empty; `None` when the file is whole and all of it was read. When the writer fails this fails
    /// with its reason, at once, and then ends.
    pub async fn next(&mut self) -> Option<Result<Bytes, StoreError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`next`](Self::next) for those who implement a stream. Must be polled on a runtime.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StoreError>>> {
        if let Following::Idle(_) = self.0
            && let Following::Idle(place) = std::mem::replace(&mut self.0, Following::Done)
        {
            self.0 = Following::Reading(Box::pin(place.step()));
        }
        let Following::Reading(step) = &mut self.0 else { return Poll::Ready(None) };
        let (place, read) = ready!(step.as_mut().poll(cx));
        self.0 = if matches!(read, Some(Ok(_))) { Following::Idle(place) } else { Following::Done };
        Poll::Ready(read)
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Follower")
    }
}

impl Place {
    async fn step(mut self) -> (Self, Option<Result<Bytes, StoreError>>) {
        let read = self.read().await.transpose();
        (self, read)
    }

    async fn read(&mut self) -> Result<Option<Bytes>, StoreError> {
        let at = self.at;
        let grown = self.grown.wait_for(|grown| grown.len > at || grown.end.is_some()).await;
        let grown = grown.map_err(|_| StoreError::unavailable("the writer gave up"))?.clone();
        if let Some(End::Failed(reason)) = grown.end {
            return Err(StoreError::Unavailable(reason));
        }
        if grown.len == at {
            return Ok(None);
        }
        let end = grown.len.min(at + CHUNK as u64);
        let file = Arc::clone(&self.file);
        let bytes = blocking(move || read_exact(&file, at..end)).await?;
        self.at = end;
        Ok(Some(bytes))
    }
}
