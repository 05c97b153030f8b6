//! Named transports to HTTP backends.

use fairlead_conf::{Duration, FileOrContent, section};

use super::object::declared;
use super::tls::Certificate;
use crate::options::options;
use crate::statics::servers_transport::Spiffe;

options! {
    /// How HTTP backends are reached.
    pub struct ServersTransport {
        /// Name that the backend's certificate must have, and that is sent as SNI.
        pub server_name: String,
        /// Accepts every certificate.
        pub insecure_skip_verify: bool,
        /// Authorities that are trusted besides the system's.
        #[serde(rename = "rootCAs")]
        pub root_cas: Vec<FileOrContent>,
        /// Client certificates.
        pub certificates: Vec<Certificate>,
        /// Cipher suites by their IANA names; the library's own when empty.
        pub cipher_suites: Vec<String>,
        /// Lowest TLS version, such as `VersionTLS12`; the library's own when empty.
        pub min_version: String,
        /// Highest TLS version; the library's own when empty.
        pub max_version: String,
        /// Idle connections kept for each backend; 0 means the default of Go's client, 2.
        pub max_idle_conns_per_host: u64,
        /// Time limits.
        #[serde(deserialize_with = "section")]
        pub forwarding_timeouts: Option<ForwardingTimeouts> = Some(ForwardingTimeouts::default()),
        /// Never speaks HTTP/2.
        #[serde(rename = "disableHTTP2")]
        pub disable_http2: bool,
        /// The older form of `peerCertSANs`: one URI.
        #[serde(rename = "peerCertURI")]
        pub peer_cert_uri: String,
        /// Names of which the backend's certificate must have one.
        #[serde(rename = "peerCertSANs")]
        pub peer_cert_sans: Vec<String>,
        /// SPIFFE instead of certificates by name.
        #[serde(deserialize_with = "section")]
        pub spiffe: Option<Spiffe>,
    }

    /// Time limits towards a backend; 0 means no limit.
    pub struct ForwardingTimeouts {
        /// For making the connection.
        pub dial_timeout: Duration = Duration::from_secs(30),
        /// For the head of the answer, from the end of the request.
        pub response_header_timeout: Duration,
        /// For an idle connection.
        pub idle_conn_timeout: Duration = Duration::from_secs(90),
        /// HTTP/2: after this long without a frame, a ping is sent.
        pub read_idle_timeout: Duration,
        /// HTTP/2: a ping without an answer ends the connection after this long.
        pub ping_timeout: Duration = Duration::from_secs(15),
    }
}

declared!(ServersTransport);
