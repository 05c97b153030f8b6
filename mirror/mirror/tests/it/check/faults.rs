//! One row for each fault: the reason it must have, the state, the exit code.

use std::time::Duration;

use fairlead_conf::Secret;
use fairlead_mirror::check::{
    Canary, CheckOptions, Hold, Kind, Leg, Reason, RequiredHeader, State, Status, Trust, check,
};
use fairlead_testkit::goproxy::{Fault, Modules, Release, Upstream};
use fairlead_testkit::{RawBackend, Script, free_addr};
use url::Url;

use super::stage::{MODULE, canaries, modules, options, reasons, verdict};
use crate::fake::{Fake, Reply};

const INFO: &str = "/one.example/!mod/@v/v1.2.0.info";
const ZIP: &str = "/one.example/!mod/@v/v1.2.0.zip";

#[tokio::test]
async fn a_good_mirror_is_active_and_proved() {
    let upstream = Upstream::start(&modules());
    let verdict = verdict(&upstream.url(), &options()).await;
    assert_eq!((verdict.state, verdict.exit_code), (State::Active, 0), "{verdict:#?}");
    assert_eq!(reasons(&verdict), [Reason::Valid]);
    let status =
        |name: &str| verdict.layers.iter().find(|layer| layer.name == name).map(|layer| layer.status);
    for name in
        ["tcp", "http", "canary one.example/Mod@v1.2.0", "absent gone.example/m@v1.0.0", "latest", "sumdb"]
    {
        assert_eq!(status(name), Some(Status::Ok), "{name}");
    }
    assert_eq!(status("tls"), Some(Status::Skipped));
    assert!(verdict.legs.contains(&(Leg::Content, Hold::Holds)));
    assert!(upstream.requests("/sumdb/sum.test.example/db/tile/*") > 0, "a record was proved");
    assert_eq!((verdict.trace_id.len(), verdict.span_id.len()), (32, 16));
}

#[tokio::test]
async fn every_fault_has_its_reason_state_and_code() {
    use Fault as F;
    use State::{Active, Degraded, Down, Untrusted};
    let rows: &[(&str, Fault, Reason, State, u8)] = &[
        ("*", F::Portal, Reason::Portal, Down, 2),
        (INFO, F::HiddenPage, Reason::Portal, Down, 2),
        ("*", F::RedirectLoop, Reason::RedirectLoop, Down, 2),
        ("*", F::Status(403), Reason::HttpStatus, Down, 2),
        ("*", F::Status(500), Reason::HttpStatus, Down, 2),
        ("*", F::RetryAfter(503, 99), Reason::Syncing, Down, 2),
        ("*", F::Close, Reason::Reset, Down, 1),
        ("*", F::Reset, Reason::Reset, Down, 1),
        (INFO, F::Truncated, Reason::Truncated, Down, 1),
        (ZIP, F::Truncated, Reason::Truncated, Down, 1),
        (INFO, F::WrongVersion, Reason::Protocol, Down, 2),
        (INFO, F::Remarshalled, Reason::Valid, Active, 0),
        (INFO, F::BadGzip, Reason::Protocol, Down, 2),
        (ZIP, F::Tampered, Reason::PinMismatch, Untrusted, 3),
        (ZIP, F::ForeignPrefix, Reason::BadArchive, Untrusted, 3),
        (ZIP, F::Traversal, Reason::BadArchive, Untrusted, 3),
        (ZIP, F::Bomb, Reason::BadArchive, Untrusted, 3),
        (ZIP, F::Short, Reason::BadArchive, Untrusted, 3),
        (ZIP, F::HiddenPage, Reason::BadArchive, Untrusted, 3),
        ("*.mod", F::Tampered, Reason::PinMismatch, Untrusted, 3),
        ("*@v/list", F::Stale, Reason::ListIncomplete, Degraded, 0),
        ("*@v/list", F::Status(404), Reason::ListIncomplete, Degraded, 0),
        ("*@latest", F::Status(404), Reason::Valid, Active, 0),
        ("*@latest", F::HiddenPage, Reason::Portal, Down, 2),
        ("/gone.example/*", F::Status(403), Reason::AbsenceRefused, Degraded, 0),
        ("/gone.example/*", F::Portal, Reason::Portal, Down, 2),
        ("/sumdb/*/supported", F::Status(404), Reason::Valid, Active, 0),
        ("/sumdb/*/latest", F::Status(500), Reason::SumdbUnreachable, Degraded, 0),
        ("/sumdb/*", F::ForeignKey, Reason::SumdbUntrusted, Untrusted, 3),
        ("/sumdb/*/lookup/*", F::OtherModule, Reason::SumdbUntrusted, Untrusted, 3),
        ("/sumdb/*/lookup/*", F::FlippedBit, Reason::SumdbUntrusted, Untrusted, 3),
        ("/sumdb/*/tile/*", F::FlippedBit, Reason::SumdbUntrusted, Untrusted, 3),
        ("/sumdb/*/lookup/*", F::Fork, Reason::SumdbUntrusted, Untrusted, 3),
    ];
    for (pattern, fault, reason, state, exit_code) in rows {
        let upstream = Upstream::start(&modules());
        upstream.fault(pattern, *fault);
        let verdict = verdict(&upstream.url(), &options()).await;
        let seen = (verdict.state, verdict.exit_code);
        assert_eq!(seen, (*state, *exit_code), "{pattern} {fault:?} {verdict:#?}");
        assert!(reasons(&verdict).contains(reason), "{pattern} {fault:?} {verdict:#?}");
        assert_eq!(verdict.findings().has_errors(), *exit_code != 0, "{pattern} {fault:?}");
    }
}

