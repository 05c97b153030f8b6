//! Whether a mirror passes a checksum database on, and whether what it passes on holds.
//!
//! Nothing is believed: the head must be signed and belong to the one history that is remembered, by all mirrors together; a
//! record is proved by inclusion with tiles of this mirror. A head that is older than the one that this very mirror has shown
//! before is a rollback, unless the answer says itself (`age`) that it is as old as that.

use std::fs::TryLockError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fairlead_gomod::gosum::Kind;
use fairlead_http::fetch::{Document, redact};
use fairlead_sumdb::client::{
    BoxFuture, Client, Memory, MemoryError, Remote, RemoteError, SumError, TILE_HEIGHT, has_shape,
};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::cache::{blocking, digest, read_bounded, read_json, try_lock, write_atomically, write_json};
use super::goproxy::Seen;
use super::probe::{Probe, below};
use super::session::{Heads, Wire};
use super::state::Reason;
use super::trouble::{Trouble, header_text, sound};
use super::verdict::Status;
use crate::proof::{SumDbSpec, hash_of, is_html};

/// Longest answer of a database, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// How often, and after how long, a lock that somebody else holds is tried again.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Looks at the database of the options, if there is one.
pub(super) async fn look(probe: &Probe<'_>, seen: &[Seen]) {
    let Some(spec) = &probe.options().sumdb else { return };
    let started = Instant::now();
    match Box::pin(prove(probe, spec, seen)).await {
        Ok(Some(evidence)) => probe.looked("sumdb", Status::Ok, started, evidence),
        Ok(None) => {
            probe.note("sumdb", format!("{} is not passed on", spec.key.name()));
            probe.looked("sumdb", Status::Info, started, vec![("supported".to_owned(), "no".to_owned())]);
        }
        Err(trouble) => probe.trouble(probe.failed("sumdb", started, trouble)),
    }
}

/// What was proved; nothing where the mirror does not pass the database on.
async fn prove(
    probe: &Probe<'_>,
    spec: &SumDbSpec,
    seen: &[Seen],
) -> Result<Option<Vec<(String, String)>>, Trouble> {
    let name = spec.key.name();
    let supported = probe.ask(&format!("sumdb/{name}/supported"), HeaderMap::new(), MAX_ANSWER).await?;
    if supported.status != StatusCode::OK || is_html(&supported.body) {
        return Ok(None);
    }
    let client = client(probe, spec);
    let latest = probe.ask(&format!("sumdb/{name}/latest"), HeaderMap::new(), MAX_ANSWER).await?;
    let latest = sound(latest).map_err(unreachable)?;
    if !has_shape("/latest", &latest.body) {
        let text =
            "it says that it passes the database on, and answers with something else than a signed tree";
        return Err(Trouble::new(Reason::SumdbUnreachable, text).with("url", redact(&latest.url)));
    }
    let tree = Box::pin(client.check_tree(&latest.body)).await.map_err(|error| of_sum(&error))?;
    no_rollback(probe, spec, tree.size, &latest).await?;
    let mut evidence = vec![
        ("name".to_owned(), name.to_owned()),
        ("treeSize".to_owned(), tree.size.to_string()),
        ("treeHash".to_owned(), tree.hash.to_string()),
    ];
    if let Some(seen) = seen.first() {
        Box::pin(record(&client, seen)).await?;
        probe.content_holds();
        evidence.push(("proved".to_owned(), seen.module.to_string()));
    }
    Ok(Some(evidence))
}

/// One record, by inclusion, and against what the mirror serves.
async fn record(client: &Client, seen: &Seen) -> Result<(), Trouble> {
    let module = &seen.module;
    let lines =
        Box::pin(client.lookup(&module.path, &module.version)).await.map_err(|error| of_sum(&error))?;
    let got = seen.go_mod.to_string();
    match hash_of(&lines, module, Kind::GoMod) {
        Some(expected) if expected == got => Ok(()),
        expected => {
            Err(Trouble::new(Reason::PinMismatch, format!("go.mod of {module} is not the database's"))
                .with("got", got)
                .with("expected", expected.unwrap_or("(no line)")))
        }
    }
}

