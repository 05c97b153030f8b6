//! Answers that are in the cache, while the upstream is dead: lists past their time, and files that never change.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;

use super::field::{Contender, Field, Mirror, Peer, Setup};
use super::modules::{Kind, Modules};
use super::upstream::Mode;
use super::{Case, Results};
use crate::process;
use crate::progress::tell;
use crate::statistics::quantile;

const MODULES: usize = 20;
/// Fairlead's lists are past their time when the upstream dies.
const LIST_SECONDS: u64 = 1;
/// One request in each.
const PACE: Duration = Duration::from_millis(5);

/// A way of being dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Death {
    /// It refuses connections.
    Refusing,
    /// It takes requests and says nothing.
    Silent,
}

impl Death {
    /// In the order of the report.
    pub(crate) const ALL: [Death; 2] = [Death::Refusing, Death::Silent];

    /// For the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Death::Refusing => "refuses connections",
            Death::Silent => "says nothing",
        }
    }

    fn mode(self) -> Mode {
        match self {
            Death::Refusing => Mode::Refusing,
            Death::Silent => Mode::Silent,
        }
    }
}

/// What one mirror did after one death. Times are milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// The mirror.
    pub(crate) peer: Peer,
    /// The death.
    pub(crate) death: Death,
    /// Lists, and `.mod` files.
    pub(crate) kinds: [Latency; 2],
}

/// How long answers took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Latency {
    /// Requests.
    pub(crate) requests: usize,
    /// Those that got a 200.
    pub(crate) answered: usize,
    /// Median.
    pub(crate) p50: f64,
    /// 99th percentile.
    pub(crate) p99: f64,
    /// The longest.
    pub(crate) max: f64,
}

/// Measures each mirror with each death.
pub(crate) fn measure(field: &Field, results: &mut Results) -> Result<()> {
    let modules = Arc::new(Modules::small(MODULES)?);
    for death in Death::ALL {
        for contender in &field.contenders {
            match sample(field, contender, &modules, death) {
                Ok(sample) => {
                    report(&sample);
                    results.dead.push(sample);
                }
                Err(error) => {
                    process::go_on()?;
                    let text = format!("{}, {}: {error:#}.", contender.peer.title(), death.title());
                    results.note(Some(Case::Dead), text);
                }
            }
        }
    }
    Ok(())
}

fn sample(field: &Field, contender: &Contender, modules: &Arc<Modules>, death: Death) -> Result<Sample> {
    let setup = Setup { latency: Duration::ZERO, is_wide: false, list_seconds: Some(LIST_SECONDS) };
    let mirror = field.start(contender, modules, setup)?;
    let kinds = [Kind::List, Kind::GoMod];
    for module in &modules.paths {
        for kind in kinds {
            let status = mirror.ask(&kind.path(module))?.status;
            ensure!(status == 200, "{module}: status {status}");
        }
    }
    thread::sleep(Duration::from_secs(LIST_SECONDS) + Duration::from_millis(200));
    mirror.upstream.behave(death.mode());
    let begin = Instant::now();
    let mut seen = [Vec::new(), Vec::new()];
    let mut answered = [0; 2];
    let limit = Duration::from_secs(field.seconds.max(4));
    for (turn, module) in modules.paths.iter().cycle().enumerate() {
        process::go_on()?;
        for (at, kind) in kinds.into_iter().enumerate() {
            let asked = Instant::now();
            answered[at] += usize::from(is_answered(&mirror, &kind.path(module)));
            seen[at].push(asked.elapsed().as_secs_f64() * 1e3);
        }
        if begin.elapsed() > limit {
            break;
        }
        let next = PACE * u32::try_from(turn + 1).unwrap_or(u32::MAX);
        thread::sleep(next.saturating_sub(begin.elapsed()).min(PACE));
    }
    let [lists, mods] = seen;
    let kinds = [latency(lists, answered[0]), latency(mods, answered[1])];
    Ok(Sample { peer: contender.peer, death, kinds })
}

/// An answer that does not come in time counts with the time that was waited for it.
fn is_answered(mirror: &Mirror, path: &str) -> bool {
    mirror.ask(path).is_ok_and(|reply| reply.status == 200)
}

fn latency(mut times: Vec<f64>, answered: usize) -> Latency {
    times.sort_by(f64::total_cmp);
    let at = |share| quantile(&times, share).unwrap_or(f64::NAN);
    Latency { requests: times.len(), answered, p50: at(0.5), p99: at(0.99), max: at(1.0) }
}

fn report(sample: &Sample) {
    for (name, latency) in ["list", "mod"].into_iter().zip(&sample.kinds) {
        tell(&format!(
            "mirror-dead {} {:<9} {name:<4} {} of {} answered, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
            sample.death.title(),
            sample.peer.title(),
            latency.answered,
            latency.requests,
            latency.p50,
            latency.p99,
            latency.max
        ));
    }
}
