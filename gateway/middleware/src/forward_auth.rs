//! `forwardAuth`: asks another server whether a request may pass.

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::client_tls::ClientTls;
use crate::options::{json, options};

options! {
    /// Options of `forwardAuth`.
    pub(crate) struct ForwardAuth {
        /// URL of the server to ask.
        pub(crate) address: String,
        /// How to talk TLS to it.
        pub(crate) tls: Option<ClientTls>,
        /// Whether `X-Forwarded-*` of the client are passed on.
        pub(crate) trust_forward_header: bool,
        /// Headers of its answer to set on the request.
        pub(crate) auth_response_headers: Vec<String>,
        /// Headers of its answer to set on the request, by expression.
        pub(crate) auth_response_headers_regex: String,
        /// Headers of the request that it gets; all when empty.
        pub(crate) auth_request_headers: Vec<String>,
        /// Largest answer in bytes.
        pub(crate) max_response_body_size: Option<i64>,
        /// Cookies of its answer to set on the response.
        pub(crate) add_auth_cookies_to_response: Vec<String>,
        /// Header of the request whose value names the user in the access log.
        pub(crate) header_field: String,
        /// Whether it gets the body.
        pub(crate) forward_body: bool,
        /// Largest body that it gets in bytes; -1 means no limit.
        pub(crate) max_body_size: Option<i64> = Some(-1),
        /// Whether `Location` of its answer stays as it is.
        pub(crate) preserve_location_header: bool,
        /// Whether it is asked with the method of the request.
        pub(crate) preserve_request_method: bool,
        /// Where to send clients that it answered 401.
        #[serde(rename = "authSigninURL")]
        pub(crate) auth_signin_url: String,
    }
}

impl Options for ForwardAuth {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Err(BuildError::NotYet)
    }
}
