//! What is kept, for how long, and what is given when upstreams fail.

use std::time::{Duration, Instant};

use http::Method;

use crate::fake::{Fake, Reply};
use crate::mirror::{Subject, zip};

const LIST: &str = "/a.example/x/@v/list";
const LATEST: &str = "/a.example/x/@latest";
const INFO: &str = "/a.example/x/@v/v1.0.0.info";
const MOD: &str = "/a.example/x/@v/v1.0.0.mod";
const ZIP: &str = "/a.example/x/@v/v1.0.0.zip";
/// Blanks, order and unknown fields are the upstream's own.
const TEXT: &str =
    "{ \"Time\":\"2020-01-02T03:04:05Z\",\n \"Version\":\"v1.0.0\" ,\"Origin\":{\"VCS\":\"git\"}}\n";

fn module() -> impl Fn(&crate::fake::Seen) -> Reply {
    |seen| match seen.path.rsplit('/').next().unwrap_or_default() {
        "list" => Reply::ok("v1.0.0\n"),
        "@latest" | "v1.0.0.info" | "main.info" => Reply::ok(TEXT),
        "v1.0.0.mod" => Reply::ok("module a.example/x\n"),
        "v1.0.0.zip" => Reply::ok(zip("a.example/x", "v1.0.0", 1000)),
        _ => Reply::text(404, "not found: no such file"),
    }
}

#[tokio::test]
async fn each_file_is_fetched_alone_once_and_byte_for_byte() {
    let upstream = Fake::new(module()).await;
    let yaml = format!("upstreams: '{}'", upstream.url);
    let subject = Subject::new(&yaml);
    let files = [
        (INFO, "application/json"),
        (MOD, "text/plain; charset=utf-8"),
        (ZIP, "application/zip"),
        (LIST, "text/plain; charset=utf-8"),
        (LATEST, "application/json"),
        ("/a.example/x/@v/main.info", "application/json"),
    ];
    for (at, (path, kind)) in files.iter().enumerate() {
        let first = subject.get(path).await;
        assert_eq!(
            (first.status.as_u16(), first.cache(), first.header("content-type")),
            (200, "miss", *kind),
            "{path}"
        );
        let again = subject.get(path).await;
        assert_eq!(
            (again.cache(), again.body.as_ref().unwrap()),
            ("hit", first.body.as_ref().unwrap()),
            "{path}"
        );
        assert_eq!(upstream.paths().len(), at + 1, "nothing else is fetched for {path}");
    }
    assert_eq!(subject.get(INFO).await.text(), TEXT);
    let subject = subject.restarted(&yaml).await;
    for (path, _) in files {
        assert_eq!(subject.get(path).await.cache(), "hit", "{path} survives a restart");
    }
    assert_eq!(upstream.paths().len(), files.len());
}

#[tokio::test]
async fn heads_parts_and_what_is_known_already() {
    let upstream = Fake::new(module()).await;
    let subject = Subject::new(&format!("upstreams: '{}'", upstream.url));
    for path in [MOD, ZIP, LIST] {
        let whole = subject.get(path).await;
        let len = whole.body.as_ref().unwrap().len().to_string();
        let head = subject.ask(Method::HEAD, path, &[]).await;
        assert_eq!((head.header("content-length"), head.text()), (len.as_str(), ""), "{path}");
        let etag = whole.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.len() > 20, "{etag}");
        let known = subject.ask(Method::GET, path, &[("if-none-match", &etag)]).await;
        assert_eq!((known.status.as_u16(), known.text()), (304, ""), "{path}");
    }
    let whole = subject.get(ZIP).await;
    assert!(whole.header("etag").starts_with("\"h1:"));
    let part = subject.ask(Method::GET, ZIP, &[("range", "bytes=5-9")]).await;
    assert_eq!(part.status, 206);
    assert_eq!(part.body.unwrap(), whole.body.unwrap().slice(5..10));
    assert_eq!(subject.ask(Method::POST, MOD, &[]).await.status, 405);
    assert_eq!(subject.get("/a.example/x/@v/../../etc/passwd").await.status, 404);
    assert_eq!(subject.get("/a.example/%2e%2e/x/@v/list").await.status, 404);
}

#[tokio::test]
async fn what_is_old_is_asked_for_with_a_condition_and_only_where_it_came_from() {
    let upstream = Fake::new(|seen| match seen.header("if-none-match") {
        Some("\"one\"") => Reply::ok("").status(304),
        _ => Reply::ok("v1.0.0\n").with("ETag", "\"one\""),
    })
    .await;
    let yaml = format!("upstreams: '{}'\nttl: {{list: 0s}}", upstream.url);
    let subject = Subject::new(&yaml);
    for _ in 0..3 {
        assert_eq!(subject.get(LIST).await.text(), "v1.0.0\n");
    }
    let tags = |fake: &Fake| {
        fake.seen().iter().map(|seen| seen.header("if-none-match").map(str::to_owned)).collect::<Vec<_>>()
    };
    let one = Some("\"one\"".to_owned());
    assert_eq!(tags(&upstream), [None, one.clone(), one]);
    let other = Fake::always(Reply::ok("v1.0.0\nv1.1.0\n")).await;
    let subject = subject.restarted(&format!("upstreams: '{}'\nttl: {{list: 0s}}", other.url)).await;
    assert_eq!(subject.get(LIST).await.text(), "v1.0.0\nv1.1.0\n");
    assert_eq!(tags(&other), [None]);
}

