//! Why a fetch failed: in which phase, how, and whether another try makes sense.

use std::fmt;

use fairlead_net::tls::CertificateFault;
use http::StatusCode;

use crate::{DialFault, Error, Fault};

/// The part of a fetch that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Resolving the name.
    Dns,
    /// Connecting, to the proxy where there is one.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Between request and response head.
    FirstByte,
    /// Within the body.
    Body,
    /// Deciding where to go next.
    Redirect,
    /// What was asked or answered is no HTTP that we accept.
    Protocol,
}

impl Phase {
    /// Stable word for logs and documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Phase::Dns => "dns",
            Phase::Connect => "connect",
            Phase::Tls => "tls",
            Phase::FirstByte => "first-byte",
            Phase::Body => "body",
            Phase::Redirect => "redirect",
            Phase::Protocol => "protocol",
        }
    }
}

/// How it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The name has no address, or the resolver failed.
    DnsFailure,
    /// Nobody listens.
    Refused,
    /// There is no way to the host.
    Unreachable,
    /// The proxy did not let us through.
    Proxy,
    /// The limit of the phase, or of the whole fetch, was up.
    Timeout,
    /// The body came slower than the least speed allowed.
    TooSlow,
    /// The certificate's issuer is not trusted.
    TlsUntrusted,
    /// The certificate is for another name.
    TlsHost,
    /// The certificate has expired, or is not valid yet.
    TlsExpired,
    /// Any other failure of a handshake.
    TlsOther,
    /// The peer closed or reset the connection where it owed an answer.
    Reset,
    /// The body ended before its end: shorter than declared, a last chunk missing, a stream reset.
    Truncated,
    /// A head or a body over its limit.
    TooLarge,
    /// The content coding is not what it claims to be, unfolds without measure, or was not asked for.
    BadEncoding,
    /// More redirects than allowed.
    RedirectLoop,
    /// A redirect that the policy forbids, or that leads nowhere.
    RedirectRefused,
    /// Credentials would have gone out in the clear.
    CredentialsRefused,
    /// The URL cannot be fetched: another scheme, or no host.
    BadUrl,
    /// An answer that is no HTTP.
    Malformed,
    /// Anything of our own making.
    Internal,
}

impl Kind {
    /// Stable word for logs and documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::DnsFailure => "dns-failure",
            Kind::Refused => "refused",
            Kind::Unreachable => "unreachable",
            Kind::Proxy => "proxy",
            Kind::Timeout => "timeout",
            Kind::TooSlow => "too-slow",
            Kind::TlsUntrusted => "tls-untrusted",
            Kind::TlsHost => "tls-host",
            Kind::TlsExpired => "tls-expired",
            Kind::TlsOther => "tls-other",
            Kind::Reset => "reset",
            Kind::Truncated => "truncated",
            Kind::TooLarge => "too-large",
            Kind::BadEncoding => "bad-encoding",
            Kind::RedirectLoop => "redirect-loop",
            Kind::RedirectRefused => "redirect-refused",
            Kind::CredentialsRefused => "credentials-refused",
            Kind::BadUrl => "bad-url",
            Kind::Malformed => "malformed",
            Kind::Internal => "internal",
        }
    }
}

/// One answer on the way: its status, and the URL that gave it, redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Status of the answer.
    pub status: StatusCode,
    /// Whom it came from, without secrets.
    pub url: String,
}

/// A fetch without an answer, or a body without its end. Nothing in it is secret.
#[derive(Clone, Debug)]
pub struct FetchError {
    /// Which part failed.
    pub phase: Phase,
    /// How.
    pub kind: Kind,
    /// The URL that failed, redacted.
    pub url: String,
    /// Redirects that were followed before, in order.
    pub hops: Vec<Hop>,
    /// The cause, a lower-case fragment.
    pub cause: Box<str>,
    /// The proxy's status, of a proxy that refused.
    pub proxy_status: Option<u16>,
}

impl FetchError {
    pub(super) fn new(phase: Phase, kind: Kind, cause: impl Into<Box<str>>) -> Self {
        FetchError {
            phase,
            kind,
            url: String::new(),
            hops: Vec::new(),
            cause: cause.into(),
            proxy_status: None,
        }
    }

    /// The same error with where it happened.
    pub(super) fn at(mut self, url: &url::Url, hops: &[Hop]) -> Self {
        self.url = super::redact(url);
        self.hops = hops.to_vec();
        self
    }

