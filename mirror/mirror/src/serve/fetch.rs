//! Flights: what they do between upstreams, proofs and the cache.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use fairlead_gomod::path::Module;
use fairlead_gomod::pseudo;
use tokio::time::Instant;

use super::core::Core;
use super::document::Kept;
use super::entry::{Entry, Life, Stale};
use super::flight::{Brought, Pilot, Stage};
use super::obtain::What;
use super::present::Reach;
use super::route::Route;
use super::upstream::Upstream;
use super::walk::{Exhausted, Walk};
use crate::source::{Document, Fetched};
use crate::{Cause, Failure, Wanted, proof};

/// What a proof said that did not hold.
pub(super) enum Verdict {
    /// The upstream's answer is bad: another may have a good one.
    Refused(Failure),
    /// Nobody can say: the checksum database does not know the version, or does not answer. No other upstream changes that.
    Unknown(Failure),
}

impl Verdict {
    pub(super) fn of(failure: Failure) -> Self {
        match failure.cause {
            Cause::Untrusted | Cause::Corrupt => Verdict::Refused(failure),
            _ => Verdict::Unknown(failure),
        }
    }

    /// What a proof that was asked for said. Where it names somebody, that is the checksum database itself: its lies say nothing
    /// about the upstream.
    pub(super) fn of_proof(failure: Failure) -> Self {
        if failure.upstream.is_some() { Verdict::Unknown(failure) } else { Verdict::of(failure) }
    }
}

impl Core {
    /// Fetches a `.info` or `.mod`, proves it and keeps it.
    pub(super) async fn fetch_file(
        self: &Arc<Self>,
        route: &Arc<Route>,
        wanted: &Wanted,
        pilot: &Pilot,
    ) -> Result<Brought, Failure> {
        let path = wanted.module_path().unwrap_or_default();
        let (manner, _) = self.manner(wanted);
        let mut walk = Walk::new(route.legs(path), wanted, manner);
        while let Some((upstream, fetched)) = walk.next().await {
            let Fetched::Document(document) = fetched else {
                walk.refuse(out_of_turn(&upstream));
                continue;
            };
            match self.prove_file(route, wanted, &upstream, &document.bytes).await {
                Err(Verdict::Refused(failure)) => walk.refuse(failure),
                Err(Verdict::Unknown(failure)) => {
                    walk.accept();
                    return Err(failure);
                }
                Ok(()) => {
                    walk.accept();
                    let bytes = document.bytes;
                    let entry = Entry::immutable(wanted.clone(), bytes.clone(), None, route.is_private(path));
                    let entry = Arc::new(entry);
                    self.keep(route, &entry);
                    let brought = Brought::Small(entry);
                    pilot.tell(Stage::Landed(Ok(brought.clone())));
                    self.cache.keep_small(&route.folders(path)[0], wanted, &bytes).await;
                    return Ok(brought);
                }
            }
        }
        Err(self.nobody_has(route, wanted, walk.exhausted()))
    }

    async fn prove_file(
        &self,
        route: &Route,
        wanted: &Wanted,
        upstream: &Upstream,
        bytes: &Bytes,
    ) -> Result<(), Verdict> {
        let sound = proof::document_apart(wanted, bytes).await;
        sound.map_err(|failure| Verdict::of(failure.of(upstream.name())))?;
        let Wanted::GoMod(module) = wanted else { return Ok(()) };
        match Box::pin(self.prover.go_mod(&route.guard, module, bytes)).await {
            Ok(_) => Ok(()),
            Err(failure) => {
                let verdict = Verdict::of_proof(failure);
                if let Verdict::Refused(failure) = &verdict
                    && failure.cause == Cause::Untrusted
                {
                    self.quarantine.keep(wanted, upstream.name(), failure, bytes.clone()).await;
                }
                Err(verdict)
            }
        }
    }

