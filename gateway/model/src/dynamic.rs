//! Dynamic configuration: what providers deliver while the program runs.
//!
//! [`Dynamic::decode`] reads one provider's tree object by object, so that a broken router does not take its
//! neighbours along. [`Merged`] puts the providers together under qualified names.

pub mod http_service;
mod merged;
pub mod middleware;
pub mod object;
pub mod router;
mod section;
pub mod servers_transport;
pub mod tcp;
pub mod tls;
pub mod udp;

use std::sync::Arc;

use fairlead_conf::Node;
use fairlead_diag::Findings;

pub use self::http_service::{LoadBalancer, Server, Service, ServiceKind};
pub use self::merged::Merged;
pub use self::middleware::Middleware;
use self::object::Declared;
pub use self::object::{Object, Objects};
pub use self::router::{Domain, Router, RouterTls};
use self::section::Section;
pub use self::servers_transport::ServersTransport;
pub use self::tcp::{TcpRouter, TcpServersTransport, TcpService};
pub use self::tls::{Certificate, TlsCertificate, TlsOptions, TlsStore};
pub use self::udp::{UdpRouter, UdpService};

/// The dynamic configuration of one provider. Names are as declared, without provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dynamic {
    /// HTTP.
    pub http: Http,
    /// TCP.
    pub tcp: Tcp,
    /// UDP.
    pub udp: Udp,
    /// Certificates and TLS options.
    pub tls: Tls,
}

/// HTTP objects by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Http {
    /// Routers.
    pub routers: Objects<Router>,
    /// Services.
    pub services: Objects<Service>,
    /// Middlewares.
    pub middlewares: Objects<Middleware>,
    /// Transports to backends.
    pub servers_transports: Objects<ServersTransport>,
}

/// TCP objects by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tcp {
    /// Routers.
    pub routers: Objects<TcpRouter>,
    /// Services.
    pub services: Objects<TcpService>,
    /// Middlewares.
    pub middlewares: Objects<Middleware>,
    /// Transports to backends.
    pub servers_transports: Objects<TcpServersTransport>,
}

/// UDP objects by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Udp {
    /// Routers.
    pub routers: Objects<UdpRouter>,
    /// Services.
    pub services: Objects<UdpService>,
}

/// Certificates, and TLS options and stores by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// Certificates.
    pub certificates: Vec<Arc<Object<TlsCertificate>>>,
    /// Options.
    pub options: Objects<TlsOptions>,
    /// Stores; only `default` has an effect.
    pub stores: Objects<TlsStore>,
}

impl Dynamic {
    /// Reads one provider's tree. What is broken yields findings and is left out; everything else is there.
    pub fn decode(node: &Node, findings: &mut Findings) -> Dynamic {
        let root = Section::root(node, &["http", "tcp", "udp", "tls"], findings);
        let http = root.child("http", &["routers", "services", "middlewares", "serversTransports"], findings);
        let tcp = root.child("tcp", &["routers", "services", "middlewares", "serversTransports"], findings);
        let udp = root.child("udp", &["routers", "services"], findings);
        let tls = root.child("tls", &["certificates", "options", "stores"], findings);
        Dynamic {
            http: Http {
                routers: http.objects("routers", findings),
                services: http.objects("services", findings),
                middlewares: http.objects("middlewares", findings),
                servers_transports: http.objects("serversTransports", findings),
            },
            tcp: Tcp {
                routers: tcp.objects("routers", findings),
                services: tcp.objects("services", findings),
                middlewares: tcp.objects("middlewares", findings),
                servers_transports: tcp.objects("serversTransports", findings),
            },
            udp: Udp {
                routers: udp.objects("routers", findings),
                services: udp.objects("services", findings),
            },
            tls: Tls {
                certificates: tls.list("certificates", findings),
                options: tls.objects("options", findings),
                stores: tls.objects("stores", findings),
            },
        }
    }

    /// The same configuration, standing so many lines further down in its file; up when negative. Only HTTP can move.
    #[must_use]
    pub fn moved(&self, lines: i64) -> Dynamic {
        let Http { routers, services, middlewares, servers_transports } = &self.http;
        let http = Http {
            routers: moved(routers, lines),
            services: moved(services, lines),
            middlewares: moved(middlewares, lines),
            servers_transports: moved(servers_transports, lines),
        };
        Dynamic { http, tcp: self.tcp.clone(), udp: self.udp.clone(), tls: self.tls.clone() }
    }

    /// Whether nothing at all is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Dynamic::default()
    }
}

fn moved<T: Clone + Declared>(objects: &Objects<T>, lines: i64) -> Objects<T> {
    objects.iter().map(|(name, object)| (Arc::clone(name), object.moved(lines))).collect()
}
