//! CPU time for each request under full load, in interleaved rounds: A B C D, A B C D, …

use anyhow::Result;
use serde::Serialize;

use super::{Case, Results};
use crate::load::{self, Load};
use crate::peers::{Peer, Proxy};
use crate::progress::tell;
use crate::session::Session;

/// One window of load on one peer. Times are microseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// The case.
    pub(crate) case: Case,
    /// The round, from 1.
    pub(crate) round: u32,
    /// The peer.
    pub(crate) peer: Peer,
    /// Completed requests.
    pub(crate) requests: u64,
    /// CPU time in user mode for each request.
    pub(crate) user: f64,
    /// CPU time in the kernel for each request.
    pub(crate) system: f64,
    /// Requests for each second.
    pub(crate) rate: f64,
    /// Median latency.
    pub(crate) p50: f64,
    /// 99th percentile of the latency.
    pub(crate) p99: f64,
    /// Memory of the proxy at the end of the window, in KiB (PSS).
    pub(crate) pss_kib: u64,
    /// Connections that failed.
    pub(crate) socket_errors: u64,
}

impl Sample {
    /// CPU time for each request.
    pub(crate) fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// Measures all peers in a case.
pub(crate) fn measure(session: &Session, case: Case, load: Load, results: &mut Results) -> Result<()> {
    let mut proxies = session.start_all(Some(case), results)?;
    proxies.retain(|proxy| match load::run(load, proxy, 1) {
        Ok(_) => true,
        Err(error) => {
            results.note(Some(case), format!("{} is left out: {error:#}", proxy.peer.title()));
            false
        }
    });
    for round in 1..=session.rounds {
        for proxy in &proxies {
            match sample(session, case, load, proxy, round) {
                Ok(sample) => {
                    report(session, &sample);
                    results.throughput.push(sample);
                }
                Err(error) => {
                    crate::process::go_on()?;
                    results.note(Some(case), format!("{}, round {round}: {error:#}", proxy.peer.title()));
                }
            }
        }
    }
    Ok(())
}

fn sample(session: &Session, case: Case, load: Load, proxy: &Proxy, round: u32) -> Result<Sample> {
    let (window, used) = load::run(load, proxy, session.seconds)?;
    anyhow::ensure!(
        window.failures == 0,
        "{} of {} answers were no success",
        window.failures,
        window.requests
    );
    let requests = window.requests as f64;
    Ok(Sample {
        case,
        round,
        peer: proxy.peer,
        requests: window.requests,
        user: used.user.as_secs_f64() * 1e6 / requests,
        system: used.system.as_secs_f64() * 1e6 / requests,
        rate: window.rate,
        p50: window.p50,
        p99: window.p99,
        pss_kib: crate::usage::memory(proxy.pid())?.pss_kib,
        socket_errors: window.socket_errors,
    })
}

fn report(session: &Session, sample: &Sample) {
    tell(&format!(
        "{} {}/{} {:<13} {:6.1} µs/request ({:.1} user, {:.1} system), {:.0}/s, p50 {:.0} µs, p99 {:.0} µs",
        sample.case.name(),
        sample.round,
        session.rounds,
        sample.peer.title(),
        sample.cpu(),
        sample.user,
        sample.system,
        sample.rate,
        sample.p50,
        sample.p99,
    ));
}
