//! Requests for each second, and CPU time for each, from a warm cache: one window each, in turns.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::field::{Contender, Field, Mirror, Peer, Setup, request};
use super::modules::{Kind, Modules};
use super::{Case, Results};
use crate::load;
use crate::process;
use crate::progress::tell;
use crate::usage;
use crate::workload;

/// Connections of the load.
pub(crate) const CONNECTIONS: u32 = 64;
const SMALL_MODULES: usize = 20;
const SETUP: Setup = Setup { latency: Duration::ZERO, is_wide: false, list_seconds: None };

/// One window of load on one mirror. Times are microseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// The case.
    pub(crate) case: Case,
    /// The round, from 1.
    pub(crate) round: u32,
    /// The mirror.
    pub(crate) peer: Peer,
    /// Completed requests for each second.
    pub(crate) rate: f64,
    /// Bytes for each second, those of unfinished answers too.
    pub(crate) bytes: f64,
    /// CPU time in user mode for each request; of large answers for each 20 MB.
    pub(crate) user: f64,
    /// CPU time in the kernel, likewise.
    pub(crate) system: f64,
    /// Median latency.
    pub(crate) p50: f64,
    /// 99th percentile of the latency.
    pub(crate) p99: f64,
    /// The most memory it had in the window, in KiB (RSS).
    pub(crate) peak_kib: u64,
    /// By how much that is more than it had before, in KiB.
    pub(crate) grown_kib: u64,
    /// Requests to the upstream in the window.
    pub(crate) upstream: u64,
    /// Connections that failed.
    pub(crate) socket_errors: u64,
}

impl Sample {
    /// CPU time for each request.
    pub(crate) fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// Measures all mirrors in a case.
pub(crate) fn measure(field: &Field, case: Case, results: &mut Results) -> Result<()> {
    let modules =
        Arc::new(if case == Case::Large { Modules::large()? } else { Modules::small(SMALL_MODULES)? });
    let mut mirrors = Vec::new();
    for contender in &field.contenders {
        match warm(field, contender, case, &modules) {
            Ok(mirror) => mirrors.push(mirror),
            Err(error) => {
                process::go_on()?;
                results.note(Some(case), format!("{} is left out: {error:#}.", contender.peer.title()));
            }
        }
    }
    for round in 1..=field.rounds {
        for mirror in &mirrors {
            match sample(field, mirror, &modules, case, round) {
                Ok(sample) => {
                    report(field, &sample);
                    results.throughput.push(sample);
                }
                Err(error) => {
                    process::go_on()?;
                    results.note(Some(case), format!("{}, round {round}: {error:#}.", mirror.peer.title()));
                }
            }
        }
    }
    if case == Case::Mod {
        for mirror in &mirrors {
            let zips = mirror.upstream.asked(Kind::Zip);
            if mirror.peer == Peer::Fairlead {
                results.needless_zips = Some(zips);
            }
            let text = format!("{} fetched {zips} zips upstream for these requests.", mirror.peer.title());
            results.note(Some(case), text);
        }
    }
    Ok(())
}

fn kind(case: Case) -> Kind {
    match case {
        Case::Zip | Case::Large => Kind::Zip,
        Case::List => Kind::List,
        Case::Latest => Kind::Latest,
        _ => Kind::GoMod,
    }
}

/// Starts a mirror, has it fetch everything, and compares what it gives with what the upstream has.
fn warm(field: &Field, contender: &Contender, case: Case, modules: &Arc<Modules>) -> Result<Mirror> {
    let mirror = field.start(contender, modules, SETUP)?;
    let kind = kind(case);
    for _ in 0..2 {
        for module in &modules.paths {
            process::go_on()?;
            let path = kind.path(module);
            let reply = mirror.ask(&path)?;
            ensure!(reply.status == 200, "{path}: status {}", reply.status);
            let expected = modules.files.get(&path).map(super::modules::Served::body);
            // An order of versions is not prescribed, nor the form of the JSON.
            let sorted = |bytes: &[u8]| {
                let mut bytes = bytes.to_vec();
                bytes.retain(|byte| !byte.is_ascii_whitespace());
                bytes.sort_unstable();
                bytes
            };
            let is_same = match kind {
                Kind::List | Kind::Latest => expected.map(sorted) == Some(sorted(&reply.body)),
                _ => expected == Some(&*reply.body),
            };
            ensure!(is_same, "{path} is not what the upstream has");
        }
    }
    Ok(mirror)
}

fn sample(field: &Field, mirror: &Mirror, modules: &Modules, case: Case, round: u32) -> Result<Sample> {
    let script = mirror.folder.join("load.lua");
    let requests = modules.paths.iter().map(|module| request(&kind(case).path(module)));
    fs::write(&script, workload::wrk_script_of(requests))?;
    let mut command = load::wrk(mirror.address, false, CONNECTIONS, field.seconds, &script);
    let upstream = mirror.upstream.asked_in_all();
    let before = usage::reset_peak(mirror.pid())?;
    let (text, used) = load::measured(&mut command, mirror.pid(), field.seconds)?;
    let peak = usage::peak_kib(mirror.pid())?;
    let window = load::wrk_window(&text)
        .ok_or_else(|| anyhow::anyhow!("the load generator's output is not understood:\n{text}"))?;
    ensure!(window.failures == 0, "{} of {} answers were no success", window.failures, window.requests);
    let bytes = load::wrk_bytes_for_each_second(&text).unwrap_or(0.0);
    // Many answers of a large zip are unfinished when the window ends: its bytes count, not its requests.
    let done = match case {
        Case::Large => bytes * field.seconds as f64 / 20e6,
        _ => window.requests as f64,
    };
    ensure!(done > 0.0, "no request was answered");
    Ok(Sample {
        case,
        round,
        peer: mirror.peer,
        rate: window.rate,
        bytes,
        user: used.user.as_secs_f64() * 1e6 / done,
        system: used.system.as_secs_f64() * 1e6 / done,
        p50: window.p50,
        p99: window.p99,
        peak_kib: peak,
        grown_kib: peak.saturating_sub(before),
        upstream: mirror.upstream.asked_in_all() - upstream,
        socket_errors: window.socket_errors,
    })
}

fn report(field: &Field, sample: &Sample) {
    tell(&format!(
        "{} {}/{} {:<9} {:8.0}/s, {:7.1} µs/request ({:.1} user, {:.1} system), {:.2} GB/s, p50 {:.0} µs, p99 {:.0} µs, \
         peak {} KiB (+{})",
        sample.case.name(),
        sample.round,
        field.rounds,
        sample.peer.title(),
        sample.rate,
        sample.cpu(),
        sample.user,
        sample.system,
        sample.bytes / 1e9,
        sample.p50,
        sample.p99,
        sample.peak_kib,
        sample.grown_kib,
    ));
}
