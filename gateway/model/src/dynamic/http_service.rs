//! HTTP services: what answers the requests of a router.

use fairlead_conf::{Duration, Node, SignedDuration, section};
use fairlead_diag::Findings;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::object::{Declared, decode_whole};
use super::section::single_type;
use crate::options::{Named, options, words};

/// A service: exactly one kind, behind middlewares of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// What it does.
    pub kind: ServiceKind,
    /// Middlewares in the order in which they see a request.
    pub middlewares: Vec<String>,
}

/// What a service does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every service is a load balancer, and there is one of each"
)]
pub enum ServiceKind {
    /// Spreads requests over servers.
    LoadBalancer(LoadBalancer),
    /// Spreads requests over services by weight.
    Weighted(Weighted),
    /// Spreads clients over services by weight.
    HighestRandomWeight(HighestRandomWeight),
    /// Copies requests to other services.
    Mirroring(Mirroring),
    /// Has a second service for when the first one fails.
    Failover(Failover),
}

impl ServiceKind {
    /// Its key in the configuration.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            ServiceKind::LoadBalancer(_) => "loadBalancer",
            ServiceKind::Weighted(_) => "weighted",
            ServiceKind::HighestRandomWeight(_) => "highestRandomWeight",
            ServiceKind::Mirroring(_) => "mirroring",
            ServiceKind::Failover(_) => "failover",
        }
    }

    /// The services that it names, with the path of each name inside the service.
    #[must_use]
    pub fn services(&self) -> Vec<(&str, Vec<String>)> {
        let path = |steps: &[&str]| steps.iter().map(|&step| step.to_owned()).collect::<Vec<_>>();
        let choices = |kind: &str, choices: &'_ [WeightedService]| -> Vec<Vec<String>> {
            (0..choices.len()).map(|index| path(&[kind, "services", &index.to_string(), "name"])).collect()
        };
        match self {
            ServiceKind::LoadBalancer(_) => Vec::new(),
            ServiceKind::Weighted(it) => it
                .services
                .iter()
                .map(|choice| &*choice.name)
                .zip(choices("weighted", &it.services))
                .collect(),
            ServiceKind::HighestRandomWeight(it) => {
                let names = it.services.iter().map(|choice| &*choice.name);
                names.zip(choices("highestRandomWeight", &it.services)).collect()
            }
            ServiceKind::Mirroring(it) => {
                let mirrors = it.mirrors.iter().enumerate().map(|(index, mirror)| {
                    (&*mirror.name, path(&["mirroring", "mirrors", &index.to_string(), "name"]))
                });
                std::iter::once((&*it.service, path(&["mirroring", "service"]))).chain(mirrors).collect()
            }
            ServiceKind::Failover(it) => {
                vec![
                    (&*it.service, path(&["failover", "service"])),
                    (&*it.fallback, path(&["failover", "fallback"])),
                ]
            }
        }
    }
}

