//! `buffering`: reads whole bodies, limits their size and repeats failed requests.

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::{json, options};

options! {
    /// Options of `buffering`.
    pub(crate) struct Buffering {
        /// Largest request body in bytes; more is answered 413. 0 means no limit.
        pub(crate) max_request_body_bytes: i64,
        /// Request bytes kept in memory before a file is used; 0 means 1 MiB.
        pub(crate) mem_request_body_bytes: i64,
        /// Largest response body in bytes; more is answered 500. 0 means no limit.
        pub(crate) max_response_body_bytes: i64,
        /// Response bytes kept in memory before a file is used; 0 means 1 MiB.
        pub(crate) mem_response_body_bytes: i64,
        /// When to repeat: `Attempts()`, `ResponseCode()` and `IsNetworkError()` with `&&` and `||`.
        pub(crate) retry_expression: String,
    }
}

impl Options for Buffering {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Err(BuildError::NotYet)
    }
}
