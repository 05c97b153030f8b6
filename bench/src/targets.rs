//! The targets, and whether the measured numbers meet them.

use crate::cases::reload::Layout;
use crate::cases::{Case, Results};
use crate::peers::Peer;
use crate::statistics::median;

/// A target: what is measured may be at most `limit`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// What is measured, for the table.
    pub(crate) title: &'static str,
    /// The largest value that meets it.
    pub(crate) limit: f64,
    /// The unit of limit and value.
    pub(crate) unit: &'static str,
    measure: Measure,
}

#[derive(Clone, Copy, Debug)]
enum Measure {
    Ratio(Case, Peer),
    Rest,
    Connection,
    Start,
    Reload(Layout),
}

/// All targets, in the order of the table.
pub(crate) const ALL: &[Target] = &[
    ratio("plain HTTP/1.1, CPU to nginx", 1.0, Case::H1, Peer::Nginx),
    ratio("plain HTTP/1.1, CPU to HAProxy (map)", 0.85, Case::H1, Peer::Haproxy),
    ratio("plain HTTP/1.1, CPU to Traefik", 0.3, Case::H1, Peer::Traefik),
    ratio("TLS keep-alive, CPU to nginx", 0.8, Case::Tls, Peer::Nginx),
    ratio("HTTP/2 over TLS, CPU to HAProxy (map)", 1.0, Case::H2, Peer::Haproxy),
    ratio("100 KB bodies, CPU to HAProxy (map)", 0.9, Case::H1Large, Peer::Haproxy),
    Target { title: "resident memory at rest", limit: 20.0, unit: " MB", measure: Measure::Rest },
    Target {
        title: "memory of an idle connection, plain",
        limit: 28.0,
        unit: " KB",
        measure: Measure::Connection,
    },
    Target { title: "start to first answer", limit: 100.0, unit: " ms", measure: Measure::Start },
    reload("CPU of a reload, 40 files × 100 routers", Layout::ManyFiles),
    reload("CPU of a reload, one file of 4,000 routers", Layout::OneFile),
];

const fn ratio(title: &'static str, limit: f64, case: Case, peer: Peer) -> Target {
    Target { title, limit, unit: " ×", measure: Measure::Ratio(case, peer) }
}

const fn reload(title: &'static str, layout: Layout) -> Target {
    Target { title, limit: 20.0, unit: " ms", measure: Measure::Reload(layout) }
}

impl Target {
    /// What the run measured, in the target's unit; `None` when it did not.
    pub(crate) fn value(&self, results: &Results) -> Option<f64> {
        let own = Peer::Fairlead;
        let idle = results.idle.iter().filter(|sample| sample.peer == own && !sample.tls);
        match self.measure {
            Measure::Ratio(case, peer) => median(results.ratios(case, peer)),
            Measure::Rest => median(idle.map(|sample| sample.base.rss_kib as f64 * 1024.0 / 1e6)),
            Measure::Connection => median(idle.map(|sample| sample.for_each_connection() / 1e3)),
            Measure::Start => {
                median(results.start.iter().filter(|one| one.peer == own).map(|one| one.millis))
            }
            Measure::Reload(layout) => {
                let of = results.reload.iter().filter(|one| one.peer == own && one.layout == layout);
                median(of.map(|one| one.cpu_settled))
            }
        }
    }

    /// Whether a value meets it.
    pub(crate) fn met_by(&self, value: f64) -> bool {
        value <= self.limit
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cases::throughput::Sample;

    pub(crate) fn sample(peer: Peer, round: u32, cpu: f64) -> Sample {
        Sample {
            case: Case::H1,
            round,
            peer,
            requests: 1000,
            user: cpu / 2.0,
            system: cpu / 2.0,
            rate: 1000.0,
            p50: 1000.0,
            p99: 3000.0,
            pss_kib: 4096,
            socket_errors: 0,
        }
    }

    #[test]
    fn ratios_pair_rounds_and_decide() {
        let mut results = Results::default();
        // The second round was slow for all; the third lacks nginx.
        for (round, own, other) in [(1, 9.0, Some(10.0)), (2, 30.0, Some(20.0)), (3, 50.0, None)] {
            results.throughput.push(sample(Peer::Fairlead, round, own));
            results.throughput.extend(other.map(|cpu| sample(Peer::Nginx, round, cpu)));
        }
        let to_nginx = ALL[0].value(&results).unwrap();
        assert!((to_nginx - 1.2).abs() < 1e-9, "{to_nginx}");
        assert!(!ALL[0].met_by(to_nginx) && ALL[0].met_by(1.0));
        assert_eq!(ALL[1].value(&results), None, "HAProxy was not measured");
    }
}