options! {
    /// Spreads requests over servers.
    pub struct LoadBalancer {
        /// Keeps a client at its server.
        #[serde(deserialize_with = "section")]
        pub sticky: Option<Sticky>,
        /// The servers.
        pub servers: Vec<Server>,
        /// How a server is chosen.
        pub strategy: Strategy,
        /// Asks the servers whether they are well.
        #[serde(deserialize_with = "section")]
        pub health_check: Option<HealthCheck>,
        /// Learns from answers whether servers are well.
        #[serde(deserialize_with = "section")]
        pub passive_health_check: Option<PassiveHealthCheck>,
        /// How answers are passed on.
        pub response_forwarding: ResponseForwarding,
        /// Name of the transport; the default one when empty.
        pub servers_transport: String,
    } always {
        /// Sends the client's `Host` on; otherwise the server's own name is sent.
        pub pass_host_header: bool = true,
    }

    /// Keeps a client at its server.
    pub struct Sticky {
        /// By a cookie.
        #[serde(deserialize_with = "section")]
        pub cookie: Option<Cookie>,
    }

    /// The cookie that names the server.
    pub struct Cookie {
        /// Its name; made from the service's name when empty.
        pub name: String,
        /// Only over TLS.
        pub secure: bool,
        /// Not for scripts.
        pub http_only: bool,
        /// `none`, `lax` or `strict`; empty leaves the attribute out.
        pub same_site: String,
        /// Seconds that it lives; 0 means the session of the browser, less than 0 deletes it.
        pub max_age: i64,
        /// Path.
        pub path: Option<String> = Some("/".to_owned()),
        /// Domain.
        pub domain: String,
    }

    /// Asks the servers whether they are well. They are until a probe fails; the first one comes after `interval`.
    pub struct HealthCheck {
        /// Scheme of the probe; that of the server when empty.
        pub scheme: String,
        /// What is sent.
        pub mode: HealthMode,
        /// Path, with a query if need be.
        pub path: String,
        /// Method; `GET` when empty.
        pub method: String,
        /// Status that means well; 0 means any from 200 to 399.
        pub status: u16,
        /// Port of the probe; that of the server when 0.
        pub port: u16,
        /// Time between two probes of a server that is well.
        pub interval: Duration = Duration::from_secs(30),
        /// Time between two probes of a server that is not; as `interval` when absent.
        pub unhealthy_interval: Option<Duration>,
        /// For one probe.
        pub timeout: Duration = Duration::from_secs(5),
        /// `Host` of the probe; that of the server when empty.
        pub hostname: String,
        /// Headers sent along.
        pub headers: Named<String>,
    } always {
        /// Follows redirections.
        pub follow_redirects: bool = true,
    }

    /// Learns from answers (status 500 and above, failed connections) whether servers are well.
    pub struct PassiveHealthCheck {
        /// Time over which failures are counted, and for which a server is left out.
        pub failure_window: Duration = Duration::from_secs(10),
        /// Failures that make a server unwell.
        pub max_failed_attempts: u32 = 1,
    }

    /// How answers are passed on.
    pub struct ResponseForwarding {
        /// Time between two flushes to the client; negative means after each write. Streams are always flushed.
        pub flush_interval: SignedDuration = SignedDuration::from_millis(100),
    }

    /// Spreads requests over services by weight.
    pub struct Weighted {
        /// The services.
        pub services: Vec<WeightedService>,
        /// Keeps a client at its service.
        #[serde(deserialize_with = "section")]
        pub sticky: Option<Sticky>,
        /// Leaves out services that have no healthy server.
        #[serde(deserialize_with = "section")]
        pub health_check: Option<ServiceHealthCheck>,
    }

    /// Spreads clients over services by weight, a client always to the same one.
    pub struct HighestRandomWeight {
        /// The services.
        pub services: Vec<WeightedService>,
        /// Leaves out services that have no healthy server.
        #[serde(deserialize_with = "section")]
        pub health_check: Option<ServiceHealthCheck>,
    }

    /// A service with its share.
    pub struct WeightedService {
        /// Name of the service.
        pub name: String,
    } always {
        /// Share of the requests.
        pub weight: u32 = 1,
    }

    /// Follows the health of the services below; it has no options.
    pub struct ServiceHealthCheck {}

    /// Copies requests to other services, whose answers nobody sees.
    pub struct Mirroring {
        /// Service that answers.
        pub service: String,
        /// Services that get copies.
        pub mirrors: Vec<Mirror>,
        /// Leaves out services that have no healthy server.
        #[serde(deserialize_with = "section")]
        pub health_check: Option<ServiceHealthCheck>,
    } always {
        /// Copies bodies too.
        pub mirror_body: bool = true,
        /// Largest body that is copied, in bytes; −1 means no limit.
        pub max_body_size: i64 = -1,
    }

    /// A service that gets copies.
    pub struct Mirror {
        /// Name of the service.
        pub name: String,
        /// Share of the requests that are copied, in percent.
        pub percent: u32,
    }

    /// Has a second service for when the first one fails.
    pub struct Failover {
        /// First service.
        pub service: String,
        /// Second service.
        pub fallback: String,
        /// Follows the health of both.
        #[serde(deserialize_with = "section")]
        pub health_check: Option<ServiceHealthCheck>,
        /// Answers of the first service that send the request to the second one.
        #[serde(deserialize_with = "section")]
        pub errors: Option<FailoverErrors>,
    }

    /// Answers of the first service that send the request to the second one.
    pub struct FailoverErrors {
        /// Status codes and ranges.
        pub status: Vec<String>,
    } always {
        /// Largest request body that is kept for the second service, in bytes; −1 means no limit.
        pub max_request_body_bytes: i64 = -1,
    }
}

