//! The proxies under test: their configurations, their start, and the check that they do the work.
//!
//! Each gets twenty `Host && PathPrefix` routes, adds `X-Forwarded-*`, strips hop-by-hop headers, keeps connections
//! to the backend alive, writes no access log, and listens on one plain and one TLS 1.3 port.

mod haproxy;
mod nginx;
pub(crate) mod traefik;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Serialize;
use tempfile::TempDir;

use crate::client::{self, exchange};
use crate::machine;
use crate::process::{self, Group};
use crate::workload::{self, PREFIXES};

const START_LIMIT: Duration = Duration::from_secs(30);

/// A proxy that can take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Peer {
    /// The subject.
    Fairlead,
    /// nginx, one worker.
    Nginx,
    /// HAProxy, one thread, one map look-up.
    Haproxy,
    /// Traefik with its default proxy.
    Traefik,
}

impl Peer {
    /// In the order of the report.
    pub(crate) const ALL: &[Peer] = &[Peer::Fairlead, Peer::Nginx, Peer::Haproxy, Peer::Traefik];

    /// Its name in the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Peer::Fairlead => "Fairlead",
            Peer::Nginx => "nginx",
            Peer::Haproxy => "HAProxy (map)",
            Peer::Traefik => "Traefik",
        }
    }

    /// Whether it reads Traefik's configuration files.
    pub(crate) fn reads_traefik_files(self) -> bool {
        matches!(self, Peer::Fairlead | Peer::Traefik)
    }

    /// Its version, by asking its binary.
    pub(crate) fn version(self, program: &Path) -> Result<String> {
        let mut command = Command::new(program);
        machine::version(match self {
            Peer::Nginx | Peer::Haproxy => command.arg("-v"),
            Peer::Fairlead | Peer::Traefik => command.arg("version"),
        })
    }
}

/// A peer with its binary.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Contender {
    /// Who it is.
    pub(crate) peer: Peer,
    /// Its binary.
    pub(crate) program: PathBuf,
    /// What the binary says it is.
    pub(crate) version: String,
}

/// What all configurations of a run share.
#[derive(Debug)]
pub(crate) struct Ground {
    /// Certificate of all host names, PEM.
    pub(crate) certificate: PathBuf,
    /// Its private key, PEM.
    pub(crate) key: PathBuf,
    /// Both in one file, as HAProxy wants them.
    pub(crate) bundle: PathBuf,
    /// The ports of the backend, in the order of [`PREFIXES`].
    pub(crate) backends: [u16; PREFIXES.len()],
    /// Where the proxies run.
    pub(crate) processor: usize,
    root: TempDir,
}

impl Ground {
    /// Makes a P-256 certificate and a place for configurations that goes with the value.
    pub(crate) fn new(backends: [u16; PREFIXES.len()], processor: usize) -> Result<Ground> {
        let root = tempfile::Builder::new().prefix("fairlead-bench-").tempdir()?;
        let own = rcgen::generate_simple_self_signed(workload::hosts().collect::<Vec<_>>())?;
        let [certificate, key, bundle] = ["tls.crt", "tls.key", "tls.pem"].map(|name| root.path().join(name));
        let (cert_pem, key_pem) = (own.cert.pem(), own.signing_key.serialize_pem());
        fs::write(&certificate, &cert_pem)?;
        fs::write(&key, &key_pem)?;
        fs::write(&bundle, cert_pem + &key_pem)?;
        Ok(Ground { certificate, key, bundle, backends, processor, root })
    }

    /// A new empty folder.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        Ok(tempfile::Builder::new().tempdir_in(self.root.path())?.keep())
    }
}

/// What one configuration is written for.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    /// What all share.
    pub(crate) ground: &'a Ground,
    /// The proxy's own folder.
    pub(crate) folder: PathBuf,
    /// Its port for plain HTTP.
    pub(crate) plain: u16,
    /// Its port for TLS.
    pub(crate) tls: u16,
}

impl Site<'_> {
    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// A running proxy; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// Who it is.
    pub(crate) peer: Peer,
    /// Its port for plain HTTP.
    pub(crate) plain: SocketAddr,
    /// Its port for TLS.
    pub(crate) tls: SocketAddr,
    /// Its folder.
    pub(crate) folder: PathBuf,
    group: Group,
}

impl Proxy {
    /// Writes the usual configuration and starts the proxy on its processor; it may not answer yet.
    pub(crate) fn start(contender: &Contender, ground: &Ground) -> Result<Proxy> {
        Proxy::start_with(contender, ground, |site| match contender.peer {
            Peer::Nginx => nginx::configure(site),
            Peer::Haproxy => haproxy::configure(site),
            Peer::Traefik | Peer::Fairlead => {
                traefik::configure(site, &[("routes.yml", traefik::routes(site))])
            }
        })
    }

    /// Starts the proxy with a configuration of the caller's; `configure` returns the path of its main file.
    pub(crate) fn start_with(
        contender: &Contender,
        ground: &Ground,
        configure: impl FnOnce(&Site<'_>) -> Result<PathBuf>,
    ) -> Result<Proxy> {
        let [plain, tls] = free_ports()?;
        let site = Site { ground, folder: ground.folder()?, plain, tls };
        let file = configure(&site)?;
        let mut command = Command::new("taskset");
        command.arg("-c").arg(ground.processor.to_string()).arg(&contender.program);
        match contender.peer {
            Peer::Nginx => command.arg("-p").arg(&site.folder).arg("-e").arg("stderr").arg("-c").arg(file),
            Peer::Haproxy => command.arg("-f").arg(file),
            Peer::Traefik => command.arg(configured_by(&file)),
            Peer::Fairlead => command.arg("gateway").arg(configured_by(&file)),
        };
        let log = File::create(site.folder.join("output.log"))?;
        command.current_dir(&site.folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let group = Group::spawn(&mut command)?;
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Proxy { peer: contender.peer, plain: at(plain), tls: at(tls), folder: site.folder, group })
    }

    /// The process id of its root process.
    pub(crate) fn pid(&self) -> u32 {
        self.group.pid()
    }

    /// Waits for the first 200 to a request on the plain port and returns the moment it came.
    pub(crate) fn await_answer(&mut self, request: &str) -> Result<Instant> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let reply = client::connect(self.plain).and_then(|mut to| exchange(&mut to, request.as_bytes()));
            if reply.is_ok_and(|reply| reply.status == 200) {
                return Ok(Instant::now());
            }
            if let Some(status) = self.group.ended()? {
                bail!("{} ended with {status}: {}", self.peer.title(), self.last_output());
            }
            if Instant::now() > deadline {
                bail!("{} gave no answer in {START_LIMIT:?}: {}", self.peer.title(), self.last_output());
            }
            process::go_on()?;
            thread::sleep(Duration::from_micros(500));
        }
    }

    fn last_output(&self) -> String {
        let text = fs::read_to_string(self.folder.join("output.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

fn configured_by(file: &Path) -> String {
    format!("--configFile={}", file.display())
}

/// Two ports that nobody listens on; held together, so that they differ.
fn free_ports() -> Result<[u16; 2]> {
    let held = [TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?];
    Ok([held[0].local_addr()?.port(), held[1].local_addr()?.port()])
}
