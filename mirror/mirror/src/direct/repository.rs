//! One repository: a bare copy of as much of a server's as was needed so far.
//!
//! Whoever works on it holds its lock, across processes too. Branches and tags are asked of the server; a commit behind one of
//! them is fetched without its history; the history comes with all branches and tags, and only when ancestry is in question.
//! Commits that no branch or tag leads to are never fetched: servers give away rejected and foreign ones on demand.
//! A fetch that was cut off leaves a mark, and the copy is begun anew.

mod lock;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::fault::GitError;
use super::refs::{HEADS, Refs, TAGS, is_hex};
use super::run::{Call, Git, disk_size};
use crate::{Cause, Failure};

pub(super) use lock::FolderLock;

/// Fewest digits that are taken for the beginning of a commit.
const MIN_HASH: usize = 7;
/// Most bytes that a server may say about its branches and tags.
const MAX_REFS: u64 = 64 << 20;
/// Most of that which is remembered.
const MAX_KEPT_REFS: usize = 4 << 20;
/// Most bytes of small outputs.
const MAX_LINE: u64 = 4 << 10;
/// Most bytes of a list of tags.
const MAX_TAGS: u64 = 32 << 20;
/// How old branches and tags may be for whoever asks about something that does not change.
const FRESH: Duration = Duration::from_secs(60);
/// Stands in a copy for as long as a fetch is under way.
const UNFINISHED: &str = "fairlead-unfinished";
/// Size of the copy after its last fetch, for the sweep.
pub(super) const SIZE: &str = "fairlead-size";
/// Archives are what was committed: no text is inserted, no file left out.
const ATTRIBUTES: &str = "* -export-subst -export-ignore\n";

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    /// URL with a scheme. It never begins with a dash.
    pub(super) url: String,
    /// The URL without user and secrets, for errors.
    pub(super) shown: String,
    /// The URL as an `Origin` tells it.
    pub(super) origin: String,
    /// Protocols that may be spoken, colon-separated.
    pub(super) protocols: &'static str,
}

/// A repository.
pub(super) struct Repository {
    git: Git,
    remote: Remote,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    refs: Option<(Instant, Arc<Refs>)>,
    /// The state of branches and tags whose history is here.
    complete: Option<[u8; 32]>,
}

/// A commit that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// All digits.
    pub(super) hash: String,
    /// When it was committed, in seconds since 1970.
    pub(super) time: i64,
    /// Tags on it, in order.
    pub(super) tags: Vec<String>,
    /// The branch or tag that it was found by.
    pub(super) name: Option<String>,
}

impl Commit {
    /// The digits that stand in a pseudo-version.
    pub(super) fn short(&self) -> &str {
        &self.hash[..12.min(self.hash.len())]
    }

    /// The tag that was asked for.
    pub(super) fn tag(&self) -> Option<&str> {
        self.name.as_deref()?.strip_prefix(TAGS)
    }
}

/// A repository that nobody else works on.
pub(super) struct Work<'a> {
    repository: &'a Repository,
    state: MutexGuard<'a, State>,
    refs: Arc<Refs>,
    /// They were not asked for now.
    is_old: bool,
    _lock: FolderLock,
    _place: SemaphorePermit<'a>,
}

impl Repository {
    pub(super) fn new(git: Git, remote: Remote, folder: PathBuf) -> Self {
        Repository { git, remote, folder, state: Mutex::default() }
    }

