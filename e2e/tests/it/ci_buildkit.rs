//! The pre-flight of image builds, with a program in place of docker.

use std::process::{Command, Output};

use fairlead_testkit::goproxy::Fault;
use fairlead_testkit::{Dir, RawBackend, Script};

use crate::ci_mirror::{Stand, canary, fairlead, mirror, modules, nowhere};
use crate::ci_runner::root;

/// A registry that says what one must say at `/v2/`.
fn registry() -> RawBackend {
    answers("200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Type: application/json", "{}")
}

/// A registry that wants a login, as docker.io does.
fn with_login() -> RawBackend {
    answers(
        "401 Unauthorized\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Type: application/json\r\n\
         WWW-Authenticate: Bearer realm=\"https://auth.example/token\",service=\"registry.example\"",
        r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#,
    )
}

fn portal() -> RawBackend {
    answers("200 OK\r\nContent-Type: text/html", "<!DOCTYPE html><html><body>Please log in</body></html>")
}

fn answers(head: &str, body: &str) -> RawBackend {
    let length = body.len();
    let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    RawBackend::start(Script::Answer(answer.into_bytes()))
}

/// Runs the script in a folder with a docker that only writes down how it was called.
struct Build {
    dir: Dir,
    docker: Stand,
    binary: String,
}

impl Build {
    fn new() -> Option<Build> {
        let (dir, binary) = (Dir::new(), fairlead()?);
        dir.write("pins", modules().sums());
        Some(Build { dir, docker: Stand::new("built\n", 0), binary })
    }

    fn run(&self, options: &[&str]) -> Output {
        let mut command = Command::new("sh");
        command.arg(root().join("ci/buildkit/preflight.sh")).args(["--retries", "1"]).args(options);
        command.args([
            "--",
            self.docker.path(),
            "buildx",
            "build",
            "--build-arg",
            "GOPROXY",
            "a b; touch x",
            ".",
        ]);
        command
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("FAIRLEAD_BINARY", &self.binary);
        command.env_remove("GOPROXY").output().unwrap()
    }

