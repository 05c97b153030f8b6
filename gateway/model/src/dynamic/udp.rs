//! UDP routers and services.

use fairlead_conf::{Node, section};
use fairlead_diag::Findings;
use serde::{Deserialize, Serialize};

use super::http_service::WeightedService;
use super::object::{Declared, declared, decode_whole};
use super::section::single_type;
use crate::options::options;

options! {
    /// Sends the datagrams of its entry points to a service.
    pub struct UdpRouter {
        /// Entry points it listens to; every UDP one when empty.
        pub entry_points: Vec<String>,
        /// Service that takes them.
        pub service: String,
    }

    /// Spreads sessions over servers.
    pub struct UdpLoadBalancer {
        /// The servers.
        pub servers: Vec<UdpServer>,
    }

    /// One UDP server.
    pub struct UdpServer {
        /// `host:port`.
        pub address: String,
    }

    /// Spreads sessions over services by weight.
    pub struct UdpWeighted {
        /// The services.
        pub services: Vec<WeightedService>,
    }
}

/// A UDP service: exactly one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum UdpService {
    /// Spreads sessions over servers.
    LoadBalancer(UdpLoadBalancer),
    /// Spreads sessions over services by weight.
    Weighted(UdpWeighted),
}

impl UdpService {
    /// Its key in the configuration.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            UdpService::LoadBalancer(_) => "loadBalancer",
            UdpService::Weighted(_) => "weighted",
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Written {
    #[serde(deserialize_with = "section")]
    load_balancer: Option<UdpLoadBalancer>,
    #[serde(deserialize_with = "section")]
    weighted: Option<UdpWeighted>,
}

impl Declared for UdpService {
    fn read(name: &str, node: &Node, path: &[&str], findings: &mut Findings) -> Option<Self> {
        let written: Written = decode_whole(node, path, findings)?;
        let kinds =
            [written.load_balancer.map(UdpService::LoadBalancer), written.weighted.map(UdpService::Weighted)];
        single_type(name, node, kinds, UdpService::word, findings)
    }
}

declared!(UdpRouter);
