//! What is kept between runs, in a folder of small JSON files.
//!
//! `<key>.json` is a verdict, good for a while; its key is a digest of the mirror and of all that was asked of it. A lock on
//! `<key>.lock` makes one probe of two runs at the same time. `states/` has how each mirror was at the end of its last probe,
//! whatever was asked of it: distrust stays there until it is acknowledged. `heads/` has the tree heads of checksum databases.
//! Files are written beside and renamed into place; one that cannot be read counts as not there.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fairlead_http::fetch::redact;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use url::Url;

use super::options::{CacheOptions, CheckOptions, Kind};
use super::state::{Reason, State};
use super::verdict::Verdict;

/// Longest file that is read back, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// How often a lock that somebody else holds is tried.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// After this long a lock is not waited for any more: two probes are better than none.
const LOCK_WAIT: Duration = Duration::from_secs(120);
/// The first thing in every key: changes with the shape of the files.
const FORMAT: &str = "fairlead-probe-1";

/// Says that the operator has looked at why a mirror is untrusted. Returns whether it was.
///
/// # Errors
/// When the folder cannot be written.
pub fn acknowledge(folder: &Path, kind: Kind, url: &Url) -> io::Result<bool> {
    let path = state_path(folder, kind, url);
    let Some(mut past) = read_json::<Past>(&path).filter(|past| past.state == State::Untrusted) else {
        return Ok(false);
    };
    past.state = State::Unknown;
    past.is_acknowledged = true;
    past.since = Timestamp::now();
    write_json(&path, &past)?;
    Ok(true)
}

/// How a mirror was at the end of its last probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Past {
    pub(super) state: State,
    /// Since when it is in that state.
    pub(super) since: Timestamp,
    /// What made it untrusted.
    pub(super) evidence: Vec<(String, String)>,
    /// Untrusted, and acknowledged since.
    pub(super) is_acknowledged: bool,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    format: String,
    key: String,
    checked_at: Timestamp,
    ttl_ms: u64,
    verdict: Verdict,
}

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    options: CacheOptions,
}

