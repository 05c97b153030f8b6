//! TCP routers, services and transports.

use fairlead_conf::{Duration, FileOrContent, Node, section};
use fairlead_diag::Findings;
use serde::{Deserialize, Serialize};

use super::http_service::{ServiceHealthCheck, WeightedService};
use super::object::{Declared, declared, decode_whole};
use super::router::Domain;
use super::section::single_type;
use super::tls::Certificate;
use crate::options::options;
use crate::statics::RuleSyntax;
use crate::statics::servers_transport::Spiffe;

options! {
    /// Sends the connections that its rule matches to a service.
    pub struct TcpRouter {
        /// Entry points it listens to; the default ones when empty.
        pub entry_points: Vec<String>,
        /// Middlewares in the order in which they see a connection.
        pub middlewares: Vec<String>,
        /// Service that takes it.
        pub service: String,
        /// Which connections it takes.
        pub rule: String,
        /// Rule language; the static default when absent.
        pub rule_syntax: Option<RuleSyntax>,
        /// Largest first; 0 means the length of the rule.
        pub priority: i64,
        /// Only connections with TLS, with these settings.
        #[serde(deserialize_with = "section")]
        pub tls: Option<TcpRouterTls>,
    }

    /// TLS of a TCP router.
    pub struct TcpRouterTls {
        /// Leaves TLS to the backend.
        pub passthrough: bool,
        /// Name of the TLS options.
        pub options: String,
        /// Name of the certificate resolver.
        pub cert_resolver: String,
        /// Domains to ask certificates for; those of the rule when empty.
        pub domains: Vec<Domain>,
    }

    /// Spreads connections over servers.
    pub struct TcpLoadBalancer {
        /// The servers.
        pub servers: Vec<TcpServer>,
        /// Name of the transport; the default one when empty.
        pub servers_transport: String,
        /// The older place of the transport's own `proxyProtocol`.
        #[serde(deserialize_with = "section")]
        pub proxy_protocol: Option<ProxyProtocol>,
        /// The older place of the transport's own `terminationDelay`, in milliseconds.
        pub termination_delay: Option<i64>,
        /// Asks the servers whether they are well.
        #[serde(deserialize_with = "section")]
        pub health_check: Option<TcpHealthCheck>,
    }

    /// One TCP server.
    pub struct TcpServer {
        /// `host:port`.
        pub address: String,
        /// Speaks TLS with it.
        pub tls: bool,
    }

    /// Tells the server who the client is.
    pub struct ProxyProtocol {
        /// Version of the protocol, 1 or 2.
        pub version: u32 = 2,
    }

    /// Asks the servers whether they are well.
    pub struct TcpHealthCheck {
        /// Port of the probe; that of the server when 0.
        pub port: u16,
        /// What is sent.
        pub send: String,
        /// What must come back.
        pub expect: String,
        /// Time between two probes of a server that is well.
        pub interval: Duration = Duration::from_secs(30),
        /// Time between two probes of a server that is not; as `interval` when absent.
        pub unhealthy_interval: Option<Duration>,
        /// For one probe.
        pub timeout: Duration = Duration::from_secs(5),
    }

    /// Spreads connections over services by weight.
    pub struct TcpWeighted {
        /// The services.
        pub services: Vec<WeightedService>,
        /// Leaves out services that have no healthy server.
        #[serde(deserialize_with = "section")]
        pub health_check: Option<ServiceHealthCheck>,
    }

    /// How TCP backends are reached.
    pub struct TcpServersTransport {
        /// Time between keep-alive probes; 0 for the system's.
        pub dial_keep_alive: Duration = Duration::from_secs(15),
        /// For making the connection; 0 means no limit.
        pub dial_timeout: Duration = Duration::from_secs(30),
        /// Tells the server who the client is.
        #[serde(deserialize_with = "section")]
        pub proxy_protocol: Option<ProxyProtocol>,
        /// How long the other direction lives on after one peer has closed its own.
        pub termination_delay: Duration = Duration::from_millis(100),
        /// TLS towards the backend.
        #[serde(deserialize_with = "section")]
        pub tls: Option<TcpTransportTls>,
    }

    /// TLS towards TCP backends.
    pub struct TcpTransportTls {
        /// Name that the backend's certificate must have, and that is sent as SNI.
        pub server_name: String,
        /// Accepts every certificate.
        pub insecure_skip_verify: bool,
        /// Authorities that are trusted besides the system's.
        #[serde(rename = "rootCAs")]
        pub root_cas: Vec<FileOrContent>,
        /// Client certificates.
        pub certificates: Vec<Certificate>,
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
}

/// A TCP service: exactly one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TcpService {
    /// Spreads connections over servers.
    LoadBalancer(TcpLoadBalancer),
    /// Spreads connections over services by weight.
    Weighted(TcpWeighted),
}

impl TcpService {
    /// Its key in the configuration.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            TcpService::LoadBalancer(_) => "loadBalancer",
            TcpService::Weighted(_) => "weighted",
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Written {
    #[serde(deserialize_with = "section")]
    load_balancer: Option<TcpLoadBalancer>,
    #[serde(deserialize_with = "section")]
    weighted: Option<TcpWeighted>,
}

impl Declared for TcpService {
    fn read(name: &str, node: &Node, path: &[&str], findings: &mut Findings) -> Option<Self> {
        let written: Written = decode_whole(node, path, findings)?;
        let kinds =
            [written.load_balancer.map(TcpService::LoadBalancer), written.weighted.map(TcpService::Weighted)];
        single_type(name, node, kinds, TcpService::word, findings)
    }
}

declared!(TcpRouter, TcpServersTransport);