    pub(super) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Waits for its turn and for a place, and asks the server for its branches and tags unless they are known and may be a
    /// minute old.
    pub(super) async fn work<'a>(
        &'a self,
        places: &'a Semaphore,
        may_be_old: bool,
    ) -> Result<Work<'a>, Failure> {
        let mut state = self.state.lock().await;
        let place = places.acquire().await.map_err(|_| Failure::new(Cause::Unavailable, "shutting down"))?;
        let lock = FolderLock::wait(&self.folder, self.git.timeout).await.map_err(|error| self.io(&error))?;
        let folder = self.folder.clone();
        let seen = blocking(move || Ok((folder.join(UNFINISHED).exists(), folder.join("objects").is_dir())));
        let (is_unfinished, is_there) = seen.await.map_err(|error| self.io(&error))?;
        if is_unfinished {
            self.wipe(&mut state).await?;
        }
        let known = state.refs.clone().filter(|(at, _)| may_be_old && at.elapsed() < FRESH);
        let is_old = known.is_some();
        let refs = match known {
            Some((_, refs)) => refs,
            None => self.ask_refs(&mut state).await?,
        };
        if is_unfinished || !is_there {
            state.complete = None;
            self.init(refs.is_sha256()).await?;
        }
        Ok(Work { repository: self, state, refs, is_old, _lock: lock, _place: place })
    }

    async fn ask_refs(&self, state: &mut State) -> Result<Arc<Refs>, Failure> {
        let args = ["ls-remote", "-q", "--", &self.remote.url, "HEAD", "refs/heads/*", "refs/tags/*"];
        let above = self.folder.parent().unwrap_or(&self.folder);
        let call = Call::remote(above, &args, self.remote.protocols, MAX_REFS);
        let output = self.git.run(call).await.map_err(|error| self.failure(&error))?;
        let refs = Arc::new(Refs::parse(&output));
        let is_small = output.len() <= MAX_KEPT_REFS;
        state.refs = is_small.then(|| (Instant::now(), Arc::clone(&refs)));
        Ok(refs)
    }

    async fn init(&self, is_sha256: bool) -> Result<(), Failure> {
        let (folder, made) = (self.folder.clone(), self.folder.clone());
        blocking(move || {
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join(UNFINISHED), "")
        })
        .await
        .map_err(|error| self.io(&error))?;
        let mut args = vec!["init", "-q", "--bare", "--template="];
        if is_sha256 {
            args.push("--object-format=sha256");
        }
        self.local(&args, MAX_LINE).await.map_err(|error| self.failure(&error))?;
        blocking(move || {
            std::fs::create_dir_all(made.join("info"))?;
            std::fs::write(made.join("info/attributes"), ATTRIBUTES)?;
            std::fs::remove_file(made.join(UNFINISHED))
        })
        .await
        .map_err(|error| self.io(&error))
    }

    async fn wipe(&self, state: &mut State) -> Result<(), Failure> {
        state.complete = None;
        let folder = self.folder.clone();
        blocking(move || remove_folder(&folder)).await.map_err(|error| self.io(&error))
    }

    async fn local(&self, args: &[&str], limit: u64) -> Result<Vec<u8>, GitError> {
        self.git.run(Call::local(&self.folder, args, limit)).await
    }

    fn failure(&self, error: &GitError) -> Failure {
        error.failure(&self.remote.shown)
    }

    fn io(&self, error: &std::io::Error) -> Failure {
        let cause =
            if error.kind() == std::io::ErrorKind::TimedOut { Cause::Timeout } else { Cause::Unavailable };
        Failure::new(cause, format!("{}: copy of the repository: {error}", self.remote.shown))
    }
}