    fn wrote(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join(".fairlead-preflight").join(name)).unwrap_or_default()
    }

    /// Whether docker was called, with exactly what was asked for.
    fn built(&self) -> bool {
        let calls = self.docker.calls();
        assert!(
            calls.is_empty() || calls == "6\nbuildx\nbuild\n--build-arg\nGOPROXY\na b; touch x\n.\n",
            "{calls}"
        );
        assert!(!self.dir.join("x").exists());
        !calls.is_empty()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn valid_mirrors_are_written_down_and_the_build_runs() {
    let (first, second, go) = (registry(), with_login(), mirror());
    let Some(build) = Build::new() else { return };
    let mut options = vec!["--registry".to_owned(), first.url(), "--registry".to_owned(), second.url()];
    let output = build.run(&options.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(build.built() && said(&output).contains("built"));
    let (one, two) = (first.addr().to_string(), second.addr().to_string());
    let mut hosts = [&one, &two];
    hosts.sort();
    let [low, high] = hosts;
    let expected = format!(
        "[registry.\"docker.io\"]\n  mirrors = [\"{one}\", \"{two}\"]\n\n[registry.\"{low}\"]\n  http = true\n\n[registry.\"{high}\"]\n  http = true\n"
    );
    let toml = build.wrote("buildkitd.toml");
    assert_eq!(toml, expected);
    fairlead_conf::toml::parse(&toml, "buildkitd.toml").unwrap();
    let json: serde_json::Value = serde_json::from_str(&build.wrote("daemon.json")).unwrap();
    assert_eq!(json["registry-mirrors"], serde_json::json!([first.url(), second.url()]));

    let Some(build) = Build::new() else { return };
    options = vec!["--goproxy".to_owned(), go.url()];
    for option in canary("pins") {
        options.extend(["--option".to_owned(), option]);
    }
    let output = build.run(&options.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(build.built() && said(&output).contains(&format!("GOPROXY={}\n", go.url())), "{}", said(&output));
}

#[test]
fn docker_is_not_called_when_a_mirror_is_bad() {
    let (good, portal, go) = (registry(), portal(), mirror());
    go.fault("*", Fault::Portal);
    let nowhere = nowhere();
    let Some(build) = Build::new() else { return };
    for (options, code) in [
        (vec!["--registry", &*good.url(), "--registry", &portal.url()], 2),
        (vec!["--registry", &good.url(), "--registry", &nowhere], 1),
        (vec!["--registry", &nowhere, "--registry", &portal.url()], 2),
        (vec!["--registry", &good.url(), "--goproxy", &go.url()], 2),
        (vec!["--registry", &good.url(), "--debian", &nowhere], 1),
        (vec!["--registry", &good.url(), "--alpine", &portal.url()], 2),
        (vec!["--any", "--registry", &portal.url(), "--registry", &nowhere], 2),
        (vec!["--any", "--registry", &good.url(), "--ubuntu", &nowhere], 1),
    ] {
        let output = build.run(&options);
        assert_eq!(output.status.code(), Some(code), "{options:?}: {}", said(&output));
        assert!(!build.built(), "{options:?}");
        assert!(build.wrote("buildkitd.toml").is_empty(), "{options:?}");
    }
}

#[test]
fn one_valid_mirror_of_a_kind_can_be_enough() {
    let (good, portal, nowhere) = (registry(), portal(), nowhere());
    let Some(build) = Build::new() else { return };
    let output =
        build.run(&["--any", "--registry", &portal.url(), "--registry", &nowhere, "--registry", &good.url()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(build.built());
    let toml = build.wrote("buildkitd.toml");
    assert!(toml.contains(&format!("mirrors = [\"{}\"]", good.addr())), "{toml}");
}

#[test]
fn every_kind_is_checked_as_what_it_is() {
    let Some(mut build) = Build::new() else { return };
    let stand = Stand::new("", 0);
    stand.path().clone_into(&mut build.binary);
    let output = build.run(&[
        "--registry",
        "https://r.example/hub/",
        "--goproxy",
        "https://g.example",
        "--goproxy",
        "https://h.example/go",
        "--debian",
        "https://d.example",
        "--ubuntu",
        "https://u.example",
        "--alpine",
        "https://a.example",
        "--strict",
        "--image",
        "library/alpine:3.20",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let calls = stand.calls();
    let kinds: Vec<&str> = calls.lines().filter_map(|line| line.strip_prefix("--kind=")).collect();
    assert_eq!(kinds, ["oci", "goproxy", "goproxy", "debian", "ubuntu", "alpine"]);
    assert_eq!(calls.matches("--strict").count(), 6);
    assert_eq!(calls.matches("--image=library/alpine:3.20").count(), 1);
    assert!(said(&output).contains("GOPROXY=https://g.example|https://h.example/go\n"), "{}", said(&output));
    // dockerd takes no mirror with a path, and BuildKit does.
    assert!(said(&output).contains("dockerd takes no mirror with a path"), "{}", said(&output));
    assert_eq!(build.wrote("buildkitd.toml"), "[registry.\"docker.io\"]\n  mirrors = [\"r.example/hub\"]\n");
    assert_eq!(build.wrote("daemon.json"), "{\n  \"registry-mirrors\": []\n}\n");
}

#[test]
fn wrong_usage_runs_nothing() {
    let Some(build) = Build::new() else { return };
    for options in [
        &["--registry"][..],
        &["--registry", "https://ci:s3cret@r.example"],
        &["--registry", "https://r.example/$(touch x)"],
        &["--registry", "r.example\"]\n[evil]"],
        &["--registry", "--strict"],
        &["--nothing", "x"],
        &["--option", "--a b", "--registry", "https://r.example"],
        &["https://r.example"],
        &[],
        &["--binary", "/nowhere/fairlead", "--registry", "https://r.example"],
    ] {
        let output = build.run(options);
        assert_eq!(output.status.code(), Some(64), "{options:?}: {}", said(&output));
        assert!(!build.built() && !said(&output).contains("s3cret"), "{options:?}: {}", said(&output));
    }
}
