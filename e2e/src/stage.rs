//! What a case needs around the subject: a folder, ports, peers, certificates, configuration files.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, bail};
use fairlead_testkit::{Backend, Ca, Dir, Identity, RawBackend, Script, WebSocketEcho};
use serde_json::{Map, Value, json};

use crate::{Case, Kind, Subject, binary};

/// Entry points for which ports are set aside.
const PORTS: [&str; 4] = ["web", "websecure", "traefik", "other"];

/// Everything that lives as long as the case.
pub struct Stage {
    /// The folder.
    pub dir: Dir,
    /// Addresses by entry point.
    pub ports: BTreeMap<String, SocketAddr>,
    /// Client certificates by name.
    pub clients: BTreeMap<String, Identity>,
    /// Server certificates by name.
    pub certificates: BTreeMap<String, Identity>,
    /// What placeholders stand for.
    pub words: BTreeMap<String, String>,
    authority: Option<Ca>,
    peers: BTreeMap<String, Peer>,
}

#[expect(dead_code, reason = "held so that they live, and dropped to stop them")]
enum Peer {
    Http(Backend),
    Raw(RawBackend),
    WebSocket(WebSocketEcho),
}

impl Stage {
    /// Prepares what the tree of a case (or of a test) asks for.
    ///
    /// # Errors
    /// It asks for what there is not.
    pub fn new(tree: &Value) -> anyhow::Result<Stage> {
        let dir = Dir::new();
        let mut stage = Stage {
            words: BTreeMap::from([("dir".into(), dir.path().display().to_string())]),
            dir,
            ports: BTreeMap::new(),
            clients: BTreeMap::new(),
            certificates: BTreeMap::new(),
            authority: None,
            peers: BTreeMap::new(),
        };
        for name in PORTS {
            let port = free_port();
            stage.ports.insert(name.into(), SocketAddr::from(([127, 0, 0, 1], port)));
            stage.words.insert(name.into(), port.to_string());
        }
        stage.issue(tree);
        let none = Map::new();
        for (name, kind) in tree["backends"].as_object().unwrap_or(&none) {
            stage.add_backend(name, kind.as_str().unwrap_or_default())?;
        }
        Ok(stage)
    }

    /// Certificates, with files.
    fn issue(&mut self, tree: &Value) {
        let (ca, other) = (Ca::new(), Ca::new());
        self.add_word("ca", &self.dir.write("ca.crt", ca.pem()).display().to_string());
        let none = Map::new();
        let entries = |key: &str| tree[key].as_object().unwrap_or(&none).clone();
        let mut server = vec![("backend".to_owned(), ca.issue(&["localhost", "127.0.0.1"]))];
        for (name, hosts) in entries("certificates") {
            let hosts: Vec<&str> = hosts.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            server.push((name, ca.issue(&hosts)));
        }
        let client =
            |(name, cn): (String, Value), ca: &Ca| (name, ca.client(cn.as_str().unwrap_or_default()));
        let mut clients: Vec<_> = entries("clients").into_iter().map(|entry| client(entry, &ca)).collect();
        clients.extend(entries("strangers").into_iter().map(|entry| client(entry, &other)));
        clients.push(("gateway".to_owned(), ca.client("gateway")));
        for (name, identity) in server.iter().chain(&clients) {
            let (cert, key) = identity.write(&self.dir, name);
            self.add_word(&format!("cert.{name}"), &cert.display().to_string());
            self.add_word(&format!("key.{name}"), &key.display().to_string());
        }
        self.certificates = server.into_iter().collect();
        self.clients = clients.into_iter().collect();
        self.authority = Some(ca);
    }

    /// Starts a peer.
    ///
    /// # Errors
    /// An unknown kind.
    pub fn add_backend(&mut self, name: &str, kind: &str) -> anyhow::Result<()> {
        let script = match kind {
            "http" => return self.keep_backend(name, Backend::named(name)),
            "tls" => return self.keep_backend(name, Backend::tls(&self.certificates["backend"])),
            "mtls" => {
                let ca = self.authority.as_ref().context("no authority")?;
                return self.keep_backend(name, Backend::mutual_tls(&self.certificates["backend"], ca));
            }
            "websocket" => {
                let echo = WebSocketEcho::new();
                let (url, addr) = (echo.url(), echo.addr());
                self.keep(name, &url, addr, Peer::WebSocket(echo));
                return Ok(());
            }
            "dead" => {
                let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
                self.add_addr(name, &format!("http://{addr}"), addr);
                return Ok(());
            }
            "close" => Script::Close,
            "close-after-head" => Script::CloseAfterHead,
            "silence" => Script::Silence,
            "half-head" => Script::half_head(),
            "half-body" => Script::half_body(),
            "garbage" => Script::garbage(),
            "hints" => Script::early_hints(),
            other => match other.split_once(' ') {
                Some(("answer", bytes)) => Script::Answer(bytes.as_bytes().to_vec()),
                Some(("hold", bytes)) => Script::AnswerAndHold(bytes.as_bytes().to_vec()),
                _ => bail!("there is no kind of backend called `{other}`"),
            },
        };
        let raw = RawBackend::start(script);
        let (url, addr) = (raw.url(), raw.addr());
        self.keep(name, &url, addr, Peer::Raw(raw));
        Ok(())
    }

