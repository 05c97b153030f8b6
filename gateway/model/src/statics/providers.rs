//! Providers: where dynamic configuration comes from.

use fairlead_conf::{Duration, section};

use super::providers_catalog::{ConsulCatalog, Ecs, Nomad};
use super::providers_docker::{Docker, Swarm};
use super::providers_kubernetes::{Knative, KubernetesCrd, KubernetesGateway, KubernetesIngress};
use super::providers_kv::{Consul, Etcd, Redis, ZooKeeper};
use super::providers_nginx::KubernetesIngressNginx;
use super::tls_client::ClientTls;
use crate::Secret;
use crate::options::{Named, options};

/// The rule of a router that declares none, as a Go template.
pub const DEFAULT_RULE: &str = "Host(`{{ normalize .Name }}`)";

/// Which provider wins when two routers of equal priority match, first one first.
pub const PRECEDENCE: &[&str] = &[
    "kubernetesgateway",
    "kubernetescrd",
    "kubernetes",
    "kubernetesingressnginx",
    "swarm",
    "docker",
    "file",
    "redis",
    "knative",
    "consul",
    "consulcatalog",
    "nomad",
    "etcd",
    "ecs",
    "http",
    "zookeeper",
    "rest",
];

options! {
    /// Where dynamic configuration comes from.
    pub struct Providers {
        /// Least time between two changes that are applied.
        pub providers_throttle_duration: Duration = Duration::from_secs(2),
        /// Which provider wins when two routers of equal priority match, first one first.
        pub precedence: Vec<String> = PRECEDENCE.iter().map(|&name| name.to_owned()).collect(),
        /// Docker containers.
        #[serde(deserialize_with = "section")]
        pub docker: Option<Docker>,
        /// Docker Swarm services.
        #[serde(deserialize_with = "section")]
        pub swarm: Option<Swarm>,
        /// A file or a directory.
        #[serde(deserialize_with = "section")]
        pub file: Option<File>,
        /// Kubernetes Ingress.
        #[serde(deserialize_with = "section")]
        pub kubernetes_ingress: Option<KubernetesIngress>,
        /// Kubernetes Ingress as ingress-nginx reads it.
        #[serde(deserialize_with = "section", rename = "kubernetesIngressNGINX")]
        pub kubernetes_ingress_nginx: Option<KubernetesIngressNginx>,
        /// Traefik's own Kubernetes resources.
        #[serde(deserialize_with = "section", rename = "kubernetesCRD")]
        pub kubernetes_crd: Option<KubernetesCrd>,
        /// Kubernetes Gateway API.
        #[serde(deserialize_with = "section")]
        pub kubernetes_gateway: Option<KubernetesGateway>,
        /// Knative.
        #[serde(deserialize_with = "section")]
        pub knative: Option<Knative>,
        /// A REST interface that takes whole configurations.
        #[serde(deserialize_with = "section")]
        pub rest: Option<Rest>,
        /// Consul Catalog.
        #[serde(deserialize_with = "section")]
        pub consul_catalog: Option<ConsulCatalog>,
        /// Nomad.
        #[serde(deserialize_with = "section")]
        pub nomad: Option<Nomad>,
        /// AWS ECS.
        #[serde(deserialize_with = "section")]
        pub ecs: Option<Ecs>,
        /// Consul's key-value store.
        #[serde(deserialize_with = "section")]
        pub consul: Option<Consul>,
        /// etcd.
        #[serde(deserialize_with = "section")]
        pub etcd: Option<Etcd>,
        /// ZooKeeper.
        #[serde(deserialize_with = "section")]
        pub zoo_keeper: Option<ZooKeeper>,
        /// Redis.
        #[serde(deserialize_with = "section")]
        pub redis: Option<Redis>,
        /// An HTTP endpoint that is polled.
        #[serde(deserialize_with = "section")]
        pub http: Option<HttpPoll>,
        /// Plugins by name, with their settings.
        pub plugin: Named<serde_json::Value>,
    }

    /// A file or a directory.
    pub struct File {
        /// Directory whose `.yml`, `.yaml` and `.toml` files are read, those below it too.
        pub directory: String,
        /// Follows changes.
        pub watch: bool = true,
        /// One file.
        pub filename: String,
        /// Writes what the templates in a file became into the log.
        pub debug_log_generated_template: bool,
    }

    /// A REST interface that takes whole configurations.
    pub struct Rest {
        /// Serves it on the entry point `traefik`, without any protection.
        pub insecure: bool,
    }

    /// An HTTP endpoint that is polled.
    pub struct HttpPoll {
        /// Address; required.
        pub endpoint: String,
        /// Time between two reads.
        pub poll_interval: Duration = Duration::from_secs(5),
        /// For one read.
        pub poll_timeout: Duration = Duration::from_secs(5),
        /// Headers sent along.
        pub headers: Named<Secret>,
        /// TLS.
        #[serde(deserialize_with = "section")]
        pub tls: Option<ClientTls>,
        /// Largest answer in bytes; −1 means no limit.
        pub max_response_body_size: i64 = -1,
    }
}
