//! The states of a mirror and what leads from one to another. Nothing here does I/O or looks at a clock.
//!
//! A probe begins in the state that the last one ended in. Each observation has a [`Reason`]; [`next`] says where it leads.
//! Within a probe things only get worse; [`Reason::Valid`] is where one begins to be good again. UNTRUSTED is left by
//! acknowledgement alone.

use serde::{Deserialize, Serialize};

/// What is known of a mirror, from good to bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Never probed, or acknowledged.
    #[default]
    Unknown,
    /// As it should be.
    Active,
    /// Usable, and something is not as it should be.
    Degraded,
    /// Usable, and behind.
    Stale,
    /// Not usable now.
    Down,
    /// It gave away other bytes than it should have.
    Untrusted,
}

impl State {
    /// All of them, from good to bad.
    pub const ALL: [State; 6] =
        [State::Unknown, State::Active, State::Degraded, State::Stale, State::Down, State::Untrusted];

    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            State::Unknown => "UNKNOWN",
            State::Active => "ACTIVE",
            State::Degraded => "DEGRADED",
            State::Stale => "STALE",
            State::Down => "DOWN",
            State::Untrusted => "UNTRUSTED",
        }
    }
}

/// A catalogue of reasons: name, word, target, exit code.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal, $target:ident, $exit:literal;)*) => {
        /// Why a mirror goes from one state to another.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[doc = $doc])* #[serde(rename = $word)] $name,)*
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Reason] = &[$(Reason::$name),*];

            /// Stable word for logs and documents.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Reason::$name => $word),* }
            }

            /// The state that it stands for.
            #[must_use]
            pub fn target(self) -> State {
                match self { $(Reason::$name => State::$target),* }
            }

            /// The exit code that it asks for; 4 counts only where a check is strict.
            #[must_use]
            pub fn exit_code(self) -> u8 {
                match self { $(Reason::$name => $exit),* }
            }

            /// What it means, in a few words.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Reason::$name => concat!($($doc),*).trim_ascii()),* }
            }
        }
    };
}