    /// Stops a peer.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn stop(&mut self, name: &str) -> anyhow::Result<()> {
        self.peers.remove(name).with_context(|| format!("there is no backend `{name}`"))?;
        Ok(())
    }

    /// A well-behaved backend.
    #[must_use]
    pub fn backend(&self, name: &str) -> Option<&Backend> {
        match self.peers.get(name) {
            Some(Peer::Http(backend)) => Some(backend),
            _ => None,
        }
    }

    /// Writes the configuration and further files of a case, and starts the subject ready to serve it.
    ///
    /// # Errors
    /// It does not become ready.
    pub async fn start(&self, case: &Case) -> anyhow::Result<Subject> {
        let statics = self.statics(&case.statics);
        for (name, text) in &case.files {
            self.dir.write(name, text);
        }
        std::fs::create_dir_all(self.dir.join("dynamic"))?;
        if let Some(dynamic) = &case.dynamic {
            self.dir.write("dynamic/case.yml", dynamic.to_string());
        }
        let config = self.dir.write("static.yml", statics.to_string());
        let mut subject = Subject::start(&config, &self.dir.join("output.log"))?;
        let named =
            |kind: &str| case.dynamic.as_ref().is_some_and(|tree| tree["http"][kind].as_object().is_some());
        let loaded = named("routers") || named("services") || named("middlewares");
        let api = self.ports["traefik"];
        if statics["api"]["insecure"] == true {
            let done = |text: &str| !loaded || text.contains("@file\"");
            subject.ready(api, "http://localhost/api/rawdata", done).await?;
        } else {
            subject.ready(api, "http://localhost/ping", |_| true).await?;
        }
        Ok(subject)
    }

    /// The default static configuration with this one laid over it; a key with the value `absent` goes.
    fn statics(&self, over: &Map<String, Value>) -> Value {
        let address = |name: &str| json!({ "address": self.ports[name].to_string() });
        let mut statics = json!({
            "global": { "checkNewVersion": false, "sendAnonymousUsage": false },
            "entryPoints": {
                "web": address("web"), "websecure": address("websecure"), "traefik": address("traefik"),
            },
            "api": { "insecure": true },
            "ping": {},
            "log": { "level": "INFO" },
            "providers": {
                "providersThrottleDuration": "100ms",
                "file": { "directory": self.dir.join("dynamic"), "watch": true },
            },
        });
        lay_over(&mut statics, &Value::Object(over.clone()));
        statics
    }

    fn keep_backend(&mut self, name: &str, backend: Backend) -> anyhow::Result<()> {
        let (url, addr) = (backend.url(), backend.addr());
        self.keep(name, &url, addr, Peer::Http(backend));
        Ok(())
    }

    fn keep(&mut self, name: &str, url: &str, addr: SocketAddr, peer: Peer) {
        self.add_addr(name, url, addr);
        self.peers.insert(name.to_owned(), peer);
    }

    fn add_addr(&mut self, name: &str, url: &str, addr: SocketAddr) {
        self.add_word(&format!("backend.{name}"), url);
        self.add_word(&format!("backend.{name}.addr"), &addr.to_string());
        self.add_word(&format!("backend.{name}.port"), &addr.port().to_string());
    }

    fn add_word(&mut self, name: &str, word: &str) {
        self.words.insert(name.to_owned(), word.to_owned());
    }

    /// The kind of the subject.
    ///
    /// # Errors
    /// As [`binary`].
    pub fn kind() -> anyhow::Result<Kind> {
        Ok(binary()?.0)
    }
}

fn lay_over(under: &mut Value, over: &Value) {
    let (Value::Object(under), Value::Object(over)) = (&mut *under, over) else {
        *under = over.clone();
        return;
    };
    for (key, value) in over {
        if value == "absent" {
            under.remove(key);
        } else {
            lay_over(under.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// A port of 127.0.0.1 that nobody listens on, below those that outgoing connections take, and not given out twice by this process.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two test processes at a time begin at different places.
    let first = u16::try_from(std::process::id() % 50).unwrap_or_default() * 200;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::SeqCst)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_lays_its_static_configuration_over_the_default() {
        let mut under = json!({ "a": { "b": 1, "c": 2 }, "d": 3 });
        lay_over(&mut under, &json!({ "a": { "b": 9 }, "d": "absent" }));
        assert_eq!(under, json!({ "a": { "b": 9, "c": 2 } }));
    }
}
