//! `compress`: compresses responses.

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::codes;
use crate::options::{Problem, json, options};

options! {
    /// Options of `compress`.
    pub(crate) struct Compress {
        /// Content types never compressed; `application/grpc` never is.
        pub(crate) excluded_content_types: Vec<String>,
        /// The only content types compressed; excludes `excludedContentTypes`.
        pub(crate) included_content_types: Vec<String>,
        /// Smallest body worth compressing, in bytes; 0 means 1,024.
        pub(crate) min_response_body_bytes: i64,
        /// Encodings offered, the preferred one first.
        pub(crate) encodings: Vec<String> = vec!["gzip".to_owned(), "br".to_owned(), "zstd".to_owned()],
        /// Encoding for clients that name none or any.
        pub(crate) default_encoding: String,
    }
}

impl Options for Compress {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        if self.excluded_content_types.is_empty() || self.included_content_types.is_empty() {
            return Vec::new();
        }
        let message = "excludedContentTypes and includedContentTypes cannot both be set";
        vec![Problem::new(&codes::EXCLUSIVE, message).at("includedContentTypes")]
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Err(BuildError::NotYet)
    }
}
