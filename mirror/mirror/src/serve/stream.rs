//! Bodies of zips: from the cache, and from a download that is still going on.
//!
//! Of a download that is not proved yet the last [`HELD_BACK`] bytes are kept from the client. A zip's directory is at its
//! end, so that nobody ever has a whole zip that was not proved.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use fairlead_http::{BoxFuture, Error, Fault};
use fairlead_store::{Blob, Chunks, Follower, Growing, StoreError};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::watch;

/// Bytes that are held back until the proof holds. Go's zips have no comment, and a directory of few files is shorter.
pub(super) const HELD_BACK: u64 = 64 * 1024;

/// A part of a blob.
pub(super) struct BlobBody {
    chunks: Chunks,
    left: u64,
}

impl BlobBody {
    pub(super) fn new(blob: &Blob, range: Range<u64>) -> Self {
        BlobBody { left: range.end.saturating_sub(range.start), chunks: blob.chunks_of(range) }
    }
}

impl HttpBody for BlobBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let chunk = ready!(self.chunks.poll_next(cx));
        if let Some(Ok(bytes)) = &chunk {
            self.left = self.left.saturating_sub(bytes.len() as u64);
        }
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data).map_err(|error| broken(&error))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

fn broken(error: &StoreError) -> Error {
    Error::new(Fault::Internal, error.to_string())
}

/// What is known about a download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Pending,
    /// It is whole and proved.
    Proved {
        /// Bytes in all.
        len: u64,
    },
    /// It came to nothing.
    Failed(Arc<str>),
}

/// A download that can be followed.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) growing: Growing,
    /// As the upstream declared it.
    pub(super) len: Option<u64>,
    pub(super) verdict: watch::Receiver<Verdict>,
}

impl Flow {
    /// A body for one client. Bytes come as they arrive.
    pub(super) fn body(&self) -> FlowBody {
        let len = match &*self.verdict.borrow() {
            Verdict::Proved { len } => Some(*len),
            _ => self.len,
        };
        let following = Following {
            follower: self.growing.follow(),
            verdict: self.verdict.clone(),
            held: VecDeque::new(),
            held_len: 0,
            given: 0,
        };
        FlowBody { step: Step::Idle(Box::new(following)), len, given: 0 }
    }
}

/// A body that follows a download.
pub(super) struct FlowBody {
    step: Step,
    len: Option<u64>,
    given: u64,
}

enum Step {
    Idle(Box<Following>),
    Busy(BoxFuture<'static, (Box<Following>, Option<Result<Bytes, Error>>)>),
    Done,
}

struct Following {
    follower: Follower,
    verdict: watch::Receiver<Verdict>,
    /// Read, and not given yet.
    held: VecDeque<Bytes>,
    held_len: u64,
    given: u64,
}

impl Following {
    async fn step(mut self: Box<Self>) -> (Box<Self>, Option<Result<Bytes, Error>>) {
        let next = self.next().await;
        (self, next)
    }

    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        loop {
            let verdict = self.verdict.borrow_and_update().clone();
            match verdict {
                Verdict::Failed(why) => return Some(Err(cut(&why))),
                Verdict::Proved { len } if self.given >= len => return None,
                Verdict::Proved { .. } => {
                    if let Some(bytes) = self.release(0) {
                        return Some(Ok(bytes));
                    }
                    return match self.follower.next().await {
                        Some(Ok(bytes)) => {
                            self.given += bytes.len() as u64;
                            Some(Ok(bytes))
                        }
                        Some(Err(error)) => Some(Err(broken(&error))),
                        None => Some(Err(cut("the download is shorter than it was"))),
                    };
                }
                Verdict::Pending => {
                    if let Some(bytes) = self.release(HELD_BACK) {
                        return Some(Ok(bytes));
                    }
                }
            }
            tokio::select! {
                biased;
                changed = self.verdict.changed() => if changed.is_err() {
                    return Some(Err(cut("the download was given up")));
                },
                read = self.follower.next() => match read {
                    Some(Ok(bytes)) => {
                        self.held_len += bytes.len() as u64;
                        self.held.push_back(bytes);
                    }
                    Some(Err(error)) => return Some(Err(broken(&error))),
                    // All is read: only the verdict is missing.
                    None => if self.verdict.changed().await.is_err() {
                        return Some(Err(cut("the download was given up")));
                    },
                },
            }
        }
    }

    /// The next bytes of those held, when more than `keep` are.
    fn release(&mut self, keep: u64) -> Option<Bytes> {
        let surplus = self.held_len.checked_sub(keep).filter(|surplus| *surplus > 0)?;
        let mut first = self.held.pop_front()?;
        if first.len() as u64 > surplus {
            let cut = first.split_to(usize::try_from(surplus).unwrap_or(usize::MAX));
            self.held.push_front(std::mem::replace(&mut first, cut));
        }
        self.held_len -= first.len() as u64;
        self.given += first.len() as u64;
        Some(first)
    }
}

fn cut(why: &str) -> Error {
    Error::new(Fault::Closed, why).after_sending()
}

impl HttpBody for FlowBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Step::Idle(_) = self.step
            && let Step::Idle(following) = std::mem::replace(&mut self.step, Step::Done)
        {
            self.step = Step::Busy(Box::pin(following.step()));
        }
        let Step::Busy(busy) = &mut self.step else { return Poll::Ready(None) };
        let (following, next) = ready!(busy.as_mut().poll(cx));
        self.step = match &next {
            Some(Ok(bytes)) => {
                self.given += bytes.len() as u64;
                Step::Idle(following)
            }
            _ => Step::Done,
        };
        Poll::Ready(next.map(|next| next.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.len == Some(self.given)
    }

    fn size_hint(&self) -> SizeHint {
        self.len.map_or_else(SizeHint::default, |len| SizeHint::with_exact(len.saturating_sub(self.given)))
    }
}
