//! Certificates, TLS options and TLS stores.

use fairlead_conf::{FileOrContent, section};

use super::object::declared;
use super::router::Domain;
use crate::options::{options, words};

/// Name of the options and of the store that hold where nothing else is said; it belongs to no provider.
pub const DEFAULT: &str = "default";

/// The protocols offered by ALPN unless the options say otherwise.
pub const ALPN: &[&str] = &["h2", "http/1.1", "acme-tls/1"];

options! {
    /// A certificate with its key.
    pub struct Certificate {
        /// Certificate chain, PEM.
        pub cert_file: FileOrContent,
        /// Private key, PEM.
        pub key_file: FileOrContent,
    }

    /// A certificate for the clients of the gateway.
    pub struct TlsCertificate {
        /// Certificate chain, PEM.
        pub cert_file: FileOrContent,
        /// Private key, PEM.
        pub key_file: FileOrContent,
        /// Stores that hold it; the default one when empty.
        pub stores: Vec<String>,
    }

    /// How TLS is spoken with clients.
    pub struct TlsOptions {
        /// Lowest version; `VersionTLS12` when empty.
        pub min_version: String,
        /// Highest version; the highest known one when empty.
        pub max_version: String,
        /// Cipher suites of TLS 1.2 by their IANA names; the library's own when empty.
        pub cipher_suites: Vec<String>,
        /// Key exchange groups, first one preferred; the library's own when empty.
        pub curve_preferences: Vec<String>,
        /// Certificates of clients.
        pub client_auth: ClientAuth,
        /// Refuses connections to names for which there is no certificate.
        pub sni_strict: bool,
        /// Without effect.
        pub prefer_server_cipher_suites: Option<bool>,
        /// Protocols offered, first one preferred.
        pub alpn_protocols: Vec<String> = ALPN.iter().map(|&name| name.to_owned()).collect(),
        /// Gives no session tickets.
        pub disable_session_tickets: bool,
    }

    /// Certificates of clients.
    pub struct ClientAuth {
        /// Authorities that sign them.
        pub ca_files: Vec<FileOrContent>,
        /// Whether they are asked for and checked.
        pub client_auth_type: Option<ClientAuthType>,
    }

    /// Certificates for clients that ask for no known name.
    pub struct TlsStore {
        /// A given one.
        #[serde(deserialize_with = "section")]
        pub default_certificate: Option<Certificate>,
        /// One from a certificate resolver.
        #[serde(deserialize_with = "section")]
        pub default_generated_cert: Option<GeneratedCert>,
    }

    /// A certificate from a certificate resolver.
    pub struct GeneratedCert {
        /// Name of the resolver.
        pub resolver: String,
        /// Names of the certificate.
        #[serde(deserialize_with = "section")]
        pub domain: Option<Domain>,
    }
}

words! {
    /// Whether certificates of clients are asked for and checked.
    pub enum ClientAuthType {
        /// Not asked for.
        NoClientCert = "NoClientCert",
        /// Asked for, not needed, not checked.
        RequestClientCert = "RequestClientCert",
        /// Needed, not checked.
        RequireAnyClientCert = "RequireAnyClientCert",
        /// Asked for, checked when there is one.
        VerifyClientCertIfGiven = "VerifyClientCertIfGiven",
        /// Needed and checked.
        RequireAndVerifyClientCert = "RequireAndVerifyClientCert",
    }
}

declared!(TlsCertificate, TlsOptions, TlsStore);

impl ClientAuth {
    /// Whether and how clients are checked; authorities without a type mean that a certificate is needed.
    #[must_use]
    pub fn kind(&self) -> ClientAuthType {
        match self.client_auth_type {
            Some(kind) => kind,
            None if self.ca_files.is_empty() => ClientAuthType::NoClientCert,
            None => ClientAuthType::RequireAndVerifyClientCert,
        }
    }
}
