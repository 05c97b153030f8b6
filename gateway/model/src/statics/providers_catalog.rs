//! Service catalogues: Consul Catalog, Nomad and AWS ECS.

use fairlead_conf::{Duration, section};

use super::providers::DEFAULT_RULE;
use super::tls_client::ClientTls;
use crate::Secret;
use crate::options::options;

options! {
    /// Consul Catalog.
    pub struct ConsulCatalog {
        /// Which services are taken, as an expression over their tags.
        pub constraints: String,
        /// The agent.
        pub endpoint: ConsulEndpoint,
        /// First part of the tags that are read.
        pub prefix: String = "traefik".to_owned(),
        /// Time between two reads.
        pub refresh_interval: Duration = Duration::from_secs(15),
        /// Reads only what a majority has agreed on.
        pub require_consistent: bool,
        /// Reads from any server, even when it is behind.
        pub stale: bool,
        /// Reads from the agent's cache.
        pub cache: bool,
        /// Serves services that do not say `enable`.
        pub exposed_by_default: bool = true,
        /// Rule of routers that declare none.
        pub default_rule: String = DEFAULT_RULE.to_owned(),
        /// Speaks Consul Connect.
        pub connect_aware: bool,
        /// Takes every service for one of Connect.
        pub connect_by_default: bool,
        /// Name under which this program is registered with Connect.
        pub service_name: String = "traefik".to_owned(),
        /// Namespaces to read (Consul Enterprise).
        pub namespaces: Vec<String>,
        /// Health states with which a service gets requests.
        pub strict_checks: Vec<String> = vec!["passing".to_owned(), "warning".to_owned()],
        /// Follows changes.
        pub watch: bool,
    }

    /// A Consul agent.
    pub struct ConsulEndpoint {
        /// `host:port`.
        pub address: String,
        /// `http` or `https`.
        pub scheme: String,
        /// Data centre; the agent's own when empty.
        #[serde(rename = "datacenter")]
        pub data_center: String,
        /// Access token.
        pub token: Secret,
        /// TLS.
        #[serde(deserialize_with = "section")]
        pub tls: Option<ClientTls>,
        /// Basic authentication.
        #[serde(deserialize_with = "section")]
        pub http_auth: Option<HttpAuth>,
        /// Longest wait for a change; 0 leaves it to the agent.
        pub endpoint_wait_time: Duration,
    }

    /// Basic authentication.
    pub struct HttpAuth {
        /// User name.
        pub username: String,
        /// Password.
        pub password: Secret,
    }

    /// Nomad.
    pub struct Nomad {
        /// Rule of routers that declare none.
        pub default_rule: String = DEFAULT_RULE.to_owned(),
        /// Which services are taken, as an expression over their tags.
        pub constraints: String,
        /// The server.
        pub endpoint: NomadEndpoint,
        /// First part of the tags that are read.
        pub prefix: String = "traefik".to_owned(),
        /// Reads from any server, even when it is behind.
        pub stale: bool,
        /// Serves services that do not say `enable`.
        pub exposed_by_default: bool = true,
        /// Time between two reads.
        pub refresh_interval: Duration = Duration::from_secs(15),
        /// Makes services that have no instance too.
        pub allow_empty_services: bool,
        /// Namespaces to read.
        pub namespaces: Vec<String>,
        /// Follows changes.
        pub watch: bool,
        /// Least time between two changes that are taken.
        pub throttle_duration: Duration,
    }

    /// A Nomad server.
    pub struct NomadEndpoint {
        /// Address with scheme and port.
        pub address: String = "http://127.0.0.1:4646".to_owned(),
        /// Region; the agent's own when empty.
        pub region: String,
        /// Access token.
        pub token: Secret,
        /// TLS.
        #[serde(deserialize_with = "section")]
        pub tls: Option<ClientTls>,
        /// Longest wait for a change; 0 leaves it to the agent.
        pub endpoint_wait_time: Duration,
    }

    /// AWS ECS.
    pub struct Ecs {
        /// Which services are taken, as an expression over their labels.
        pub constraints: String,
        /// Serves services that do not say `traefik.enable`.
        pub exposed_by_default: bool = true,
        /// Time between two reads.
        pub refresh_seconds: Duration = Duration::from_secs(15),
        /// Rule of routers that declare none.
        pub default_rule: String = DEFAULT_RULE.to_owned(),
        /// Clusters to read.
        pub clusters: Vec<String> = vec!["default".to_owned()],
        /// Finds the clusters.
        pub auto_discover_clusters: bool,
        /// Takes only healthy tasks.
        pub healthy_tasks_only: bool,
        /// Takes instances outside of AWS too.
        #[serde(rename = "ecsAnywhere")]
        pub ecs_anywhere: bool,
        /// AWS region.
        pub region: String,
        /// AWS key.
        #[serde(rename = "accessKeyID")]
        pub access_key_id: Secret,
        /// AWS secret.
        pub secret_access_key: Secret,
    }
}
