//! From what is wanted to what is given: memory, then the cache, then a flight; something old when upstreams fail.

use std::sync::Arc;
use std::time::Duration;

use fairlead_gomod::dirhash::H1;
use fairlead_gomod::path::Module;
use fairlead_http::BoxFuture;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::cache::KeptZip;
use super::core::{Core, STALE_PAUSE, gate, offline};
use super::document::Kept;
use super::entry::{Entry, Life, Stale};
use super::flight::{Brought, Stage, flowing, landed};
use super::memory::MAX_ENTRY;
use super::present::Reach;
use super::route::Route;
use super::stream::Flow;
use super::upstream::Upstream;
use crate::{Cause, Failure, Wanted};

/// A zip is given away before it is proved only when it takes longer than this: what is held until then can still be had
/// from another upstream when the first one's turns out to be broken.
const STREAM_AFTER: Duration = Duration::from_secs(2);
/// How long a client that could have something old waits for something new, where hedging does not say.
const PATIENCE: Duration = Duration::from_secs(1);

/// How an answer came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It was there.
    Hit,
    /// It was fetched.
    Miss,
    /// It is past its time.
    Stale,
    /// It was being fetched already.
    Joined,
}

/// What is given.
#[derive(Clone)]
pub(super) enum What {
    Small(Arc<Entry>),
    Zip(KeptZip),
    /// A download; with its hash when it is proved.
    Flow(Flow, Option<H1>),
}

/// An answer.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) how: How,
    pub(super) what: What,
}

