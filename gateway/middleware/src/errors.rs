//! `errors`: answers errors with the pages of a service.

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::{Problem, json, options};
use std::collections::BTreeMap;

use crate::status;

options! {
    /// Options of `errors`.
    pub(crate) struct Errors {
        /// Statuses and ranges that get a page.
        pub(crate) status: Vec<String>,
        /// Statuses or ranges and the status to answer instead.
        pub(crate) status_rewrites: BTreeMap<String, u16>,
        /// Service that has the pages.
        pub(crate) service: String,
        /// Path of a page; knows `{status}`, `{originalStatus}` and `{url}`.
        pub(crate) query: String,
        /// Headers of the request that the service of the pages gets; all when empty.
        pub(crate) error_request_headers: Vec<String>,
    }
}

impl Options for Errors {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        status::problems(&self.status)
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Err(BuildError::NotYet)
    }
}
