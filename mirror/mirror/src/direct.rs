//! Modules from version control, without a Go toolchain: what the go command does with `GOPROXY=direct`, in git alone.
//!
//! A module path leads to a repository (`discovery`, with `hosts` and the web pages that `meta` reads), which is copied as far as
//! needed (`repository` on a `shelf`, through the git program that `run` keeps within limits). `layout` says where in it the module
//! is, `versions` and `revision` which tag or commit a version is, `info` tells that, and `archive` makes the zip. What fails is told
//! by `fault` in git's own words. The bytes are those that the go command makes, so that their hashes are in go.sum files.

mod archive;
mod body;
mod discovery;
mod fault;
mod hosts;
mod info;
mod layout;
mod meta;
mod refs;
mod repository;
mod revision;
mod run;
mod shelf;
mod tar;
mod versions;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fairlead_gomod::path::Module;
use fairlead_http::fetch::{Fetcher, RetryPolicy};
use fairlead_http::{Body, BoxFuture};
use http::HeaderValue;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub use meta::{Import, imports};

use crate::serve::proxy::Proxy;
use crate::settings::DirectSettings;
use crate::source::{Ask, Document, Fetched, Source, Validators};
use crate::{Cause, Failure, Wanted};
use body::FileBody;
use discovery::{Discovery, Place};
use layout::Layout;
use repository::{Remote, Repository, Work};
use revision::Revision;
use run::Git;
use shelf::Shelf;

/// How often it is looked whether there are too many copies of repositories.
const SWEEP: Duration = Duration::from_secs(60);

/// How a GOPROXY that a web page names is told who asks.
const VIA: HeaderValue = HeaderValue::from_static("1.1 fairlead-direct");

/// Version control as a source of modules.
pub struct Direct {
    name: Arc<str>,
    discovery: Discovery,
    fetcher: Fetcher,
    shelf: Shelf,
    /// Repositories that may be worked on at a time.
    places: Semaphore,
    folder: PathBuf,
    swept: Mutex<Option<Instant>>,
}

impl Direct {
    /// A source that keeps its copies of repositories below `work_folder`, which other processes may share.
    #[must_use]
    pub fn new(settings: &DirectSettings, fetcher: Fetcher, work_folder: PathBuf) -> Arc<Self> {
        let git = Git { timeout: settings.timeout.get(), max_bytes: settings.max_repository_bytes };
        Arc::new(Direct {
            name: "direct".into(),
            discovery: Discovery::new(fetcher.clone(), &settings.insecure),
            fetcher,
            shelf: Shelf::new(git, work_folder.clone()),
            places: Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            folder: work_folder,
            swept: Mutex::default(),
        })
    }

    async fn answer(&self, wanted: &Wanted, ask: &Ask) -> Result<Fetched, Failure> {
        let Some(path) = wanted.module_path() else {
            return Err(Failure::new(Cause::NotFound, "not found: version control has no checksum database"));
        };
        match self.discovery.find(path, ask.deadline).await? {
            Place::Proxy(url) => {
                let proxy = Proxy::new(url, self.fetcher.clone(), RetryPolicy::default(), VIA);
                proxy.fetch(wanted, ask).await
            }
            Place::Git(layout, remotes) => {
                let fetched = self.ask_git(wanted, &layout, &remotes).await;
                self.sweep().await;
                fetched
            }
        }
    }

    async fn ask_git(
        &self,
        wanted: &Wanted,
        layout: &Layout,
        remotes: &[Remote],
    ) -> Result<Fetched, Failure> {
        let repositories: Vec<_> = remotes.iter().map(|remote| self.shelf.repository(remote)).collect();
        let mut work = self.open(&repositories, wanted.is_immutable()).await?;
        match wanted {
            Wanted::List(_) => list(layout, &mut work).await.map(document),
            Wanted::Latest(_) => latest(layout, &mut work).await.map(document),
            Wanted::Query { query, .. } if query == "latest" => latest(layout, &mut work).await.map(document),
            Wanted::Query { query, .. } => info(layout, &mut work, query).await.map(document),
            Wanted::Info(module) => info(layout, &mut work, &module.version).await.map(document),
            Wanted::GoMod(module) => go_mod(layout, &mut work, module).await.map(document),
            Wanted::Zip(module) => {
                let revision = revision::resolve(layout, &mut work, &module.version).await?;
                let Revision { commit, found, .. } = revision;
                let zip = archive::zip(&work, module, &commit.hash, &found, &self.folder).await?;
                Ok(Fetched::Zip { len: Some(zip.len), body: Body::stream(FileBody::new(zip)) })
            }
            Wanted::Sumdb { .. } => Err(Failure::new(Cause::NotFound, "not found")),
        }
    }

    /// The first repository that answers; if none does, what the first said.
    async fn open<'a>(
        &'a self,
        repositories: &'a [Arc<Repository>],
        may_be_old: bool,
    ) -> Result<Work<'a>, Failure> {
        let mut first = None;
        for repository in repositories {
            match repository.work(&self.places, may_be_old).await {
                Ok(work) => return Ok(work),
                Err(failure) => first = first.or(Some(failure)),
            }
        }
        Err(first.unwrap_or_else(|| Failure::new(Cause::NotFound, "no protocol for this repository")))
    }

    async fn sweep(&self) {
        let is_due = {
            let mut swept = self.swept.lock();
            let is_due = swept.is_none_or(|at| at.elapsed() >= SWEEP);
            if is_due {
                *swept = Some(Instant::now());
            }
            is_due
        };
        if is_due {
            self.shelf.sweep().await;
        }
    }
}

impl Source for Direct {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn fetch<'a>(&'a self, wanted: &'a Wanted, ask: &'a Ask) -> BoxFuture<'a, Result<Fetched, Failure>> {
        Box::pin(async move {
            let answer = self.answer(wanted, ask);
            let answer = match ask.deadline {
                None => answer.await,
                Some(deadline) => tokio::time::timeout_at(deadline, answer).await.unwrap_or_else(|_| {
                    Err(Failure::new(Cause::Timeout, format!("{wanted}: version control was too slow")))
                }),
            };
            answer.map_err(|failure| failure.of(&self.name))
        })
    }
}

async fn list(layout: &Layout, work: &mut Work<'_>) -> Result<Bytes, Failure> {
    let mut text = String::new();
    for version in versions::list(layout, work).await? {
        text.extend([&version, "\n"]);
    }
    Ok(Bytes::from(text))
}

/// The highest release, else the highest pre-release, else `HEAD`.
async fn latest(layout: &Layout, work: &mut Work<'_>) -> Result<Bytes, Failure> {
    let versions = versions::list(layout, work).await?;
    let newest = versions::newest(&versions).map_or("", String::as_str);
    info(layout, work, newest).await
}

async fn info(layout: &Layout, work: &mut Work<'_>, asked: &str) -> Result<Bytes, Failure> {
    let revision = revision::resolve(layout, work, asked).await?;
    info::document(layout, work.remote(), work.refs(), &revision, asked)
}

/// The file as it was committed; for a module from before go.mod files, one that only names it.
async fn go_mod(layout: &Layout, work: &mut Work<'_>, module: &Module) -> Result<Bytes, Failure> {
    let revision = revision::resolve(layout, work, &module.version).await?;
    Ok(revision.found.go_mod.map_or_else(|| format!("module {}\n", module.path).into(), Bytes::from))
}

fn document(bytes: Bytes) -> Fetched {
    Fetched::Document(Document { bytes, validators: Validators::default(), at: SystemTime::now() })
}