/// A server of another kind is not accused of lying.
#[tokio::test]
async fn who_says_yes_to_everything_is_no_mirror() {
    let chatty = Fake::always(Reply::ok("Hostname: vm\nGET / HTTP/1.1\n\n")).await;
    let verdict = verdict(&chatty.url, &options()).await;
    assert_eq!((verdict.state, verdict.exit_code), (State::Down, 2), "{verdict:#?}");
}

#[tokio::test]
async fn strict_checks_count_degradation() {
    let upstream = Upstream::start(&modules());
    upstream.fault("/gone.example/*", Fault::Status(403));
    let verdict = verdict(&upstream.url(), &CheckOptions { strict: true, ..options() }).await;
    assert_eq!((verdict.state, verdict.exit_code), (State::Degraded, 4));
}

#[tokio::test]
async fn what_cannot_be_reached_says_where_it_ends() {
    let refused = verdict(&format!("http://{}", free_addr()), &options()).await;
    assert_eq!((reasons(&refused), refused.exit_code), (vec![Reason::ConnectRefused], 1));
    assert_eq!(refused.layers.last().map(|layer| layer.name.as_str()), Some("tcp"));
    let unknown = verdict("http://no-such-host.invalid", &options()).await;
    assert_eq!((reasons(&unknown), unknown.exit_code), (vec![Reason::DnsFailure], 1));
    assert_eq!(unknown.layers.len(), 1);
    let garbage = RawBackend::start(Script::garbage());
    let garbage = verdict(&garbage.url(), &options()).await;
    assert_eq!((reasons(&garbage), garbage.exit_code), (vec![Reason::Protocol], 2));
}

#[tokio::test]
async fn every_wait_has_an_end_of_its_own() {
    let short = Duration::from_millis(300);
    let upstream = Upstream::start(&modules());
    let mut options = options();
    options.timeouts.first_byte = short;
    upstream.fault("*", Fault::Silence);
    let silent = verdict(&upstream.url(), &options).await;
    assert_eq!((reasons(&silent), silent.exit_code), (vec![Reason::FirstByteTimeout], 1));
    upstream.heal();
    upstream.fault("*", Fault::SlowBody);
    let mut options = super::stage::options();
    options.timeouts.total = Some(Duration::from_millis(1500));
    let dripping = verdict(&upstream.url(), &options).await;
    assert_eq!((reasons(&dripping), dripping.exit_code), (vec![Reason::BodyTimeout], 1), "{dripping:#?}");
    let options = CheckOptions { deadline: Some(short), ..super::stage::options() };
    let late = verdict(&upstream.url(), &options).await;
    assert_eq!(late.exit_code, 1);
    assert_eq!(late.state, State::Down);
}

