//! What a check says of one mirror, and of all of them.

use fairlead_diag::{Code, Finding, Findings, Severity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::options::{Kind, Leg};
use super::state::{Edge, Reason, State};
use crate::codes;

/// Exit code of a good check.
pub const EXIT_VALID: u8 = 0;
/// A mirror cannot be reached: DNS, connecting, time-outs, resets.
pub const EXIT_UNREACHABLE: u8 = 1;
/// A mirror answers wrongly: TLS, HTTP, HTML, protocol.
pub const EXIT_PROTOCOL: u8 = 2;
/// A mirror gave away other bytes than it should have.
pub const EXIT_INTEGRITY: u8 = 3;
/// A mirror is stale or degraded, in a strict check.
pub const EXIT_DEGRADED: u8 = 4;
/// The command line makes no sense.
pub const EXIT_USAGE: u8 = 64;
/// We failed.
pub const EXIT_INTERNAL: u8 = 70;

/// How a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing is wrong.
    Info,
    /// Usable.
    Warning,
    /// Not usable.
    Failed,
    /// Not looked at.
    Skipped,
}

impl Status {
    /// Stable word for documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Info => "info",
            Status::Warning => "warning",
            Status::Failed => "failed",
            Status::Skipped => "skipped",
        }
    }
}

/// One thing that was looked at: a layer of the network, or a behaviour of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// `dns`, `tcp`, `tls`, `http`, or the name of a behaviour such as `canary golang.org/x/sync@v0.7.0`.
    pub name: String,
    /// How it is.
    pub status: Status,
    /// How long it took to look, in milliseconds.
    pub took_ms: u64,
    /// What was seen, as name and value. Without secrets.
    pub evidence: Vec<(String, String)>,
}

/// How a reason for trust is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hold {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// It could not be found out.
    Unknown,
    /// It makes no sense here.
    NotApplicable,
}

/// What is known of one mirror.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Its URL, without secrets.
    pub url: String,
    /// What it mirrors.
    pub kind: Kind,
    /// Its state at the end.
    pub state: State,
    /// How it came to that state.
    pub path: Vec<Edge>,
    /// What was looked at, in order.
    pub layers: Vec<Layer>,
    /// Each reason for trust.
    pub legs: Vec<(Leg, Hold)>,
    /// Worth knowing, as name and value.
    pub notes: Vec<(String, String)>,
    /// The exit code of this mirror alone; never folded.
    pub exit_code: u8,
    /// When the probe began.
    pub checked_at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Whether it was kept from an earlier run.
    pub from_cache: bool,
    /// Trace of the probe: 32 lower-case hexadecimal digits.
    pub trace_id: String,
    /// Span of the probe: 16 lower-case hexadecimal digits.
    pub span_id: String,
}

impl Verdict {
    /// Everything that is wrong or worth knowing.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let bad = self.path.iter().filter_map(|edge| finding_of(&self.url, edge));
        let notes = self.notes.iter().map(|(name, value)| {
            Finding::new(&codes::MIRROR_NOTE, format!("{}: {name}: {value}", self.url))
                .about(self.url.as_str())
        });
        bad.chain(notes).collect()
    }
}

/// The exit code of several mirrors: the gravest. Integrity (3) is graver than protocol (2), that than unreachable (1), that
/// than degraded (4); what is not about a mirror (70, 64) comes before all. `fold` makes 2 of everything over 2.
#[must_use]
pub fn aggregate(codes: impl IntoIterator<Item = u8>, fold: bool) -> u8 {
    let worst = codes.into_iter().max_by_key(|code| gravity(*code)).unwrap_or(EXIT_VALID);
    if fold { worst.min(EXIT_PROTOCOL) } else { worst }
}

/// The exit code of a walk.
pub(super) fn exit_code(path: &[Edge], strict: bool) -> u8 {
    let codes = path.iter().map(|edge| edge.reason.exit_code());
    aggregate(codes.filter(|code| strict || *code != EXIT_DEGRADED), false)
}

fn gravity(code: u8) -> u8 {
    match code {
        EXIT_VALID => 0,
        EXIT_DEGRADED => 1,
        EXIT_UNREACHABLE => 2,
        EXIT_PROTOCOL => 3,
        EXIT_INTEGRITY => 4,
        EXIT_USAGE => 5,
        _ => 6,
    }
}

fn finding_of(url: &str, edge: &Edge) -> Option<Finding> {
    let code = code_of(edge.reason)?;
    let mut finding = Finding::new(code, format!("{url}: {}: {}", edge.reason.word(), edge.text)).about(url);
    if edge.to < State::Down {
        finding = finding.severity(Severity::Warning);
    }
    finding.evidence = edge.evidence.clone();
    Some(finding)
}

fn code_of(reason: Reason) -> Option<&'static Code> {
    use Reason as R;
    Some(match reason {
        R::Valid | R::Healed | R::Acknowledged => return None,
        R::Unacknowledged => &codes::MIRROR_UNACKNOWLEDGED,
        R::TlsUntrusted | R::TlsIncomplete | R::TlsHost | R::TlsExpired | R::TlsOther => &codes::MIRROR_TLS,
        R::RedirectLoop | R::RedirectRefused | R::HttpStatus | R::Syncing | R::EdgeOrigin => {
            &codes::MIRROR_HTTP
        }
        R::Portal => &codes::MIRROR_PORTAL,
        R::Protocol | R::MetadataLag | R::HeaderRequired | R::Expired => &codes::MIRROR_PROTOCOL,
        R::OwnershipUnproved | R::TrustUnmet => &codes::MIRROR_OWNERSHIP,
        R::Lagging => &codes::MIRROR_STALE,
        other => match other.target() {
            State::Untrusted => &codes::MIRROR_UNTRUSTED,
            State::Down => &codes::MIRROR_UNREACHABLE,
            _ => &codes::MIRROR_DEGRADED,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_code_counts() {
        for (codes, all, folded) in [
            (&[][..], 0, 0),
            (&[0, 4, 0], 4, 2),
            (&[1, 4], 1, 1),
            (&[1, 2, 4], 2, 2),
            (&[2, 3, 1], 3, 2),
            (&[3, 64], 64, 2),
            (&[64, 70, 3], 70, 2),
        ] {
            assert_eq!(aggregate(codes.iter().copied(), false), all, "{codes:?}");
            assert_eq!(aggregate(codes.iter().copied(), true), folded, "{codes:?}");
        }
    }

    #[test]
    fn degradation_counts_in_strict_checks() {
        let edge = |reason: Reason| Edge {
            from: State::Active,
            to: reason.target(),
            reason,
            text: String::new(),
            evidence: Vec::new(),
        };
        let slow = [edge(Reason::Valid), edge(Reason::Slow)];
        assert_eq!((exit_code(&slow, false), exit_code(&slow, true)), (0, 4));
        let worse = [edge(Reason::Slow), edge(Reason::Reset)];
        assert_eq!((exit_code(&worse, false), exit_code(&worse, true)), (1, 1));
    }

    #[test]
    fn every_reason_but_the_good_ones_has_a_code() {
        for &reason in Reason::ALL {
            assert_eq!(code_of(reason).is_none(), reason.exit_code() == 0, "{reason:?}");
        }
    }
}