impl Work<'_> {
    /// Branches and tags.
    pub(super) fn refs(&self) -> &Arc<Refs> {
        &self.refs
    }

    /// Where the repository is.
    pub(super) fn remote(&self) -> &Remote {
        &self.repository.remote
    }

    /// The copy.
    pub(super) fn folder(&self) -> &Path {
        &self.repository.folder
    }

    /// The git program.
    pub(super) fn git(&self) -> &Git {
        &self.repository.git
    }

    /// The failure of a command on this repository.
    pub(super) fn failure(&self, error: &GitError) -> Failure {
        self.repository.failure(error)
    }

    /// The commit that a tag, a branch, `HEAD`, or the beginning of a hash means; fetched if it is not here.
    ///
    /// # Errors
    /// [`Cause::NotFound`] when it means none, or several.
    pub(super) async fn commit(&mut self, rev: &str) -> Result<Commit, Failure> {
        match self.known_commit(rev).await {
            Err(failure) if self.is_old && failure.cause == Cause::NotFound => {
                self.refs = self.repository.ask_refs(&mut self.state).await?;
                self.is_old = false;
                self.known_commit(rev).await
            }
            result => result,
        }
    }

    async fn known_commit(&mut self, rev: &str) -> Result<Commit, Failure> {
        let (name, hash) = self.meaning(rev)?;
        let wanted = hash.as_deref().unwrap_or(rev);
        if let Some((hash, time)) = self.here(wanted).await? {
            return Ok(self.described(hash, time, name));
        }
        if let Some(known) = &name
            && self.fetch_one(known).await?
            && let Some((hash, time)) = self.here(wanted).await?
        {
            return Ok(self.described(hash, time, name));
        }
        self.fetch_all().await?;
        match self.here(wanted).await? {
            Some((hash, time)) => Ok(self.described(hash, time, name)),
            None => Err(unknown(rev)),
        }
    }

    /// The branch or tag, and the commit, that a text stands for as far as the server tells.
    fn meaning(&self, rev: &str) -> Result<(Option<String>, Option<String>), Failure> {
        for name in [format!("{TAGS}{rev}"), format!("{HEADS}{rev}")] {
            if let Some(hash) = self.refs.hash(&name) {
                let hash = Some(hash.to_owned());
                return Ok((Some(name), hash));
            }
        }
        if rev == "HEAD" {
            let hash = self.refs.hash(rev).ok_or_else(|| Failure::new(Cause::NotFound, "no commits"))?;
            return Ok((Some(rev.to_owned()), Some(hash.to_owned())));
        }
        let all = if self.refs.is_sha256() { 64 } else { 40 };
        if !(MIN_HASH..=all).contains(&rev.len()) || !is_hex(rev) {
            return Err(unknown(rev));
        }
        let mut found: Option<(&str, &str)> = None;
        for (name, hash) in self.refs.iter().filter(|(_, hash)| hash.starts_with(rev)) {
            if found.is_some_and(|(_, other)| other != hash) {
                return Err(Failure::new(Cause::NotFound, format!("ambiguous revision {rev}")));
            }
            found = found.or(Some((name, hash)));
        }
        Ok(match found {
            Some((name, hash)) => (Some(name.to_owned()), Some(hash.to_owned())),
            None => (None, (rev.len() == all).then(|| rev.to_owned())),
        })
    }

    fn described(&self, hash: String, time: i64, name: Option<String>) -> Commit {
        let tags = self.refs.tags("").filter(|(_, commit)| *commit == hash).map(|(tag, _)| tag.to_owned());
        Commit { tags: tags.collect(), hash, time, name }
    }

    /// Hash and time of a commit that is here.
    async fn here(&self, hash: &str) -> Result<Option<(String, i64)>, Failure> {
        let args = ["log", "-n1", "--no-decorate", "--format=%H %ct", hash, "--"];
        let line = match self.repository.local(&args, MAX_LINE).await {
            Ok(output) => String::from_utf8_lossy(&output).into_owned(),
            Err(GitError::Failed { .. }) => return Ok(None),
            Err(error) => return Err(self.failure(&error)),
        };
        let Some((found, time)) = line.trim_end().split_once(' ') else { return Ok(None) };
        // A branch whose name is all digits comes before the commit.
        let time = time.parse().ok().filter(|_| found.starts_with(hash));
        Ok(time.map(|time| (found.to_owned(), time)))
    }

    /// A file of a commit as it was committed; none where there is no such file.
    ///
    /// # Errors
    /// When it is larger than `limit` bytes.
    pub(super) async fn file(&self, hash: &str, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
        let object = format!("{hash}:{path}");
        match self.repository.local(&["cat-file", "blob", &object], limit).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(GitError::Failed { .. }) => Ok(None),
            Err(GitError::TooMuchOutput) => {
                Err(Failure::new(Cause::NotFound, format!("{path} is larger than {limit} bytes")))
            }
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// Tags on a commit and on those before it.
    pub(super) async fn tags_up_to(&mut self, hash: &str) -> Result<Vec<String>, Failure> {
        self.fetch_all().await?;
        let merged = format!("--merged={hash}");
        let args = ["for-each-ref", "--format=%(refname)", &merged, TAGS];
        let output = self.repository.local(&args, MAX_TAGS).await.map_err(|error| self.failure(&error))?;
        let text = String::from_utf8_lossy(&output);
        Ok(text.lines().filter_map(|line| line.strip_prefix(TAGS)).map(str::to_owned).collect())
    }

    /// Whether a tag is on a commit or on one before it.
    pub(super) async fn descends(&mut self, hash: &str, tag: &str) -> Result<bool, Failure> {
        let Some(ancestor) = self.refs.hash(&format!("{TAGS}{tag}")).map(str::to_owned) else {
            return Ok(false);
        };
        let args = ["merge-base", "--is-ancestor", ancestor.as_str(), hash];
        // Yes is yes, but without the history a no means nothing.
        if self.repository.local(&args, MAX_LINE).await.is_ok() {
            return Ok(true);
        }
        self.fetch_all().await?;
        match self.repository.local(&args, MAX_LINE).await {
            Ok(_) => Ok(true),
            Err(GitError::Failed { code: Some(1), .. }) => Ok(false),
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// Fetches the tip of a branch or tag alone. False when the server cannot do that, or the tip has moved meanwhile.
    async fn fetch_one(&mut self, name: &str) -> Result<bool, Failure> {
        let to = if name == "HEAD" { "refs/fairlead/head" } else { name };
        let refspec = format!("+{name}:{to}");
        let fetched = self.fetch(&["--depth=1"], &[&refspec]).await;
        match fetched {
            Ok(()) => Ok(true),
            Err(GitError::Failed { .. }) => Ok(false),
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// Fetches all branches and tags with their history.
    async fn fetch_all(&mut self) -> Result<(), Failure> {
        let is_shallow = |folder: &Path| folder.join("shallow").exists();
        let folder = self.folder().to_owned();
        if self.state.complete == Some(self.refs.digest()) && !is_shallow(&folder) {
            return Ok(());
        }
        let all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
        let mut fetched = self.fetch(&["--prune"], &all).await;
        // Old git takes wider refs and deeper history only one after the other.
        if fetched.is_ok() && is_shallow(&folder) {
            fetched = self.fetch(&["--unshallow"], &all).await;
        }
        fetched.map_err(|error| self.failure(&error))?;
        self.state.complete = Some(self.refs.digest());
        Ok(())
    }

    async fn fetch(&mut self, options: &[&str], refspecs: &[&str]) -> Result<(), GitError> {
        let Repository { git, remote, folder, .. } = self.repository;
        let mark = folder.join(UNFINISHED);
        let marked = blocking(move || std::fs::write(mark, "")).await;
        marked.map_err(|error| GitError::Start(error.to_string()))?;
        let mut args = vec!["-c", "protocol.version=2", "fetch", "-q", "-f", "--no-tags"];
        args.extend(options);
        args.extend(["--", &remote.url]);
        args.extend(refspecs);
        let fetched = git.run(Call::remote(folder, &args, remote.protocols, MAX_LINE)).await;
        let size = disk_size(folder.clone()).await;
        let fetched = if size > git.max_bytes { Err(GitError::TooLarge(git.max_bytes)) } else { fetched };
        match &fetched {
            Ok(_) | Err(GitError::Failed { .. }) => {
                let folder = folder.clone();
                // A mark that stays costs another copy, a size that is lost costs a sweep its aim.
                let noted = blocking(move || {
                    std::fs::write(folder.join(SIZE), size.to_string())?;
                    std::fs::remove_file(folder.join(UNFINISHED))
                });
                drop(noted.await);
            }
            // Killed in the middle: what it left is not worth keeping.
            Err(_) => drop(self.repository.wipe(&mut self.state).await),
        }
        fetched.map(drop)
    }
}

/// The failure of a revision that is not there, in the go command's words.
pub(super) fn unknown(rev: &str) -> Failure {
    let shown: String = rev.chars().filter(|c| !c.is_control()).take(200).collect();
    Failure::new(Cause::NotFound, format!("unknown revision {shown}"))
}

/// Removes a folder that may not be there.
pub(super) fn remove_folder(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
