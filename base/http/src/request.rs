//! The request.

use std::sync::Arc;

use http::{Extensions, HeaderMap, Method, StatusCode, Uri, Version};

use crate::{Body, Conn};

/// A request on its way to a service. `uri` is in origin form (path and query) or `*`; the authority of HTTP/2 and of absolute
/// forms has been moved to the `host` header by the server engine.
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// Version the client spoke.
    pub version: Version,
    /// Headers, `host` always first among equals: exactly one value, or none on HTTP/1.0.
    pub headers: HeaderMap,
    /// Body; trailers are its last frame.
    pub body: Body,
    /// The client's connection.
    pub conn: Arc<Conn>,
    /// Where interim (1xx) responses go; `None` when the client cannot take them.
    pub interim: Option<Arc<dyn Interim>>,
    /// Facts that middlewares leave for each other.
    pub extensions: Extensions,
    /// Somebody will read the [`Outcome`](crate::Outcome) of a good answer. That of a failure is always told.
    pub watched: bool,
}

/// Takes interim responses (103 and the like) and passes them to the client at once.
pub trait Interim: Send + Sync {
    /// Sends one interim response. Called zero or more times before the final response.
    fn send(&self, status: StatusCode, headers: &HeaderMap);
}

impl Request {
    /// A request without body on a connection, for tests and internal calls.
    #[must_use]
    pub fn new(method: Method, uri: Uri, conn: Arc<Conn>) -> Self {
        Request {
            method,
            uri,
            version: Version::HTTP_11,
            headers: HeaderMap::new(),
            body: Body::Empty,
            conn,
            interim: None,
            extensions: Extensions::new(),
            watched: false,
        }
    }

    /// The `host` header as sent, port and all; empty when absent or not text.
    #[must_use]
    pub fn host(&self) -> &str {
        self.headers.get(http::header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// Path as sent, percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The protocol that an `Upgrade` header with `Connection: upgrade` asks for (HTTP/1.1 only), such as `websocket`.
    #[must_use]
    pub fn upgrade(&self) -> Option<&str> {
        if self.version != Version::HTTP_11 {
            return None;
        }
        let asked = self.headers.get_all(http::header::CONNECTION).iter().any(|value| {
            value
                .to_str()
                .is_ok_and(|text| text.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade")))
        });
        if !asked {
            return None;
        }
        self.headers.get(http::header::UPGRADE).and_then(|value| value.to_str().ok())
    }

    /// Replaces path and query, both percent-encoded; the query without `?`.
    ///
    /// # Errors
    /// When the result is not a valid request target.
    pub fn set_path_and_query(&mut self, path: &str, query: Option<&str>) -> Result<(), http::Error> {
        let target = match query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        self.uri = Uri::builder().path_and_query(target).build()?;
        Ok(())
    }
}