/// A lock; dropping it lets go.
#[derive(Debug)]
pub(super) struct Held(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

impl Cache {
    pub(super) fn new(options: CacheOptions) -> Self {
        Cache { options }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// The digest of a mirror and of everything that its verdict depends on.
    pub(super) fn key(&self, options: &CheckOptions, url: &Url) -> String {
        digest(&format!("{FORMAT}\n{}\n{url}\n{}", options.kind.word(), policy(options)))
    }

    /// The lock of a key; none when it cannot be had.
    pub(super) async fn hold(&self, key: &str, deadline: Option<Instant>) -> Option<Held> {
        let path = self.options.folder.join(format!("{key}.lock"));
        let give_up = Instant::now() + LOCK_WAIT;
        let give_up = deadline.map_or(give_up, |deadline| deadline.min(give_up));
        loop {
            let place = path.clone();
            match blocking(move || try_lock(&place)).await? {
                Ok(held) => return Some(held),
                Err(TryLockError::WouldBlock) if Instant::now() < give_up => {
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => return None,
                Err(TryLockError::Error(error)) => {
                    tracing::warn!(path = %path.display(), %error, "cannot lock the cache of verdicts");
                    return None;
                }
            }
        }
    }

    /// How a mirror was.
    pub(super) async fn past(&self, kind: Kind, url: &Url) -> Past {
        let path = state_path(&self.options.folder, kind, url);
        blocking(move || read_json(&path)).await.flatten().unwrap_or_default()
    }

    /// A verdict that is still good and does not contradict what is known by now.
    pub(super) async fn load(&self, key: &str, past: &Past) -> Option<Verdict> {
        let path = self.verdict_path(key);
        let kept: Kept = blocking(move || read_json(&path)).await.flatten()?;
        let age = Timestamp::now().duration_since(kept.checked_at);
        // A verdict from the future is not believed: a clock was wrong.
        let is_fresh = u128::try_from(age.as_millis()).is_ok_and(|age| age < u128::from(kept.ttl_ms));
        let contradicts = (kept.verdict.state == State::Untrusted) != (past.state == State::Untrusted);
        if !is_fresh || contradicts || kept.key != key || kept.format != FORMAT {
            return None;
        }
        Some(Verdict { from_cache: true, ..kept.verdict })
    }

    /// Keeps a verdict, and how the mirror is.
    pub(super) async fn store(&self, key: &str, url: &Url, past: &Past, verdict: &Verdict) {
        let ttl = if verdict.exit_code == 0 { self.options.ttl } else { self.options.negative_ttl };
        let kept = Kept {
            format: FORMAT.to_owned(),
            key: key.to_owned(),
            checked_at: verdict.checked_at,
            ttl_ms: super::probe::millis(ttl),
            verdict: verdict.clone(),
        };
        let state = after(past, verdict);
        let paths = (self.verdict_path(key), state_path(&self.options.folder, verdict.kind, url));
        let written = blocking(move || {
            write_json(&paths.1, &state)?;
            write_json(&paths.0, &kept)
        });
        if let Some(Err(error)) = written.await {
            tracing::warn!(folder = %self.options.folder.display(), %error, "cannot keep a verdict");
        }
    }

    fn verdict_path(&self, key: &str) -> PathBuf {
        self.options.folder.join(format!("{key}.json"))
    }
}

/// What is remembered after a probe. Evidence of distrust is that of the first time.
fn after(past: &Past, verdict: &Verdict) -> Past {
    if verdict.state == past.state {
        return Past { is_acknowledged: false, ..past.clone() };
    }
    let mut evidence = Vec::new();
    if verdict.state == State::Untrusted {
        let fresh = |reason: Reason| reason != Reason::Unacknowledged && reason.target() == State::Untrusted;
        for edge in verdict.path.iter().filter(|edge| fresh(edge.reason)) {
            evidence.push((edge.reason.word().to_owned(), edge.text.clone()));
            evidence.extend(edge.evidence.iter().cloned());
        }
    }
    Past { state: verdict.state, since: verdict.checked_at, evidence, is_acknowledged: false }
}

/// Everything but the mirror that a verdict depends on, as text.
fn policy(options: &CheckOptions) -> String {
    let sumdb = options.sumdb.as_ref().map(|spec| (spec.key.name(), spec.key.hash()));
    let header = options.require_header.as_ref().map(|rule| (&rule.name, rule.pattern.as_str()));
    let token = options.token.as_ref().map(|token| digest(token.reveal()));
    let parts: [&dyn std::fmt::Debug; 24] = [
        &options.timeouts,
        &options.attempts,
        &options.retry_delay,
        &options.redirects,
        &options.strict,
        &options.canaries,
        &options.private,
        &options.reference,
        &options.max_lag,
        &sumdb,
        &header,
        &options.roots,
        &token,
        &options.name_server,
        &options.trust,
        &options.slow,
        &options.probes,
        &options.expiry_warning,
        &options.clock_skew,
        &options.proxy,
        &options.credentials,
        &options.oci,
        &options.debian,
        &options.alpine,
    ];
    format!("{parts:?}")
}

/// Runs what touches files on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

pub(super) fn try_lock(path: &Path) -> Result<Held, TryLockError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(TryLockError::Error)?;
    }
    let open = File::options().create(true).append(true).open(path);
    let file = open.map_err(TryLockError::Error)?;
    file.try_lock()?;
    Ok(Held(file))
}

fn state_path(folder: &Path, kind: Kind, url: &Url) -> PathBuf {
    let name = digest(&format!("{}\n{}", kind.word(), redact(url)));
    folder.join("states").join(format!("{name}.json"))
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&read_bounded(path)?).ok()
}

pub(super) fn read_bounded(path: &Path) -> Option<Vec<u8>> {
    let is_small = fs::metadata(path).ok()?.len() <= MAX_FILE;
    is_small.then(|| fs::read(path).ok()).flatten()
}

pub(super) fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    write_atomically(path, &serde_json::to_vec(value)?)
}

/// Writes beside and renames, so that nobody ever reads half a file.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = path.with_extension(format!("{:016x}.tmp", rand::random::<u64>()));
    let written = File::create_new(&beside).and_then(|mut file| file.write_all(bytes));
    written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
        // Nothing more can be done about a file that cannot be taken away either.
        let _ = fs::remove_file(&beside);
    })
}

