//! Asking ahead: what reaches the upstream, and in which order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fairlead_mirror::Settings;
use fairlead_mirror::prefetch::Prefetch;
use fairlead_rt::Shutdown;
use http::Method;
use tokio::sync::Semaphore;

use crate::fake::{Fake, Reply, Seen};
use crate::mirror::{Subject, zip};

/// A mirror that asks ahead.
struct Eager {
    subject: Subject,
    prefetch: Arc<Prefetch>,
}

impl Eager {
    fn new(yaml: &str) -> Self {
        let subject = Subject::new(yaml);
        let node = fairlead_conf::yaml::parse(yaml, "test.yml").unwrap();
        let settings = Settings::decode(&node, &mut fairlead_diag::Findings::new()).unwrap();
        let prefetch = Prefetch::new(&subject.mirror, &settings, &subject.metrics, &Shutdown::new());
        subject.mirror.observe(vec![Arc::<Prefetch>::clone(&prefetch)]);
        Eager { subject, prefetch }
    }

    /// Asks, and waits until nothing is asked ahead any more.
    async fn get(&self, path: &str) -> crate::mirror::Answer {
        let answer = self.subject.get(path).await;
        self.idle().await;
        answer
    }

    async fn idle(&self) {
        until(|| self.prefetch.is_idle()).await;
        self.subject.mirror.settled().await;
    }

    fn counted(&self, kind: &str, result: &str) -> u64 {
        let text = self.subject.metrics.text();
        let series = format!("fairlead_mirror_prefetched_total{{kind=\"{kind}\",result=\"{result}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)).map_or(0, |count| count.parse().unwrap())
    }
}

async fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came to that");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Answers for every module of `host/NAME`, whose go.mod requires what `requires` says.
fn modules(
    requires: impl Fn(&str, &str) -> Vec<String> + Send + 'static,
) -> impl Fn(&Seen) -> Reply + Send + 'static {
    move |seen| {
        let Some((path, file)) = seen.path.trim_start_matches('/').split_once("/@v/") else {
            return Reply::text(404, "not found");
        };
        let (version, ending) = file.rsplit_once('.').unwrap_or((file, ""));
        match ending {
            "info" => Reply::ok(format!("{{\"Version\":\"{version}\",\"Time\":\"2020-01-02T03:04:05Z\"}}")),
            "mod" => {
                let lines: String =
                    requires(path, version).iter().map(|line| format!("require {line}\n")).collect();
                Reply::ok(format!("module {path}\n{lines}"))
            }
            "zip" => Reply::ok(zip(path, version, 100)),
            _ => Reply::text(404, "not found"),
        }
    }
}

/// `a.example/0` requires `a.example/1` requires …
fn chain(len: usize) -> impl Fn(&Seen) -> Reply + Send + 'static {
    modules(move |path, _| {
        let at: usize = path.rsplit('/').next().and_then(|text| text.parse().ok()).unwrap_or(len);
        if at + 1 < len { vec![format!("a.example/{} v1.0.0", at + 1)] } else { Vec::new() }
    })
}

fn wide(len: usize) -> impl Fn(&Seen) -> Reply + Send + 'static {
    modules(move |path, _| match path {
        "a.example/0" => (1..=len).map(|at| format!("a.example/{at} v1.0.0")).collect(),
        _ => Vec::new(),
    })
}

fn ending(upstream: &Fake, ending: &str) -> Vec<String> {
    upstream.paths().into_iter().filter(|path| path.ends_with(ending)).collect()
}

fn go_mod(at: usize) -> String {
    format!("/a.example/{at}/@v/v1.0.0.mod")
}

#[tokio::test]
async fn a_go_mod_brings_in_the_graph_once_and_no_zip() {
    let upstream = Fake::new(chain(40)).await;
    let eager = Eager::new(&format!("upstreams: '{}'", upstream.url));
    assert_eq!(eager.get(&go_mod(0)).await.cache(), "miss");
    let mut mods = ending(&upstream, ".mod");
    mods.sort();
    let mut expected: Vec<String> = (0..40).map(go_mod).collect();
    expected.sort();
    assert_eq!(mods, expected, "each once");
    assert_eq!(ending(&upstream, ".info").len(), 39);
    assert_eq!(ending(&upstream, ".zip").len(), 0);
    for at in 0..40 {
        assert_eq!(eager.get(&go_mod(at)).await.cache(), "hit", "{at}");
    }
    assert_eq!(upstream.paths().len(), 40 + 39);
    assert_eq!((eager.counted("mod", "fetched"), eager.counted("info", "fetched")), (39, 39));
}

