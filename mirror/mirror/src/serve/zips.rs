//! Downloads of zips: staged while they flow to those who wait, proved, then put into the cache.

use std::sync::Arc;

use bytes::Bytes;
use fairlead_gomod::path::Module;
use fairlead_gomod::zip::ReadAt;
use fairlead_http::Body;
use fairlead_store::StagedWriter;

use super::core::Core;
use super::download::{Download, Waiting};
use super::entry::Entry;
use super::fetch::{Verdict as Proof, out_of_turn};
use super::flight::{Brought, Pilot, Stage};
use super::memory::MAX_ENTRY;
use super::route::Route;
use super::stream::Flow;
use super::upstream::Upstream;
use super::walk::Walk;
use crate::proof::Proved;
use crate::source::Fetched;
use crate::{Cause, Failure, Wanted};

/// A download that is whole and proved.
struct Whole {
    writer: StagedWriter,
    flow: Flow,
    waiting: Waiting,
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
        let mut broken = None;
        while let Some((upstream, fetched)) = walk.next().await {
            let Fetched::Zip { body, len } = fetched else {
                walk.refuse(out_of_turn(&upstream));
                continue;
            };
            let done = self.download(route, wanted, module, &upstream, (body, len), pilot, &mut broken).await;
            match done {
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
        let failure = self.nobody_has(route, wanted, walk.exhausted());
        if let Some(broken) = broken {
            broken.fail(&failure.text);
        }
        Err(failure)
    }

    /// One upstream's zip, followed by whoever waits; it goes on with what an earlier one left `broken`, and leaves what broke off.
    async fn download(
        &self,
        route: &Route,
        wanted: &Wanted,
        module: &Module,
        upstream: &Upstream,
        (body, len): (Body, Option<u64>),
        pilot: &Pilot,
        broken: &mut Option<Download>,
    ) -> Result<Whole, Proof> {
        let mut download = match broken.take() {
            Some(begun) if begun.goes_on_with(len) => begun,
            begun => {
                // Whoever comes now has nothing of an earlier upstream's.
                pilot.tell(Stage::Waiting);
                if let Some(begun) = begun {
                    begun.fail("the upstream broke off, and the next one has another zip");
                }
                Download::begin(&self.cache.staging, len).await?
            }
        };
        if let Err(refused) = download.take(body, len, upstream, pilot).await {
            match &refused {
                Proof::Refused(_) => *broken = Some(download),
                Proof::Unknown(failure) => drop(download.fail(&failure.text)),
            }
            return Err(refused);
        }
        let file: Arc<dyn ReadAt> = Arc::clone(download.writer().as_file()) as _;
        match Box::pin(self.prover.zip(&route.guard, module, file)).await.map_err(Proof::of_proof) {
            Ok(proved) => {
                let (writer, flow, waiting) = download.succeed();
                Ok(Whole { writer, flow, waiting, proved })
            }
            Err(refused) => {
                let (Proof::Refused(failure) | Proof::Unknown(failure)) = &refused;
                let writer = download.fail(&failure.text);
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

    /// Gives it away, then stores it. When the process is ending it is stored first: with its last client this would end, too.
    async fn land_zip(
        &self,
        route: &Route,
        wanted: &Wanted,
        module: &Module,
        whole: Whole,
        pilot: &Pilot,
    ) -> Result<Brought, Failure> {
        let Whole { writer, flow, waiting, proved } = whole;
        let brought = match self.small_zip(route, wanted, module, &writer, &proved).await {
            Some(entry) => Brought::Small(entry),
            None => Brought::Proved(flow, proved.h1),
        };
        let give = || {
            waiting.release();
            pilot.tell(Stage::Landed(Ok(brought.clone())));
        };
        let is_ending = self.shutdown.is_draining();
        if !is_ending {
            give();
        }
        match writer.finish().await {
            Ok(staged) => {
                let folder = &route.folders(&module.path)[0];
                self.cache.keep_zip(folder, module, staged, &proved.h1).await;
            }
            Err(error) => tracing::warn!(%wanted, %error, "failed to keep a zip"),
        }
        if is_ending {
            give();
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
