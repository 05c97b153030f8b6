//! Downloads of zips: staged while they flow to those who wait, proved, then put into the cache.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fairlead_gomod::path::Module;
use fairlead_gomod::zip::ReadAt;
use fairlead_http::{Body, Error, Fault};
use fairlead_store::{StagedWriter, StoreError};
use http_body::Body as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::core::Core;
use super::entry::Entry;
use super::fetch::{Verdict as Proof, out_of_turn};
use super::flight::{Brought, Pilot, Stage};
use super::memory::MAX_ENTRY;
use super::route::Route;
use super::stream::{Flow, HELD_BACK, Verdict};
use super::upstream::Upstream;
use super::walk::Walk;
use crate::proof::Proved;
use crate::source::{Fetched, MAX_ZIP};
use crate::{Cause, Failure, Wanted};

/// Bytes that are written at once, unless they come slowly.
const BLOCK: usize = 256 * 1024;
/// Bytes that came are written at the latest when the next come after this.
const LINGER: Duration = Duration::from_millis(200);

/// A download that is whole and proved.
struct Whole {
    writer: StagedWriter,
    flow: Flow,
    proved: Proved,
}

impl Core {
    /// Fetches a zip, proves it and keeps it.
    pub(super) async fn fetch_zip(
        self: &Arc<Self>,
        route: &Arc<Route>,
        wanted: &Wanted,
        module: &Module,
        pilot: &Pilot,
    ) -> Result<Brought, Failure> {
        let (manner, _) = self.manner(wanted);
        let mut walk = Walk::new(route.legs(&module.path), wanted, manner);
        while let Some((upstream, fetched)) = walk.next().await {
            let Fetched::Zip { body, len } = fetched else {
                walk.refuse(out_of_turn(&upstream));
                continue;
            };
            match self.download(route, wanted, module, &upstream, (body, len), pilot).await {
                Err(Proof::Refused(failure)) => walk.refuse(failure),
                Err(Proof::Unknown(failure)) => {
                    walk.accept();
                    return Err(failure);
                }
                Ok(whole) => {
                    walk.accept();
                    return self.land_zip(route, wanted, module, whole, pilot).await;
                }
            }
        }
        Err(self.nobody_has(route, wanted, walk.exhausted()))
    }

    /// One upstream's zip, followed by whoever waits.
    async fn download(
        &self,
        route: &Route,
        wanted: &Wanted,
        module: &Module,
        upstream: &Upstream,
        (body, len): (Body, Option<u64>),
        pilot: &Pilot,
    ) -> Result<Whole, Proof> {
        let mut writer =
            self.cache.staging.begin().await.map_err(|error| Proof::Unknown(of_store(&error)))?;
        let (verdict, seen) = watch::channel(Verdict::Pending);
        let flow = Flow { growing: writer.growing(), len, verdict: seen };
        // Whoever comes now has nothing of an earlier upstream's.
        pilot.tell(Stage::Waiting);
        let flows = || pilot.tell(Stage::Flowing(flow.clone()));
        let proved = match stage(&mut writer, body, len, upstream, flows).await {
            Ok(()) => {
                let file: Arc<dyn ReadAt> = Arc::clone(writer.as_file()) as _;
                Box::pin(self.prover.zip(&route.guard, module, file)).await.map_err(Proof::of_proof)
            }
            Err(failure) => Err(failure),
        };
        match proved {
            Ok(proved) => {
                verdict.send_replace(Verdict::Proved { len: writer.len() });
                Ok(Whole { writer, flow, proved })
            }
            Err(refused) => {
                let (Proof::Refused(failure) | Proof::Unknown(failure)) = &refused;
                verdict.send_replace(Verdict::Failed((*failure.text).into()));
                if matches!(refused, Proof::Refused(_))
                    && failure.cause == Cause::Untrusted
                    && let Ok(staged) = writer.finish().await
                {
                    self.quarantine.keep(wanted, upstream.name(), failure, staged).await;
                }
                Err(refused)
            }
        }
    }

    /// Gives it away, then stores it.
    async fn land_zip(
        &self,
        route: &Route,
        wanted: &Wanted,
        module: &Module,
        whole: Whole,
        pilot: &Pilot,
    ) -> Result<Brought, Failure> {
        let Whole { writer, flow, proved } = whole;
        let brought = match self.small_zip(route, wanted, module, &writer, &proved).await {
            Some(entry) => Brought::Small(entry),
            None => Brought::Proved(flow, proved.h1),
        };
        pilot.tell(Stage::Landed(Ok(brought.clone())));
        match writer.finish().await {
            Ok(staged) => {
                let folder = &route.folders(&module.path)[0];
                self.cache.keep_zip(folder, module, staged, &proved.h1).await;
            }
            Err(error) => tracing::warn!(%wanted, %error, "failed to keep a zip"),
        }
        Ok(brought)
    }

    /// A small zip, at hand.
    async fn small_zip(
        &self,
        route: &Route,
        wanted: &Wanted,
        module: &Module,
        writer: &StagedWriter,
        proved: &Proved,
    ) -> Option<Arc<Entry>> {
        let len = usize::try_from(writer.len()).ok().filter(|len| *len <= MAX_ENTRY)?;
        let file = Arc::clone(writer.as_file());
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; len];
            std::os::unix::fs::FileExt::read_exact_at(&*file, &mut bytes, 0).map(|()| Bytes::from(bytes))
        });
        let bytes = read.await.ok()?.ok()?;
        let is_private = route.is_private(&module.path);
        let entry = Arc::new(Entry::immutable(wanted.clone(), bytes, Some(proved.h1), is_private));
        self.keep(route, &entry);
        Some(entry)
    }
}

/// Writes a body to its end. `flows` is called when there are bytes that can be given away: a head alone would be worth nothing, and
/// would tie the client to this upstream.
async fn stage(
    writer: &mut StagedWriter,
    mut body: Body,
    len: Option<u64>,
    upstream: &Upstream,
    flows: impl Fn(),
) -> Result<(), Proof> {
    let (mut block, mut is_flowing) = (BytesMut::new(), false);
    let mut written = Instant::now();
    loop {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| Proof::Refused(of_body(&error, upstream)))?;
        let Ok(bytes) = frame.into_data() else { continue };
        upstream.received(bytes.len());
        if writer.len() + (block.len() + bytes.len()) as u64 > MAX_ZIP {
            return Err(Proof::Refused(corrupt(upstream, "the zip is larger than 500 MiB")));
        }
        block.extend_from_slice(&bytes);
        if block.len() >= BLOCK || written.elapsed() >= LINGER {
            append(writer, &mut block).await?;
            written = Instant::now();
            if !is_flowing && writer.len() > HELD_BACK {
                is_flowing = true;
                flows();
            }
        }
    }
    append(writer, &mut block).await?;
    match len {
        Some(len) if len != writer.len() => {
            Err(Proof::Refused(corrupt(upstream, "the zip is not as long as was declared")))
        }
        _ => Ok(()),
    }
}

async fn append(writer: &mut StagedWriter, block: &mut BytesMut) -> Result<(), Proof> {
    if block.is_empty() {
        return Ok(());
    }
    let bytes = block.split().freeze();
    writer.append(bytes).await.map_err(|error| Proof::Unknown(of_store(&error)))
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

fn of_store(error: &StoreError) -> Failure {
    super::cache::failed("stage a download", error)
}
