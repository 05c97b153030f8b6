//! `encodedCharacters`: refuses paths with certain encoded characters.

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::{json, options};

options! {
    /// Options of `encodedCharacters`: each lets one character pass in its encoded form.
    pub(crate) struct EncodedCharacters {
        /// `%2F`
        pub(crate) allow_encoded_slash: bool,
        /// `%5C`
        pub(crate) allow_encoded_back_slash: bool,
        /// `%00`
        pub(crate) allow_encoded_null_character: bool,
        /// `%3B`
        pub(crate) allow_encoded_semicolon: bool,
        /// `%25`
        pub(crate) allow_encoded_percent: bool,
        /// `%3F`
        pub(crate) allow_encoded_question_mark: bool,
        /// `%23`
        pub(crate) allow_encoded_hash: bool,
    }
}

impl Options for EncodedCharacters {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Err(BuildError::NotYet)
    }
}
