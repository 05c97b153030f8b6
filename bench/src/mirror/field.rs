//! Who takes part in the mirror's cases, and how each is started.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use tempfile::TempDir;

use super::Results;
use super::modules::Modules;
use super::upstream::Upstream;
use crate::client::{self, Reply, exchange};
use crate::machine::{self, Processors};
use crate::options::Options;
use crate::process::{self, Group};
use crate::progress::tell;

const START_LIMIT: Duration = Duration::from_secs(30);
/// What the mirrors and the go command must not take from whoever runs the benchmark.
const GO_VARIABLES: [&str; 9] = [
    "GOPROXY",
    "GONOPROXY",
    "GOPRIVATE",
    "GOSUMDB",
    "GONOSUMDB",
    "GONOSUMCHECK",
    "GOINSECURE",
    "GOFLAGS",
    "GOMODCACHE",
];

/// What a client can ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Peer {
    /// The subject.
    Fairlead,
    /// github.com/goproxy/goproxy with a folder as its cache.
    Goproxy,
    /// No mirror: the upstream itself.
    Direct,
}

impl Peer {
    /// In the order of the report.
    pub(crate) const ALL: [Peer; 3] = [Peer::Fairlead, Peer::Goproxy, Peer::Direct];

    /// Its name in the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Peer::Fairlead => "Fairlead",
            Peer::Goproxy => "goproxy",
            Peer::Direct => "no mirror",
        }
    }
}

/// A mirror with its binary.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Contender {
    /// Who it is.
    pub(crate) peer: Peer,
    /// Its binary.
    pub(crate) program: PathBuf,
    /// What the binary says it is.
    pub(crate) version: String,
}

/// The mirrors of a run, and where they run.
#[derive(Debug)]
pub(crate) struct Field {
    /// Those that take part.
    pub(crate) contenders: Vec<Contender>,
    /// The go command.
    pub(crate) go: PathBuf,
    /// Where the mirror and the load run.
    pub(crate) processors: Processors,
    /// Interleaved rounds.
    pub(crate) rounds: u32,
    /// Length of a window of load.
    pub(crate) seconds: u64,
    root: TempDir,
}

/// How a mirror is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// How long the upstream takes for an answer.
    pub(crate) latency: Duration,
    /// Whether it has all processors of the run, not only its own.
    pub(crate) is_wide: bool,
    /// For how long Fairlead gives lists without asking again; its default when `None`.
    pub(crate) list_seconds: Option<u64>,
}

/// A running mirror with its upstream; both end when dropped.
#[derive(Debug)]
pub(crate) struct Mirror {
    /// Who it is.
    pub(crate) peer: Peer,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its upstream.
    pub(crate) upstream: Upstream,
    /// Its own folder.
    pub(crate) folder: PathBuf,
    group: Group,
}

impl Field {
    /// Looks for the mirrors. One that is missing is a note.
    pub(crate) fn new(options: &Options, processors: Processors, results: &mut Results) -> Result<Field> {
        let mut contenders = Vec::new();
        for (peer, program) in
            [(Peer::Fairlead, options.fairlead.as_ref()), (Peer::Goproxy, options.goproxy.as_ref())]
        {
            match contender(peer, program) {
                Ok(contender) => contenders.push(contender),
                Err(error) => results.note(None, format!("{} was not measured: {error:#}.", peer.title())),
            }
        }
        ensure!(!contenders.is_empty(), "no mirror to measure");
        let root = tempfile::Builder::new().prefix("fairlead-bench-mirror-").tempdir()?;
        let (rounds, seconds, go) = (options.rounds, options.seconds, options.go.clone());
        Ok(Field { contenders, go, processors, rounds, seconds, root })
    }

    /// A new empty folder.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        Ok(tempfile::Builder::new().tempdir_in(self.root.path())?.keep())
    }

    /// A command on the processors of the run, without Go variables of whoever runs it.
    pub(crate) fn command(&self, program: &PathBuf, is_wide: bool) -> Command {
        let Processors { proxy, load } = self.processors;
        let list = if is_wide { format!("{proxy},{load}") } else { proxy.to_string() };
        let mut command = Command::new("taskset");
        command.arg("-c").arg(list).arg(program).env("GOENV", "off").stdin(Stdio::null());
        for name in GO_VARIABLES {
            command.env_remove(name);
        }
        command
    }

    /// Starts a mirror in front of an upstream of its own and waits until it answers.
    pub(crate) fn start(
        &self,
        contender: &Contender,
        modules: &Arc<Modules>,
        setup: Setup,
    ) -> Result<Mirror> {
        let upstream = Upstream::start(modules, setup.latency)?;
        let (folder, port) = (self.folder()?, free_port()?);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = self.command(&contender.program, setup.is_wide);
        let cache = folder.join("cache");
        if contender.peer == Peer::Fairlead {
            command.args(["mirror", "serve", "--sumdb", "off", "--upstreams"]).arg(upstream.url());
            if let Some(seconds) = setup.list_seconds {
                let file = folder.join("mirror.yml");
                fs::write(&file, format!("mirror:\n  ttl: {{list: {seconds}s, latest: {seconds}s}}\n"))?;
                command.arg("--config").arg(file);
            }
        } else {
            command.arg("--upstream").arg(upstream.url());
        }
        command.arg("--listen").arg(address.to_string()).arg("--cache").arg(cache);
        let log = File::create(folder.join("output.log"))?;
        command.current_dir(&folder).env("TMPDIR", &folder).stdout(log.try_clone()?).stderr(log);
        let group = Group::spawn(&mut command)?;
        let mut mirror = Mirror { peer: contender.peer, address, upstream, folder, group };
        mirror.await_answer()?;
        Ok(mirror)
    }
}

impl Mirror {
    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.group.pid()
    }

    /// As it stands in `GOPROXY`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks for a path on a new connection.
    pub(crate) fn ask(&self, path: &str) -> Result<Reply> {
        let mut stream = client::connect(self.address)?;
        exchange(&mut stream, request(path).as_bytes()).with_context(|| path.to_owned())
    }

    /// Waits until it answers anything, without a request that would reach the upstream.
    fn await_answer(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while self.ask("/").is_err() {
            if let Some(status) = self.group.ended()? {
                bail!("{} ended with {status}: {}", self.peer.title(), self.last_output());
            }
            ensure!(
                Instant::now() < deadline,
                "{} gives no answer: {}",
                self.peer.title(),
                self.last_output()
            );
            process::go_on()?;
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn last_output(&self) -> String {
        let text = fs::read_to_string(self.folder.join("output.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

/// A request as the go command sends it.
pub(crate) fn request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: mirror\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n\r\n"
    )
}

fn contender(peer: Peer, program: Option<&PathBuf>) -> Result<Contender> {
    let program = std::path::absolute(program.context("its binary was not named")?)?;
    let mut command = Command::new(&program);
    let version = machine::version(match peer {
        Peer::Fairlead => command.arg("version"),
        _ => command.arg("--version"),
    })?;
    tell(&format!("{} {version}: {}", peer.title(), program.display()));
    Ok(Contender { peer, program, version })
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
