//! HTTP routers, services, middlewares and transports.

use std::borrow::Cow;
use std::collections::HashSet;

use super::router::Parts;
use super::{Check, Subject, is_internal, reference};
use crate::codes;
use crate::dynamic::{LoadBalancer, Middleware, Object, Router, Service, ServiceKind};
use crate::statics::Protocol;

pub(super) fn check(check: &mut Check<'_>) {
    let merged = check.merged;
    let parents = parents(check);
    for (name, router) in &merged.http.routers {
        check.http_router(name, router, parents.contains(&**name));
    }
    for (name, service) in &merged.http.services {
        check.http_service(name, service);
    }
    for (name, middleware) in &merged.http.middlewares {
        check.http_middleware(name, middleware);
    }
    for (name, transport) in &merged.http.servers_transports {
        check.transport(name, transport);
    }
}

/// Routers that others name as their parent; those need no service.
fn parents<'a>(check: &Check<'a>) -> HashSet<Cow<'a, str>> {
    let routers = check.merged.http.routers.iter();
    routers
        .flat_map(|(name, router)| router.value.parent_refs.iter().map(|parent| reference(parent, name)))
        .collect()
}

impl Check<'_> {
    fn http_router(&mut self, name: &str, object: &Object<Router>, is_parent: bool) {
        let router = &object.value;
        let parts = Parts {
            kind: "router",
            name,
            entry_points: &router.entry_points,
            service: &router.service,
            protocol: Protocol::Tcp,
        };
        self.rule_and_priority(&parts, &router.rule, router.priority, object);
        // Where the program's own routers are is for the static configuration to get right.
        if router.parent_refs.is_empty() && !is_internal(name) {
            self.entry_points(&parts, object);
        }
        if !(is_parent && router.service.is_empty()) {
            self.service(&parts, object, &self.merged.http.services);
        }
        let subject = parts.subject();
        self.middlewares(subject, &router.middlewares, object, &self.merged.http.middlewares);
        if let Some(tls) = &router.tls {
            let at = |field: &str| object.value_origin(&["tls", field]);
            self.router_tls(subject, (&tls.options, &tls.cert_resolver), at);
        }
    }

    fn http_service(&mut self, name: &str, object: &Object<Service>) {
        let subject = Subject { kind: "service", name };
        self.middlewares(subject, &object.value.middlewares, object, &self.merged.http.middlewares);
        if let ServiceKind::LoadBalancer(balancer) = &object.value.kind {
            self.http_balancer(name, balancer, object);
        }
        for (child, path) in object.value.kind.services() {
            let child = reference(child, name);
            let known = &self.merged.http.services;
            if !self.has_service(known, &child) {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                let message = format!("the service {child:?} does not exist");
                self.dangling(message, subject, &object.origin_of(&path), &child, known);
            }
        }
    }

    fn http_balancer(&mut self, name: &str, balancer: &LoadBalancer, object: &Object<Service>) {
        let subject = Subject { kind: "service", name };
        if balancer.servers.is_empty() {
            let origin = object.origin_of(&["loadBalancer", "servers"]);
            let message = format!("the service {name:?} has no servers, so it answers 503");
            self.push(&codes::NO_SERVERS, message, subject, &origin);
        }
        for (index, server) in balancer.servers.iter().enumerate() {
            if let Err(fault) = usable_url(&server.url) {
                let origin = object.origin_of(&["loadBalancer", "servers", &index.to_string(), "url"]);
                let message = format!("error parsing server URL {:?}: {fault}", server.url);
                self.push(&codes::BAD_SERVER, message, subject, &origin);
            }
        }
        if !balancer.servers_transport.is_empty() {
            let transport = reference(&balancer.servers_transport, name);
            let known = &self.merged.http.servers_transports;
            if !known.contains_key(&*transport) && !is_internal(&transport) {
                let origin = object.value_origin(&["loadBalancer", "serversTransport"]);
                let message = format!("servers transport not found {transport}");
                self.dangling(message, subject, &origin, &transport, known);
            }
        }
    }

    fn http_middleware(&mut self, name: &str, object: &Object<Middleware>) {
        let subject = Subject { kind: "middleware", name };
        if object.value.is("chain") {
            for (reference_text, node) in object.value.names("middlewares") {
                let qualified = reference(reference_text, name);
                let known = &self.merged.http.middlewares;
                if !self.has_middleware(known, &qualified) {
                    let message = format!("middleware {qualified:?} does not exist");
                    self.dangling(message, subject, &node.origin, &qualified, known);
                }
            }
        }
        if object.value.is("errors")
            && let Some(node) = object.value.options.at(&["service"])
            && let Some(service) = node.text()
        {
            let qualified = reference(service, name);
            let known = &self.merged.http.services;
            if !self.has_service(known, &qualified) {
                let message = format!("the service {qualified:?} does not exist");
                self.dangling(message, subject, &node.origin, &qualified, known);
            }
        }
    }
}

/// Whether the URL of a server has a scheme that is served and a host with a sensible port.
fn usable_url(url: &str) -> Result<(), &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("it has no scheme; write `http://host:port`")?;
    if !["http", "https", "h2c"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return Err("its scheme must be `http`, `https` or `h2c`");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, tail)) => (host, Some(tail.strip_prefix(':').ok_or("its host cannot be read")?)),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err("it has no host");
    }
    match port {
        Some(port) if port.parse::<u16>().is_err() => Err("its port must be a number from 0 to 65535"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::usable_url;

    #[test]
    fn urls_of_servers() {
        for good in [
            "http://a",
            "https://a.example:8443/path",
            "h2c://[::1]:80",
            "HTTP://10.0.0.1:8080",
            "http://[::1]",
        ] {
            assert_eq!(usable_url(good), Ok(()), "{good}");
        }
        for bad in
            ["", "a:80", "ftp://a", "http://", "http://a:b", "http://a:70000", "http://:80", "http://[::1]80"]
        {
            assert!(usable_url(bad).is_err(), "{bad}");
        }
    }
}