    /// Fetches an answer that changes, or learns that what is kept still holds; falls back on what is old.
    pub(super) async fn fetch_document(
        self: &Arc<Self>,
        route: &Arc<Route>,
        wanted: &Wanted,
        kept: Option<Kept>,
        pilot: &Pilot,
    ) -> Result<Brought, Failure> {
        let (mut manner, _) = self.manner(wanted);
        manner.known =
            kept.as_ref().map(|kept| (kept.from.as_str().into(), kept.document.validators.clone()));
        let path = wanted.module_path().unwrap_or_default();
        let mut walk = Walk::new(route.legs(path), wanted, manner);
        while let Some((upstream, fetched)) = walk.next().await {
            let document = match (fetched, &kept) {
                (Fetched::Document(document), _) => document,
                (Fetched::NotModified, Some(kept)) => {
                    Document { at: SystemTime::now(), ..kept.document.clone() }
                }
                _ => {
                    walk.refuse(out_of_turn(&upstream));
                    continue;
                }
            };
            if let Err(failure) = proof::document_apart(wanted, &document.bytes).await {
                walk.refuse(failure.of(upstream.name()));
                continue;
            }
            walk.accept();
            let kept = Kept { document, from: upstream.name().to_string() };
            return self.land_document(route, wanted, &kept, pilot).await;
        }
        let exhausted = walk.exhausted();
        if exhausted.is_trouble
            && let Some(old) = self.fall_back(route, wanted, kept.as_ref(), &exhausted.failure).await
        {
            return old;
        }
        Err(self.nobody_has(route, wanted, exhausted))
    }

    async fn land_document(
        self: &Arc<Self>,
        route: &Arc<Route>,
        wanted: &Wanted,
        kept: &Kept,
        pilot: &Pilot,
    ) -> Result<Brought, Failure> {
        let life = Life { at: kept.document.at, until: Instant::now() + self.ttl(wanted), stale: None };
        let brought = match self.present(route, wanted, kept, life, Reach::Network).await {
            Ok(entry) => {
                self.keep(route, &entry);
                Ok(Brought::Small(entry))
            }
            Err(failure) => Err(failure),
        };
        pilot.tell(Stage::Landed(brought.clone()));
        self.cache.keep_document(&route.name, wanted, kept).await;
        self.keep_info(route, wanted, &kept.document.bytes).await;
        brought
    }

    /// What `@latest` or a branch leads to is often a pseudo-version, and the document is its `.info`: it is kept as such, so that
    /// the version can be had when the upstreams are gone. A release's `.info` is asked for itself, because it may say more.
    async fn keep_info(&self, route: &Route, wanted: &Wanted, bytes: &Bytes) {
        let (Wanted::Latest(path) | Wanted::Query { path, .. }) = wanted else { return };
        let Ok(info) = proof::info(bytes) else { return };
        if pseudo::is_pseudo(&info.version) {
            let named = Wanted::Info(Module::new(path.as_str(), info.version.as_str()));
            self.cache.keep_small_once(&route.folders(path)[0], &named, bytes).await;
        }
    }

    /// Something old, because upstreams fail.
    async fn fall_back(
        self: &Arc<Self>,
        route: &Arc<Route>,
        wanted: &Wanted,
        kept: Option<&Kept>,
        failure: &Failure,
    ) -> Option<Result<Brought, Failure>> {
        let kept = kept.filter(|kept| self.may_be_stale(kept));
        if self.ttl.stale_if_error.is_zero() {
            return None;
        }
        let old = self.old(route, wanted, kept, Stale::Failed(failure.cause.word())).await?;
        tracing::warn!(%wanted, cause = failure.cause.word(), %failure, "giving an old answer because upstreams fail");
        Some(old.and_then(|given| match given.what {
            What::Small(entry) => Ok(Brought::Small(entry)),
            _ => Err(failure.clone()),
        }))
    }

    /// What is told in the end. An absence is believed only when everybody said so.
    pub(super) fn nobody_has(&self, route: &Route, wanted: &Wanted, exhausted: Exhausted) -> Failure {
        if exhausted.is_certain {
            self.keep_absence(route, wanted, &exhausted.failure);
        }
        exhausted.failure
    }
}

/// An answer of another kind than was asked for.
pub(super) fn out_of_turn(upstream: &Upstream) -> Failure {
    let text = format!("bad gateway: {} answered something else than it was asked for", upstream.name());
    Failure::new(Cause::Corrupt, text).of(upstream.name())
}
