//! What a mirror answers while the checksum database misbehaves: nothing that it cannot prove.

use fairlead_testkit::goproxy::{Fault, SUMDB, Upstream};

use super::stage::{Stage, plain};
use super::truth::truth;
use crate::fake::{Fake, Reply};

const MOD: &str = "/one.example/!mod/@v/v1.2.0.mod";
const ZIP: &str = "/one.example/!mod/@v/v1.2.0.zip";
/// A file that makes the mirror remember a tree, and a part of its tiles.
const EARLIER: &str = "/two.example/other/@v/v0.3.0.mod";

/// A fault of the database.
struct Row {
    name: &'static str,
    pattern: &'static str,
    fault: Fault,
    /// The mirror has seen the database when it was good.
    remembers: bool,
    status: u16,
    says: &'static str,
}

const fn row(
    name: &'static str,
    pattern: &'static str,
    fault: Fault,
    status: u16,
    says: &'static str,
) -> Row {
    Row { name, pattern, fault, remembers: false, status, says }
}

const fn later(
    name: &'static str,
    pattern: &'static str,
    fault: Fault,
    status: u16,
    says: &'static str,
) -> Row {
    Row { remembers: true, ..row(name, pattern, fault, status, says) }
}

const ROWS: &[Row] = &[
    row("a flipped bit in tiles", "/db/tile/*", Fault::FlippedBit, 502, SUMDB),
    row("a flipped bit in lookups", "/db/lookup/*", Fault::FlippedBit, 502, SUMDB),
    row("another key", "/db/*", Fault::ForeignKey, 502, SUMDB),
    later("another key than before", "/db/*", Fault::ForeignKey, 502, SUMDB),
    later("a fork", "/db/*", Fault::Fork, 502, SUMDB),
    row("a fork of the tiles alone", "/db/tile/*", Fault::Fork, 502, SUMDB),
    later("an older tree", "/db/*", Fault::RolledBack, 404, SUMDB),
    later("an older head alone", "/db/latest", Fault::RolledBack, 200, ""),
    row("another module's record", "/db/lookup/*", Fault::OtherModule, 502, SUMDB),
    row("no such record", "/db/lookup/*", Fault::Status(404), 404, SUMDB),
    row("no tiles", "/db/tile/*", Fault::Status(404), 502, SUMDB),
    row("403", "/db/*", Fault::Status(403), 502, SUMDB),
    row("500", "/db/*", Fault::Status(500), 502, SUMDB),
    row("closed", "/db/*", Fault::Close, 502, SUMDB),
    row("redirect loop", "/db/*", Fault::RedirectLoop, 502, SUMDB),
    row("portal", "/db/*", Fault::Portal, 502, SUMDB),
    row("truncated lookups", "/db/lookup/*", Fault::Truncated, 502, SUMDB),
    row("truncated tiles", "/db/tile/*", Fault::Truncated, 502, SUMDB),
    row("short lookups", "/db/lookup/*", Fault::Short, 502, SUMDB),
    row("short tiles", "/db/tile/*", Fault::Short, 502, SUMDB),
    row("no gzip", "/db/*", Fault::FalseGzip, 502, SUMDB),
    row("no length", "/db/*", Fault::NoLength, 200, ""),
];

#[tokio::test]
async fn nothing_is_given_that_the_database_does_not_prove() {
    let good = truth();
    for row in ROWS {
        for path in [MOD, ZIP] {
            let (upstream, database) = (Upstream::start(good), Upstream::start(good));
            let stage = Stage::start(plain(&upstream.url(), &database.sumdb()));
            if row.remembers {
                assert_eq!(stage.get(EARLIER).await.status, 200, "{}", row.name);
            }
            database.fault(row.pattern, row.fault);
            let said = stage.get(path).await;
            assert_eq!(said.status, row.status, "{} {path}: {}", row.name, said.text());
            if row.status == 200 {
                assert_eq!(said.body.as_ref().ok(), good.get(path), "{}", row.name);
            } else {
                assert!(said.text().contains(row.says), "{} {path}: {}", row.name, said.text());
            }
            stage.assert_true(good).await;
            // What the database says is no fault of the upstream's.
            assert_eq!(stage.mirror.upstreams()[0].failures, 0, "{} {path}", row.name);
            assert!(stage.mirror.quarantine().list().await.is_empty(), "{} {path}", row.name);
            database.heal();
            let said = stage.get(path).await;
            assert_eq!(said.body.as_ref().ok(), good.get(path), "{} healed: {}", row.name, said.text());
        }
    }
}