/// SHA-256 of a text, in hexadecimal digits.
pub(super) fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::state::Edge;

    fn verdict(state: State) -> Verdict {
        let reason = match state {
            State::Untrusted => Reason::PinMismatch,
            State::Down => Reason::Reset,
            _ => Reason::Valid,
        };
        let edge = Edge {
            from: State::Unknown,
            to: state,
            reason,
            text: "as seen".to_owned(),
            evidence: vec![("got".to_owned(), "h1:x".to_owned())],
        };
        Verdict {
            url: "https://m.example/".to_owned(),
            kind: Kind::Goproxy,
            state,
            path: vec![edge],
            layers: Vec::new(),
            legs: Vec::new(),
            notes: Vec::new(),
            exit_code: reason.exit_code(),
            checked_at: Timestamp::now(),
            took_ms: 1,
            from_cache: false,
            trace_id: String::new(),
            span_id: String::new(),
        }
    }

    fn url() -> Url {
        Url::parse("https://user:secret@m.example/").unwrap()
    }

    fn cache(folder: &Path) -> Cache {
        Cache::new(CacheOptions::new(folder))
    }

    #[tokio::test]
    async fn verdicts_come_back_until_their_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = cache(folder.path());
        let options = CheckOptions::default();
        let (key, past) = (cache.key(&options, &url()), Past::default());
        assert!(cache.load(&key, &past).await.is_none());
        cache.store(&key, &url(), &past, &verdict(State::Active)).await;
        let kept = cache.load(&key, &past).await.unwrap();
        assert!(kept.from_cache);
        assert_eq!(Verdict { from_cache: false, ..kept.clone() }, Verdict { from_cache: false, ..kept });
        cache.options.ttl = Duration::ZERO;
        cache.store(&key, &url(), &past, &verdict(State::Active)).await;
        assert!(cache.load(&key, &past).await.is_none());
        let mut future = verdict(State::Active);
        future.checked_at = Timestamp::now() + Duration::from_secs(3600);
        cache.options.ttl = Duration::from_secs(9999);
        cache.store(&key, &url(), &past, &future).await;
        assert!(cache.load(&key, &past).await.is_none(), "a clock was wrong");
    }

    #[tokio::test]
    async fn bad_verdicts_are_kept_for_a_shorter_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = cache(folder.path());
        cache.options.negative_ttl = Duration::ZERO;
        cache.store("k", &url(), &Past::default(), &verdict(State::Down)).await;
        assert!(cache.load("k", &Past::default()).await.is_none());
        cache.store("k", &url(), &Past::default(), &verdict(State::Active)).await;
        assert!(cache.load("k", &Past::default()).await.is_some());
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        cache.store("k", &url(), &Past::default(), &verdict(State::Active)).await;
        let path = cache.verdict_path("k");
        let whole = fs::read(&path).unwrap();
        for len in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..len]).unwrap();
            assert!(cache.load("k", &Past::default()).await.is_none(), "{len}");
        }
        fs::write(&path, &whole).unwrap();
        assert!(cache.load("k", &Past::default()).await.is_some());
        fs::rename(&path, cache.verdict_path("other")).unwrap();
        assert!(cache.load("other", &Past::default()).await.is_none(), "another key's");
    }

    #[tokio::test]
    async fn distrust_stays_until_it_is_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        let bad = verdict(State::Untrusted);
        cache.store("k", &url(), &Past::default(), &bad).await;
        let past = cache.past(Kind::Goproxy, &url()).await;
        assert_eq!(past.state, State::Untrusted);
        assert!(past.evidence.contains(&("pin-mismatch".to_owned(), "as seen".to_owned())));
        cache.store("k", &url(), &past, &verdict(State::Untrusted)).await;
        assert_eq!(cache.past(Kind::Goproxy, &url()).await.evidence, past.evidence);
        assert!(acknowledge(folder.path(), Kind::Goproxy, &url()).unwrap());
        assert!(!acknowledge(folder.path(), Kind::Goproxy, &url()).unwrap());
        let past = cache.past(Kind::Goproxy, &url()).await;
        assert!(past.is_acknowledged && past.state == State::Unknown);
        assert!(cache.load("k", &past).await.is_none(), "the verdict is from before");
    }

    #[test]
    fn keys_follow_what_is_asked_for() {
        let cache = cache(Path::new("/nowhere"));
        let options = CheckOptions::default();
        let key = cache.key(&options, &url());
        assert_eq!(key, cache.key(&options, &url()));
        assert_eq!(key.len(), 64);
        let other = CheckOptions { strict: true, ..options.clone() };
        assert_ne!(key, cache.key(&other, &url()));
        let other = CheckOptions { token: Some(fairlead_conf::Secret::new("t")), ..options.clone() };
        assert_ne!(key, cache.key(&other, &url()));
        assert_ne!(key, cache.key(&options, &Url::parse("https://m.example/x").unwrap()));
    }

    #[tokio::test]
    async fn one_holds_and_the_other_waits() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (cache(folder.path()), cache(folder.path()));
        let held = first.hold("k", None).await.unwrap();
        let soon = Some(Instant::now() + Duration::from_millis(1));
        assert!(second.hold("k", soon).await.is_none());
        assert!(second.hold("another", soon).await.is_some());
        drop(held);
        assert!(second.hold("k", None).await.is_some());
    }
}