    /// What an error of the client means before there was a response head.
    pub(super) fn before_head(error: &Error) -> Self {
        let (phase, kind) = match error.dial {
            Some(dial) => of_dial(dial),
            None => of_fault(error.fault),
        };
        let proxy_status = match error.dial {
            Some(DialFault::Proxy(status)) if status != 0 => Some(status),
            _ => None,
        };
        FetchError { proxy_status, ..FetchError::new(phase, kind, error.cause.clone()) }
    }

    /// Whether the same fetch may well work a moment later. A verdict on trust, on redirects or on what was asked stays
    /// what it is.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            Kind::DnsFailure
            | Kind::Refused
            | Kind::Unreachable
            | Kind::Timeout
            | Kind::TooSlow
            | Kind::Reset
            | Kind::Truncated => true,
            Kind::Proxy => self.proxy_status.is_none_or(super::retry::is_retryable_status),
            Kind::TlsUntrusted
            | Kind::TlsHost
            | Kind::TlsExpired
            | Kind::TlsOther
            | Kind::TooLarge
            | Kind::BadEncoding
            | Kind::RedirectLoop
            | Kind::RedirectRefused
            | Kind::CredentialsRefused
            | Kind::BadUrl
            | Kind::Malformed
            | Kind::Internal => false,
        }
    }
}

fn of_dial(dial: DialFault) -> (Phase, Kind) {
    match dial {
        DialFault::NoSuchName => (Phase::Dns, Kind::DnsFailure),
        DialFault::ResolveTimeout => (Phase::Dns, Kind::Timeout),
        DialFault::Refused => (Phase::Connect, Kind::Refused),
        DialFault::Unreachable => (Phase::Connect, Kind::Unreachable),
        DialFault::ConnectTimeout => (Phase::Connect, Kind::Timeout),
        DialFault::Proxy(_) => (Phase::Connect, Kind::Proxy),
        DialFault::HandshakeTimeout => (Phase::Tls, Kind::Timeout),
        DialFault::HandshakeClosed => (Phase::Tls, Kind::Reset),
        DialFault::Handshake => (Phase::Tls, Kind::TlsOther),
        DialFault::Certificate(fault) => (Phase::Tls, of_certificate(fault)),
    }
}

fn of_certificate(fault: CertificateFault) -> Kind {
    match fault {
        CertificateFault::UnknownIssuer => Kind::TlsUntrusted,
        CertificateFault::WrongName => Kind::TlsHost,
        CertificateFault::Expired | CertificateFault::NotYetValid => Kind::TlsExpired,
        CertificateFault::Revoked | CertificateFault::Other => Kind::TlsOther,
    }
}

fn of_fault(fault: Fault) -> (Phase, Kind) {
    match fault {
        Fault::Dns => (Phase::Dns, Kind::DnsFailure),
        Fault::Connect => (Phase::Connect, Kind::Unreachable),
        Fault::ConnectTimeout => (Phase::Connect, Kind::Timeout),
        Fault::Tls => (Phase::Tls, Kind::TlsOther),
        Fault::Closed => (Phase::FirstByte, Kind::Reset),
        Fault::ResponseTimeout => (Phase::FirstByte, Kind::Timeout),
        Fault::Protocol => (Phase::Protocol, Kind::Malformed),
        Fault::TooLarge => (Phase::Protocol, Kind::TooLarge),
        Fault::NoServer
        | Fault::ClientGone
        | Fault::BadRequest
        | Fault::ClientTimeout
        | Fault::Misconfigured
        | Fault::Internal => (Phase::Protocol, Kind::Internal),
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "get {}: {} ({}): {}", self.url, self.kind.word(), self.phase.word(), self.cause)
    }
}

impl std::error::Error for FetchError {}

impl From<FetchError> for Error {
    /// For bodies that are passed on.
    fn from(error: FetchError) -> Self {
        let fault = match error.kind {
            Kind::DnsFailure => Fault::Dns,
            Kind::Refused | Kind::Unreachable | Kind::Proxy => Fault::Connect,
            Kind::Timeout | Kind::TooSlow if matches!(error.phase, Phase::Body | Phase::FirstByte) => {
                Fault::ResponseTimeout
            }
            Kind::Timeout | Kind::TooSlow => Fault::ConnectTimeout,
            Kind::TlsUntrusted | Kind::TlsHost | Kind::TlsExpired | Kind::TlsOther => Fault::Tls,
            Kind::Reset | Kind::Truncated => Fault::Closed,
            Kind::TooLarge => Fault::TooLarge,
            Kind::BadEncoding | Kind::RedirectLoop | Kind::RedirectRefused | Kind::Malformed => {
                Fault::Protocol
            }
            Kind::CredentialsRefused | Kind::BadUrl => Fault::Misconfigured,
            Kind::Internal => Fault::Internal,
        };
        Error::new(fault, error.to_string()).after_sending()
    }
}