#[tokio::test]
async fn retries_are_for_what_may_pass() {
    let upstream = Upstream::start(&modules());
    let options = CheckOptions { attempts: 3, ..options() };
    upstream.fault_times(INFO, Fault::Status(503), 2);
    let healed = verdict(&upstream.url(), &options).await;
    assert_eq!(healed.exit_code, 0, "{healed:#?}");
    upstream.fault(INFO, Fault::Status(403));
    let before = upstream.requests(INFO);
    let refused = verdict(&upstream.url(), &options).await;
    assert_eq!((refused.exit_code, upstream.requests(INFO) - before), (2, 1));
    upstream.heal();
    upstream.fault(INFO, Fault::Status(503));
    let before = upstream.requests(INFO);
    assert_eq!(verdict(&upstream.url(), &options).await.exit_code, 2);
    assert_eq!(upstream.requests(INFO) - before, 3);
}

#[tokio::test]
async fn a_module_that_does_not_exist_must_not_be_there() {
    let invented = modules().add("gone.example/m", "v1.0.0", &Release::new());
    let upstream = Upstream::start(&invented);
    let verdict = verdict(&upstream.url(), &options()).await;
    assert_eq!((verdict.state, verdict.exit_code), (State::Untrusted, 3));
    assert!(reasons(&verdict).contains(&Reason::InventedModule));
}

#[tokio::test]
async fn a_private_module_must_not_come_out() {
    let leaky = modules().add("corp.example/secret", "v1.0.0", &Release::new());
    let options = CheckOptions { private: Some("corp.example/secret".to_owned()), ..options() };
    let verdict_of = async |modules: &Modules| verdict(&Upstream::start(modules).url(), &options).await;
    let leaked = verdict_of(&leaky).await;
    assert_eq!((leaked.exit_code, reasons(&leaked).contains(&Reason::PrivateServed)), (3, true));
    assert_eq!(verdict_of(&modules()).await.exit_code, 0);
}

#[tokio::test]
async fn a_mirror_that_lags_is_stale() {
    let (fresh, stale) = (Upstream::start(&modules()), Upstream::start(&modules()));
    stale.fault("*@latest", Fault::Stale);
    let mut options =
        CheckOptions { reference: Some(Url::parse(&fresh.url()).unwrap()), strict: true, ..options() };
    let behind = verdict(&stale.url(), &options).await;
    assert_eq!((behind.state, behind.exit_code), (State::Stale, 4), "{behind:#?}");
    assert!(reasons(&behind).contains(&Reason::Lagging));
    options.max_lag = Duration::from_secs(365 * 86_400);
    assert_eq!(verdict(&stale.url(), &options).await.exit_code, 0);
    // Without @latest the lists are compared.
    options.max_lag = Duration::from_secs(60);
    stale.heal();
    stale.fault("*@latest", Fault::Status(404));
    assert_eq!(verdict(&stale.url(), &options).await.state, State::Active);
    stale.fault("*@v/list", Fault::Stale);
    assert_eq!(verdict(&stale.url(), &options).await.state, State::Stale);
}

#[tokio::test]
async fn a_slow_mirror_is_degraded_and_not_down() {
    let upstream = Upstream::start(&modules());
    upstream.delay(Duration::from_millis(50));
    let options = CheckOptions { slow: Duration::from_millis(20), ..options() };
    let slow = verdict(&upstream.url(), &options).await;
    assert_eq!((slow.state, slow.exit_code), (State::Degraded, 0));
    assert!(reasons(&slow).contains(&Reason::Slow));
}

