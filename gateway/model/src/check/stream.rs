//! TCP and UDP routers and services.

use super::router::Parts;
use super::{Check, Subject, reference};
use crate::codes;
use crate::dynamic::http_service::WeightedService;
use crate::dynamic::{Object, Objects, TcpRouter, TcpService, UdpService};
use crate::statics::Protocol;

pub(super) fn check(check: &mut Check<'_>) {
    let merged = check.merged;
    for (name, router) in &merged.tcp.routers {
        check.tcp_router(name, router);
    }
    for (name, service) in &merged.tcp.services {
        check.tcp_service(name, service);
    }
    for (name, object) in &merged.udp.routers {
        let router = &object.value;
        let parts = Parts {
            kind: "udp router",
            name,
            entry_points: &router.entry_points,
            service: &router.service,
            protocol: Protocol::Udp,
        };
        check.entry_points(&parts, object);
        check.service(&parts, object, &merged.udp.services);
    }
    for (name, service) in &merged.udp.services {
        check.udp_service(name, service);
    }
}

impl Check<'_> {
    fn tcp_router(&mut self, name: &str, object: &Object<TcpRouter>) {
        let router = &object.value;
        let parts = Parts {
            kind: "tcp router",
            name,
            entry_points: &router.entry_points,
            service: &router.service,
            protocol: Protocol::Tcp,
        };
        self.rule_and_priority(&parts, &router.rule, router.priority, object);
        self.entry_points(&parts, object);
        self.service(&parts, object, &self.merged.tcp.services);
        let subject = parts.subject();
        self.middlewares(subject, &router.middlewares, object, &self.merged.tcp.middlewares);
        if let Some(tls) = router.tls.as_ref().filter(|tls| !tls.passthrough) {
            let at = |field: &str| object.value_origin(&["tls", field]);
            self.router_tls(subject, (&tls.options, &tls.cert_resolver), at);
        }
    }

    fn tcp_service(&mut self, name: &str, object: &Object<TcpService>) {
        let subject = Subject { kind: "tcp service", name };
        match &object.value {
            TcpService::LoadBalancer(balancer) => {
                let addresses = balancer.servers.iter().map(|server| server.address.as_str());
                self.addresses(subject, name, addresses, object);
                let transport = reference(&balancer.servers_transport, name);
                let known = &self.merged.tcp.servers_transports;
                if !balancer.servers_transport.is_empty() && !known.contains_key(&*transport) {
                    let origin = object.value_origin(&["loadBalancer", "serversTransport"]);
                    let message = format!("servers transport not found {transport}");
                    self.dangling(message, subject, &origin, &transport, known);
                }
            }
            TcpService::Weighted(weighted) => {
                self.weighted(subject, name, &weighted.services, object, &self.merged.tcp.services);
            }
        }
    }

    fn udp_service(&mut self, name: &str, object: &Object<UdpService>) {
        let subject = Subject { kind: "udp service", name };
        match &object.value {
            UdpService::LoadBalancer(balancer) => {
                let addresses = balancer.servers.iter().map(|server| server.address.as_str());
                self.addresses(subject, name, addresses, object);
            }
            UdpService::Weighted(weighted) => {
                self.weighted(subject, name, &weighted.services, object, &self.merged.udp.services);
            }
        }
    }

    fn addresses<'b, T>(
        &mut self,
        subject: Subject<'_>,
        name: &str,
        addresses: impl ExactSizeIterator<Item = &'b str>,
        object: &Object<T>,
    ) {
        if addresses.len() == 0 {
            let origin = object.origin_of(&["loadBalancer", "servers"]);
            let message = format!("the service {name:?} has no servers, so connections are closed");
            self.push(&codes::NO_SERVERS, message, subject, &origin);
        }
        for (index, address) in addresses.enumerate() {
            let usable = address.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty()
                    && port.parse::<u16>().is_ok()
                    && (host.starts_with('[') || !host.contains(':'))
            });
            if !usable {
                let origin = object.origin_of(&["loadBalancer", "servers", &index.to_string(), "address"]);
                let message = format!("the server address {address:?} is not of the form `host:port`");
                self.push(&codes::BAD_SERVER, message, subject, &origin);
            }
        }
    }

    fn weighted<T>(
        &mut self,
        subject: Subject<'_>,
        name: &str,
        services: &[WeightedService],
        object: &Object<T>,
        known: &Objects<T>,
    ) {
        for (index, service) in services.iter().enumerate() {
            let child = reference(&service.name, name);
            if !self.has_service(known, &child) {
                let origin = object.origin_of(&["weighted", "services", &index.to_string(), "name"]);
                let message = format!("the service {child:?} does not exist");
                self.dangling(message, subject, &origin, &child, known);
            }
        }
    }
}