/// One server.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Server {
    /// Scheme (`http`, `https` or `h2c`), host and port; a path may follow.
    pub url: String,
    /// Share of the requests; 0 means none but those that stick to it.
    #[serde(skip_serializing_if = "is_one")]
    pub weight: u32,
    /// Puts the path of `url` in front of that of the request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub preserve_path: bool,
}

impl Default for Server {
    fn default() -> Self {
        Server { url: String::new(), weight: 1, preserve_path: false }
    }
}

fn is_one(weight: &u32) -> bool {
    *weight == 1
}

words! {
    /// How a server is chosen.
    pub enum Strategy {
        /// One after the other, by weight.
        Wrr = "wrr",
        /// The less busy one of two.
        P2c = "p2c",
        /// The same one for the same client, by weight.
        Hrw = "hrw",
        /// The one that answers fastest.
        LeastTime = "leasttime",
    }

    /// What a probe sends.
    pub enum HealthMode {
        /// An HTTP request.
        Http = "http",
        /// The health protocol of gRPC.
        Grpc = "grpc",
    }
}

/// A service as it is written, before it is known to be of one kind.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Written {
    #[serde(deserialize_with = "section")]
    load_balancer: Option<LoadBalancer>,
    #[serde(deserialize_with = "section")]
    highest_random_weight: Option<HighestRandomWeight>,
    #[serde(deserialize_with = "section")]
    weighted: Option<Weighted>,
    #[serde(deserialize_with = "section")]
    mirroring: Option<Mirroring>,
    #[serde(deserialize_with = "section")]
    failover: Option<Failover>,
    middlewares: Vec<String>,
}

impl Declared for Service {
    fn read(name: &str, node: &Node, path: &[&str], findings: &mut Findings) -> Option<Self> {
        let written: Written = decode_whole(node, path, findings)?;
        let kinds = [
            written.load_balancer.map(ServiceKind::LoadBalancer),
            written.weighted.map(ServiceKind::Weighted),
            written.highest_random_weight.map(ServiceKind::HighestRandomWeight),
            written.mirroring.map(ServiceKind::Mirroring),
            written.failover.map(ServiceKind::Failover),
        ];
        let kind = single_type(name, node, kinds, ServiceKind::word, findings)?;
        Some(Service { kind, middlewares: written.middlewares })
    }
}

impl Serialize for Service {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.kind {
            ServiceKind::LoadBalancer(it) => map.serialize_entry(self.kind.word(), it)?,
            ServiceKind::Weighted(it) => map.serialize_entry(self.kind.word(), it)?,
            ServiceKind::HighestRandomWeight(it) => map.serialize_entry(self.kind.word(), it)?,
            ServiceKind::Mirroring(it) => map.serialize_entry(self.kind.word(), it)?,
            ServiceKind::Failover(it) => map.serialize_entry(self.kind.word(), it)?,
        }
        if !self.middlewares.is_empty() {
            map.serialize_entry("middlewares", &self.middlewares)?;
        }
        map.end()
    }
}
