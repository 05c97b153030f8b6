//! A zip on its way into a staged file that clients follow.
//!
//! When its upstream breaks off, the next one's zip goes on in the same file: what is there already is compared instead of
//! written, so that clients who were given those bytes notice nothing. When the next one's zip is another, they are cut off,
//! and a new file begins with what both have in common.

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fairlead_http::{Body, Error, Fault};
use fairlead_store::{StagedWriter, Staging, StoreError};
use http_body::Body as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::fetch::Verdict as Proof;
use super::flight::{Pilot, Stage};
use super::stream::{Flow, HELD_BACK, Verdict};
use super::upstream::Upstream;
use crate::source::MAX_ZIP;
use crate::{Cause, Failure};

/// Bytes that are written at once, unless they come slowly.
const BLOCK: usize = 256 * 1024;
/// Bytes that came are written at the latest when the next come after this.
const LINGER: Duration = Duration::from_millis(200);

/// A zip on its way.
pub(super) struct Download {
    staging: Staging,
    writer: StagedWriter,
    verdict: watch::Sender<Verdict>,
    flow: Flow,
    /// Clients may have been given bytes.
    is_flowing: bool,
}

impl Download {
    /// Begins a file for a zip of a declared length.
    pub(super) async fn begin(staging: &Staging, len: Option<u64>) -> Result<Self, Proof> {
        let writer = staging.begin().await.map_err(|error| of_store(&error))?;
        let (verdict, seen) = watch::channel(Verdict::Pending);
        let flow = Flow { growing: writer.growing(), len, verdict: seen };
        Ok(Download { staging: staging.clone(), writer, verdict, flow, is_flowing: false })
    }

    /// Whether it is worth going on with a zip of this declared length: clients wait, and were told no other length.
    pub(super) fn goes_on_with(&self, len: Option<u64>) -> bool {
        let told = self.flow.len.zip(len);
        self.is_flowing && told.is_none_or(|(told, len)| told == len)
    }

