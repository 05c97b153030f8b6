//! A mirror in front of upstreams of a test, asked without a socket.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fairlead_conf::Duration as Span;
use fairlead_http::{Conn, Handler, Request};
use fairlead_mirror::goenv::GoEnv;
use fairlead_mirror::serve::Mirror;
use fairlead_mirror::{Settings, settings};
use fairlead_rt::Shutdown;
use fairlead_telemetry::{Metrics, MetricsOptions};
use fairlead_testkit::Dir;
use fairlead_testkit::goproxy::Modules;
use http::{HeaderMap, Method};

/// Nobody waits for longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than anything in these tests has.
const MAX: usize = 8 << 20;

/// A mirror with a cache of its own.
pub(crate) struct Stage {
    pub(crate) mirror: Arc<Mirror>,
    shutdown: Shutdown,
    pub(crate) dir: Arc<Dir>,
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body, if it came to its end.
    pub(crate) body: Result<Bytes, String>,
}

impl Said {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        match &self.body {
            Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Err(error) => format!("broken off: {error}"),
        }
    }
}

/// No retries, no hedging, no old answers only because the machine is busy, no waiting for what changes, and nothing kept in memory: each request shows what the cache on disk and
/// the upstreams say.
pub(crate) fn plain(upstreams: &str, sumdb: &str) -> Settings {
    let now = Span(Duration::ZERO);
    Settings {
        upstreams: Some(upstreams.to_owned()),
        sumdb: Some(sumdb.to_owned()),
        cache: settings::CacheSettings { memory_bytes: 0, ..Default::default() },
        ttl: settings::TtlSettings { list: now, latest: now, query: now, absent: now, ..Default::default() },
        client: settings::ClientSettings {
            retries: 0,
            hedge_after: Span(PATIENCE),
            netrc: false,
            ..Default::default()
        },
        ..Settings::default()
    }
}

impl Stage {
    pub(crate) fn start(settings: Settings) -> Stage {
        Stage::over(&Arc::new(Dir::new()), settings)
    }

    /// The process has been asked to end.
    pub(crate) fn drain(&self) {
        self.shutdown.drain();
    }

    /// One over the cache of another.
    pub(crate) fn over(dir: &Arc<Dir>, mut settings: Settings) -> Stage {
        settings.cache.directory = Some(dir.join("cache"));
        let shutdown = Shutdown::new();
        let metrics = Metrics::new(MetricsOptions::default());
        let mirror = Mirror::start_with(&settings, &GoEnv::default(), &metrics, &shutdown);
        Stage { mirror: mirror.unwrap(), shutdown, dir: Arc::clone(dir) }
    }

    /// Asks for a path, and reads the answer to its end.
    pub(crate) async fn get(&self, path: &str) -> Said {
        let nobody = ([127, 0, 0, 1], 1).into();
        let conn = Arc::new(Conn::new("test", nobody, nobody, None));
        let request = Request::new(Method::GET, path.parse().unwrap(), conn);
        let asked = async {
            let response = self.mirror.call(request).await;
            let body = response.body.collect(MAX).await.map_err(|error| error.to_string());
            Said { status: response.status.as_u16(), headers: response.headers, body }
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("{path} is never answered"))
    }

    /// The blob of a key, as soon as it is there: it is written after the answer.
    pub(crate) async fn blob(&self, key: &str) -> Bytes {
        let blobs = self.mirror.cache().blobs();
        eventually(async || blobs.read(key, MAX as u64).await.unwrap()).await
    }

    /// Everything under `mod/` is what the modules say, and nothing else is there.
    pub(crate) async fn assert_true(&self, truth: &Modules) {
        let blobs = self.mirror.cache().blobs();
        for entry in blobs.list("mod", None, fairlead_store::MAX_PAGE).await.unwrap() {
            let kept = blobs.read(&entry.key, MAX as u64).await.unwrap().unwrap();
            let path = entry.key.strip_prefix("mod/").unwrap();
            if let Some(zip) = path.strip_suffix("hash").filter(|zip| zip.ends_with(".zip")) {
                let line = format!(" {}\n", String::from_utf8_lossy(&kept).trim());
                assert!(truth.get(zip).is_some() && truth.sums().contains(&line), "{path}: {line}");
                continue;
            }
            let good = truth.get(path).unwrap_or_else(|| panic!("{path} is in the cache"));
            assert!(is_same(path, &kept, good), "{path} is {:?}", String::from_utf8_lossy(&kept));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shutdown.stop();
    }
}

/// An info may be written in another way; everything else is byte for byte the same.
pub(crate) fn is_same(path: &str, one: &[u8], other: &[u8]) -> bool {
    let value = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    one == other || path.ends_with(".info") && value(one).is_some() && value(one) == value(other)
}

/// Asks again until there is an answer.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap()
}
