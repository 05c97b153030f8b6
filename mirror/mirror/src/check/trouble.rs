//! What a failed fetch or a wrong answer means for a mirror.

use bytes::Bytes;
use fairlead_http::fetch::{Document, FetchError, Kind, Phase, redact};
use http::{HeaderMap, StatusCode, header};

use super::state::Reason;
use crate::proof;

/// Most of an answer's text that is kept as evidence, in characters.
const MAX_TEXT: usize = 200;

/// Something that leads to another state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) reason: Reason,
    pub(super) text: String,
    pub(super) evidence: Vec<(String, String)>,
}

impl Trouble {
    pub(super) fn new(reason: Reason, text: impl Into<String>) -> Self {
        Trouble { reason, text: text.into(), evidence: Vec::new() }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.evidence.push((name.to_owned(), value.into()));
        self
    }

    /// What a fetch without an answer means.
    pub(super) fn of_fetch(error: &FetchError) -> Self {
        let mut trouble = Trouble::new(reason_of(error.phase, error.kind), error.cause.to_string())
            .with("url", error.url.as_str())
            .with("phase", error.phase.word())
            .with("kind", error.kind.word());
        for hop in &error.hops {
            trouble = trouble.with("redirect", format!("{} {}", hop.status.as_u16(), hop.url));
        }
        trouble
    }

    /// What an answer with a status other than the one expected means.
    pub(super) fn of_status(document: &Document) -> Self {
        let status = document.status;
        let (reason, text) = diagnose(status, &document.headers);
        let mut trouble = Trouble::new(reason, text)
            .with("url", redact(&document.url))
            .with("status", status.as_u16().to_string());
        for name in [header::RETRY_AFTER, header::VIA, header::SERVER] {
            if let Some(value) = header_text(&document.headers, name.as_str()) {
                trouble = trouble.with(name.as_str(), value);
            }
        }
        if let Some(said) = plain_text(&document.body) {
            trouble = trouble.with("said", said);
        }
        trouble
    }

    /// A page instead of a document.
    pub(super) fn portal(document: &Document) -> Self {
        let mut trouble = Trouble::new(Reason::Portal, "an HTML page came instead of a document")
            .with("url", redact(&document.url));
        if let Some(kind) = header_text(&document.headers, "content-type") {
            trouble = trouble.with("content-type", kind);
        }
        for hop in &document.hops {
            trouble = trouble.with("redirect", format!("{} {}", hop.status.as_u16(), hop.url));
        }
        trouble
    }
}

/// An answer with status 200 that is no page.
pub(super) fn sound(document: Document) -> Result<Document, Trouble> {
    if document.status != StatusCode::OK {
        return Err(Trouble::of_status(&document));
    }
    if proof::is_html(&document.body) {
        return Err(Trouble::portal(&document));
    }
    Ok(document)
}

/// A header as printable text.
pub(super) fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    Some(text.chars().take(MAX_TEXT).collect())
}

/// A short plain text, on one line.
fn plain_text(body: &Bytes) -> Option<String> {
    let text = str::from_utf8(body.get(..body.len().min(4 * MAX_TEXT))?).ok()?.trim();
    if text.is_empty() || proof::is_html(body) {
        return None;
    }
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    Some(text.chars().map(clean).take(MAX_TEXT).collect())
}

fn diagnose(status: StatusCode, headers: &HeaderMap) -> (Reason, String) {
    let has = |name: &str| headers.contains_key(name);
    match status.as_u16() {
        503 if has("retry-after") => (
            Reason::Syncing,
            "503 with a time to come back: the mirror is busy with its own update".to_owned(),
        ),
        code @ (502 | 504) if has("via") || has("x-cache") || has("age") => {
            (Reason::EdgeOrigin, format!("{code} from a cache that cannot reach its origin"))
        }
        code => (Reason::HttpStatus, format!("status {code} instead of 200")),
    }
}

fn reason_of(phase: Phase, kind: Kind) -> Reason {
    match (kind, phase) {
        (Kind::Timeout, Phase::Dns) => Reason::DnsTimeout,
        (Kind::Timeout, Phase::Connect) => Reason::ConnectTimeout,
        (Kind::Timeout, Phase::Tls) => Reason::TlsTimeout,
        (Kind::Timeout, Phase::Body) | (Kind::TooSlow, _) => Reason::BodyTimeout,
        (Kind::Timeout, _) => Reason::FirstByteTimeout,
        (Kind::Reset, Phase::Tls) => Reason::TlsReset,
        (Kind::Reset, _) => Reason::Reset,
        (Kind::DnsFailure, _) => Reason::DnsFailure,
        (Kind::Refused, _) => Reason::ConnectRefused,
        (Kind::Unreachable, _) => Reason::Unreachable,
        (Kind::Proxy, _) => Reason::ProxyRefused,
        (Kind::TlsUntrusted, _) => Reason::TlsUntrusted,
        (Kind::TlsHost, _) => Reason::TlsHost,
        (Kind::TlsExpired, _) => Reason::TlsExpired,
        (Kind::TlsOther, _) => Reason::TlsOther,
        (Kind::Truncated, _) => Reason::Truncated,
        (Kind::RedirectLoop, _) => Reason::RedirectLoop,
        (Kind::RedirectRefused, _) => Reason::RedirectRefused,
        (
            Kind::TooLarge
            | Kind::BadEncoding
            | Kind::CredentialsRefused
            | Kind::BadUrl
            | Kind::Malformed
            | Kind::Internal,
            _,
        ) => Reason::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_fingerprints() {
        let headers = |name: &'static str| {
            HeaderMap::from_iter([(header::HeaderName::from_static(name), "1".parse().unwrap())])
        };
        for (status, headers, reason) in [
            (503, headers("retry-after"), Reason::Syncing),
            (503, headers("via"), Reason::HttpStatus),
            (502, headers("via"), Reason::EdgeOrigin),
            (504, headers("x-cache"), Reason::EdgeOrigin),
            (504, HeaderMap::new(), Reason::HttpStatus),
            (404, headers("via"), Reason::HttpStatus),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(diagnose(status, &headers).0, reason, "{status}");
        }
    }

    #[test]
    fn phases_have_reasons_of_their_own() {
        assert_eq!(reason_of(Phase::Dns, Kind::Timeout), Reason::DnsTimeout);
        assert_eq!(reason_of(Phase::Body, Kind::Timeout), Reason::BodyTimeout);
        assert_eq!(reason_of(Phase::FirstByte, Kind::Timeout), Reason::FirstByteTimeout);
        assert_eq!(reason_of(Phase::Tls, Kind::Reset), Reason::TlsReset);
        assert_eq!(reason_of(Phase::FirstByte, Kind::Reset), Reason::Reset);
    }

    #[test]
    fn what_a_server_says_is_cut_and_cleaned() {
        assert_eq!(plain_text(&Bytes::from_static(b"not\nfound\x1b[31m")).as_deref(), Some("not found [31m"));
        assert_eq!(plain_text(&Bytes::from_static(b"<html>")), None);
        assert_eq!(plain_text(&Bytes::from(vec![b'x'; 9999])).map(|text| text.len()), Some(MAX_TEXT));
    }
}
