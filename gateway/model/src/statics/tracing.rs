//! Tracing.

use fairlead_conf::section;

use super::otlp::{OtlpGrpc, OtlpHttp};
use crate::options::{Named, options};

options! {
    /// Tracing.
    pub struct Tracing {
        /// Resource attribute `service.name`.
        pub service_name: String = "traefik".to_owned(),
        /// Further resource attributes.
        pub resource_attributes: Named<String>,
        /// The older name of `resourceAttributes`.
        pub global_attributes: Named<String>,
        /// Request headers that become attributes.
        pub captured_request_headers: Vec<String>,
        /// Response headers that become attributes.
        pub captured_response_headers: Vec<String>,
        /// Query parameters that are shown.
        pub safe_query_params: Vec<String>,
        /// Share of requests that are traced, from 0 to 1.
        pub sample_rate: f64 = 1.0,
        /// Requests to the program's own pages too.
        pub add_internals: bool,
        /// The collector.
        #[serde(deserialize_with = "section")]
        pub otlp: Option<OtlpTracing>,
    }

    /// Where spans are sent.
    pub struct OtlpTracing {
        /// Over gRPC; wins over HTTP.
        #[serde(deserialize_with = "section")]
        pub grpc: Option<OtlpGrpc>,
        /// Over HTTP.
        #[serde(deserialize_with = "section")]
        pub http: Option<OtlpHttp>,
    }
}
