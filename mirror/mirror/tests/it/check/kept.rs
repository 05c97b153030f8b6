//! What is kept between runs: verdicts, distrust, tree heads.

use std::path::Path;
use std::time::Duration;

use fairlead_mirror::check::{CacheOptions, CheckOptions, Kind, Reason, State, acknowledge, check};
use fairlead_testkit::goproxy::{Fault, Upstream};
use url::Url;

use super::stage::{modules, options, reasons, verdict};

fn keeping(folder: &Path) -> CheckOptions {
    let long = Duration::from_secs(3600);
    let cache = CacheOptions { ttl: long, negative_ttl: long, ..CacheOptions::new(folder) };
    CheckOptions { cache: Some(cache), ..options() }
}

/// Remembers, and probes every time.
fn remembering(folder: &Path) -> CheckOptions {
    let cache =
        CacheOptions { ttl: Duration::ZERO, negative_ttl: Duration::ZERO, ..CacheOptions::new(folder) };
    CheckOptions { cache: Some(cache), ..options() }
}

#[tokio::test]
async fn a_kept_verdict_asks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(&modules());
    let first = verdict(&upstream.url(), &keeping(folder.path())).await;
    let asked = upstream.requests("*");
    let second = verdict(&upstream.url(), &keeping(folder.path())).await;
    assert_eq!((first.from_cache, second.from_cache, upstream.requests("*")), (false, true, asked));
    assert_eq!((second.state, &second.layers), (first.state, &first.layers));
    let other = CheckOptions { strict: true, ..keeping(folder.path()) };
    assert!(!verdict(&upstream.url(), &other).await.from_cache, "another question");
}

#[test]
fn two_runs_at_once_make_one_probe() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(&modules());
    upstream.delay(Duration::from_millis(20));
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(verdict(&upstream.url(), &keeping(folder.path()))).from_cache
    };
    let from_cache: Vec<bool> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(from_cache.iter().filter(|kept| !**kept).count(), 1);
    assert_eq!(upstream.requests("/sumdb/*/supported"), 1);
}

#[tokio::test]
async fn distrust_outlives_good_behaviour_until_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(&modules());
    let (url, options) = (upstream.url(), remembering(folder.path()));
    upstream.fault("*.zip", Fault::Tampered);
    assert_eq!(verdict(&url, &options).await.state, State::Untrusted);
    upstream.heal();
    let healed = verdict(&url, &options).await;
    assert_eq!((healed.state, healed.exit_code), (State::Untrusted, 3));
    assert_eq!(reasons(&healed), [Reason::Unacknowledged]);
    assert!(healed.path[0].evidence.iter().any(|(name, _)| name == "pin-mismatch"));
    assert!(acknowledge(folder.path(), Kind::Goproxy, &Url::parse(&url).unwrap()).unwrap());
    let trusted = verdict(&url, &options).await;
    assert_eq!((trusted.state, trusted.exit_code), (State::Active, 0));
    assert_eq!(reasons(&trusted), [Reason::Acknowledged, Reason::Valid]);
    assert_eq!(reasons(&verdict(&url, &options).await), [Reason::Valid]);
}

#[tokio::test]
async fn what_was_down_heals_by_a_probe() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(&modules());
    let options = remembering(folder.path());
    upstream.fault("*", Fault::Close);
    assert_eq!(verdict(&upstream.url(), &options).await.state, State::Down);
    upstream.heal();
    let healed = verdict(&upstream.url(), &options).await;
    assert_eq!((reasons(&healed), healed.path[0].from), (vec![Reason::Healed], State::Down));
}

#[tokio::test]
async fn a_rolled_back_database_is_found_in_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(&modules());
    let options = remembering(folder.path());
    assert_eq!(verdict(&upstream.url(), &options).await.exit_code, 0);
    upstream.fault("/sumdb/*/latest", Fault::RolledBack);
    let back = verdict(&upstream.url(), &options).await;
    assert_eq!((back.state, back.exit_code), (State::Untrusted, 3), "{back:#?}");
    assert!(reasons(&back).contains(&Reason::SumdbRollback));
}

#[tokio::test]
async fn a_forked_database_is_found_in_the_next_run_and_between_mirrors() {
    let folder = tempfile::tempdir().unwrap();
    let (honest, forked) = (Upstream::start(&modules()), Upstream::start(&modules()));
    assert_eq!(verdict(&honest.url(), &remembering(folder.path())).await.exit_code, 0);
    forked.fault("/sumdb/*", Fault::Fork);
    let other = verdict(&forked.url(), &remembering(folder.path())).await;
    assert_eq!((other.state, other.exit_code), (State::Untrusted, 3), "{other:#?}");
    let fork = other.path.iter().find(|edge| edge.reason == Reason::SumdbUntrusted).unwrap();
    assert!(
        fork.evidence.iter().any(|(name, note)| name == "shown" && note.contains("go.sum database tree"))
    );
    // Without a folder, mirrors of one run are still held against each other.
    let urls = [&honest, &forked].map(|upstream| Url::parse(&upstream.url()).unwrap());
    let verdicts = check(&urls, &CheckOptions { jobs: 1, ..options() }, &|_| {}).await.unwrap();
    assert_eq!(verdicts.iter().map(|verdict| verdict.exit_code).collect::<Vec<_>>(), [0, 3]);
}