reasons! {
    /// every layer answers as it should.
    Valid = "valid", Active, 0;
    /// it answers as it should again.
    Healed = "healed", Active, 0;
    /// the operator has looked at the evidence.
    Acknowledged = "acknowledged", Unknown, 0;
    /// nobody has acknowledged the evidence of an earlier probe.
    Unacknowledged = "unacknowledged", Untrusted, 3;

    /// its name does not resolve.
    DnsFailure = "dns-failure", Down, 1;
    /// its name did not resolve in time.
    DnsTimeout = "dns-timeout", Down, 1;
    /// nobody listens.
    ConnectRefused = "connect-refused", Down, 1;
    /// there is no way to it.
    Unreachable = "unreachable", Down, 1;
    /// it could not be connected to in time.
    ConnectTimeout = "connect-timeout", Down, 1;
    /// the proxy on the way did not let us through.
    ProxyRefused = "proxy-refused", Down, 1;
    /// the TLS handshake took too long.
    TlsTimeout = "tls-timeout", Down, 1;
    /// it hung up within the TLS handshake.
    TlsReset = "tls-reset", Down, 1;
    /// no head of an answer came in time.
    FirstByteTimeout = "first-byte-timeout", Down, 1;
    /// a body stopped flowing, or did not end in time.
    BodyTimeout = "body-timeout", Down, 1;
    /// it hung up instead of answering.
    Reset = "reset", Down, 1;
    /// a body ended before its end.
    Truncated = "truncated", Down, 1;
    /// the check's own deadline was up.
    Deadline = "deadline", Down, 1;

    /// nobody trusted stands behind its certificate.
    TlsUntrusted = "tls-untrusted", Down, 2;
    /// it sends its certificate without the intermediates that lead to a trusted one.
    TlsIncomplete = "tls-incomplete", Down, 2;
    /// its certificate is for another name.
    TlsHost = "tls-host", Down, 2;
    /// its certificate has expired, or is not valid yet.
    TlsExpired = "tls-expired", Down, 2;
    /// it does not complete a TLS handshake.
    TlsOther = "tls-other", Down, 2;
    /// it redirects without end.
    RedirectLoop = "redirect-loop", Down, 2;
    /// it redirects to where the policy does not allow.
    RedirectRefused = "redirect-refused", Down, 2;
    /// it answers with a status that is not the right one.
    HttpStatus = "http-status", Down, 2;
    /// it says that it is busy with its own update.
    Syncing = "syncing", Down, 2;
    /// an edge in front of it cannot reach it.
    EdgeOrigin = "edge-origin", Down, 2;
    /// it answers with an HTML page.
    Portal = "portal", Down, 2;
    /// its answers are not of the protocol.
    Protocol = "protocol", Down, 2;
    /// its index names a file that it does not have.
    MetadataLag = "metadata-lag", Down, 2;
    /// a header that the caller requires is not there or has another value.
    HeaderRequired = "header-required", Down, 2;
    /// its metadata has expired, so that clients refuse it.
    Expired = "expired", Down, 2;

    /// a file is not the one that is pinned.
    PinMismatch = "pin-mismatch", Untrusted, 3;
    /// an archive breaks the rules of its format.
    BadArchive = "bad-archive", Untrusted, 3;
    /// it has a module that does not exist.
    InventedModule = "invented-module", Untrusted, 3;
    /// it gives away a module that is private.
    PrivateServed = "private-served", Untrusted, 3;
    /// what it passes on of a checksum database does not hold.
    SumdbUntrusted = "sumdb-untrusted", Untrusted, 3;
    /// it shows an older tree of a checksum database than it has shown before.
    SumdbRollback = "sumdb-rollback", Untrusted, 3;
    /// a signature does not hold.
    BadSignature = "bad-signature", Untrusted, 3;
    /// a file is not the one that the index names.
    DigestMismatch = "digest-mismatch", Untrusted, 3;
    /// the DNS does not say that its owner is who it should be.
    OwnershipUnproved = "ownership-unproved", Untrusted, 3;
    /// no reason to trust it that was asked for holds.
    TrustUnmet = "trust-unmet", Untrusted, 3;

    /// its newest version is older than the reference's by more than allowed.
    Lagging = "lagging", Stale, 4;
    /// the median time to the first byte is over the limit.
    Slow = "slow", Degraded, 4;
    /// its certificate ends soon.
    ExpiresSoon = "expires-soon", Degraded, 4;
    /// its clock or ours is wrong.
    ClockSkew = "clock-skew", Degraded, 4;
    /// it does not say 404 or 410 of what does not exist, so that a list with commas ends here.
    AbsenceRefused = "absence-refused", Degraded, 4;
    /// the list of versions does not have one that it serves.
    ListIncomplete = "list-incomplete", Degraded, 4;
    /// it says that it passes a checksum database on, and does not answer for it.
    SumdbUnreachable = "sumdb-unreachable", Degraded, 4;
    /// the reference could not be compared with.
    ReferenceUnreachable = "reference-unreachable", Degraded, 4;
    /// the DNS could not be asked who its owner is.
    OwnershipUnknown = "ownership-unknown", Degraded, 4;
    /// something that was to be proved could not be.
    Unverified = "unverified", Degraded, 4;
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Where it begins.
    pub from: State,
    /// Where it leads; the same state when a reason confirms it.
    pub to: State,
    /// Why.
    pub reason: Reason,
    /// What was observed, in words and without secrets.
    pub text: String,
    /// Facts that prove it, as name and value.
    pub evidence: Vec<(String, String)>,
}

