//! Why something could not be had, without flattening it: the client's `,` and `|` rules depend on the difference.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

/// Most of an upstream's error text that is kept, in bytes. The go command shows 648.
pub const MAX_TEXT: usize = 4096;

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The upstream says 404: it is not there.
    NotFound,
    /// The upstream says 410: it is not there, and will not be.
    Gone,
    /// The upstream or a rule of ours refuses: 401, 403, 451, or a pattern that must not go there.
    Denied,
    /// No answer, or an answer that says so (5xx, 429): trying again later may help.
    Unavailable,
    /// A phase took longer than it may.
    Timeout,
    /// The answer is not what the protocol says: HTML instead of JSON, another version than asked for, a truncated body.
    Corrupt,
    /// The bytes are not those that the proof is about.
    Untrusted,
    /// The request itself makes no sense, such as a path that escapes.
    BadRequest,
}

impl Cause {
    /// Whether the go command looks further in a list after a comma: only for 404 and 410.
    #[must_use]
    pub fn is_absence(self) -> bool {
        matches!(self, Cause::NotFound | Cause::Gone)
    }

    /// Whether it counts against the health of the upstream. An absence or a refusal does not.
    #[must_use]
    pub fn is_failure_of_upstream(self) -> bool {
        matches!(self, Cause::Unavailable | Cause::Timeout | Cause::Corrupt | Cause::Untrusted)
    }

    /// A word for labels and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Cause::NotFound => "not_found",
            Cause::Gone => "gone",
            Cause::Denied => "denied",
            Cause::Unavailable => "unavailable",
            Cause::Timeout => "timeout",
            Cause::Corrupt => "corrupt",
            Cause::Untrusted => "untrusted",
            Cause::BadRequest => "bad_request",
        }
    }
}

/// One failure, from the place where it happened to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// What kind.
    pub cause: Cause,
    /// The status that the client gets. An upstream's own status is kept where the client's rules depend on it.
    pub status: StatusCode,
    /// Plain text for the client: the upstream's own words if it sent text, else ours. At most [`MAX_TEXT`] bytes, without secrets.
    pub text: Box<str>,
    /// Who failed: an upstream's redacted URL, `direct`, or nobody.
    pub upstream: Option<Arc<str>>,
    /// When the upstream wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure in our own words, with the status that fits its cause.
    #[must_use]
    pub fn new(cause: Cause, text: impl Into<Box<str>>) -> Self {
        let status = match cause {
            Cause::NotFound => StatusCode::NOT_FOUND,
            Cause::Gone => StatusCode::GONE,
            Cause::Denied => StatusCode::FORBIDDEN,
            Cause::Unavailable | Cause::Corrupt | Cause::Untrusted => StatusCode::BAD_GATEWAY,
            Cause::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Cause::BadRequest => StatusCode::BAD_REQUEST,
        };
        Failure { cause, status, text: text.into(), upstream: None, retry_after: None }
    }

    /// Says who failed.
    #[must_use]
    pub fn of(mut self, upstream: &Arc<str>) -> Self {
        self.upstream = Some(Arc::clone(upstream));
        self
    }

    /// Keeps the upstream's status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}