fn client(probe: &Probe<'_>, spec: &SumDbSpec) -> Client {
    let base = below(probe.url, &format!("sumdb/{}", spec.key.name()));
    let remote = Arc::new(Through { wire: probe.session.wire.clone(), base });
    let identity = format!("{}+{:08x}", spec.key.name(), spec.key.hash());
    let file = probe.session.cache.as_ref().map(|cache| heads_folder(cache.folder()).join(digest(&identity)));
    let memory = Arc::new(Newest { identity, file, heads: Arc::clone(&probe.session.heads) });
    Client::new(spec.key.clone(), remote, memory, TILE_HEIGHT)
}

/// What a database's answer means for the mirror that passes it on.
fn of_sum(error: &SumError) -> Trouble {
    let reason = match error {
        SumError::NotFound(_) | SumError::Unreachable(_) => Reason::SumdbUnreachable,
        SumError::BadName(_) | SumError::Memory(_) => Reason::Unverified,
        SumError::Malformed(_) | SumError::BadSignature(_) | SumError::Inclusion(_) | SumError::Fork(_) => {
            Reason::SumdbUntrusted
        }
    };
    let SumError::Fork(fork) = error else { return Trouble::new(reason, error.to_string()) };
    let text = "the database is shown in two histories that exclude each other";
    Trouble::new(reason, text).with("known", fork.ours.as_str()).with("shown", fork.theirs.as_str())
}

fn unreachable(trouble: Trouble) -> Trouble {
    match trouble.reason {
        Reason::HttpStatus | Reason::Syncing | Reason::EdgeOrigin => {
            Trouble { reason: Reason::SumdbUnreachable, ..trouble }
        }
        _ => trouble,
    }
}

/// The largest tree that a mirror has shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Shown {
    size: u64,
    at: Timestamp,
}

async fn no_rollback(
    probe: &Probe<'_>,
    spec: &SumDbSpec,
    size: u64,
    latest: &Document,
) -> Result<(), Trouble> {
    let Some(cache) = &probe.session.cache else { return Ok(()) };
    let name = digest(&format!("{}+{:08x}\n{}", spec.key.name(), spec.key.hash(), probe.url));
    let path = heads_folder(cache.folder()).join(format!("{name}.json"));
    let place = path.clone();
    let known: Option<Shown> = blocking(move || read_json(&place)).await.flatten();
    match known {
        Some(known) if is_rollback(&known, size, age(latest), Timestamp::now()) => {
            let text = format!("it shows a tree of {size} records, and showed one of {} before", known.size);
            Err(Trouble::new(Reason::SumdbRollback, text)
                .with("size", size.to_string())
                .with("sizeBefore", known.size.to_string())
                .with("seenAt", known.at.to_string()))
        }
        Some(known) if size <= known.size => Ok(()),
        _ => {
            let shown = Shown { size, at: Timestamp::now() };
            if let Some(Err(error)) = blocking(move || write_json(&path, &shown)).await {
                tracing::warn!(%error, "cannot remember which tree a mirror has shown");
            }
            Ok(())
        }
    }
}

/// Whether a head cannot be explained by a cache: it was made after a larger one had been shown.
fn is_rollback(known: &Shown, size: u64, age: u64, now: Timestamp) -> bool {
    let age = i64::try_from(age).unwrap_or(i64::MAX);
    size < known.size && now.as_second().saturating_sub(age) >= known.at.as_second()
}

/// For how many seconds an answer has been in a cache, as it says itself.
fn age(document: &Document) -> u64 {
    header_text(&document.headers, "age").and_then(|age| age.trim().parse().ok()).unwrap_or(0)
}

fn heads_folder(folder: &std::path::Path) -> PathBuf {
    folder.join("heads")
}

