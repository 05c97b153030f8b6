//! The file provider: a file, or all files of a directory.
//!
//! [`scan`](self::scan) lists the files, [`source`](self::source) keeps what each of them said last and last without
//! error, [`pieces`](self::pieces) spares most of a large file, [`merge`](self::merge) puts them together, [`watch`](self::watch) says when to look again. A load reads
//! every file but parses only those whose bytes changed.

mod load;
mod merge;
mod pieces;
mod scan;
mod source;
mod watch;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fairlead_diag::Findings;
use fairlead_model::Dynamic;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{Message, Provider};

use load::Loader;
use watch::{Changes, Watch};

/// How long a burst of changes must be quiet before the files are read.
const QUIET: Duration = Duration::from_millis(20);
/// How long a burst may hold the reading back.
const BURST: Duration = Duration::from_millis(100);
/// How often to look for changes that caused no event.
const POLL: Duration = Duration::from_secs(2);

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// One file; not read when a directory is named.
    pub filename: Option<PathBuf>,
    /// A directory with its subdirectories: files that end in `.toml`, `.yaml`, `.yml` or `.json` and do not begin
    /// with a dot.
    pub directory: Option<PathBuf>,
    /// Whether to follow changes.
    pub watch: bool,
}

/// Asks a [`FileProvider`] to look at its files now, as a hang-up signal does.
#[derive(Clone, Debug, Default)]
pub struct Reload(Arc<Notify>);

impl Reload {
    /// Asks. Several calls before the provider has looked count as one.
    pub fn request(&self) {
        self.0.notify_one();
    }
}

/// Looks at the new version of a file and at the one in force, and says what in the new one cannot work.
pub type Judge = Arc<dyn Fn(&Dynamic, &Dynamic) -> Findings + Send + Sync>;

/// Delivers the configuration of files.
pub struct FileProvider {
    options: FileOptions,
    reload: Reload,
    judge: Judge,
}

impl FileProvider {
    /// A provider of these files. Nothing is read before it runs.
    #[must_use]
    pub fn new(options: FileOptions) -> Self {
        FileProvider { options, reload: Reload::default(), judge: Arc::new(|_, _| Findings::new()) }
    }

    /// A new version in which this judge finds errors does not replace one that is in force.
    #[must_use]
    pub fn judged_by(
        mut self,
        judge: impl Fn(&Dynamic, &Dynamic) -> Findings + Send + Sync + 'static,
    ) -> Self {
        self.judge = Arc::new(judge);
        self
    }

    /// A handle that asks for a reload, even when changes are not watched.
    #[must_use]
    pub fn reload_handle(&self) -> Reload {
        self.reload.clone()
    }

    /// Reads everything once, without running: for checks, so that files with errors count as far as they can be read.
    /// Blocks on the file system.
    #[must_use]
    pub fn read_once(&self) -> Message {
        Loader::new(self.options.clone(), self.judge.clone()).load_for_checks()
    }
}

impl Provider for FileProvider {
    fn name(&self) -> &str {
        load::NAME
    }

    fn run(self: Box<Self>, out: mpsc::Sender<Message>, stop: CancellationToken) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // Dropping the future at any await is fine: the loader owns no outside state.
            let _ = stop.run_until_cancelled(follow(self, out)).await;
        })
    }
}

/// Loads, sends what is new, and waits for a reason to look again.
async fn follow(provider: Box<FileProvider>, out: mpsc::Sender<Message>) {
    let FileProvider { options, reload, judge } = *provider;
    let changes = Arc::new(Changes::default());
    let watch = options.watch.then(|| Watch::new(changes.clone()));
    let mut eyes = Eyes { loader: Loader::new(options, judge), watch };
    let mut sent: Option<Message> = None;
    loop {
        let Ok((message, back)) = tokio::task::spawn_blocking(move || (eyes.look(), eyes)).await else {
            tracing::error!("the file provider ended because reading its files failed unexpectedly");
            return;
        };
        eyes = back;
        if !sent.as_ref().is_some_and(|sent| sent.says_the_same(&message)) {
            sent = Some(message.clone());
            if out.send(message).await.is_err() {
                return;
            }
        }
        let Some(back) = wait(eyes, &changes, &reload).await else { return };
        eyes = back;
    }
}

/// The files, and the events about them.
struct Eyes {
    loader: Loader,
    watch: Option<Watch>,
}

impl Eyes {
    /// Loads, and watches all directories that the load has seen. Blocks on the file system.
    fn look(&mut self) -> Message {
        let mut message = self.loader.load();
        let Some(watch) = &mut self.watch else { return message };
        let problem = watch.cover(&self.loader);
        // What changed before the directories were watched has caused no event.
        if self.loader.differs() {
            message = self.loader.load();
        }
        message.findings.extend(problem);
        message
    }
}

/// Waits for an event, a poll that finds something new, or a request. `None` when the runtime is shutting down.
async fn wait(mut eyes: Eyes, changes: &Changes, reload: &Reload) -> Option<Eyes> {
    let watched = eyes.watch.is_some();
    loop {
        tokio::select! {
            () = reload.0.notified() => return Some(eyes),
            () = changes.notify.notified(), if watched => {
                settle(&changes.notify).await;
                if changes.take_written() {
                    return Some(eyes);
                }
            }
            () = tokio::time::sleep(POLL), if watched => {}
        }
        let (differs, back) =
            tokio::task::spawn_blocking(move || (eyes.loader.differs(), eyes)).await.ok()?;
        eyes = back;
        if differs {
            return Some(eyes);
        }
    }
}

/// Waits until a burst of changes is over, [`BURST`] at most.
async fn settle(changed: &Notify) {
    let end = tokio::time::Instant::now() + BURST;
    loop {
        let quiet = (tokio::time::Instant::now() + QUIET).min(end);
        if tokio::time::timeout_at(quiet, changed.notified()).await.is_err() {
            return;
        }
    }
}
