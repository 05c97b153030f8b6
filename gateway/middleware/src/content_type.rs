//! `contentType`: guesses the type of responses that name none.

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::{json, options};

options! {
    /// Options of `contentType`.
    pub(crate) struct ContentType {
        /// Deprecated; the middleware is there to guess.
        pub(crate) auto_detect: Option<bool>,
    }
}

impl Options for ContentType {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Err(BuildError::NotYet)
    }
}
