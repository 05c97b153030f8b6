//! Errors of exchanges: whose fault, what happened, and whether it is safe to try again.

use std::fmt;

use fairlead_net::tls::CertificateFault;

/// What went wrong between client, proxy and backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The backend's name did not resolve.
    Dns,
    /// The backend refused, or could not be reached.
    Connect,
    /// Connecting took longer than `dialTimeout`.
    ConnectTimeout,
    /// The TLS handshake with the backend failed on our side (its certificate is not trusted, say).
    Tls,
    /// The backend closed or reset the connection before or in its answer.
    Closed,
    /// The backend answered something that is not HTTP.
    Protocol,
    /// The backend sent no response head within `responseHeaderTimeout`.
    ResponseTimeout,
    /// No server is up.
    NoServer,
    /// The client went away.
    ClientGone,
    /// The client sent something that cannot be accepted.
    BadRequest,
    /// A body or a head over its limit.
    TooLarge,
    /// The client was too slow.
    ClientTimeout,
    /// The service does not exist or could not be built.
    Misconfigured,
    /// Anything of our own making.
    Internal,
}

impl Fault {
    /// Stable word for logs, metrics and explanations.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Fault::Dns => "dns",
            Fault::Connect => "connect",
            Fault::ConnectTimeout => "connect-timeout",
            Fault::Tls => "tls",
            Fault::Closed => "closed",
            Fault::Protocol => "protocol",
            Fault::ResponseTimeout => "response-timeout",
            Fault::NoServer => "no-server",
            Fault::ClientGone => "client-gone",
            Fault::BadRequest => "bad-request",
            Fault::TooLarge => "too-large",
            Fault::ClientTimeout => "client-timeout",
            Fault::Misconfigured => "misconfigured",
            Fault::Internal => "internal",
        }
    }
}

/// What exactly kept a new connection from being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialFault {
    /// The name does not resolve.
    NoSuchName,
    /// The name did not resolve in time.
    ResolveTimeout,
    /// Nobody listens.
    Refused,
    /// There is no way there, or none from here.
    Unreachable,
    /// Nobody answered in time.
    ConnectTimeout,
    /// The proxy did not let us through; its status, or 0 when it gave none.
    Proxy(u16),
    /// The TLS handshake took too long.
    HandshakeTimeout,
    /// The peer hung up within the TLS handshake.
    HandshakeClosed,
    /// The peer's certificate is not accepted.
    Certificate(CertificateFault),
    /// The TLS handshake failed otherwise: the peer does not speak TLS, say.
    Handshake,
}

/// An error of an exchange, with its cause in words.
#[derive(Debug)]
pub struct Error {
    /// Whose fault and what.
    pub fault: Fault,
    /// The cause, a lower-case fragment.
    pub cause: Box<str>,
    /// Whether bytes of the request reached the backend; `false` means that trying again is safe.
    pub sent: bool,
    /// Why there was no connection, of a fault that says there was none.
    pub dial: Option<DialFault>,
}

impl Error {
    /// An error before anything was sent.
    #[must_use]
    pub fn new(fault: Fault, cause: impl Into<Box<str>>) -> Self {
        Error { fault, cause: cause.into(), sent: false, dial: None }
    }

    /// An error of a connection that was not made.
    #[must_use]
    pub fn dialling(fault: Fault, dial: DialFault, cause: impl Into<Box<str>>) -> Self {
        Error { dial: Some(dial), ..Error::new(fault, cause) }
    }

    /// The same error after bytes of the request were sent.
    #[must_use]
    pub fn after_sending(mut self) -> Self {
        self.sent = true;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.fault.word(), self.cause)
    }
}

impl std::error::Error for Error {}