/// The database as this mirror passes it on, and nobody else.
struct Through {
    wire: Wire,
    base: Url,
}

impl Remote for Through {
    fn read<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<u8>, RemoteError>> {
        Box::pin(async move {
            let url = below(&self.base, path.trim_start_matches('/'));
            let failed = |not_found: bool, message: String| RemoteError { not_found, message };
            let document = self.wire.get(&url, HeaderMap::new(), MAX_ANSWER).await;
            let document = document.map_err(|trouble| failed(false, trouble.text))?;
            match document.status {
                StatusCode::OK if has_shape(path, &document.body) => Ok(document.body.into()),
                StatusCode::OK => Err(failed(false, format!("{path}: not what a checksum database answers"))),
                status => {
                    let is_absent = matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE);
                    Err(failed(is_absent, format!("{path}: status {}", status.as_u16())))
                }
            }
        })
    }
}

/// Remembers the newest head and nothing else: every proof is to come from the mirror anew.
struct Newest {
    identity: String,
    file: Option<PathBuf>,
    heads: Heads,
}

impl Memory for Newest {
    fn latest(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>, MemoryError>> {
        Box::pin(async move {
            let Some(file) = self.file.clone() else {
                return Ok(self.heads.lock().get(&self.identity).cloned());
            };
            Ok(blocking(move || read_bounded(&file)).await.flatten())
        })
    }

    fn swap_latest<'a>(
        &'a self,
        old: Option<&'a [u8]>,
        new: &'a [u8],
    ) -> BoxFuture<'a, Result<bool, MemoryError>> {
        Box::pin(async move {
            let Some(file) = self.file.clone() else {
                let mut heads = self.heads.lock();
                let is_same = heads.get(&self.identity).map(Vec::as_slice) == old;
                if is_same {
                    heads.insert(self.identity.clone(), new.to_vec());
                }
                return Ok(is_same);
            };
            let (old, new) = (old.map(<[u8]>::to_vec), new.to_vec());
            let swapped = blocking(move || swap(&file, old.as_deref(), &new)).await;
            let swapped = swapped.unwrap_or_else(|| Err("interrupted".to_owned()));
            swapped.map_err(|message| MemoryError { message })
        })
    }

    fn cached<'a>(&'a self, _path: &'a str) -> BoxFuture<'a, Option<Vec<u8>>> {
        Box::pin(async { None })
    }

    fn save<'a>(&'a self, _path: &'a str, _bytes: &'a [u8]) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

/// Compare and swap of a file under a lock, which others hold for moments only.
fn swap(file: &std::path::Path, old: Option<&[u8]>, new: &[u8]) -> Result<bool, String> {
    let lock = file.with_extension("lock");
    let mut tries = 0;
    let _held = loop {
        match try_lock(&lock) {
            Ok(held) => break held,
            Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    if read_bounded(file).as_deref() != old {
        return Ok(false);
    }
    write_atomically(file, new).map_err(|error| error.to_string())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_explains_an_older_head_and_nothing_else_does() {
        let now = Timestamp::now();
        let at = Timestamp::from_second(now.as_second() - 100).unwrap();
        let known = Shown { size: 10, at };
        assert!(is_rollback(&known, 9, 0, now));
        assert!(is_rollback(&known, 9, 50, now));
        assert!(!is_rollback(&known, 9, 101, now), "it was made before the larger one was shown");
        assert!(!is_rollback(&known, 10, 0, now));
        assert!(!is_rollback(&known, 9, u64::MAX, now));
    }

    #[test]
    fn heads_are_swapped_in_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("heads/x");
        assert_eq!(swap(&file, Some(b"a"), b"b"), Ok(false));
        assert_eq!(swap(&file, None, b"a"), Ok(true));
        assert_eq!(swap(&file, None, b"b"), Ok(false));
        assert_eq!(swap(&file, Some(b"a"), b"b"), Ok(true));
        assert_eq!(read_bounded(&file).as_deref(), Some(&b"b"[..]));
    }
}