/// A server that says yes to everything, in plain text, is no database that lies.
#[tokio::test]
async fn another_place_is_asked_when_one_answers_with_something_else() {
    let good = truth();
    let chatty = Fake::new(|seen| match seen.path.starts_with("/sumdb/") {
        true => Reply::ok("Hostname: vm\nGET / HTTP/1.1\n\n"),
        false => Reply::text(404, "not found"),
    })
    .await;
    let upstream = Upstream::start(good);
    let database = upstream.sumdb();
    let key = database.split(' ').next().unwrap();
    let stage = Stage::start(plain(&format!("{},{}", chatty.url, upstream.url()), key));
    for path in [MOD, ZIP] {
        let said = stage.get(path).await;
        assert_eq!((said.status, said.body.as_ref().ok()), (200, good.get(path)), "{}", said.text());
    }
    let alone = Stage::start(plain(&chatty.url, key));
    let said = alone.get(&format!("/sumdb/{SUMDB}/latest")).await;
    assert_eq!(said.status, 502);
}

/// The files that clients ask for through the mirror are proved like those it asks for itself.
#[tokio::test]
async fn what_is_passed_on_is_proved() {
    let good = truth();
    for (fault, name) in [
        (Fault::FlippedBit, "lookup/one.example/!mod@v1.2.0"),
        (Fault::ForeignKey, "lookup/one.example/!mod@v1.2.0"),
        (Fault::Fork, "lookup/one.example/!mod@v1.2.0"),
        (Fault::OtherModule, "lookup/one.example/!mod@v1.2.0"),
        (Fault::Portal, "lookup/one.example/!mod@v1.2.0"),
        (Fault::FlippedBit, "tile/8/0/000"),
        (Fault::Portal, "tile/8/0/000"),
        (Fault::Short, "tile/8/0/000"),
        (Fault::ForeignKey, "latest"),
        (Fault::Fork, "latest"),
    ] {
        let (upstream, database) = (Upstream::start(good), Upstream::start(good));
        let stage = Stage::start(plain(&upstream.url(), &database.sumdb()));
        let path = format!("/sumdb/{SUMDB}/{name}");
        let honest = stage.get(&format!("/sumdb/{SUMDB}/lookup/two.example/other@v0.3.0")).await;
        assert_eq!(honest.status, 200, "{}", honest.text());
        database.fault("/db/*", fault);
        let said = stage.get(&path).await;
        assert_eq!(said.status, 502, "{fault:?} {name}: {}", said.text());
        database.heal();
        assert_eq!(stage.get(&path).await.status, 200, "{fault:?} {name}");
    }
}

/// A head that was asked for before is remembered across restarts, so that a fork is found by a new process.
#[tokio::test]
async fn a_fork_is_found_after_a_restart() {
    let good = truth();
    let (upstream, database) = (Upstream::start(good), Upstream::start(good));
    let stage = Stage::start(plain(&upstream.url(), &database.sumdb()));
    assert_eq!(stage.get(EARLIER).await.status, 200);
    let dir = stage.dir.clone();
    drop(stage);
    database.fault("/db/*", Fault::Fork);
    let said = Stage::over(&dir, plain(&upstream.url(), &database.sumdb())).get(MOD).await;
    assert_eq!(said.status, 502, "{}", said.text());
}
