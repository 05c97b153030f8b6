//! What an entry point does with every HTTP request.

use fairlead_conf::section;

use crate::dynamic::Domain;
use crate::options::{Empty, options, words};

/// The highest priority of all: the largest 64-bit number, which only internal routers reach.
pub const MAX_PRIORITY: i64 = i64::MAX;

options! {
    /// What holds for every HTTP request of an entry point.
    pub struct HttpOptions {
        /// Sends everything elsewhere.
        pub redirections: Redirections,
        /// Middlewares in front of those of each router.
        pub middlewares: Vec<String>,
        /// Turns TLS on for every router of the entry point that does not configure it.
        #[serde(deserialize_with = "section", rename = "tls")]
        pub tls: Option<EntryPointTls>,
        /// Which escapes a path may hold; nothing is refused when it is left out.
        #[serde(deserialize_with = "section")]
        pub encoded_characters: Option<EncodedCharacters>,
        /// Escapes `;` in a query instead of reading it as `&`.
        pub encode_query_semicolons: bool,
        /// Largest head of a request, in bytes.
        pub max_header_bytes: u64 = 1_048_576,
        /// What happens to headers with `_` in their name.
        pub underscore_headers_strategy: UnderscoreHeaders,
    } always {
        /// Removes `/./`, `/../` and double slashes from the path.
        pub sanitize_path: bool = true,
    }

    /// A redirection to another entry point.
    pub struct RedirectEntryPoint {
        /// Name of the entry point, or `:port`; required.
        pub to: String,
        /// Scheme of the new address.
        pub scheme: String = "https".to_owned(),
        /// 301/308 instead of 302/307.
        pub permanent: bool = true,
        /// Priority of the router that redirects.
        pub priority: i64 = MAX_PRIORITY - 1,
    }

    /// TLS for the routers of an entry point that have none of their own.
    pub struct EntryPointTls {
        /// Name of the TLS options.
        pub options: String,
        /// Name of the certificate resolver.
        pub cert_resolver: String,
        /// Domains to ask certificates for.
        pub domains: Vec<Domain>,
    }

    /// Which percent-encoded characters a path may hold.
    pub struct EncodedCharacters {
        /// `%2F`.
        pub allow_encoded_slash: bool = true,
        /// `%5C`.
        pub allow_encoded_back_slash: bool = true,
        /// `%00`.
        pub allow_encoded_null_character: bool = true,
        /// `%3B`.
        pub allow_encoded_semicolon: bool = true,
        /// `%25`.
        pub allow_encoded_percent: bool = true,
        /// `%3F`.
        pub allow_encoded_question_mark: bool = true,
        /// `%23`.
        pub allow_encoded_hash: bool = true,
    }
}

/// Sends everything elsewhere.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Redirections {
    /// To another entry point.
    #[serde(deserialize_with = "section", skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<RedirectEntryPoint>,
}

/// The API shows it only when there is one.
impl Empty for Redirections {
    fn is_empty(&self) -> bool {
        self.entry_point.is_none()
    }
}

words! {
    /// What happens to request headers with `_` in their name.
    pub enum UnderscoreHeaders {
        /// They pass.
        Keep = "keep",
        /// They are dropped.
        Delete = "delete",
        /// The request is refused.
        Reject = "reject",
    }
}
