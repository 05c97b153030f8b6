//! How the program, as a client, makes a TLS connection to something it reads from or writes to.

use fairlead_conf::FileOrContent;

use crate::options::options;

options! {
    /// TLS towards a provider or an exporter.
    pub struct ClientTls {
        /// Authorities that are trusted; the system's when empty.
        pub ca: FileOrContent,
        /// Client certificate.
        pub cert: FileOrContent,
        /// Key of the client certificate.
        pub key: FileOrContent,
        /// Accepts every certificate.
        pub insecure_skip_verify: bool,
    }
}