#[tokio::test]
async fn the_caller_may_require_a_header() {
    let upstream = Upstream::start(&modules());
    let rule = |name: &str, pattern: &str| CheckOptions {
        require_header: Some(RequiredHeader {
            name: name.parse().unwrap(),
            pattern: regex::Regex::new(pattern).unwrap(),
        }),
        ..options()
    };
    assert_eq!(verdict(&upstream.url(), &rule("content-type", "^application/")).await.exit_code, 0);
    for (name, pattern) in [("content-type", "^text/"), ("x-go-proxy", "")] {
        let verdict = verdict(&upstream.url(), &rule(name, pattern)).await;
        assert_eq!((reasons(&verdict).last(), verdict.exit_code), (Some(&Reason::HeaderRequired), 2));
    }
}

#[tokio::test]
async fn redirects_go_where_the_policy_allows() {
    use fairlead_http::fetch::RedirectPolicy::{Allow, Deny, SameHost};
    let (target, front) = (Upstream::start(&modules()), Upstream::start(&Modules::new()));
    front.fault("*", Fault::RedirectTo(target.addr()));
    let with = |redirects| CheckOptions { redirects, ..options() };
    let followed = verdict(&front.url(), &with(Allow)).await;
    assert_eq!(followed.exit_code, 0, "{followed:#?}");
    let http = followed.layers.iter().find(|layer| layer.name == "http").unwrap();
    assert!(http.evidence.iter().any(|(name, value)| name == "redirect" && value.starts_with("302 ")));
    for policy in [Deny, SameHost] {
        let refused = verdict(&front.url(), &with(policy)).await;
        assert_eq!((reasons(&refused), refused.exit_code), (vec![Reason::RedirectRefused], 2));
    }
}

#[tokio::test]
async fn reasons_for_trust_are_held_against_the_policy() {
    let upstream = Upstream::start(&modules());
    let with = |trust: Trust| CheckOptions { trust, ..options() };
    assert_eq!(verdict(&upstream.url(), &with(Trust::List(vec![Leg::Content]))).await.exit_code, 0);
    let unmet = verdict(&upstream.url(), &with(Trust::List(vec![Leg::Tls]))).await;
    assert_eq!((reasons(&unmet).last(), unmet.exit_code), (Some(&Reason::TrustUnmet), 3));
    // A name server that nobody runs: the proof could not be looked for.
    let unknown = CheckOptions {
        token: Some(Secret::new("s3cr3t")),
        name_server: Some(free_addr()),
        timeouts: fairlead_http::fetch::Timeouts { dns: Duration::from_millis(300), ..options().timeouts },
        ..options()
    };
    let verdict = verdict(&upstream.url(), &unknown).await;
    assert_eq!((verdict.state, verdict.exit_code), (State::Degraded, 0), "{verdict:#?}");
    assert!(reasons(&verdict).contains(&Reason::OwnershipUnknown));
    assert!(!format!("{verdict:?}").contains("s3cr3t"), "the token stays secret");
}

#[tokio::test]
async fn pins_are_not_needed_where_a_database_is() {
    let upstream = Upstream::start(&modules());
    let unpinned = |canary: Canary| match canary {
        Canary::Present { module, .. } => Canary::Present { module, go_mod: None, zip: None },
        absent @ Canary::Absent(_) => absent,
    };
    let options = CheckOptions { canaries: canaries().into_iter().map(unpinned).collect(), ..options() };
    upstream.fault("*.mod", Fault::Tampered);
    let verdict = verdict(&upstream.url(), &options).await;
    assert_eq!((verdict.state, verdict.exit_code), (State::Untrusted, 3));
}

#[tokio::test]
async fn what_makes_no_sense_is_not_checked() {
    let urls = [Url::parse("file:///mirror").unwrap()];
    assert_eq!(check(&urls, &options(), &|_| {}).await.unwrap_err().exit_code(), 64);
    let urls = [Url::parse("http://127.0.0.1:1").unwrap()];
    let none = CheckOptions { canaries: Vec::new(), ..options() };
    assert!(check(&urls, &none, &|_| {}).await.is_err());
    assert_eq!(options().kind, Kind::Goproxy);
    assert!(modules().get(&format!("{}/@v/list", "one.example/!mod")).is_some(), "{MODULE}");
}
