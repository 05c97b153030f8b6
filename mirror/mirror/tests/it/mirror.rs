//! A mirror in the test's own process.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use fairlead_diag::Findings;
use fairlead_gomod::zip::Writer;
use fairlead_http::{Conn, Error, Handler, Request, Response};
use fairlead_mirror::Settings;
use fairlead_mirror::goenv::GoEnv;
use fairlead_mirror::serve::Mirror;
use fairlead_rt::Shutdown;
use fairlead_telemetry::{Metrics, MetricsOptions};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tempfile::TempDir;

pub(crate) struct Subject {
    pub(crate) mirror: Arc<Mirror>,
    pub(crate) metrics: Metrics,
    pub(crate) folder: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Result<Bytes, Error>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.body.as_ref().unwrap()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn cache(&self) -> &str {
        self.header("x-fairlead-cache")
    }
}

impl Subject {
    /// A mirror without a checksum database, with the settings given as further lines of YAML.
    pub(crate) fn new(yaml: &str) -> Self {
        Self::in_folder(yaml, tempfile::tempdir().unwrap())
    }

    pub(crate) fn in_folder(yaml: &str, folder: TempDir) -> Self {
        let metrics = Metrics::new(MetricsOptions::default());
        let mirror = start(yaml, folder.path(), &metrics).unwrap();
        Subject { mirror, metrics, folder }
    }

    /// The same folder with a new mirror.
    pub(crate) async fn restarted(self, yaml: &str) -> Self {
        self.mirror.settled().await;
        Self::in_folder(yaml, self.folder)
    }

    /// Asks, and waits until what was fetched is stored.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let answer = self.ask(Method::GET, path, &[]).await;
        self.mirror.settled().await;
        answer
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, headers: &[(&'static str, &str)]) -> Answer {
        let Response { status, headers, body, .. } = self.begin(method, path, headers).await;
        Answer { status, headers, body: body.collect(64 << 20).await }
    }

    /// The head of an answer, with the body still to come.
    pub(crate) async fn begin(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Response {
        let peer = "192.0.2.1:4711".parse().unwrap();
        let conn = Arc::new(Conn::new("test", peer, peer, None));
        let mut request = Request::new(method, path.parse().unwrap(), conn);
        for (name, value) in headers {
            request.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        self.mirror.call(request).await
    }
}

pub(crate) fn start(yaml: &str, folder: &Path, metrics: &Metrics) -> Result<Arc<Mirror>, Findings> {
    let mut findings = Findings::new();
    let has = |key: &str| yaml.lines().any(|line| line.starts_with(key));
    let mut text = format!("{yaml}\n");
    if !has("sumdb:") {
        text.push_str("sumdb: 'off'\n");
    }
    if !has("client:") {
        text.push_str("client: {retries: 0, netrc: false}\n");
    }
    if !has("cache:") {
        text.push_str(&format!("cache: {{directory: '{}'}}\n", folder.display()));
    }
    let node = fairlead_conf::yaml::parse(&text, "test.yml").unwrap();
    let settings = Settings::decode(&node, &mut findings).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let environment = GoEnv::from_parts(|_| None, Path::new(""), "");
    Mirror::start_with(&settings, &environment, metrics, &Shutdown::new())
}

/// A module zip of about `len` bytes that do not compress.
pub(crate) fn zip(module: &str, version: &str, len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, module, version).unwrap();
    let go_mod = format!("module {module}\n");
    writer.add("go.mod", go_mod.len() as u64, &mut go_mod.as_bytes()).unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(len)
    .collect();
    writer.add("noise.bin", len as u64, &mut noise.as_slice()).unwrap();
    writer.finish().unwrap();
    bytes
}
