//! Whatever happens in whatever order, nothing wrong is kept and nothing wrong is given whole.

use std::time::Duration;

use fairlead_testkit::goproxy::{Fault, Modules, Upstream};
use futures_util::future::join_all;

use super::stage::{Stage, is_same, plain};
use super::truth::truth;

const STEPS: usize = 200;
const SEEDS: [u64; 2] = [1, 0x5eed];

/// Faults with what they may be about: an info has no proof, so that one that is valid and false is beyond us.
const FAULTS: &[(Fault, &[&str])] = &[
    (Fault::Portal, ANY),
    (Fault::HiddenPage, ANY),
    (Fault::RedirectLoop, ANY),
    (Fault::Status(404), ANY),
    (Fault::Status(403), ANY),
    (Fault::RetryAfter(503, 1), ANY),
    (Fault::Close, ANY),
    (Fault::Reset, ANY),
    (Fault::Truncated, ANY),
    (Fault::ChunkedCut, ANY),
    (Fault::Short, ANY),
    (Fault::SlowBody, ANY),
    (Fault::NoLength, ANY),
    (Fault::FalseGzip, ANY),
    (Fault::BadGzip, ANY),
    (Fault::WrongVersion, ANY),
    (Fault::Remarshalled, ANY),
    (Fault::Stale, ANY),
    (Fault::Tampered, PROVED),
    (Fault::FlippedBit, PROVED),
    (Fault::ForeignPrefix, PROVED),
    (Fault::Traversal, PROVED),
    (Fault::Huge, PROVED),
];
const ANY: &[&str] = &["*", "*.zip", "*.mod", "*.info", "*/@v/list", "*/@latest", "/one.example/*"];
const PROVED: &[&str] = &["*.zip", "*.mod", "/two.example/*.zip"];

/// Faults of the database. A fork is one, because the first request is made while all is well.
const OF_SUMDB: &[Fault] = &[
    Fault::FlippedBit,
    Fault::Fork,
    Fault::ForeignKey,
    Fault::RolledBack,
    Fault::OtherModule,
    Fault::Status(500),
];

/// Xorshift (Marsaglia 2003): the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

#[tokio::test]
async fn no_order_of_faults_leaves_anything_wrong() {
    join_all(SEEDS.map(wander)).await;
}

async fn wander(seed: u64) {
    let (good, mut dice) = (truth(), Dice(seed));
    let (first, second, database) = (Upstream::start(good), Upstream::start(good), Upstream::start(good));
    let mut settings = plain(&format!("{}|{}", first.url(), second.url()), &database.sumdb());
    settings.breaker.minimum_requests = u32::MAX;
    settings.client.idle_timeout = fairlead_conf::Duration(Duration::from_millis(200));
    let stage = Stage::start(settings);
    let paths: Vec<String> = good.all().map(|(path, _)| format!("/{path}")).collect();
    assert_eq!(stage.get(&paths[0]).await.status, 200, "{}", paths[0]);
    for step in 0..STEPS {
        match dice.below(8) {
            0 => first.heal(),
            1 => second.heal(),
            2 => database.heal(),
            3 => database.fault("/db/*", *dice.of(OF_SUMDB)),
            4 => {
                // What is cached is asked for again from the beginning.
                let module =
                    *dice.of::<&str>(&["one.example/Mod", "two.example/other", "two.example/other/v2"]);
                stage.mirror.purge(module, None).await.unwrap();
            }
            at => {
                let (fault, patterns) = *dice.of(FAULTS);
                let upstream = if at == 5 { &second } else { &first };
                upstream.fault(dice.of::<&str>(patterns), fault);
            }
        }
        let asked: Vec<&String> = (0..3).map(|_| dice.of(&paths)).collect();
        join_all(asked.iter().map(|path| ask(&stage, path, good, (seed, step)))).await;
        stage.assert_true(good).await;
    }
    for upstream in [&first, &second, &database] {
        upstream.heal();
    }
    for path in &paths {
        let said = stage.get(path).await;
        let is_good = said.body.as_ref().is_ok_and(|body| is_same(path, body, good.get(path).unwrap()));
        let is_stale = said.header("x-fairlead-cache") == "stale";
        assert!(is_good || is_stale, "{path} of seed {seed} in the end: {} {}", said.status, said.text());
    }
    stage.assert_true(good).await;
}

async fn ask(stage: &Stage, path: &str, good: &Modules, at: (u64, usize)) {
    let said = stage.get(path).await;
    let is_proved = [".mod", ".zip", ".info"].iter().any(|ending| path.ends_with(ending));
    if let (200, true, Ok(body)) = (said.status, is_proved, &said.body) {
        assert!(is_same(path, body, good.get(path).unwrap()), "{path} at {at:?}: {}", said.text());
    }
}
