//! `digestAuth`: asks for a user name and a password (HTTP Digest).

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::{json, options};

options! {
    /// Options of `digestAuth`.
    pub(crate) struct DigestAuth {
        /// Users as `name:realm:MD5(name:realm:password)`.
        pub(crate) users: Vec<String>,
        /// File with such lines.
        pub(crate) users_file: String,
        /// Whether to take `Authorization` off before the request goes on.
        pub(crate) remove_header: bool,
        /// Realm; empty means `traefik`.
        pub(crate) realm: String,
        /// Request header that gets the name of the user.
        pub(crate) header_field: String,
    }
}

impl Options for DigestAuth {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Err(BuildError::NotYet)
    }
}
