//! Certificate resolvers: who issues certificates, and how it is proved that a domain is ours.

use fairlead_conf::{Duration, FileOrContent, section};

use crate::Secret;
use crate::options::{Named, options};

/// The certificate resolvers by name.
pub type CertificatesResolvers = Named<CertificatesResolver>;

options! {
    /// One certificate resolver.
    pub struct CertificatesResolver {
        /// An ACME authority.
        #[serde(deserialize_with = "section")]
        pub acme: Option<Acme>,
        /// The Tailscale daemon of this machine.
        #[serde(deserialize_with = "section")]
        pub tailscale: Option<Tailscale>,
    }

    /// The Tailscale daemon of this machine; it has no options.
    pub struct Tailscale {}

    /// An ACME authority (RFC 8555).
    pub struct Acme {
        /// Address of the account.
        pub email: String,
        /// Directory of the authority.
        #[serde(rename = "caServer")]
        pub ca_server: String = "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
        /// Root of the chain to prefer, by its common name.
        pub preferred_chain: String,
        /// Profile of the certificate.
        pub profile: String,
        /// Addresses in the certificate request.
        pub email_addresses: Vec<String>,
        /// Leaves the common name out of the certificate request.
        pub disable_common_name: bool,
        /// File that keeps account and certificates.
        pub storage: String = "acme.json".to_owned(),
        /// Kind of key: `EC256`, `EC384`, `RSA2048`, `RSA4096` or `RSA8192`.
        pub key_type: String = "RSA4096".to_owned(),
        /// External account binding.
        #[serde(deserialize_with = "section")]
        pub eab: Option<Eab>,
        /// How long the authority's certificates live, in hours.
        pub certificates_duration: u64 = 2160,
        /// Longest wait for the head of an answer.
        pub client_response_header_timeout: Duration = Duration::from_secs(30),
        /// Longest wait for a whole answer.
        pub client_timeout: Duration = Duration::from_secs(120),
        /// Longest wait for the certificate.
        pub certificate_timeout: Duration = Duration::from_secs(30),
        /// Authorities that sign the directory's own certificate.
        #[serde(rename = "caCertificates")]
        pub ca_certificates: Vec<FileOrContent>,
        /// Trusts the system's authorities too.
        #[serde(rename = "caSystemCertPool")]
        pub ca_system_cert_pool: bool,
        /// Name in the directory's own certificate.
        #[serde(rename = "caServerName")]
        pub ca_server_name: String,
        /// DNS-01.
        #[serde(deserialize_with = "section")]
        pub dns_challenge: Option<DnsChallenge>,
        /// HTTP-01.
        #[serde(deserialize_with = "section")]
        pub http_challenge: Option<HttpChallenge>,
        /// TLS-ALPN-01.
        #[serde(deserialize_with = "section")]
        pub tls_challenge: Option<TlsChallenge>,
    }

    /// External account binding.
    pub struct Eab {
        /// Key identifier.
        pub kid: String,
        /// HMAC key, base64.
        pub hmac_encoded: Secret,
    }

    /// DNS-01.
    pub struct DnsChallenge {
        /// Who hosts the zone.
        pub provider: String,
        /// DNS servers to ask.
        pub resolvers: Vec<String>,
        /// How the record is looked for before the authority is told.
        #[serde(deserialize_with = "section")]
        pub propagation: Option<Propagation>,
        /// The older name of `propagation.delayBeforeChecks`.
        pub delay_before_check: Duration,
        /// The older name of `propagation.disableChecks`.
        pub disable_propagation_check: bool,
    }

    /// How the record is looked for before the authority is told.
    pub struct Propagation {
        /// Does not look.
        pub disable_checks: bool,
        /// Does not ask the zone's own servers.
        #[serde(rename = "disableANSChecks")]
        pub disable_ans_checks: bool,
        /// Asks every recursive server.
        #[serde(rename = "requireAllRNS")]
        pub require_all_rns: bool,
        /// Waits this long first.
        pub delay_before_checks: Duration,
    }

    /// HTTP-01.
    pub struct HttpChallenge {
        /// Entry point that the authority reaches on port 80.
        pub entry_point: String,
        /// Waits this long before the authority is told.
        pub delay: Duration,
    }

    /// TLS-ALPN-01.
    pub struct TlsChallenge {
        /// Waits this long before the authority is told.
        pub delay: Duration,
    }
}