    /// Takes the body of an upstream to its end. Those who wait are told when there are bytes that can be given away: a head alone
    /// would be worth nothing, and would tie the client to this upstream.
    pub(super) async fn take(
        &mut self,
        mut body: Body,
        len: Option<u64>,
        upstream: &Upstream,
        pilot: &Pilot,
    ) -> Result<(), Proof> {
        if self.writer.len() > 0 {
            tracing::info!(upstream = %upstream.name(), at = self.writer.len(), "going on with a zip that broke off");
        }
        // Of this body, how much was compared or written, and what came since.
        let (mut at, mut block, mut written) = (0, BytesMut::new(), Instant::now());
        loop {
            let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| Proof::Refused(of_body(&error, upstream)))?;
            let Ok(bytes) = frame.into_data() else { continue };
            upstream.received(bytes.len());
            block.extend_from_slice(&bytes);
            if at + block.len() as u64 > MAX_ZIP {
                return Err(Proof::Refused(corrupt(upstream, "the zip is larger than 500 MiB")));
            }
            if block.len() >= BLOCK || written.elapsed() >= LINGER {
                at = self.put(at, block.split().freeze(), len, pilot).await?;
                written = Instant::now();
                self.show(pilot);
            }
        }
        at = self.put(at, block.freeze(), len, pilot).await?;
        if len.is_some_and(|len| len != at) {
            return Err(Proof::Refused(corrupt(upstream, "the zip is not as long as was declared")));
        }
        // A shorter zip than what is there, or another length than clients were told: not theirs.
        if at != self.writer.len() || self.flow.len.is_some_and(|told| told != at) {
            self.start_over(at, len, pilot).await?;
        }
        Ok(())
    }

    /// The bytes of a body from `at` on; says where the next begin.
    async fn put(&mut self, at: u64, block: Bytes, len: Option<u64>, pilot: &Pilot) -> Result<u64, Proof> {
        let known = self.writer.len().saturating_sub(at).min(block.len() as u64);
        let mut rest = block.clone();
        let known = rest.split_to(usize::try_from(known).unwrap_or(usize::MAX));
        if !known.is_empty() && !self.holds(at, known).await? {
            self.start_over(at, len, pilot).await?;
            rest = block.clone();
        }
        if !rest.is_empty() {
            self.writer.append(rest).await.map_err(|error| of_store(&error))?;
        }
        Ok(at + block.len() as u64)
    }

    /// Whether the file has these bytes at `at`.
    async fn holds(&self, at: u64, bytes: Bytes) -> Result<bool, Proof> {
        let file = Arc::clone(self.writer.as_file());
        let compared = tokio::task::spawn_blocking(move || {
            let mut there = vec![0; bytes.len()];
            file.read_exact_at(&mut there, at).map(|()| there == bytes)
        });
        read_back(compared.await)
    }

    /// Cuts off those who follow, and begins a file with the first `common` bytes of this one.
    async fn start_over(&mut self, common: u64, len: Option<u64>, pilot: &Pilot) -> Result<(), Proof> {
        let mut fresh = Download::begin(&self.staging, len).await?;
        let mut at = 0;
        while at < common {
            let piece = (common - at).min(BLOCK as u64);
            let file = Arc::clone(self.writer.as_file());
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; usize::try_from(piece).unwrap_or(BLOCK)];
                file.read_exact_at(&mut piece, at).map(|()| Bytes::from(piece))
            });
            let bytes = read_back(read.await)?;
            fresh.writer.append(bytes).await.map_err(|error| of_store(&error))?;
            at += piece;
        }
        // Whoever comes now has nothing of the other zip.
        pilot.tell(Stage::Waiting);
        std::mem::replace(self, fresh).fail("the upstream broke off, and the next one has another zip");
        Ok(())
    }

    fn show(&mut self, pilot: &Pilot) {
        if !self.is_flowing && self.writer.len() > HELD_BACK {
            self.is_flowing = true;
            pilot.tell(Stage::Flowing(self.flow.clone()));
        }
    }

    /// The file, to look at what was written.
    pub(super) fn writer(&self) -> &StagedWriter {
        &self.writer
    }

    /// It is proved: the file, and those who follow it and wait for the rest.
    pub(super) fn succeed(self) -> (StagedWriter, Flow, Waiting) {
        let waiting = Waiting { verdict: self.verdict, len: self.writer.len() };
        (self.writer, self.flow, waiting)
    }

    /// It came to nothing: those who follow are cut off.
    pub(super) fn fail(self, why: &str) -> StagedWriter {
        if self.is_flowing {
            tracing::warn!(why, at = self.writer.len(), "cutting off clients in the middle of a zip");
        }
        self.verdict.send_replace(Verdict::Failed(why.into()));
        self.writer
    }
}

/// Those who wait for the end of a zip that is proved.
pub(super) struct Waiting {
    verdict: watch::Sender<Verdict>,
    len: u64,
}

impl Waiting {
    /// They get the rest.
    pub(super) fn release(&self) {
        self.verdict.send_replace(Verdict::Proved { len: self.len });
    }
}

fn read_back<T>(read: Result<std::io::Result<T>, tokio::task::JoinError>) -> Result<T, Proof> {
    let stopping = |_| of_store(&StoreError::Unavailable("the runtime is stopping".into()));
    let io = |error| of_store(&StoreError::Io { action: "read back", source: Arc::new(error) });
    read.map_err(stopping)?.map_err(io)
}

fn of_body(error: &Error, upstream: &Upstream) -> Failure {
    let cause = match error.fault {
        Fault::ResponseTimeout | Fault::ConnectTimeout => Cause::Timeout,
        Fault::Closed | Fault::Protocol | Fault::TooLarge => Cause::Corrupt,
        _ => Cause::Unavailable,
    };
    Failure::new(cause, format!("bad gateway: {}", error.cause)).of(upstream.name())
}

fn corrupt(upstream: &Upstream, why: &str) -> Failure {
    Failure::new(Cause::Corrupt, format!("bad gateway: {}: {why}", upstream.name())).of(upstream.name())
}

fn of_store(error: &StoreError) -> Proof {
    // The client learns no path of ours; who runs the mirror must learn that no zip can be fetched.
    tracing::error!(%error, "failed to stage a download: no zip can be fetched until the cache's folder takes files again");
    Proof::Unknown(super::cache::failed("stage a download", error))
}
