//! The table.

use fairlead_testkit::goproxy::Fault;

/// Kinds of files that a proxy serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    List,
    Latest,
    Info,
    Mod,
    Zip,
}

/// All of them.
pub(crate) const KINDS: [Kind; 5] = [Kind::List, Kind::Latest, Kind::Info, Kind::Mod, Kind::Zip];

const ALL: &[Kind] = &KINDS;
const DOCUMENTS: &[Kind] = &[Kind::List, Kind::Latest, Kind::Info, Kind::Mod];
const CHANGING: &[Kind] = &[Kind::List, Kind::Latest];
const LATEST_AND_INFO: &[Kind] = &[Kind::Latest, Kind::Info];
const MOD_AND_ZIP: &[Kind] = &[Kind::Mod, Kind::Zip];
const INFO: &[Kind] = &[Kind::Info];
const MOD: &[Kind] = &[Kind::Mod];
const ZIP: &[Kind] = &[Kind::Zip];

impl Kind {
    /// What is asked for.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Kind::List => "/one.example/!mod/@v/list",
            Kind::Latest => "/one.example/!mod/@latest",
            Kind::Info => "/one.example/!mod/@v/v1.2.0.info",
            Kind::Mod => "/one.example/!mod/@v/v1.2.0.mod",
            Kind::Zip => "/one.example/!mod/@v/v1.2.0.zip",
        }
    }

    /// The blob that is written last when it is kept.
    pub(crate) fn key(self) -> String {
        match self {
            Kind::List | Kind::Latest => format!("docs/default{}", self.path()),
            Kind::Info | Kind::Mod => format!("mod{}", self.path()),
            Kind::Zip => format!("mod{}hash", self.path()),
        }
    }

    pub(crate) fn is_immutable(self) -> bool {
        !CHANGING.contains(&self)
    }
}

/// What is wrong with the upstream.
pub(crate) enum How {
    /// It answers everything so.
    Plain(Fault),
    /// It answers everything so, over HTTP/2.
    Tls(Fault),
    /// It sends us from https to http.
    RedirectToPlain,
    UnknownAuthority,
    WrongHost,
    Expired,
    NobodyListens,
}

/// A fault.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) how: How,
    pub(crate) outcomes: &'static [Outcome],
    /// Kinds of files that the fault does not concern.
    pub(crate) skips: &'static [Kind],
    /// It is found out by a time-out.
    pub(crate) is_slow: bool,
    /// As the client gets it.
    pub(crate) retry_after: &'static str,
}

/// What a client gets from a mirror without cache and without another upstream, and what is known afterwards.
pub(crate) struct Outcome {
    pub(crate) on: &'static [Kind],
    pub(crate) status: u16,
    /// In the text of a failure.
    pub(crate) says: &'static str,
    /// The breaker counts a failure.
    pub(crate) is_counted: bool,
    pub(crate) is_quarantined: bool,
    /// Nobody can tell the answer from a good one, though it is an old one.
    pub(crate) is_old: bool,
    /// Requests that the upstream sees.
    pub(crate) requests: usize,
}

impl Outcome {
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self.status, 404 | 410)
    }

    pub(crate) fn is_harmless(&self) -> bool {
        self.status == 200
    }

    const fn after(self, requests: usize) -> Outcome {
        Outcome { requests, ..self }
    }
}

/// The upstream fails.
const fn fails(on: &'static [Kind], status: u16, says: &'static str) -> Outcome {
    Outcome { on, status, says, is_counted: true, is_quarantined: false, is_old: false, requests: 1 }
}

/// The upstream says no, and is right to.
const fn refuses(on: &'static [Kind], status: u16, says: &'static str) -> Outcome {
    Outcome { is_counted: false, ..fails(on, status, says) }
}

/// The upstream gives something else than the proof is about.
const fn lies(on: &'static [Kind], says: &'static str) -> Outcome {
    Outcome { is_quarantined: true, ..fails(on, 502, says) }
}

/// The answer is as good as any.
const fn harmless(on: &'static [Kind]) -> Outcome {
    refuses(on, 200, "")
}

const fn row(name: &'static str, how: How, outcomes: &'static [Outcome]) -> Row {
    Row { name, how, outcomes, skips: &[], is_slow: false, retry_after: "" }
}

const fn slow(name: &'static str, fault: Fault, outcomes: &'static [Outcome]) -> Row {
    Row { is_slow: true, ..row(name, How::Plain(fault), outcomes) }
}

const fn only(skips: &'static [Kind], row: Row) -> Row {
    Row { skips, ..row }
}

