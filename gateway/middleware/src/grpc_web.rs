//! `grpcWeb`: turns gRPC-Web requests into gRPC.

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::{json, options};

options! {
    /// Options of `grpcWeb`.
    pub(crate) struct GrpcWeb {
        /// Origins that may call; `*` means all.
        pub(crate) allow_origins: Vec<String>,
    }
}

impl Options for GrpcWeb {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Err(BuildError::NotYet)
    }
}
