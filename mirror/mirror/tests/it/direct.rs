//! Modules from git: what the mirror makes of repositories is what the go command makes of them.

mod failures;
mod repositories;
mod server;
mod versions;

use std::path::Path;
use std::sync::Arc;

use fairlead_gomod::dirhash::hash_go_mod;
use fairlead_gomod::zip;
use fairlead_http::fetch::{FetchOptions, Fetcher, ProxyChoice, Timeouts};
use fairlead_mirror::direct::Direct;
use fairlead_mirror::settings::DirectSettings;
use fairlead_mirror::source::{Ask, Fetched, Source};
use fairlead_mirror::{Failure, Wanted};
use tempfile::TempDir;

use server::Server;

/// A host with repositories, and a mirror that may ask it without TLS.
struct World {
    place: TempDir,
    server: Server,
    direct: Arc<Direct>,
}

impl World {
    fn new(build: impl FnOnce(&Path)) -> Self {
        World::with(build, DirectSettings { insecure: "mods.example".into(), ..DirectSettings::default() })
    }

    fn with(build: impl FnOnce(&Path), settings: DirectSettings) -> Self {
        let place = tempfile::tempdir().unwrap();
        build(place.path());
        let server = Server::start(&place.path().join("bare"));
        for name in ["m", "old", "retracted", "grows"] {
            let root = format!("mods.example/{name}");
            for below in ["", "/sub", "/v2", "/v3", "/nested"] {
                server.page(&format!("{root}{below}"), &format!("{root} git HOST/git/{name}.git"));
            }
        }
        server.page("mods.example/untagged", "mods.example/untagged git HOST/git/untagged.git go");
        let direct = Direct::new(&settings, fetcher(&server), place.path().join("work"));
        World { place, server, direct }
    }

    /// The same repositories for a mirror that has just started.
    fn restarted(&self) -> Arc<Direct> {
        let settings = DirectSettings { insecure: "mods.example".into(), ..DirectSettings::default() };
        Direct::new(&settings, fetcher(&self.server), self.place.path().join("work"))
    }

    async fn fetch(&self, path: &str) -> Result<Fetched, Failure> {
        fetch(&self.direct, path).await
    }

    async fn text(&self, path: &str) -> Result<String, Failure> {
        text(&self.direct, path).await
    }

    /// The version that an `.info` tells.
    async fn version(&self, path: &str) -> String {
        let info: serde_json::Value = serde_json::from_str(&self.text(path).await.unwrap()).unwrap();
        info["Version"].as_str().unwrap().to_owned()
    }

    /// Hashes of zip and go.mod, as go.sum has them.
    async fn sums(&self, module: &str, version: &str) -> (String, String) {
        let go_mod = self.text(&format!("/{module}/@v/{version}.mod")).await.unwrap();
        let fetched = self.fetch(&format!("/{module}/@v/{version}.zip")).await.unwrap();
        let Fetched::Zip { body, len } = fetched else { panic!("{module}@{version}: no zip") };
        let bytes = body.collect(1 << 24).await.unwrap().to_vec();
        assert_eq!(len, Some(bytes.len() as u64));
        let verified = zip::verify(&bytes, module, version).unwrap();
        (verified.h1.to_string(), hash_go_mod(go_mod.as_bytes()).to_string())
    }
}

/// Everything goes through the server; what wants TLS gets no answer.
fn fetcher(server: &Server) -> Fetcher {
    let proxy = ProxyChoice::Url(format!("http://{}", server.address).parse().unwrap());
    Fetcher::new(FetchOptions {
        proxy,
        netrc: false,
        timeouts: Timeouts::default(),
        ..FetchOptions::default()
    })
    .unwrap()
}

async fn fetch(direct: &Arc<Direct>, path: &str) -> Result<Fetched, Failure> {
    direct.fetch(&Wanted::parse(path, &[]).unwrap(), &Ask::default()).await
}

async fn text(direct: &Arc<Direct>, path: &str) -> Result<String, Failure> {
    match fetch(direct, path).await? {
        Fetched::Document(document) => Ok(String::from_utf8(document.bytes.to_vec()).unwrap()),
        _ => panic!("{path}: no document"),
    }
}
