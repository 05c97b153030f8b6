//! Verdicts for people and for machines. Nothing here does I/O: each form is a function to text.
//!
//! [`table()`] and [`explain()`] are for people; [`jsonl`] is a log, one object a line; [`junit()`] and [`sarif`] are what CI
//! systems read. What a server said is shown without control characters.

mod explain;
pub mod jsonl;
mod junit;
mod table;

use fairlead_diag::Findings;

pub use explain::explain;
pub use junit::{junit, junit_of_sums};
pub use table::{TableStyle, table};

use crate::check::{Edge, Verdict};

/// All findings of all verdicts as SARIF 2.1.0; `version` is the program's.
#[must_use]
pub fn sarif(verdicts: &[Verdict], version: &str) -> String {
    let findings: Findings = verdicts.iter().flat_map(Verdict::findings).collect();
    fairlead_diag::render::sarif(&findings, version)
}

/// The verdicts as one JSON array.
#[must_use]
pub fn json(verdicts: &[Verdict]) -> String {
    // Text and numbers only: nothing in it can fail.
    serde_json::to_string_pretty(verdicts).unwrap_or_default()
}

/// Text without control characters.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The step that says most about how a mirror is: the last one that has a cost, or the last.
fn telling(verdict: &Verdict) -> Option<&Edge> {
    let costs = |edge: &&Edge| edge.reason.exit_code() != 0;
    let gravest =
        verdict.path.iter().filter(costs).max_by_key(|edge| (edge.to, edge.reason.exit_code() == 3));
    gravest.or(verdict.path.last())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::check::{Hold, Kind, Layer, Leg, Reason, State, Status};

    /// A mirror that gave away a wrong zip, for every form to show.
    pub(super) fn untrusted() -> Verdict {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        let layer = |name: &str, status, took_ms, evidence: &[(&str, &str)]| Layer {
            name: name.to_owned(),
            status,
            took_ms,
            evidence: pairs(evidence),
        };
        let edge = |from, to, reason, text: &str, evidence: &[(&str, &str)]| Edge {
            from,
            to,
            reason,
            text: text.to_owned(),
            evidence: pairs(evidence),
        };
        Verdict {
            url: "https://m.example/go?t=***".to_owned(),
            kind: Kind::Goproxy,
            state: State::Untrusted,
            path: vec![
                edge(State::Unknown, State::Active, Reason::Valid, "answers for a.example/m@v1.0.0", &[]),
                edge(
                    State::Active,
                    State::Untrusted,
                    Reason::PinMismatch,
                    "zip of a.example/m@v1.0.0 is not the one that is known\u{1b}[31m",
                    &[("got", "h1:<x>"), ("expected", "h1:y")],
                ),
            ],
            layers: vec![
                layer("dns", Status::Ok, 3, &[("address", "192.0.2.1")]),
                layer("tls", Status::Skipped, 0, &[]),
                layer(
                    "canary a.example/m@v1.0.0",
                    Status::Failed,
                    120,
                    &[("trouble", "pin-mismatch: \"zip\" & co")],
                ),
            ],
            legs: vec![
                (Leg::Tls, Hold::Holds),
                (Leg::Ownership, Hold::NotApplicable),
                (Leg::Content, Hold::Fails),
            ],
            notes: vec![("server".to_owned(), "nginx".to_owned())],
            exit_code: 3,
            checked_at: "2026-01-02T03:04:05.678Z".parse::<Timestamp>().unwrap(),
            took_ms: 150,
            from_cache: false,
            trace_id: "0123456789abcdef0123456789abcdef".to_owned(),
            span_id: "0123456789abcdef".to_owned(),
        }
    }

    /// A mirror that is as it should be.
    pub(super) fn active() -> Verdict {
        let mut verdict = untrusted();
        verdict.path.truncate(1);
        verdict.layers.truncate(2);
        Verdict {
            url: "https://good.example/".to_owned(),
            state: State::Active,
            exit_code: 0,
            took_ms: 9,
            from_cache: true,
            ..verdict
        }
    }

    #[test]
    fn sarif_has_a_result_for_each_finding() {
        let text = sarif(&[active(), untrusted()], "1.2.3");
        let log: serde_json::Value = serde_json::from_str(&text).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        let ids: Vec<&str> = results.iter().map(|result| result["ruleId"].as_str().unwrap()).collect();
        assert_eq!(ids, ["FLD-MIR-0038", "FLD-MIR-0035", "FLD-MIR-0038"]);
        assert_eq!(results[1]["level"], "error");
    }

    #[test]
    fn json_can_be_read_back() {
        let verdicts = [active(), untrusted()];
        let back: Vec<Verdict> = serde_json::from_str(&json(&verdicts)).unwrap();
        assert_eq!(back, verdicts);
    }

    #[test]
    fn the_gravest_step_tells_most() {
        let mut verdict = untrusted();
        assert_eq!(telling(&verdict).map(|edge| edge.reason), Some(Reason::PinMismatch));
        verdict.path.truncate(1);
        assert_eq!(telling(&verdict).map(|edge| edge.reason), Some(Reason::Valid));
    }
}
