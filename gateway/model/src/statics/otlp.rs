//! OpenTelemetry collectors.

use fairlead_conf::section;

use super::tls_client::ClientTls;
use crate::Secret;
use crate::options::{Named, options};

options! {
    /// Log lines sent to a collector.
    pub struct OtlpLog {
        /// Resource attribute `service.name`.
        pub service_name: String = "traefik".to_owned(),
        /// Further resource attributes.
        pub resource_attributes: Named<String>,
        /// Over gRPC; wins over HTTP.
        #[serde(deserialize_with = "section")]
        pub grpc: Option<OtlpGrpc>,
        /// Over HTTP.
        #[serde(deserialize_with = "section")]
        pub http: Option<OtlpHttp>,
    }

    /// A collector over gRPC.
    pub struct OtlpGrpc {
        /// `host:port`.
        pub endpoint: String = "localhost:4317".to_owned(),
        /// Without TLS.
        pub insecure: bool,
        /// TLS.
        #[serde(deserialize_with = "section")]
        pub tls: Option<ClientTls>,
        /// Headers sent along.
        pub headers: Named<Secret>,
    }

    /// A collector over HTTP.
    pub struct OtlpHttp {
        /// Address; a path may follow.
        pub endpoint: String = "https://localhost:4318".to_owned(),
        /// TLS.
        #[serde(deserialize_with = "section")]
        pub tls: Option<ClientTls>,
        /// Headers sent along.
        pub headers: Named<Secret>,
    }
}
