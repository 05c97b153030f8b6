//! `chain`: a list of other middlewares under one name.

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::{json, options};

options! {
    /// Options of `chain`.
    pub(crate) struct Chain {
        /// Names of middlewares, outermost first; unqualified ones belong to the chain's own provider.
        pub(crate) middlewares: Vec<String>,
    }
}

impl Options for Chain {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Ok(Built::Chain(self.middlewares.clone()))
    }
}
