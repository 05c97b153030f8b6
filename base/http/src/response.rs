//! The response, what became of it, and what happens when it has been sent.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Body, Error, Fault};

/// A response on its way to the client.
#[derive(Default)]
pub struct Response {
    /// Final status, or 101 together with `tunnel`.
    pub status: StatusCode,
    /// Headers, hop-by-hop ones already removed.
    pub headers: HeaderMap,
    /// Body; trailers are its last frame.
    pub body: Body,
    /// What happened on the way, for retry, breaker, access log and metrics; of a good answer only when the request was
    /// watched.
    pub outcome: Option<Box<Outcome>>,
    /// With status 101: the backend's side, which the server engine joins to the client's.
    pub tunnel: Option<Box<dyn Tunnel>>,
    /// Called once when the response has been sent or given up.
    pub done: Option<Done>,
}

/// The far side of an upgraded connection.
pub trait Tunnel: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Tunnel for T {}

/// What became of a request behind the router.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Set when we, not the backend, made the answer because something failed.
    pub fault: Option<Fault>,
    /// The cause in words.
    pub cause: Option<Box<str>>,
    /// Whether it is safe to try the request again: nothing of it was sent.
    pub retryable: bool,
    /// Qualified name of the service that answered, such as `api@file`.
    pub service: Option<Arc<str>>,
    /// URL of the server that was asked last.
    pub server: Option<Arc<str>>,
    /// How many times a server was asked, the first time included.
    pub attempts: u32,
    /// Status of the server's answer, before middlewares changed it; 0 when there was none.
    pub origin_status: u16,
    /// From sending to the end of the response head.
    pub origin_duration: Duration,
    /// Declared length of the server's answer, when known.
    pub origin_len: Option<u64>,
    /// User that an authentication middleware accepted.
    pub user: Option<Box<str>>,
}

/// How sending ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Body bytes handed to the client's connection.
    pub body_bytes: u64,
    /// Body bytes of the request that were read.
    pub request_bytes: u64,
    /// False when the client went away or the body failed.
    pub complete: bool,
}

/// Runs once at the end of a response: when the engine reports, or with `complete: false` when dropped before.
pub struct Done(Option<Box<dyn FnOnce(Sent) + Send>>);

impl Done {
    /// Runs `then` at the end.
    pub fn new(then: impl FnOnce(Sent) + Send + 'static) -> Self {
        Done(Some(Box::new(then)))
    }

    /// The end has come.
    pub fn finish(mut self, sent: Sent) {
        if let Some(then) = self.0.take() {
            then(sent);
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then(Sent::default());
        }
    }
}

impl Response {
    /// An empty response.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Response { status, ..Response::default() }
    }

    /// A `text/plain; charset=utf-8` response.
    #[must_use]
    pub fn text(status: StatusCode, text: impl Into<Body>) -> Self {
        Response::new(status).with_header(header::CONTENT_TYPE, "text/plain; charset=utf-8").with_body(text)
    }

    /// The answer as Go's `http.Error` writes it: plain text, `nosniff`, and a line feed at the end.
    #[must_use]
    pub fn go_error(status: StatusCode, text: &str) -> Self {
        Response::text(status, format!("{text}\n")).with_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
    }

    /// The answer to a failed exchange: the status of its fault with its reason phrase as body, as Traefik gives it.
    #[must_use]
    pub fn fault(error: &Error) -> Self {
        let (status, body) = match error.fault {
            Fault::Dns | Fault::Connect | Fault::Closed => (StatusCode::BAD_GATEWAY, "Bad Gateway"),
            Fault::ConnectTimeout | Fault::ResponseTimeout => {
                (StatusCode::GATEWAY_TIMEOUT, "Gateway Timeout")
            }
            Fault::NoServer => (StatusCode::SERVICE_UNAVAILABLE, "no available server"),
            Fault::ClientGone => {
                (StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST), "Client Closed Request")
            }
            Fault::BadRequest => (StatusCode::BAD_REQUEST, "Bad Request"),
            Fault::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Fault::ClientTimeout => (StatusCode::REQUEST_TIMEOUT, "Request Timeout"),
            Fault::Tls | Fault::Protocol | Fault::Misconfigured | Fault::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
        };
        let mut response = match error.fault {
            Fault::NoServer => Response::go_error(status, body),
            _ => Response::new(status).with_body(body),
        };
        response.outcome = Some(Box::new(Outcome {
            fault: Some(error.fault),
            cause: Some(error.cause.clone()),
            retryable: !error.sent,
            ..Outcome::default()
        }));
        response
    }

    /// Sets a header to a constant.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// The outcome, made if there is none yet.
    pub fn outcome_mut(&mut self) -> &mut Outcome {
        self.outcome.get_or_insert_default()
    }
}
