//! Time from the start of the process to the first answer that came through it.

use std::time::Instant;

use anyhow::Result;
use serde::Serialize;

use super::{Case, Results};
use crate::peers::{Contender, Peer, Proxy};
use crate::process;
use crate::progress::tell;
use crate::session::Session;
use crate::workload::{request, routes};

const REPETITIONS: u32 = 10;

/// One start.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// The peer.
    pub(crate) peer: Peer,
    /// Milliseconds to the first 200.
    pub(crate) millis: f64,
}

/// Starts each peer ten times, in turns.
pub(crate) fn measure(session: &Session, results: &mut Results) -> Result<()> {
    for _ in 0..REPETITIONS {
        for contender in &session.contenders {
            match sample(session, contender) {
                Ok(sample) => results.start.push(sample),
                Err(error) => {
                    process::go_on()?;
                    results.note(Some(Case::Start), format!("{}: {error:#}.", contender.peer.title()));
                }
            }
        }
    }
    for contender in &session.contenders {
        let own = results.start.iter().filter(|sample| sample.peer == contender.peer);
        if let Some(median) = crate::statistics::median(own.map(|sample| sample.millis)) {
            tell(&format!("start {:<13} {median:.1} ms", contender.peer.title()));
        }
    }
    Ok(())
}

fn sample(session: &Session, contender: &Contender) -> Result<Sample> {
    let request = request(&routes()[0], "", "");
    let begin = Instant::now();
    let mut proxy = Proxy::start(contender, &session.ground)?;
    let answered = proxy.await_answer(&request)?;
    Ok(Sample { peer: contender.peer, millis: (answered - begin).as_secs_f64() * 1e3 })
}
