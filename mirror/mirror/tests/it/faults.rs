//! What a mirror answers while an upstream misbehaves in every known way.
//!
//! [`table::ROWS`] is the table: one row for each fault, with what it costs. For each row and each kind of file four mirrors are
//! asked: one with an empty cache, one that has the good answer already, and two with a good upstream behind a `,` and a `|`.

mod random;
mod retry;
mod stage;
mod sumdb;
mod table;
mod truth;

use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use fairlead_testkit::goproxy::{Fault, Upstream};
use fairlead_testkit::{Ca, Dir, free_addr};
use futures_util::{FutureExt as _, StreamExt as _, stream};

use stage::{Said, Stage, plain};
use table::{How, KINDS, Kind, Outcome, ROWS, Row};
use truth::truth;

/// What the mirror knows before it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Good,
    GoodBehindComma,
    GoodBehindPipe,
}

const BEFORE: [Before; 4] = [Before::Nothing, Before::Good, Before::GoodBehindComma, Before::GoodBehindPipe];

/// One row, one kind of file, one state of the cache and the list.
struct Trial<'a> {
    row: &'a Row,
    kind: Kind,
    outcome: &'a Outcome,
    before: Before,
    common: Arc<Common>,
}

/// The servers of a trial.
struct Cast {
    first: Option<Upstream>,
    first_url: String,
    second: Upstream,
    common: Arc<Common>,
}

/// What all trials share.
struct Common {
    ca: Ca,
    sumdb: Upstream,
}

#[tokio::test]
async fn every_fault_costs_what_the_table_says() {
    let outcomes = ROWS.iter().flat_map(|row| row.outcomes.iter().map(move |outcome| (row, outcome)));
    let kinds = outcomes.flat_map(|(row, outcome)| outcome.on.iter().map(move |kind| (row, outcome, *kind)));
    let common = Arc::new(Common { ca: Ca::new(), sumdb: Upstream::start(truth()) });
    let trials = kinds.flat_map(|(row, outcome, kind)| {
        BEFORE.map(|before| Trial { row, kind, outcome, before, common: Arc::clone(&common) })
    });
    let tried =
        stream::iter(trials).map(|trial| AssertUnwindSafe(async move { trial.run().await }).catch_unwind());
    let failed = tried.buffer_unordered(16).filter(|tried| ready(tried.is_err())).count().await;
    assert_eq!(failed, 0, "trials whose panics are above");
}

#[test]
fn every_kind_of_file_is_in_every_row_once() {
    for row in ROWS {
        for kind in KINDS {
            let times = row.outcomes.iter().filter(|outcome| outcome.on.contains(&kind)).count();
            assert!(
                times == 1 || row.skips.contains(&kind) && times == 0,
                "{}: {kind:?} {times} times",
                row.name
            );
        }
    }
}

