//! Default transports to backends, and where the program's own SPIFFE identity comes from.

use fairlead_conf::{Duration, FileOrContent, section};

use crate::options::options;

options! {
    /// How HTTP backends are reached when a service names no transport.
    pub struct ServersTransport {
        /// Accepts every certificate.
        pub insecure_skip_verify: bool,
        /// Authorities that are trusted besides the system's.
        #[serde(rename = "rootCAs")]
        pub root_cas: Vec<FileOrContent>,
        /// Idle connections kept for each backend.
        pub max_idle_conns_per_host: u64 = 200,
        /// Time limits.
        pub forwarding_timeouts: ForwardingTimeouts,
        /// SPIFFE instead of certificates by name.
        #[serde(deserialize_with = "section")]
        pub spiffe: Option<Spiffe>,
    }

    /// Time limits towards an HTTP backend; 0 means no limit.
    pub struct ForwardingTimeouts {
        /// For making the connection.
        pub dial_timeout: Duration = Duration::from_secs(30),
        /// For the head of the answer, from the end of the request.
        pub response_header_timeout: Duration,
        /// For an idle connection.
        pub idle_conn_timeout: Duration = Duration::from_secs(90),
    }

    /// Which SPIFFE identities a backend may have.
    pub struct Spiffe {
        /// These identities; they win over the trust domain.
        pub ids: Vec<String>,
        /// Every identity of this trust domain.
        pub trust_domain: String,
    }

    /// How TCP backends are reached when a service names no transport.
    pub struct TcpServersTransport {
        /// Time between keep-alive probes; 0 for the system's.
        pub dial_keep_alive: Duration = Duration::from_secs(15),
        /// For making the connection; 0 means no limit.
        pub dial_timeout: Duration = Duration::from_secs(30),
        /// How long the other direction lives on after one peer has closed its own.
        pub termination_delay: Duration,
        /// TLS towards the backend.
        #[serde(deserialize_with = "section")]
        pub tls: Option<TcpTransportTls>,
    }

    /// TLS towards TCP backends.
    pub struct TcpTransportTls {
        /// Accepts every certificate.
        pub insecure_skip_verify: bool,
        /// Authorities that are trusted besides the system's.
        #[serde(rename = "rootCAs")]
        pub root_cas: Vec<FileOrContent>,
        /// SPIFFE instead of certificates by name.
        #[serde(deserialize_with = "section")]
        pub spiffe: Option<Spiffe>,
    }

    /// Where the program's own SPIFFE identity comes from.
    pub struct SpiffeClient {
        /// Address of the workload API.
        #[serde(rename = "workloadAPIAddr")]
        pub workload_api_addr: String,
    }
}
