//! Routes of tenants, and what may pass.

use crate::fake::{Fake, Reply, Seen};
use crate::mirror::{Subject, start, zip};
use fairlead_telemetry::{Metrics, MetricsOptions};

fn any_module(seen: &Seen) -> Reply {
    let (path, file) = seen.path[1..].split_once("/@").unwrap_or_default();
    let version = file.trim_start_matches("v/").rsplit_once('.').map_or("v1.0.0", |(version, _)| version);
    match file.rsplit('.').next().unwrap_or_default() {
        "mod" => Reply::ok(format!("module {path}\n")),
        "zip" => Reply::ok(zip(path, version, 100)),
        "info" => {
            let year = if version == "v1.2.0" { "2999" } else { "2020" };
            Reply::ok(format!("{{\"Version\":\"{version}\",\"Time\":\"{year}-01-02T03:04:05Z\"}}"))
        }
        "v/list" => Reply::ok("v1.0.0\nv1.1.0\nv1.2.0\n"),
        _ => Reply::ok("{\"Version\":\"v1.2.0\",\"Time\":\"2999-01-02T03:04:05Z\"}"),
    }
}

#[tokio::test]
async fn a_tenant_never_reads_what_another_fetched_without_proof() {
    let (ours, theirs) =
        (Fake::new(any_module).await, Fake::always(Reply::text(404, "not found: not ours")).await);
    let subject = Subject::new(&format!(
        "upstreams: 'off'\nprivate: corp.example\nprivateUpstreams: 'off'\ntenants:\n  \
         one: {{environments: {{default: {{upstreams: '{0}', privateUpstreams: '{0}'}}}}}}\n  \
         two: {{environments: {{default: {{upstreams: '{1}', privateUpstreams: '{1}'}}, prod: {{upstreams: '{0}'}}}}}}",
        ours.url, theirs.url
    ));
    for file in [
        "corp.example/x/@v/v1.0.0.mod",
        "corp.example/x/@v/v1.0.0.zip",
        "corp.example/x/@v/list",
        "a.example/x/@v/v1.0.0.mod",
    ] {
        assert_eq!(subject.get(&format!("/tenants/one/{file}")).await.status, 200, "{file}");
        assert_eq!(subject.get(&format!("/tenants/two/{file}")).await.status, 404, "{file}");
        assert_eq!(subject.get(&format!("/{file}")).await.status, 404, "{file}");
    }
    assert_eq!(subject.get("/tenants/two/prod/a.example/x/@v/v1.0.0.mod").await.status, 200);
    assert_eq!(
        subject.get("/tenants/two/other/a.example/x/@v/v1.0.0.mod").await.status,
        404,
        "is the default"
    );
    for path in ["/tenants/three/a.example/x/@v/list", "/tenants/", "/tenants/one"] {
        let answer = subject.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().is_empty());
    }
}

#[tokio::test]
async fn rules_deny_hide_and_filter() {
    let upstream = Fake::new(any_module).await;
    let subject = Subject::new(&format!(
        "upstreams: '{}'\nrules:\n\
         - {{modules: 'a.example/x', versions: '>=v1.1.0 <v1.2.0', action: deny, reason: known bad}}\n\
         - {{modules: 'a.example/x', versions: 'v1.2.0', action: hide}}\n\
         - {{modules: 'evil.example', action: deny}}\n",
        upstream.url
    ));
    assert_eq!(subject.get("/a.example/x/@v/list").await.text(), "v1.0.0\n");
    assert_eq!(subject.get("/a.example/x/@v/v1.0.0.mod").await.status, 200);
    for file in ["info", "mod", "zip"] {
        let denied = subject.get(&format!("/a.example/x/@v/v1.1.0.{file}")).await;
        assert_eq!(denied.status, 403);
        assert!(denied.text().contains("known bad"), "{}", denied.text());
        assert_eq!(subject.get(&format!("/a.example/x/@v/v1.2.0.{file}")).await.status, 404);
    }
    assert_eq!(subject.get("/a.example/x/@latest").await.status, 404, "the go command then reads the list");
    assert_eq!(subject.get("/evil.example/y/@v/list").await.status, 403);
    assert_eq!(subject.get("/a.example/other/@v/list").await.text().lines().count(), 3);
    assert!(
        upstream.paths().iter().all(|path| !path.contains("evil") && !path.contains("v1.1.0.")),
        "{:?}",
        upstream.paths()
    );
}

#[tokio::test]
async fn releases_that_are_too_young_are_not_served() {
    let upstream = Fake::new(any_module).await;
    let subject = Subject::new(&format!("upstreams: '{}'\nminimumAge: 24h", upstream.url));
    assert_eq!(subject.get("/a.example/x/@v/list").await.text(), "v1.0.0\nv1.1.0\n");
    assert_eq!(subject.get("/a.example/x/@latest").await.status, 404);
    for _ in 0..2 {
        for file in ["info", "mod", "zip"] {
            assert_eq!(subject.get(&format!("/a.example/x/@v/v1.1.0.{file}")).await.status, 200, "{file}");
            let young = subject.get(&format!("/a.example/x/@v/v1.2.0.{file}")).await;
            assert_eq!(young.status, 403, "{file}");
            assert!(young.text().contains("2999"), "{}", young.text());
        }
    }
    assert!(
        !upstream.paths().iter().any(|path| path.ends_with("v1.2.0.mod") || path.ends_with("v1.2.0.zip"))
    );
}

#[tokio::test]
async fn a_mirror_that_would_have_to_guess_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = Metrics::new(MetricsOptions::default());
    let yaml = "upstreams: 'ftp://a.example'\nsumdb: nobody.example\nrules: [{modules: '', action: deny}]\nprivateUpstreams: goproxy.io";
    let findings = start(yaml, folder.path(), &metrics).unwrap_err();
    let text = format!("{findings:?}");
    for part in ["ftp", "patterns", "public proxy"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let findings = start("upstreams: 'off'\nsumdb: nobody.example", folder.path(), &metrics).unwrap_err();
    assert!(format!("{findings:?}").contains("nobody.example"), "{findings:?}");
}
