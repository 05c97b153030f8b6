//! Docker and Docker Swarm.

use fairlead_conf::{Duration, section};

use super::providers::DEFAULT_RULE;
use super::tls_client::ClientTls;
use crate::Secret;
use crate::options::options;

options! {
    /// Docker containers.
    pub struct Docker {
        /// Serves containers that do not say `traefik.enable`.
        pub exposed_by_default: bool = true,
        /// Which containers are taken, as an expression over their labels.
        pub constraints: String,
        /// Takes containers whose health check fails too.
        pub allow_empty_services: bool,
        /// Network whose address is used.
        pub network: String,
        /// Uses the address to which the port is bound instead of the container's own.
        #[serde(rename = "useBindPortIP")]
        pub use_bind_port_ip: bool,
        /// Follows events.
        pub watch: bool = true,
        /// Rule of routers that declare none.
        pub default_rule: String = DEFAULT_RULE.to_owned(),
        /// User name for the engine.
        pub username: String,
        /// Password for the engine.
        pub password: Secret,
        /// Address of the engine: a socket or TCP.
        pub endpoint: String = "unix:///var/run/docker.sock".to_owned(),
        /// TLS towards the engine.
        #[serde(deserialize_with = "section")]
        pub tls: Option<ClientTls>,
        /// For a request to the engine; 0 means no limit.
        #[serde(rename = "httpClientTimeout")]
        pub http_client_timeout: Duration,
    }

    /// Docker Swarm services.
    pub struct Swarm {
        /// Serves services that do not say `traefik.enable`.
        pub exposed_by_default: bool = true,
        /// Which services are taken, as an expression over their labels.
        pub constraints: String,
        /// Takes services without running tasks too.
        pub allow_empty_services: bool,
        /// Network whose address is used.
        pub network: String,
        /// Uses the address to which the port is bound instead of the task's own.
        #[serde(rename = "useBindPortIP")]
        pub use_bind_port_ip: bool,
        /// Follows changes.
        pub watch: bool = true,
        /// Rule of routers that declare none.
        pub default_rule: String = DEFAULT_RULE.to_owned(),
        /// User name for the engine.
        pub username: String,
        /// Password for the engine.
        pub password: Secret,
        /// Address of the engine: a socket or TCP.
        pub endpoint: String = "unix:///var/run/docker.sock".to_owned(),
        /// TLS towards the engine.
        #[serde(deserialize_with = "section")]
        pub tls: Option<ClientTls>,
        /// For a request to the engine; 0 means no limit.
        #[serde(rename = "httpClientTimeout")]
        pub http_client_timeout: Duration,
        /// Time between two reads.
        pub refresh_seconds: Duration = Duration::from_secs(15),
    }
}