/// Where a reason leads from a state; `None` when it changes nothing and confirms nothing.
#[must_use]
pub fn next(from: State, reason: Reason) -> Option<State> {
    match (from, reason) {
        (State::Untrusted, Reason::Acknowledged) => Some(State::Unknown),
        (_, Reason::Acknowledged) => None,
        (State::Untrusted, reason) => (reason.target() == State::Untrusted).then_some(State::Untrusted),
        (_, Reason::Unacknowledged) => None,
        (_, Reason::Valid | Reason::Healed) => Some(State::Active),
        (from, reason) => (reason.target() >= from).then(|| reason.target()),
    }
}

/// A walk through the states.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    state: State,
    path: Vec<Edge>,
}

impl Walk {
    /// Begins where the last probe ended.
    #[must_use]
    pub fn from(state: State) -> Self {
        Walk { state, path: Vec::new() }
    }

    /// Where it is now.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes the step that a reason asks for, if it asks for one.
    pub fn step(&mut self, reason: Reason, text: impl Into<String>, evidence: Vec<(String, String)>) {
        if let Some(to) = next(self.state, reason) {
            self.path.push(Edge { from: self.state, to, reason, text: text.into(), evidence });
            self.state = to;
        }
    }

    /// The steps.
    #[must_use]
    pub fn into_path(self) -> Vec<Edge> {
        self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Active, Degraded, Down, Stale, Unknown, Untrusted};

    #[test]
    fn every_state_and_reason_leads_where_the_table_says() {
        // Rows: from. Columns: valid, slow, lagging, dns-failure, pin-mismatch, unacknowledged, acknowledged.
        let columns = [
            Reason::Valid,
            Reason::Slow,
            Reason::Lagging,
            Reason::DnsFailure,
            Reason::PinMismatch,
            Reason::Unacknowledged,
            Reason::Acknowledged,
        ];
        let some = Some;
        let table = [
            (Unknown, [some(Active), some(Degraded), some(Stale), some(Down), some(Untrusted), None, None]),
            (Active, [some(Active), some(Degraded), some(Stale), some(Down), some(Untrusted), None, None]),
            (Degraded, [some(Active), some(Degraded), some(Stale), some(Down), some(Untrusted), None, None]),
            (Stale, [some(Active), None, some(Stale), some(Down), some(Untrusted), None, None]),
            (Down, [some(Active), None, None, some(Down), some(Untrusted), None, None]),
            (Untrusted, [None, None, None, None, some(Untrusted), some(Untrusted), some(Unknown)]),
        ];
        for (from, row) in table {
            for (reason, to) in columns.into_iter().zip(row) {
                assert_eq!(next(from, reason), to, "{from:?} {reason:?}");
            }
        }
    }

    #[test]
    fn only_acknowledgement_leaves_untrusted() {
        for &reason in Reason::ALL {
            let to = next(Untrusted, reason);
            assert!(to.is_none_or(|to| to == Untrusted) || reason == Reason::Acknowledged, "{reason:?}");
        }
    }

    #[test]
    fn codes_follow_states() {
        for &reason in Reason::ALL {
            let allowed: &[u8] = match reason.target() {
                Unknown | Active => &[0],
                Degraded | Stale => &[4],
                Down => &[1, 2],
                Untrusted => &[3],
            };
            assert!(allowed.contains(&reason.exit_code()), "{reason:?}");
        }
        let mut words: Vec<&str> = Reason::ALL.iter().map(|reason| reason.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
    }

    #[test]
    fn a_walk_keeps_every_step_with_its_evidence() {
        let mut walk = Walk::from(Down);
        walk.step(Reason::Healed, "answers", vec![("status".into(), "200".into())]);
        walk.step(Reason::Slow, "2.1 s", Vec::new());
        walk.step(Reason::Valid, "again", Vec::new());
        assert_eq!(walk.state(), Active);
        let path = walk.into_path();
        let steps: Vec<(State, State)> = path.iter().map(|edge| (edge.from, edge.to)).collect();
        assert_eq!(steps, [(Down, Active), (Active, Degraded), (Degraded, Active)]);
        assert_eq!(path[0].evidence[0].1, "200");
    }
}
