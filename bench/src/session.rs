//! One run: who takes part, on what ground, for how long.

use anyhow::Result;

use crate::backend::Backend;
use crate::cases::{Case, Results};
use crate::check::check;
use crate::machine::Processors;
use crate::options::Options;
use crate::peers::{Contender, Ground, Peer, Proxy};
use crate::process;
use crate::progress::tell;
use crate::workload::{request, routes};

/// A run.
#[derive(Debug)]
pub(crate) struct Session {
    /// The peers with their binaries.
    pub(crate) contenders: Vec<Contender>,
    /// What their configurations share.
    pub(crate) ground: Ground,
    /// The backend of all.
    pub(crate) backend: Backend,
    /// How many files a process may open.
    pub(crate) open_files: u64,
    /// Interleaved rounds.
    pub(crate) rounds: u32,
    /// Length of a window of load.
    pub(crate) seconds: u64,
}

impl Session {
    /// Starts the backend and looks for the peers. A missing peer is a note.
    pub(crate) fn new(
        options: &Options,
        processors: Processors,
        open_files: u64,
        results: &mut Results,
    ) -> Result<Session> {
        let backend = Backend::start()?;
        let ground = Ground::new(backend.ports, processors.proxy)?;
        let mut contenders = Vec::new();
        for &peer in Peer::ALL.iter().filter(|&&peer| options.wants(peer)) {
            match contender(options, peer) {
                Ok(contender) => contenders.push(contender),
                Err(error) => {
                    tell(&format!("{} is left out: {error:#}", peer.title()));
                    results.note(None, format!("{} was not measured: {error:#}.", peer.title()));
                }
            }
        }
        anyhow::ensure!(!contenders.is_empty(), "no peer to measure");
        let (rounds, seconds) = (options.rounds, options.seconds);
        Ok(Session { contenders, ground, backend, open_files, rounds, seconds })
    }

    /// Starts every peer and checks that it does the work. Those that do not are left out with a note.
    pub(crate) fn start_all(&self, case: Option<Case>, results: &mut Results) -> Result<Vec<Proxy>> {
        let mut proxies = Vec::new();
        for contender in &self.contenders {
            process::go_on()?;
            match self.start(contender, results) {
                Ok(proxy) => proxies.push(proxy),
                Err(error) => {
                    process::go_on()?;
                    tell(&format!("{} is left out: {error:#}", contender.peer.title()));
                    results.note(case, format!("{} is left out: {error:#}.", contender.peer.title()));
                }
            }
        }
        Ok(proxies)
    }

    /// Starts one peer and checks it; what it leaves out becomes a note.
    pub(crate) fn start(&self, contender: &Contender, results: &mut Results) -> Result<Proxy> {
        let mut proxy = Proxy::start(contender, &self.ground)?;
        proxy.await_answer(&request(&routes()[0], "", ""))?;
        for what in check(&proxy, &self.ground, &self.backend)? {
            results.note(None, what + ".");
        }
        Ok(proxy)
    }
}

fn contender(options: &Options, peer: Peer) -> Result<Contender> {
    let Some(program) = options.program(peer) else { anyhow::bail!("its binary was not named") };
    // Proxies run in folders of their own, so a relative path must not depend on where.
    let program =
        if program.components().count() > 1 { std::path::absolute(program)? } else { program.clone() };
    let version = peer.version(&program)?;
    tell(&format!("{} {version}: {}", peer.title(), program.display()));
    Ok(Contender { peer, program, version })
}
