//! How a middleware that is a client itself talks TLS.

use crate::options::options;

options! {
    /// TLS towards another server. Certificates and keys are paths or PEM text.
    pub(crate) struct ClientTls {
        /// Authorities that may have signed the server's certificate.
        pub(crate) ca: String,
        /// Certificate to show.
        pub(crate) cert: String,
        /// Its key.
        pub(crate) key: String,
        /// Whether to take any certificate.
        pub(crate) insecure_skip_verify: bool,
        /// Deprecated; does nothing.
        pub(crate) ca_optional: Option<bool>,
    }
}