impl Trial<'_> {
    async fn run(&self) {
        let cast = Cast::of(self.row, &self.common);
        let stage = self.prepared(&cast).await;
        let asked_before = cast.asked_first();
        let said = stage.get(self.kind.path()).await;
        let asked = cast.asked_first() - asked_before;
        match self.before {
            Before::Nothing => {
                self.assert_cost(&said, "");
                self.assert_counted(&stage, &cast, asked).await;
            }
            Before::Good => self.assert_cached(&said, asked),
            Before::GoodBehindComma => {
                self.assert_behind(&said, &cast, self.outcome.is_absence() || self.outcome.is_harmless());
            }
            Before::GoodBehindPipe => self.assert_behind(&said, &cast, true),
        }
        stage.assert_true(truth()).await;
    }

    /// A mirror that knows what it should.
    async fn prepared(&self, cast: &Cast) -> Stage {
        let (first, second, sumdb) = (&cast.first_url, cast.second.url(), cast.common.sumdb.sumdb());
        let list = match self.before {
            Before::Nothing | Before::Good => first.clone(),
            Before::GoodBehindComma => format!("{first},{second}"),
            Before::GoodBehindPipe => format!("{first}|{second}"),
        };
        let dir = Arc::new(Dir::new());
        let mut settings = plain(&list, &sumdb);
        settings.client.root_cas = vec![dir.write("ca.pem", cast.common.ca.pem())];
        if self.row.is_slow {
            // A byte comes each second.
            settings.client.first_byte_timeout = fairlead_conf::Duration(Duration::from_millis(900));
            settings.client.idle_timeout = fairlead_conf::Duration(Duration::from_millis(700));
        }
        if self.before == Before::Good {
            let good = Stage::over(&dir, plain(&second, &sumdb));
            assert_eq!(good.get(self.kind.path()).await.status, 200, "{self:?}");
            good.blob(&self.kind.key()).await;
        }
        Stage::over(&dir, settings)
    }

    /// The fault shows.
    fn assert_cost(&self, said: &Said, hint: &str) {
        assert_eq!(said.status, self.outcome.status, "{self:?} {hint} {}", said.text());
        if self.outcome.is_harmless() {
            let good = truth();
            let body = said.body.as_ref().unwrap();
            let is_good = stage::is_same(self.kind.path(), body, good.get(self.kind.path()).unwrap());
            assert_eq!(is_good, !self.outcome.is_old, "{self:?} {}", said.text());
            return;
        }
        let text = said.text();
        assert!(text.contains(self.outcome.says), "{self:?} says {text}");
        assert!(said.header("content-type").starts_with("text/plain"), "{self:?}");
        assert_eq!(said.header("retry-after"), self.row.retry_after, "{self:?}");
    }

    /// What is known about the upstream afterwards, and what was kept of the answer.
    async fn assert_counted(&self, stage: &Stage, cast: &Cast, asked: usize) {
        if cast.first.is_some() {
            assert_eq!(asked, self.outcome.requests, "{self:?} requests");
        }
        let state = &stage.mirror.upstreams()[0];
        assert_eq!((state.requests, state.failures == 1), (1, self.outcome.is_counted), "{self:?} {state:?}");
        let quarantined = stage.mirror.quarantine().list().await;
        assert_eq!(quarantined.len(), usize::from(self.outcome.is_quarantined), "{self:?} {quarantined:?}");
        for refused in quarantined {
            assert!(
                self.kind.path().ends_with(&refused.wanted) && refused.cause == "untrusted",
                "{refused:?}"
            );
        }
    }

    /// The good answer is in the cache: a fault shows only where the answer may change and the upstream does not fail.
    fn assert_cached(&self, said: &Said, asked: usize) {
        if self.kind.is_immutable() {
            self.assert_good(said);
            assert_eq!((asked, said.header("x-fairlead-cache")), (0, "hit"), "{self:?}");
        } else if self.outcome.is_counted {
            self.assert_good(said);
            assert_eq!(said.header("x-fairlead-cache"), "stale", "{self:?}");
            assert!(
                !said.header("x-fairlead-stale").is_empty() && !said.header("warning").is_empty(),
                "{self:?}"
            );
        } else {
            self.assert_cost(said, "with a good answer in the cache");
        }
    }

    fn assert_behind(&self, said: &Said, cast: &Cast, goes_on: bool) {
        let asked = cast.second.requests("*");
        if self.outcome.is_harmless() || !goes_on {
            self.assert_cost(said, "with a good upstream behind");
            assert_eq!(asked, 0, "{self:?}");
        } else {
            self.assert_good(said);
            assert_eq!(asked, 1, "{self:?}");
        }
    }

    fn assert_good(&self, said: &Said) {
        let good = truth();
        assert_eq!(said.status, 200, "{self:?} {}", said.text());
        assert!(
            said.body.as_ref().is_ok_and(|body| Some(body) == good.get(self.kind.path())),
            "{self:?} {}",
            said.text()
        );
    }
}

impl std::fmt::Debug for Trial<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}: {:?} with {:?}]", self.row.name, self.kind, self.before)
    }
}

impl Cast {
    fn of(row: &Row, common: &Arc<Common>) -> Cast {
        let (good, ca) = (truth(), &common.ca);
        let local = &["127.0.0.1"];
        let first = match &row.how {
            How::Plain(_) => Some(Upstream::start(good)),
            How::Tls(_) | How::RedirectToPlain => Some(Upstream::tls(good, &ca.issue(local))),
            How::UnknownAuthority => Some(Upstream::tls(good, &Ca::new().issue(local))),
            How::WrongHost => Some(Upstream::tls(good, &ca.wrong_host())),
            How::Expired => Some(Upstream::tls(good, &ca.expired(local))),
            How::NobodyListens => None,
        };
        let second = Upstream::start(good);
        match (&row.how, &first) {
            (How::Plain(fault) | How::Tls(fault), Some(first)) => first.fault("*", *fault),
            (How::RedirectToPlain, Some(first)) => first.fault("*", Fault::RedirectTo(second.addr())),
            _ => {}
        }
        let first_url = first.as_ref().map_or_else(|| format!("http://{}", free_addr()), Upstream::url);
        Cast { first, first_url, second, common: Arc::clone(common) }
    }

    fn asked_first(&self) -> usize {
        self.first.as_ref().map_or(0, |first| first.requests("*"))
    }
}
