//! The first of two upstreams is broken, and the go command does not notice.

use fairlead_testkit::Dir;
use fairlead_testkit::goproxy::{Fault, Upstream};

use super::go::Go;
use super::modules::{PACKAGES, project, public};
use super::stage::Mirror;

const GO_MOD: &str = "module app.example/app\n\ngo 1.21\n\nrequire two.example/lib v0.3.0\n";
/// Why the first upstream is of no use, and what it concerns.
const FAULTS: &[(&str, Fault)] = &[
    ("*", Fault::Portal),
    ("*", Fault::RedirectLoop),
    ("*", Fault::Status(403)),
    ("*", Fault::Status(503)),
    ("*", Fault::RetryAfter(429, 60)),
    ("*", Fault::Reset),
    ("*.mod", Fault::SlowBody),
    ("*.zip", Fault::Silence),
    ("*", Fault::Truncated),
    ("*.zip", Fault::HiddenPage),
    ("*", Fault::FalseGzip),
    ("*.zip", Fault::Tampered),
    ("*.mod", Fault::Tampered),
    ("*.zip", Fault::ForeignPrefix),
    ("*.zip", Fault::Traversal),
    ("*.zip", Fault::Bomb),
    ("*.info", Fault::WrongVersion),
    ("/sumdb/*", Fault::Status(404)),
    ("/sumdb/*", Fault::Status(500)),
    ("/sumdb/*", Fault::Portal),
];

/// A project and the sums that it must come to.
fn need(go: &Go) -> String {
    go.write("go.mod", GO_MOD);
    go.write("app.go", &project(&["two.example/lib"]));
    go.run("mod download all");
    go.run("mod tidy");
    go.run("build ./...");
    go.read("go.sum")
}

#[tokio::test]
async fn a_broken_upstream_is_not_noticed() {
    let good = Upstream::start(&public());
    let expected = need(&Go::new(&good.url()));
    assert!(expected.contains("two.example/lib v0.3.0 h1:"), "{expected}");
    for (pattern, fault) in FAULTS {
        let broken = Upstream::start(&public());
        broken.fault(pattern, *fault);
        let dir = Dir::new();
        let list = format!("{}|{}", broken.url(), good.url());
        let Some(mirror) = Mirror::start(&dir, &list, &[]).await else { return };
        let sums = need(&Go::new(&mirror.url));
        assert_eq!(sums, expected, "{pattern} {fault:?} {}", mirror.log());
        assert!(broken.requests(pattern) > 0, "{pattern} {fault:?}: {:?}", broken.seen());
    }
}

#[tokio::test]
async fn what_nobody_can_prove_never_reaches_the_go_command() {
    for (pattern, fault, says) in [
        ("*.zip", Fault::Tampered, "checksum mismatch"),
        ("*.mod", Fault::Tampered, "checksum mismatch"),
        ("*.zip", Fault::ForeignPrefix, "zip for two.example/lib@v0.3.0"),
        ("*.info", Fault::WrongVersion, "instead of requested version"),
        ("*", Fault::Portal, "HTML page"),
    ] {
        let broken = Upstream::start(&public());
        broken.fault(pattern, fault);
        let dir = Dir::new();
        let Some(mirror) = Mirror::start(&dir, &broken.url(), &[]).await else { return };
        // Without a checksum database of its own, so that the words are the mirror's.
        let go = Go::new(&mirror.url).with("GOSUMDB", "off");
        go.write("go.mod", "module app.example/app\n\ngo 1.21\n");
        let told = go.fail("get two.example/lib@v0.3.0");
        assert!(told.contains(says) && told.contains("502 Bad Gateway"), "{pattern} {fault:?}: {told}");
    }
}

#[tokio::test]
async fn while_all_upstreams_are_down_what_is_cached_is_served() {
    let upstream = Upstream::start(&public());
    let dir = Dir::new();
    let Some(mirror) = Mirror::start(&dir, &upstream.url(), &[]).await else { return };
    let author = Go::new(&mirror.url);
    author.write("go.mod", "module app.example/app\n\ngo 1.21\n");
    author.write("app.go", &project(&PACKAGES));
    author.run("mod tidy");
    let checkout = || {
        let go = Go::new(&mirror.url);
        for name in ["go.mod", "go.sum", "app.go"] {
            go.write(name, &author.read(name));
        }
        go
    };
    let first = checkout();
    first.run("mod download all");
    first.run("list -m -versions one.example/Mod");
    upstream.fault("*", Fault::Reset);
    let second = checkout();
    second.run("mod download all");
    second.run("build ./...");
    assert!(second.run("list -m -versions one.example/Mod").contains("v1.1.0"), "{}", mirror.log());
}