#[tokio::test]
async fn an_absence_is_remembered_and_a_failure_is_not() {
    let upstream = Fake::always(Reply::text(404, "not found: no such module")).await;
    let subject = Subject::new(&format!("upstreams: '{}'", upstream.url));
    for path in [LIST, MOD] {
        subject.get(path).await;
        let again = subject.get(path).await;
        assert_eq!(
            (again.status.as_u16(), again.text(), again.cache()),
            (404, "not found: no such module\n", "hit")
        );
    }
    assert_eq!(upstream.paths().len(), 2);
    upstream.answers(|_| Reply::text(500, "oops"));
    assert_eq!(subject.get(INFO).await.status, 500);
    upstream.answers(module());
    assert_eq!(subject.get(INFO).await.status, 200);
    let forgets = Subject::new(&format!("upstreams: '{}'\nttl: {{absent: 0s}}", upstream.url));
    assert_eq!(forgets.get("/a.example/x/@v/v1.9.0.mod").await.status, 404);
    upstream.answers(|_| Reply::ok("module a.example/x\n"));
    assert_eq!(forgets.get("/a.example/x/@v/v1.9.0.mod").await.status, 200);
}

#[tokio::test]
async fn a_portal_never_takes_the_place_of_a_good_answer() {
    let upstream = Fake::new(module()).await;
    let subject = Subject::new(&format!(
        "upstreams: '{}'\nttl: {{list: 0s, latest: 0s}}\nbreaker: {{minimumRequests: 1000}}",
        upstream.url
    ));
    let (list, latest) = (subject.get(LIST).await, subject.get(LATEST).await);
    for reply in
        [Reply::html(), Reply::ok("please log in"), Reply::text(500, "oops"), Reply::ok("v1.0.0\n").cut(2)]
    {
        upstream.answers(move |_| reply.clone());
        for (path, good) in [(LIST, &list), (LATEST, &latest)] {
            let answer = subject.get(path).await;
            assert_eq!((answer.status.as_u16(), answer.cache()), (200, "stale"), "{path}");
            assert_eq!(answer.text(), good.text());
            assert!(
                answer.header("warning").starts_with("11") && !answer.header("x-fairlead-stale").is_empty()
            );
        }
        for path in [INFO, MOD, ZIP] {
            assert!(subject.get(path).await.status.is_server_error(), "{path}");
        }
    }
    upstream.answers(module());
    for path in [INFO, MOD, ZIP] {
        assert_eq!(subject.get(path).await.status, 200, "{path}");
    }
    let strict = Subject::new(&format!("upstreams: '{}'\nttl: {{list: 0s, staleIfError: 0s}}", upstream.url));
    strict.get(LIST).await;
    upstream.answers(|_| Reply::text(503, "busy"));
    assert_eq!(strict.get(LIST).await.status, 503);
}

#[tokio::test]
async fn only_the_first_waits_for_an_upstream_that_says_nothing() {
    let upstream = Fake::new(module()).await;
    let yaml = format!(
        "upstreams: '{}'\nttl: {{list: 0s}}\nclient: {{retries: 0, netrc: false, hedgeAfter: 2s}}",
        upstream.url
    );
    let subject = Subject::new(&yaml);
    let lists = ["x", "y", "z", "w"].map(|module| format!("/a.example/{module}/@v/list"));
    for list in &lists {
        assert_eq!(subject.get(list).await.status, 200);
    }
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    upstream.answers(move |_| Reply { before: Some(std::sync::Arc::clone(&gate)), ..Reply::ok("") });
    let begun = Instant::now();
    for list in &lists {
        assert_eq!(subject.ask(Method::GET, list, &[]).await.cache(), "stale", "{list}");
    }
    assert!(begun.elapsed() < Duration::from_secs(6), "all have waited: {:?}", begun.elapsed());
}

