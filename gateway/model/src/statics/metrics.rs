//! Metrics exporters.

use fairlead_conf::{Duration, section};

use super::api::INTERNAL_ENTRY_POINT;
use super::otlp::{OtlpGrpc, OtlpHttp};
use crate::Secret;
use crate::options::{Named, options};

options! {
    /// Metrics exporters.
    pub struct Metrics {
        /// Requests to the program's own pages too.
        pub add_internals: bool,
        /// A page for Prometheus.
        #[serde(deserialize_with = "section")]
        pub prometheus: Option<Prometheus>,
        /// Datadog.
        #[serde(deserialize_with = "section")]
        pub datadog: Option<Datadog>,
        /// StatsD.
        #[serde(deserialize_with = "section", rename = "statsD")]
        pub statsd: Option<StatsD>,
        /// InfluxDB 2.
        #[serde(deserialize_with = "section", rename = "influxDB2")]
        pub influxdb2: Option<InfluxDb2>,
        /// An OpenTelemetry collector.
        #[serde(deserialize_with = "section")]
        pub otlp: Option<OtlpMetrics>,
    }

    /// The page `/metrics` for Prometheus.
    pub struct Prometheus {
        /// Upper bounds of the latency buckets, in seconds.
        pub buckets: Vec<f64> = vec![0.1, 0.3, 1.2, 5.0],
        /// Metrics by entry point.
        pub add_entry_points_labels: bool = true,
        /// Metrics by router.
        pub add_routers_labels: bool,
        /// Metrics by service.
        pub add_services_labels: bool = true,
        /// Entry point on which the page is served.
        pub entry_point: String = INTERNAL_ENTRY_POINT.to_owned(),
        /// Serves it only through routers of the user's own to `prometheus@internal`.
        pub manual_routing: bool,
        /// Labels of `requests_total` that take a request header: label → header.
        pub header_labels: Named<String>,
    }

    /// Datadog.
    pub struct Datadog {
        /// Address of the agent.
        pub address: String = "localhost:8125".to_owned(),
        /// Time between two sendings.
        pub push_interval: Duration = Duration::from_secs(10),
        /// Metrics by entry point.
        pub add_entry_points_labels: bool = true,
        /// Metrics by router.
        pub add_routers_labels: bool,
        /// Metrics by service.
        pub add_services_labels: bool = true,
        /// First part of every name.
        pub prefix: String = "traefik".to_owned(),
    }

    /// StatsD.
    pub struct StatsD {
        /// Address of the server.
        pub address: String = "localhost:8125".to_owned(),
        /// Time between two sendings.
        pub push_interval: Duration = Duration::from_secs(10),
        /// Metrics by entry point.
        pub add_entry_points_labels: bool = true,
        /// Metrics by router.
        pub add_routers_labels: bool,
        /// Metrics by service.
        pub add_services_labels: bool = true,
        /// First part of every name.
        pub prefix: String = "traefik".to_owned(),
    }

    /// InfluxDB 2.
    pub struct InfluxDb2 {
        /// Address of the server.
        pub address: String = "http://localhost:8086".to_owned(),
        /// Access token.
        pub token: Secret,
        /// Time between two sendings.
        pub push_interval: Duration = Duration::from_secs(10),
        /// Organisation.
        pub org: String,
        /// Bucket.
        pub bucket: String,
        /// Metrics by entry point.
        pub add_entry_points_labels: bool = true,
        /// Metrics by router.
        pub add_routers_labels: bool,
        /// Metrics by service.
        pub add_services_labels: bool = true,
        /// Tags on every metric.
        pub additional_labels: Named<String>,
    }

    /// An OpenTelemetry collector.
    pub struct OtlpMetrics {
        /// Over gRPC; wins over HTTP.
        #[serde(deserialize_with = "section")]
        pub grpc: Option<OtlpGrpc>,
        /// Over HTTP.
        #[serde(deserialize_with = "section")]
        pub http: Option<OtlpHttp>,
        /// Metrics by entry point.
        pub add_entry_points_labels: bool = true,
        /// Metrics by router.
        pub add_routers_labels: bool,
        /// Metrics by service.
        pub add_services_labels: bool = true,
        /// Upper bounds of the latency buckets, in seconds.
        pub explicit_boundaries: Vec<f64> =
            vec![0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
        /// Time between two sendings.
        pub push_interval: Duration = Duration::from_secs(10),
        /// Resource attribute `service.name`.
        pub service_name: String = "traefik".to_owned(),
        /// Further resource attributes.
        pub resource_attributes: Named<String>,
    }
}
