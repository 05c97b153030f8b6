//! Modules, canaries and options that fit each other.

use std::time::Duration;

use fairlead_gomod::gosum::GoSum;
use fairlead_http::fetch::{ProxyChoice, Timeouts};
use fairlead_mirror::check::{Canary, CheckOptions, Reason, Verdict, check};
use fairlead_mirror::proof::SumDbSpec;
use fairlead_testkit::goproxy::{Modules, Release, sumdb_key};
use url::Url;

pub(crate) const MODULE: &str = "one.example/Mod";

pub(crate) fn modules() -> Modules {
    let first = Release::new().file("m.go", "package m\n").at("2024-01-02T03:04:05Z");
    let second = Release::new().file("m.go", "package m\n\nconst Two = 2\n").at("2024-02-03T04:05:06Z");
    let major = Release::new().file("big.go", "package big\n".repeat(2000));
    Modules::new().add(MODULE, "v1.1.0", &first).add(MODULE, "v1.2.0", &second).add(
        "two.example/other/v2",
        "v2.0.0",
        &major,
    )
}

/// Canaries of [`modules`], pinned by their database.
pub(crate) fn canaries() -> Vec<Canary> {
    let pins = GoSum::parse(modules().sums().as_bytes()).0;
    let names = ["one.example/Mod@v1.2.0", "two.example/other/v2@v2.0.0", "!gone.example/m@v1.0.0"];
    names.iter().map(|name| Canary::parse(name, &pins).unwrap()).collect()
}

pub(crate) fn options() -> CheckOptions {
    let long = Duration::from_secs(20);
    let timeouts =
        Timeouts { dns: long, connect: long, tls: long, first_byte: long, idle: long, total: Some(long) };
    CheckOptions {
        canaries: canaries(),
        sumdb: SumDbSpec::parse(&sumdb_key()).unwrap(),
        attempts: 1,
        retry_delay: Duration::from_millis(20),
        timeouts,
        slow: long,
        proxy: ProxyChoice::Direct,
        netrc: false,
        ..CheckOptions::default()
    }
}

/// The verdict of one mirror.
pub(crate) async fn verdict(url: &str, options: &CheckOptions) -> Verdict {
    let url = Url::parse(url).unwrap();
    let mut verdicts = check(&[url], options, &|_| {}).await.unwrap();
    verdicts.remove(0)
}

/// Reasons of the steps, in order.
pub(crate) fn reasons(verdict: &Verdict) -> Vec<Reason> {
    verdict.path.iter().map(|edge| edge.reason).collect()
}