impl Core {
    /// Gets it for a client.
    pub(super) fn obtain<'a>(
        self: &'a Arc<Self>,
        route: &'a Arc<Route>,
        wanted: &'a Wanted,
    ) -> BoxFuture<'a, Result<Given, Failure>> {
        // Boxed, because the age of one file is told by another.
        Box::pin(self.find(route, wanted))
    }

    async fn find(self: &Arc<Self>, route: &Arc<Route>, wanted: &Wanted) -> Result<Given, Failure> {
        route.check(wanted)?;
        if let Some(entry) = self.at_hand(route, wanted) {
            return Ok(small(How::Hit, entry));
        }
        match wanted {
            Wanted::Sumdb { name, path } => self.sumdb(route, wanted, name, path).await,
            Wanted::List(_) | Wanted::Latest(_) | Wanted::Query { .. } => self.document(route, wanted).await,
            Wanted::Info(_) => {
                let given = self.file(route, wanted).await?;
                if let What::Small(entry) = &given.what {
                    gate(route, entry)?;
                }
                Ok(given)
            }
            Wanted::GoMod(module) | Wanted::Zip(module) => {
                self.check_age(route, module).await?;
                match wanted {
                    Wanted::Zip(_) => self.zip(route, wanted, module).await,
                    _ => self.file(route, wanted).await,
                }
            }
        }
    }

    /// What is in memory and fresh. A flight looks once more when it begins: another may have landed after its client looked.
    fn at_hand(&self, route: &Route, wanted: &Wanted) -> Option<Arc<Entry>> {
        self.cache.memory.find(route.number, &wanted.key()).filter(|entry| entry.is_fresh())
    }

    /// Gets it to the end, for those who ask ahead: a zip is in the cache then.
    pub(super) async fn obtain_whole(
        self: &Arc<Self>,
        route: &Arc<Route>,
        wanted: &Wanted,
    ) -> Result<Given, Failure> {
        let given = self.obtain(route, wanted).await?;
        if let (What::Flow(_, None), Wanted::Zip(module)) = (&given.what, wanted) {
            let (mut stage, _) = self.fly_zip(route, wanted, module)?;
            landed(&mut stage).await?;
        }
        Ok(given)
    }

    async fn check_age(self: &Arc<Self>, route: &Arc<Route>, module: &Module) -> Result<(), Failure> {
        if route.minimum_age.is_zero() {
            return Ok(());
        }
        let info = Wanted::Info(module.clone());
        match self.obtain(route, &info).await?.what {
            What::Small(entry) => entry.body.as_ref().map(drop).map_err(Clone::clone),
            _ => Ok(()),
        }
    }

    /// A `.info` or `.mod`.
    async fn file(self: &Arc<Self>, route: &Arc<Route>, wanted: &Wanted) -> Result<Given, Failure> {
        let path = wanted.module_path().unwrap_or_default();
        if let Some(bytes) = self.cache.small(route.folders(path), wanted).await {
            let entry = Arc::new(Entry::immutable(wanted.clone(), bytes, None, route.is_private(path)));
            self.keep(route, &entry);
            return Ok(small(How::Hit, entry));
        }
        if self.offline {
            return Err(offline(wanted));
        }
        let (_, deadline) = self.manner(wanted);
        let key = (route.number, wanted.key());
        let (mut stage, joined) = self.flights.join(key, deadline, |pilot| {
            let (core, route, wanted) = (Arc::clone(self), Arc::clone(route), wanted.clone());
            Box::pin(async move {
                match core.at_hand(&route, &wanted) {
                    Some(entry) => Ok(Brought::Small(entry)),
                    None => core.fetch_file(&route, &wanted, &pilot).await,
                }
            })
        })?;
        let brought = landed(&mut stage).await?;
        Ok(given(joined, brought))
    }

    async fn zip(
        self: &Arc<Self>,
        route: &Arc<Route>,
        wanted: &Wanted,
        module: &Module,
    ) -> Result<Given, Failure> {
        if let Some(kept) = self.cache.zip(route.folders(&module.path), module).await {
            return Ok(self.kept_zip(route, wanted, kept).await);
        }
        if self.offline {
            return Err(offline(wanted));
        }
        let (mut stage, joined) = self.fly_zip(route, wanted, module)?;
        if let Ok(brought) = timeout(STREAM_AFTER, landed(&mut stage)).await {
            return Ok(given(joined, brought?));
        }
        match flowing(&mut stage).await? {
            Stage::Landed(brought) => Ok(given(joined, brought?)),
            Stage::Flowing(flow) => Ok(Given { how: how(joined), what: What::Flow(flow, None) }),
            Stage::Waiting => Err(Failure::new(Cause::Unavailable, "bad gateway: the download was given up")),
        }
    }

    fn fly_zip(
        self: &Arc<Self>,
        route: &Arc<Route>,
        wanted: &Wanted,
        module: &Module,
    ) -> Result<(watch::Receiver<Stage>, bool), Failure> {
        let (_, deadline) = self.manner(wanted);
        self.flights.join((route.number, wanted.key()), deadline, |pilot| {
            let (core, route, wanted, module) =
                (Arc::clone(self), Arc::clone(route), wanted.clone(), module.clone());
            Box::pin(async move { core.fetch_zip(&route, &wanted, &module, &pilot).await })
        })
    }

    /// A zip of the cache; a small one is kept at hand.
    async fn kept_zip(&self, route: &Route, wanted: &Wanted, kept: KeptZip) -> Given {
        if kept.blob.len <= MAX_ENTRY as u64
            && let Ok(bytes) = kept.blob.read_at(0, MAX_ENTRY).await
        {
            let is_private = wanted.module_path().is_some_and(|path| route.is_private(path));
            let entry = Arc::new(Entry::immutable(wanted.clone(), bytes, Some(kept.h1), is_private));
            self.keep(route, &entry);
            return small(How::Hit, entry);
        }
        Given { how: How::Hit, what: What::Zip(kept) }
    }

    /// An answer that changes.
    async fn document(self: &Arc<Self>, route: &Arc<Route>, wanted: &Wanted) -> Result<Given, Failure> {
        let kept = self.cache.document(&route.name, wanted).await;
        let ttl = self.ttl(wanted);
        if let Some(fresh) = kept.as_ref().filter(|kept| kept.age() < ttl) {
            let life =
                Life { at: fresh.document.at, until: Instant::now() + (ttl - fresh.age()), stale: None };
            let entry = self.present(route, wanted, fresh, life, Reach::Network).await?;
            self.keep(route, &entry);
            return Ok(small(How::Hit, entry));
        }
        if self.offline {
            return self
                .old(route, wanted, kept.as_ref(), Stale::Offline)
                .await
                .ok_or_else(|| offline(wanted))?;
        }
        let old = kept.clone().filter(|kept| self.may_be_stale(kept));
        let (_, deadline) = self.manner(wanted);
        let (mut stage, joined) = self.flights.join((route.number, wanted.key()), deadline, |pilot| {
            let (core, route, wanted) = (Arc::clone(self), Arc::clone(route), wanted.clone());
            Box::pin(async move {
                match core.at_hand(&route, &wanted) {
                    Some(entry) => Ok(Brought::Small(entry)),
                    None => core.fetch_document(&route, &wanted, kept, &pilot).await,
                }
            })
        })?;
        let Some(old) = old else { return landed(&mut stage).await.map(|brought| given(joined, brought)) };
        // With something old at hand nobody waits long, and not at all for upstreams that are failing.
        let first = route.legs(wanted.module_path().unwrap_or_default()).first().map(|leg| &leg.upstream);
        let patience = self.patience(first);
        if let Ok(brought) = timeout(patience, landed(&mut stage)).await {
            return brought.map(|brought| given(joined, brought));
        }
        if let Some(first) = first.filter(|_| !patience.is_zero()) {
            first.kept_waiting();
        }
        match self.old(route, wanted, Some(&old), Stale::Refreshing).await {
            Some(given) => given,
            None => landed(&mut stage).await.map(|brought| given(joined, brought)),
        }
    }

    fn patience(&self, first: Option<&Arc<Upstream>>) -> Duration {
        match first {
            Some(first) if first.is_failing() => Duration::ZERO,
            _ if self.hedge_after.is_zero() => PATIENCE,
            _ => self.hedge_after,
        }
    }

    pub(super) fn may_be_stale(&self, kept: &Kept) -> bool {
        let limit = self.ttl.stale_if_error.get();
        !limit.is_zero() && kept.age() <= limit
    }

    /// Something past its time: a document that was kept, else what the files in the cache tell. `None` when there is
    /// nothing.
    pub(super) async fn old(
        self: &Arc<Self>,
        route: &Arc<Route>,
        wanted: &Wanted,
        kept: Option<&Kept>,
        why: Stale,
    ) -> Option<Result<Given, Failure>> {
        let made;
        let kept = match kept {
            Some(kept) => kept,
            None => {
                made = self.made_of_files(route, wanted).await?;
                &made
            }
        };
        let life = Life { at: kept.document.at, until: Instant::now() + STALE_PAUSE, stale: Some(why) };
        let entry = match self.present(route, wanted, kept, life, Reach::Cache).await {
            Ok(entry) => entry,
            Err(failure) => return Some(Err(failure)),
        };
        // What is being refreshed is not kept: the flight is about to bring something better.
        if why != Stale::Refreshing {
            self.keep(route, &entry);
        }
        Some(Ok(small(How::Stale, entry)))
    }

    /// A file of a checksum database.
    async fn sumdb(&self, route: &Route, wanted: &Wanted, name: &str, path: &str) -> Result<Given, Failure> {
        let Some(passed) = route.sumdbs.iter().find(|sumdb| *sumdb.name == *name) else {
            return Err(Failure::new(
                Cause::NotFound,
                "not found: this checksum database is not passed through",
            ));
        };
        let file = Box::pin(passed.database.pass(path, &passed.private)).await?;
        let entry = if file.immutable {
            Entry::immutable(wanted.clone(), file.bytes, None, false)
        } else {
            let life = Life { at: std::time::SystemTime::now(), until: Instant::now(), stale: None };
            Entry::mutable(wanted.clone(), file.bytes, false, life)
        };
        let entry = Arc::new(entry);
        if entry.life.is_none() {
            self.keep(route, &entry);
        }
        Ok(small(How::Miss, entry))
    }
}

fn small(how: How, entry: Arc<Entry>) -> Given {
    let is_stale = entry.life.as_ref().is_some_and(|life| life.stale.is_some());
    Given { how: if is_stale { How::Stale } else { how }, what: What::Small(entry) }
}

fn given(joined: bool, brought: Brought) -> Given {
    let how = how(joined);
    match brought {
        Brought::Small(entry) => small(how, entry),
        Brought::Proved(flow, h1) => Given { how, what: What::Flow(flow, Some(h1)) },
    }
}

fn how(joined: bool) -> How {
    if joined { How::Joined } else { How::Miss }
}