#[tokio::test]
async fn with_a_dead_upstream_what_is_cached_comes_at_once() {
    let upstream = Fake::new(module()).await;
    let subject = Subject::new(&format!("upstreams: '{}'\nttl: {{list: 0s}}", upstream.url));
    for path in [LIST, MOD] {
        subject.get(path).await;
    }
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let silent = Fake::always(Reply { before: Some(gate), ..Reply::ok("") }).await;
    let yaml = format!(
        "upstreams: '{}'\nttl: {{list: 0s}}\nclient: {{retries: 0, netrc: false, firstByteTimeout: 100ms, hedgeAfter: 50ms}}",
        silent.url
    );
    let subject = subject.restarted(&yaml).await;
    // At first it is waited for; then the upstream is known to fail.
    assert_eq!(subject.get(LIST).await.cache(), "stale");
    assert!(subject.mirror.upstreams()[0].is_failing);
    for _ in 0..20 {
        let begun = Instant::now();
        let list = subject.ask(Method::GET, LIST, &[]).await;
        let go_mod = subject.ask(Method::GET, MOD, &[]).await;
        assert!(begun.elapsed() < Duration::from_millis(50), "{:?}", begun.elapsed());
        assert_eq!((list.text(), list.cache(), go_mod.cache()), ("v1.0.0\n", "stale", "hit"));
    }
}

#[tokio::test]
async fn offline_only_the_cache_answers() {
    let upstream = Fake::new(module()).await;
    let yaml = format!("upstreams: '{}'\nttl: {{list: 0s, latest: 0s}}", upstream.url);
    let subject = Subject::new(&yaml);
    for path in [INFO, MOD, ZIP] {
        subject.get(path).await;
    }
    let asked = upstream.paths().len();
    let subject = subject.restarted(&format!("{yaml}\noffline: true")).await;
    for path in [INFO, MOD, ZIP] {
        assert_eq!(subject.get(path).await.cache(), "hit", "{path}");
    }
    let (list, latest) = (subject.get(LIST).await, subject.get(LATEST).await);
    assert_eq!((list.text(), latest.text()), ("v1.0.0\n", TEXT), "told by the files that there are");
    let absent = subject.get("/a.example/y/@v/v1.0.0.mod").await;
    assert_eq!(absent.status, 404);
    assert!(absent.text().contains("offline"), "{}", absent.text());
    assert_eq!(upstream.paths().len(), asked);
}

#[tokio::test]
async fn a_file_tree_is_an_upstream() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("a.example/!up/@v");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("v1.0.0.mod"), "module a.example/Up\n").unwrap();
    let bytes = zip("a.example/Up", "v1.0.0", 300_000);
    std::fs::write(files.join("v1.0.0.zip"), &bytes).unwrap();
    let subject = Subject::new(&format!("upstreams: 'file://{}'", folder.path().display()));
    assert_eq!(subject.get("/a.example/%21up/@v/v1.0.0.mod").await.text(), "module a.example/Up\n");
    assert_eq!(subject.get("/a.example/!up/@v/v1.0.0.zip").await.body.unwrap(), bytes);
    assert_eq!(subject.get("/a.example/!up/@v/list").await.status, 404);
    let nowhere = Subject::new("upstreams: 'file:///nonexistent/fairlead'");
    assert_eq!(nowhere.get(LIST).await.status, 502);
}

#[tokio::test]
async fn a_purge_makes_it_be_fetched_again() {
    let upstream = Fake::new(module()).await;
    let subject = Subject::new(&format!("upstreams: '{}'", upstream.url));
    for path in [INFO, MOD, ZIP, LIST] {
        subject.get(path).await;
    }
    assert_eq!(subject.mirror.purge("a.example/x", Some("v1.0.0")).await.unwrap(), 5);
    assert_eq!(subject.get(MOD).await.cache(), "miss");
    assert_eq!(subject.mirror.purge("a.example/never", None).await.unwrap(), 0);
    assert!(subject.mirror.purge("../x", None).await.is_err());
}

#[tokio::test]
async fn a_pseudo_version_that_latest_led_to_can_be_had_without_upstreams() {
    const PSEUDO: &str = "v0.0.0-20240102030405-0123456789ab";
    let text = format!("{{\"Version\":\"{PSEUDO}\",\"Time\":\"2024-01-02T03:04:05Z\"}}\n");
    let latest = text.clone();
    let upstream = Fake::new(move |seen| match seen.path.as_str() {
        LATEST | "/a.example/x/@v/main.info" => Reply::ok(latest.clone()),
        "/a.example/y/@latest" => Reply::ok(TEXT),
        _ => Reply::text(404, "not found: no such file"),
    })
    .await;
    let yaml = format!("upstreams: '{}'", upstream.url);
    for asked in [LATEST, "/a.example/x/@v/main.info"] {
        let subject = Subject::new(&yaml);
        assert_eq!(subject.get(asked).await.status, 200);
        upstream.forget();
        let info = subject.get(&format!("/a.example/x/@v/{PSEUDO}.info")).await;
        assert_eq!((info.status.as_u16(), info.text()), (200, text.as_str()), "{asked}");
        assert!(upstream.paths().is_empty(), "{asked}");
    }
    let subject = Subject::new(&yaml);
    assert_eq!(subject.get("/a.example/y/@latest").await.status, 200);
    upstream.forget();
    assert_eq!(subject.get("/a.example/y/@v/v1.0.0.info").await.status, 404);
    assert_eq!(upstream.paths().len(), 1, "what a release's .info says is for the upstream to say");
}