pub(crate) const ROWS: &[Row] = &[
    row(
        "portal",
        How::Plain(Fault::Portal),
        &[fails(DOCUMENTS, 502, "HTML page"), fails(ZIP, 502, "web page")],
    ),
    row(
        "page as a file",
        How::Plain(Fault::HiddenPage),
        &[fails(DOCUMENTS, 502, "HTML page"), fails(ZIP, 502, "zip")],
    ),
    row(
        "redirect loop",
        How::Plain(Fault::RedirectLoop),
        &[fails(ALL, 502, "stopped after 10 redirects").after(11)],
    ),
    row("redirect to http", How::RedirectToPlain, &[fails(ALL, 502, "from https to http")]),
    row("401", How::Plain(Fault::Status(401)), &[refuses(ALL, 403, "the upstream says 401")]),
    row("403", How::Plain(Fault::Status(403)), &[refuses(ALL, 403, "the upstream says 403")]),
    row("404", How::Plain(Fault::Status(404)), &[refuses(ALL, 404, "the upstream says 404")]),
    row("410", How::Plain(Fault::Status(410)), &[refuses(ALL, 410, "the upstream says 410")]),
    row("451", How::Plain(Fault::Status(451)), &[refuses(ALL, 451, "the upstream says 451")]),
    Row {
        retry_after: "30",
        ..row("429", How::Plain(Fault::RetryAfter(429, 30)), &[fails(ALL, 429, "the upstream says 429")])
    },
    row("500", How::Plain(Fault::Status(500)), &[fails(ALL, 500, "the upstream says 500")]),
    Row {
        retry_after: "7",
        ..row("503", How::Plain(Fault::RetryAfter(503, 7)), &[fails(ALL, 503, "the upstream says 503")])
    },
    row("closed before the head", How::Plain(Fault::Close), &[fails(ALL, 502, "bad gateway")]),
    row("reset before the head", How::Plain(Fault::Reset), &[fails(ALL, 502, "bad gateway")]),
    row("nobody listens", How::NobodyListens, &[fails(ALL, 502, "bad gateway").after(0)]),
    slow("silence", Fault::Silence, &[fails(ALL, 504, "timeout")]),
    slow("a head byte by byte", Fault::SlowHead, &[fails(ALL, 504, "timeout")]),
    slow(
        "a body byte by byte",
        Fault::SlowBody,
        &[fails(DOCUMENTS, 504, "timeout"), fails(ZIP, 504, "").after(2)],
    ),
    row(
        "truncated",
        How::Plain(Fault::Truncated),
        &[fails(DOCUMENTS, 502, ""), fails(ZIP, 502, "").after(2)],
    ),
    row(
        "chunks cut off",
        How::Plain(Fault::ChunkedCut),
        &[fails(DOCUMENTS, 502, ""), fails(ZIP, 502, "").after(2)],
    ),
    only(
        // Half a list is a list.
        &[Kind::List],
        row(
            "short",
            How::Plain(Fault::Short),
            &[fails(LATEST_AND_INFO, 502, ".info"), lies(MOD, "checksum mismatch"), fails(ZIP, 502, "zip")],
        ),
    ),
    row("no gzip", How::Plain(Fault::FalseGzip), &[fails(ALL, 502, "gzip")]),
    row("gzip with a wrong sum", How::Plain(Fault::BadGzip), &[fails(ALL, 502, "gzip")]),
    row("no length", How::Plain(Fault::NoLength), &[harmless(ALL)]),
    row("unknown authority", How::UnknownAuthority, &[fails(ALL, 502, "certificate").after(0)]),
    row("wrong host", How::WrongHost, &[fails(ALL, 502, "certificate").after(0)]),
    row("expired", How::Expired, &[fails(ALL, 502, "certificate").after(0)]),
    row("go away", How::Tls(Fault::GoAway), &[fails(DOCUMENTS, 502, ""), fails(ZIP, 502, "").after(2)]),
    row(
        "reset stream",
        How::Tls(Fault::ResetStream),
        &[fails(DOCUMENTS, 502, ""), fails(ZIP, 502, "").after(2)],
    ),
    only(
        // Nothing proves an info, and a list is what the upstream says.
        DOCUMENTS_BUT_MOD,
        row("tampered", How::Plain(Fault::Tampered), &[lies(MOD_AND_ZIP, "checksum mismatch")]),
    ),
    only(DOCUMENTS, row("foreign prefix", How::Plain(Fault::ForeignPrefix), &[lies(ZIP, "zip for")])),
    only(DOCUMENTS, row("../ in a zip", How::Plain(Fault::Traversal), &[lies(ZIP, "zip for")])),
    only(DOCUMENTS, row("bomb", How::Plain(Fault::Bomb), &[lies(ZIP, "zip for")])),
    only(DOCUMENTS, row("declares 800 MiB", How::Plain(Fault::Huge), &[lies(ZIP, "zip for")])),
    only(
        ALL_BUT_INFO,
        row(
            "another version",
            How::Plain(Fault::WrongVersion),
            &[fails(INFO, 502, "instead of requested version v1.2.0")],
        ),
    ),
    only(ALL_BUT_INFO, row("written in another way", How::Plain(Fault::Remarshalled), &[harmless(INFO)])),
    only(
        IMMUTABLE,
        row("stale", How::Plain(Fault::Stale), &[Outcome { is_old: true, ..harmless(CHANGING) }]),
    ),
];

const DOCUMENTS_BUT_MOD: &[Kind] = &[Kind::List, Kind::Latest, Kind::Info];
const ALL_BUT_INFO: &[Kind] = &[Kind::List, Kind::Latest, Kind::Mod, Kind::Zip];
const IMMUTABLE: &[Kind] = &[Kind::Info, Kind::Mod, Kind::Zip];