#[tokio::test]
async fn the_first_zip_brings_in_the_highest_of_each_path_in_order() {
    let upstream = Fake::new(modules(|path, version| match (path, version) {
        ("root.example/r", _) => {
            vec!["b.example/b v1.0.0".into(), "a.example/a v1.0.0".into(), "c.example/c v1.9.0".into()]
        }
        ("b.example/b", _) => vec!["a.example/a v1.10.0".into()],
        ("a.example/a", "v1.10.0") => vec!["only.example/required v1.0.0".into()],
        _ => Vec::new(),
    }))
    .await;
    let eager = Eager::new(&format!("upstreams: '{}'\nprefetch: {{concurrency: 1}}", upstream.url));
    for file in [
        "root.example/r/@v/v0.1.0",
        "a.example/a/@v/v1.0.0",
        "b.example/b/@v/v1.0.0",
        "c.example/c/@v/v1.9.0",
        "a.example/a/@v/v1.10.0",
    ] {
        eager.get(&format!("/{file}.mod")).await;
    }
    assert_eq!(ending(&upstream, ".zip").len(), 0);
    eager.get("/c.example/c/@v/v1.9.0.zip").await;
    let zips = ending(&upstream, ".zip");
    let expected = [
        "/c.example/c/@v/v1.9.0.zip",
        "/a.example/a/@v/v1.10.0.zip",
        "/b.example/b/@v/v1.0.0.zip",
        "/root.example/r/@v/v0.1.0.zip",
    ];
    assert_eq!(zips, expected, "by path, the highest versions, and none that was only required");
    upstream.forget();
    for path in expected {
        assert_eq!(eager.get(path).await.cache(), "hit", "{path}");
        assert_eq!(eager.get(&path.replace(".zip", ".info")).await.cache(), "hit", "{path}");
    }
    assert_eq!(upstream.paths(), Vec::<String>::new());
}

#[tokio::test]
async fn no_more_fetches_at_a_time_than_there_may_be_and_clients_join_them() {
    let (upstream, gate) = (Fake::new(wide(60)).await, Arc::new(Semaphore::new(0)));
    let eager = Eager::new(&format!("upstreams: '{}'\nprefetch: {{concurrency: 4}}", upstream.url));
    eager.subject.get("/a.example/warm/@v/v1.0.0.mod").await;
    upstream.forget();
    let (answer, held) = (wide(60), Arc::clone(&gate));
    upstream.answers(move |seen| {
        let before = (!seen.path.starts_with("/a.example/0/")).then(|| Arc::clone(&held));
        Reply { before, ..answer(seen) }
    });
    eager.subject.ask(Method::GET, &go_mod(0), &[]).await;
    let total = 1 + 2 * 60;
    for released in 0..20 {
        let open = 1 + released + 4;
        until(|| upstream.paths().len() >= open).await;
        assert_eq!(upstream.paths().len(), open, "with {released} let through");
        gate.add_permits(1);
    }
    let asked = upstream.paths().last().unwrap().clone();
    let joined = eager.subject.ask(Method::GET, &asked, &[]);
    let (joined, ()) = tokio::join!(joined, async { gate.add_permits(total) });
    assert_eq!(joined.status, 200);
    eager.idle().await;
    assert_eq!(upstream.paths().len(), total, "the client's own request joined");
}

#[tokio::test]
async fn private_names_and_what_rules_forbid_go_nowhere_else() {
    let (private, public) = (
        Fake::new(modules(|_, _| Vec::new())).await,
        Fake::new(modules(|path, _| match path {
            "a.example/0" => vec![
                "corp.example/secret v1.0.0".into(),
                "evil.example/x v1.0.0".into(),
                "a.example/1 v1.0.0".into(),
            ],
            _ => Vec::new(),
        }))
        .await,
    );
    let eager = Eager::new(&format!(
        "upstreams: '{}'\nprivate: corp.example\nprivateUpstreams: '{}'\nrules: [{{modules: evil.example, action: deny}}]",
        public.url, private.url
    ));
    eager.get(&go_mod(0)).await;
    assert_eq!(private.paths().len(), 2, "{:?}", private.paths());
    assert_eq!(public.paths().len(), 3, "{:?}", public.paths());
    assert!(public.paths().iter().all(|path| path.starts_with("/a.example/")), "{:?}", public.paths());
}

#[tokio::test]
async fn a_client_has_a_budget() {
    let upstream = Fake::new(chain(40)).await;
    let eager = Eager::new(&format!("upstreams: '{}'\nprefetch: {{maxModules: 5}}", upstream.url));
    eager.get(&go_mod(0)).await;
    assert_eq!(ending(&upstream, ".mod").len(), 1 + 5);
    assert_eq!(eager.counted("mod", "dropped"), 1);
}

#[tokio::test]
async fn failures_end_it() {
    let upstream = Fake::new(wide(400)).await;
    let eager = Eager::new(&format!("upstreams: '{}'\nprefetch: {{concurrency: 2}}", upstream.url));
    let answer = wide(400);
    upstream.answers(move |seen| match seen.path.as_str() {
        "/a.example/0/@v/v1.0.0.mod" => answer(seen),
        _ => Reply::text(503, "come back later"),
    });
    eager.get(&go_mod(0)).await;
    assert!(upstream.paths().len() < 40, "{}", upstream.paths().len());
    assert!(eager.counted("mod", "dropped") > 300);
    assert_eq!(eager.subject.ask(Method::GET, &go_mod(0), &[]).await.status, 200);
}

#[tokio::test]
async fn it_can_be_switched_off_and_ends_with_the_mirror() {
    let upstream = Fake::new(chain(40)).await;
    let eager = Eager::new(&format!("upstreams: '{}'\nprefetch: {{enabled: false}}", upstream.url));
    eager.get(&go_mod(0)).await;
    assert_eq!(upstream.paths().len(), 1);
    let eager = Eager::new(&format!("upstreams: '{}'", upstream.url));
    eager.get(&go_mod(0)).await;
    let weak = Arc::downgrade(&eager.subject.mirror);
    drop(eager);
    until(|| weak.upgrade().is_none()).await;
}
