//! `inFlightReq`: limits how many requests run at the same time.

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::{Problem, json, options};
use crate::source::{self, SourceCriterion};

options! {
    /// Options of `inFlightReq`.
    pub(crate) struct InFlightReq {
        /// How many may run at once per source.
        pub(crate) amount: i64,
        /// What a source is; the host of the request when not set.
        pub(crate) source_criterion: Option<SourceCriterion>,
    }
}

impl Options for InFlightReq {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        source::problems(self.source_criterion.as_ref())
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Err(BuildError::NotYet)
    }
}
