//! Memory at rest, and what an idle keep-alive connection adds to it after one request.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::{Case, Results};
use crate::client::{self, Tls, exchange};
use crate::peers::{Contender, Peer, Proxy};
use crate::process;
use crate::progress::tell;
use crate::session::Session;
use crate::usage::{self, Memory};
use crate::workload::{request, routes};

const CONNECTIONS: u64 = 2000;
/// Files of this process and the proxy beside the idle connections.
const OTHER_FILES: u64 = 500;

/// Memory of one peer before and with idle connections.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// The peer.
    pub(crate) peer: Peer,
    /// Whether the connections are TLS.
    pub(crate) tls: bool,
    /// How many were held.
    pub(crate) connections: u64,
    /// After the first answers.
    pub(crate) base: Memory,
    /// With the idle connections.
    pub(crate) held: Memory,
}

impl Sample {
    /// Bytes that one connection adds (PSS).
    pub(crate) fn for_each_connection(&self) -> f64 {
        (self.held.pss_kib as f64 - self.base.pss_kib as f64) * 1024.0 / self.connections.max(1) as f64
    }
}

/// Measures all peers, each in a fresh process for each protocol.
pub(crate) fn measure(session: &Session, results: &mut Results) -> Result<()> {
    let connections = CONNECTIONS.min(session.open_files.saturating_sub(OTHER_FILES));
    ensure!(connections > 0, "the limit of open files is too low");
    for tls in [false, true] {
        for contender in &session.contenders {
            match sample(session, contender, tls, connections, results) {
                Ok(sample) => {
                    report(&sample);
                    results.idle.push(sample);
                }
                Err(error) => {
                    process::go_on()?;
                    results.note(
                        Some(Case::Idle),
                        format!("{} is left out: {error:#}.", contender.peer.title()),
                    );
                }
            }
        }
    }
    Ok(())
}

fn sample(
    session: &Session,
    contender: &Contender,
    tls: bool,
    connections: u64,
    results: &mut Results,
) -> Result<Sample> {
    let proxy = session.start(contender, results)?;
    let base = settled(&proxy)?;
    let held = if tls {
        let client = Tls::trusting(&session.ground.certificate, &["http/1.1"])?;
        let host = &routes()[0].host;
        holding(&proxy, connections, || client.connect(proxy.tls, host))
    } else {
        holding(&proxy, connections, || Ok(client::connect(proxy.plain)?))
    };
    Ok(Sample { peer: contender.peer, tls, connections, base, held: held? })
}

fn holding<S: Read + Write>(proxy: &Proxy, connections: u64, open: impl Fn() -> Result<S>) -> Result<Memory> {
    let routes = routes();
    let mut held = Vec::new();
    for (number, route) in (0..connections).zip(routes.iter().cycle()) {
        process::go_on()?;
        let mut stream = open().with_context(|| format!("connection {number}"))?;
        let reply = exchange(&mut stream, request(route, "", "").as_bytes())?;
        ensure!(reply.status == 200, "connection {number}: status {}", reply.status);
        held.push(stream);
    }
    settled(proxy)
}

/// Memory once it no longer moves, or after three seconds.
fn settled(proxy: &Proxy) -> Result<Memory> {
    let mut last = usage::memory(proxy.pid())?;
    for _ in 0..12 {
        thread::sleep(Duration::from_millis(250));
        process::go_on()?;
        let now = usage::memory(proxy.pid())?;
        if now.pss_kib.abs_diff(last.pss_kib) * 200 <= last.pss_kib {
            return Ok(now);
        }
        last = now;
    }
    Ok(last)
}

fn report(sample: &Sample) {
    tell(&format!(
        "idle {} {:<13} base {} KiB RSS, {} KiB PSS; {:.0} bytes for each of {} connections",
        if sample.tls { "TLS  " } else { "plain" },
        sample.peer.title(),
        sample.base.rss_kib,
        sample.base.pss_kib,
        sample.for_each_connection(),
        sample.connections,
    ));
}
