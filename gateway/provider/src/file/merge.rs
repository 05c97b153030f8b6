//! Puts the objects of all files together.

use std::sync::Arc;

use fairlead_diag::{Finding, Findings};
use fairlead_model::{Dynamic, Objects};

use crate::codes;

/// The union of the parts. Of two objects of one kind and name the first counts, and a finding tells of the second.
pub(super) fn merge<'d>(parts: impl IntoIterator<Item = &'d Arc<Dynamic>>) -> (Arc<Dynamic>, Findings) {
    let mut parts = parts.into_iter().peekable();
    let mut findings = Findings::new();
    let mut all = Dynamic::default();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() && all.is_empty() {
            return (part.clone(), findings);
        }
        http(&mut all, part, &mut findings);
        tcp(&mut all, part, &mut findings);
        add("UDP router", &mut all.udp.routers, &part.udp.routers, &mut findings);
        add("UDP service", &mut all.udp.services, &part.udp.services, &mut findings);
        all.tls.certificates.extend(part.tls.certificates.iter().cloned());
        add("TLS options", &mut all.tls.options, &part.tls.options, &mut findings);
        add("TLS store", &mut all.tls.stores, &part.tls.stores, &mut findings);
    }
    (Arc::new(all), findings)
}

fn http(all: &mut Dynamic, part: &Dynamic, findings: &mut Findings) {
    let (all, part) = (&mut all.http, &part.http);
    add("router", &mut all.routers, &part.routers, findings);
    add("service", &mut all.services, &part.services, findings);
    add("middleware", &mut all.middlewares, &part.middlewares, findings);
    add("servers transport", &mut all.servers_transports, &part.servers_transports, findings);
}

fn tcp(all: &mut Dynamic, part: &Dynamic, findings: &mut Findings) {
    let (all, part) = (&mut all.tcp, &part.tcp);
    add("TCP router", &mut all.routers, &part.routers, findings);
    add("TCP service", &mut all.services, &part.services, findings);
    add("TCP middleware", &mut all.middlewares, &part.middlewares, findings);
    add("TCP servers transport", &mut all.servers_transports, &part.servers_transports, findings);
}

fn add<T>(kind: &str, all: &mut Objects<T>, part: &Objects<T>, findings: &mut Findings) {
    all.reserve(part.len());
    for (name, object) in part {
        let mut taken = false;
        let first = all.entry(name.clone()).or_insert_with(|| {
            taken = true;
            object.clone()
        });
        if !taken {
            let finding = Finding::new(&codes::DUPLICATE, format!("the {kind} `{name}` is declared twice"));
            findings.push(
                finding
                    .about(format!("{kind} {name}@{}", super::load::NAME))
                    .label(&object.origin, "skipped")
                    .label(&first.origin, "used")
                    .help("rename one of the two"),
            );
        }
    }
}
