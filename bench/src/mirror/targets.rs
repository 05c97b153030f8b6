//! What the mirror is to reach, and whether the measured numbers do.

use super::dead::Death;
use super::field::Peer;
use super::throughput::Sample;
use super::{Case, Results};
use crate::statistics::median;

/// A target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// What is measured, for the table.
    pub(crate) title: &'static str,
    /// What meets it.
    pub(crate) limit: Limit,
    /// The unit of limit and value.
    pub(crate) unit: &'static str,
    measure: Measure,
}

/// A limit that a value must keep.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
}

#[derive(Clone, Copy, Debug)]
enum Measure {
    /// Requests for each second to goproxy's.
    Rate(Case),
    /// Bytes for each second of the large zip.
    LargeBytes,
    /// Growth of memory under the large zip.
    LargeMemory,
    /// Time of a direct download to that through Fairlead.
    Speedup,
    /// The worst of the two kinds of files.
    Dead(Death),
    NeedlessZips,
}

/// All targets, in the order of the table.
pub(crate) const ALL: &[Target] = &[
    rate("`.mod`, requests/s to goproxy", 2.0, Case::Mod),
    rate("`.zip` of 1.8 kB, requests/s to goproxy", 2.0, Case::Zip),
    rate("`@v/list`, requests/s to goproxy", 10.0, Case::List),
    rate("`@latest`, requests/s to goproxy", 10.0, Case::Latest),
    Target { title: "zip of 20 MB", limit: Limit::AtLeast(1.0), unit: " GB/s", measure: Measure::LargeBytes },
    Target {
        title: "growth of memory while 64 clients pull it",
        limit: Limit::AtMost(64.0),
        unit: " MB",
        measure: Measure::LargeMemory,
    },
    Target {
        title: "cold `go mod download` of 300 modules, faster than direct",
        limit: Limit::AtLeast(3.0),
        unit: " ×",
        measure: Measure::Speedup,
    },
    dead("upstream refuses connections, cached answer, p99", Death::Refusing),
    dead("upstream says nothing, cached answer, p99", Death::Silent),
    Target {
        title: "zips fetched for `.mod` requests",
        limit: Limit::AtMost(0.0),
        unit: "",
        measure: Measure::NeedlessZips,
    },
];

const fn rate(title: &'static str, limit: f64, case: Case) -> Target {
    Target { title, limit: Limit::AtLeast(limit), unit: " ×", measure: Measure::Rate(case) }
}

const fn dead(title: &'static str, death: Death) -> Target {
    Target { title, limit: Limit::AtMost(5.0), unit: " ms", measure: Measure::Dead(death) }
}

impl Target {
    /// What the run measured, in the target's unit; `None` when it did not.
    pub(crate) fn value(&self, results: &Results) -> Option<f64> {
        let of_large = |of: fn(&Sample) -> f64| {
            let own = results.throughput.iter().filter(|one| one.peer == Peer::Fairlead);
            median(own.filter(|one| one.case == Case::Large).map(of))
        };
        match self.measure {
            Measure::Rate(case) => median(results.ratios(case, Peer::Goproxy, |one| one.rate)),
            Measure::LargeBytes => of_large(|one| one.bytes / 1e9),
            Measure::LargeMemory => of_large(|one| one.grown_kib as f64 * 1024.0 / 1e6),
            Measure::Speedup => median(results.speedups(Peer::Direct)),
            Measure::Dead(death) => {
                let own = |one: &&super::dead::Sample| one.peer == Peer::Fairlead && one.death == death;
                let sample = results.dead.iter().find(own)?;
                // An answer that did not come is no quick one.
                let of = |one: &super::dead::Latency| {
                    if one.answered < one.requests { f64::INFINITY } else { one.p99 }
                };
                sample.kinds.iter().map(of).reduce(f64::max)
            }
            Measure::NeedlessZips => results.needless_zips.map(|zips| zips as f64),
        }
    }

    /// Whether a value meets it.
    pub(crate) fn met_by(&self, value: f64) -> bool {
        match self.limit {
            Limit::AtLeast(limit) => value >= limit,
            Limit::AtMost(limit) => value <= limit,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::mirror::dead::{self, Latency};
    use crate::mirror::download;

    pub(crate) fn sample(peer: Peer, round: u32, rate: f64) -> Sample {
        Sample {
            case: Case::Mod,
            round,
            peer,
            rate,
            bytes: 1e9,
            user: 5.0,
            system: 5.0,
            p50: 1000.0,
            p99: 3000.0,
            peak_kib: 4096,
            grown_kib: 1024,
            upstream: 0,
            socket_errors: 0,
        }
    }

    #[test]
    fn rounds_are_paired() {
        let mut results = Results::default();
        // The second round was slow for both; the third lacks goproxy.
        for (round, own, other) in [(1, 90.0, Some(30.0)), (2, 30.0, Some(15.0)), (3, 1.0, None)] {
            results.throughput.push(sample(Peer::Fairlead, round, own));
            results.throughput.extend(other.map(|rate| sample(Peer::Goproxy, round, rate)));
        }
        assert_eq!(ALL[0].value(&results), Some(2.5));
        assert!(ALL[0].met_by(2.5) && !ALL[0].met_by(1.9));
        assert_eq!(ALL[1].value(&results), None, "zips were not measured");
        let run =
            |peer, seconds| download::Sample { round: 1, peer, seconds, cpu: 0.0, upstream: 900, zips: 300 };
        results.download = vec![run(Peer::Direct, 10.0), run(Peer::Fairlead, 2.5)];
        assert_eq!(ALL[6].value(&results), Some(4.0));
    }

    #[test]
    fn an_answer_that_never_came_meets_nothing() {
        let quick = Latency { requests: 100, answered: 100, p50: 0.1, p99: 0.2, max: 0.3 };
        let mut one = dead::Sample { peer: Peer::Fairlead, death: Death::Refusing, kinds: [quick; 2] };
        let mut results = Results { dead: vec![one.clone()], ..Results::default() };
        assert!(ALL[7].value(&results).is_some_and(|value| ALL[7].met_by(value)));
        one.kinds[1].answered = 99;
        results.dead = vec![one];
        assert!(ALL[7].value(&results).is_some_and(|value| !ALL[7].met_by(value)));
    }
}
