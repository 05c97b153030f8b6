//! Two replicas of a mirror over one bucket, in moto: a real S3 peer.

use std::net::SocketAddr;

use fairlead_e2e::{Answer, Ask, Subject, ask, eventually};
use fairlead_testkit::goproxy::{Modules, Release, Upstream, sumdb_key};
use fairlead_testkit::{Dir, ObjectStore};
use rustix::process::Signal;

use crate::peers::{fairlead, word_after};

const ZIP: &str = "/one.example/m/@v/v1.0.0.zip";

struct Store(ObjectStore);

impl Store {
    fn start() -> Store {
        Store(ObjectStore::start("modules"))
    }

    async fn ask(&self, method: &str, target: &str) -> Answer {
        let asked = Ask::parse(&format!("{method} http://{}{target}", self.0.addr())).unwrap();
        // moto keeps a connection open, and wants a length.
        let asked = asked.header("Connection", "close").header("Content-Length", "0");
        ask(self.0.addr(), &asked).await.unwrap()
    }

    /// Keys of the bucket that end so.
    async fn keys(&self, ending: &str) -> Vec<String> {
        let listed = self.ask("GET", "/modules?list-type=2").await;
        assert_eq!(listed.status, 200, "{listed}");
        let text = listed.text();
        let keys =
            text.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned()));
        keys.filter(|key| key.ends_with(ending)).collect()
    }
}

/// One process, with nothing of its own but its configuration.
struct Replica {
    server: Subject,
    addr: SocketAddr,
    #[expect(dead_code, reason = "held so that it lives as long as the process")]
    dir: Dir,
}

impl Replica {
    /// `None` when another binary is under test.
    async fn start(store: &Store, upstream: &Upstream) -> Option<Replica> {
        let dir = Dir::new();
        let config = format!(
            "mirror:\n  upstreams: {}\n  sumdb: {}\n  client: {{retries: 0, hedgeAfter: 0s}}\n  prefetch: {{enabled: false}}\n  cache:\n    s3:\n      bucket: modules\n      prefix: go\n      region: us-east-1\n      endpoint: http://{}\n      pathStyle: true\n      accessKeyId: an-id\n      secretAccessKey: a-s3cret\n",
            upstream.url(),
            sumdb_key(),
            store.0.addr()
        );
        let config = dir.write("mirror.yml", config);
        let mut command = fairlead(&dir)?;
        command.args(["mirror", "serve", "--listen=127.0.0.1:0", "--config"]).arg(config);
        let mut server = Subject::spawn(command, &dir.join("mirror.log")).unwrap();
        let addr = eventually(async || {
            anyhow::ensure!(server.ended()?.is_none(), "it ended: {}", server.log());
            Ok(word_after(&server, "listening  ")?.parse()?)
        });
        let addr = addr.await.unwrap();
        Some(Replica { server, addr, dir })
    }

    async fn ask(&self, target: &str) -> Answer {
        ask(self.addr, &Ask::parse(&format!("http://{}{target}", self.addr)).unwrap()).await.unwrap()
    }

    /// The body of an answer that must be good.
    async fn get(&self, target: &str) -> Vec<u8> {
        let answer = self.ask(target).await;
        assert_eq!(answer.status, 200, "{target}: {answer}\n{}", self.server.log());
        answer.body
    }

    /// Asks it to stop, and waits until it has.
    async fn stop(mut self) {
        self.server.signal(Signal::TERM).unwrap();
        let server = &mut self.server;
        let ended = eventually(async || server.ended()?.ok_or_else(|| anyhow::anyhow!("it does not stop")));
        assert!(ended.await.unwrap().success());
        let log = self.server.log();
        assert!(!log.contains("s3cret"), "{log}");
    }
}

/// Waits until the store has the zip, once.
async fn holds_one_zip(store: &Store) {
    let one = eventually(async || {
        let keys = store.keys(".zip").await;
        anyhow::ensure!(keys.len() == 1, "{keys:?}");
        Ok(())
    });
    one.await.unwrap();
}

/// One module, with a zip that is more than one piece.
fn modules() -> Modules {
    let noise: Vec<u8> = (0_u32..300_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let release = Release::new().file("m.go", "package m\n").file("data", noise);
    Modules::new().add("one.example/m", "v1.0.0", &release)
}

#[tokio::test]
async fn what_one_replica_fetched_the_other_has_without_any_upstream() {
    let (store, upstream) = (Store::start(), Upstream::start(&modules()));
    let Some(first) = Replica::start(&store, &upstream).await else { return };
    let second = Replica::start(&store, &upstream).await.unwrap();
    let paths =
        ["/one.example/m/@v/v1.0.0.info", "/one.example/m/@v/v1.0.0.mod", ZIP, "/one.example/m/@v/list"];
    let mut fetched = Vec::new();
    for path in paths {
        fetched.push(first.get(path).await);
    }
    // The answer is there before the store has it.
    holds_one_zip(&store).await;
    let asked = upstream.seen().len();
    // Nobody is left who could be asked.
    let addr = upstream.addr();
    drop(upstream);
    assert!(std::net::TcpStream::connect(addr).is_err(), "the upstream is gone");
    for (path, body) in paths.iter().zip(&fetched) {
        assert!(second.get(path).await == *body, "{path}");
    }
    assert!(asked > 0 && second.ask("/one.example/m/@v/v1.0.1.mod").await.status >= 400);
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn replicas_that_are_asked_at_once_keep_one_good_blob_and_keep_it_over_a_restart() {
    let (store, upstream) = (Store::start(), Upstream::start(&modules()));
    let Some(first) = Replica::start(&store, &upstream).await else { return };
    let second = Replica::start(&store, &upstream).await.unwrap();
    // Long enough that both are on their way before one of them has an answer, unless the machine is very busy.
    upstream.delay(std::time::Duration::from_millis(500));
    let (one, two) = tokio::join!(first.get(ZIP), second.get(ZIP));
    assert!(one == two && one.starts_with(b"PK"));
    let asked = upstream.requests("*v1.0.0.zip");
    assert!(matches!(asked, 1 | 2), "{:?}", upstream.seen());
    holds_one_zip(&store).await;
    first.stop().await;
    second.stop().await;
    let third = Replica::start(&store, &upstream).await.unwrap();
    assert!(third.get(ZIP).await == one, "what was kept is what was given");
    assert_eq!(upstream.requests("*v1.0.0.zip"), asked, "{:?}", upstream.seen());
    assert_eq!(store.keys(".zip").await.len(), 1);
    third.stop().await;
}
