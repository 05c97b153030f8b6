use fairlead_diag::Findings;

use super::{Surroundings, dynamic};
use crate::dynamic::{Dynamic, Merged};
use crate::sample::{lines, yaml};
use crate::statics::Static;

const STATIC: &str = "entryPoints: {web: {address: ':80'}, websecure: {address: ':443', http: {tls: {}}}, dns: {address: ':53/udp'}}\n\
                      providers: {file: {filename: a}}\n";

fn findings(providers: &[(&str, &str)]) -> Findings {
    let mut found = Findings::new();
    let statics = Static::decode(&yaml(STATIC), &mut found).unwrap();
    let decoded: Vec<(&str, Dynamic)> =
        providers.iter().map(|(name, text)| (*name, Dynamic::decode(&yaml(text), &mut found))).collect();
    assert_eq!(lines(&found), Vec::<String>::new());
    let merged = Merged::from_providers(decoded.iter().map(|(name, dynamic)| (*name, dynamic)));
    let surroundings =
        Surroundings { statics: &statics, internal_services: &["api@internal"], internal_middlewares: &[] };
    dynamic(&merged, surroundings)
}

fn file(text: &str) -> Vec<String> {
    lines(&findings(&[("file", text)]))
}

const SERVICE: &str = "  services: {s: {loadBalancer: {servers: [{url: 'http://a'}]}}}\n";

#[test]
fn a_sound_configuration_has_no_findings() {
    let text = format!(
        "http:\n  routers:\n    r: {{rule: 'Host(`a`)', service: s, middlewares: [m], entryPoints: [web], tls: {{options: o}}}}\n    \
         api: {{rule: 'PathPrefix(`/api`)', service: api@internal}}\n{SERVICE}  middlewares:\n    m: {{chain: {{middlewares: [p]}}}}\n    \
         p: {{addPrefix: {{prefix: /x}}}}\ntls: {{options: {{o: {{minVersion: VersionTLS13}}}}}}\n"
    );
    assert_eq!(file(&text), Vec::<String>::new());
}

#[test]
fn references_must_lead_somewhere() {
    let found = findings(&[
        ("docker", "http: {services: {other: {loadBalancer: {servers: [{url: 'http://a'}]}}}}\n"),
        (
            "file",
            "http:\n  routers:\n    r:\n      rule: Host(`a`)\n      service: other\n      middlewares:\n        - nope\n      tls: {options: strict}\n\
             \x20 services:\n    lb: {loadBalancer: {servers: [{url: 'http://a'}], serversTransport: tr}}\n    w: {weighted: {services: [{name: lb}, {name: gone}]}}\n\
             \x20 middlewares:\n    c: {chain: {middlewares: 'x, y'}}\n    e: {errors: {service: z}}\n",
        ),
    ]);
    assert_eq!(
        lines(&found),
        [
            "FLD-GW-1022 5:16 the service \"other@file\" does not exist",
            "FLD-GW-1022 7:11 middleware \"nope@file\" does not exist",
            "FLD-GW-1022 8:22 unknown TLS options: strict@file",
            "FLD-GW-1022 10:73 servers transport not found tr@file",
            "FLD-GW-1022 11:44 the service \"gone@file\" does not exist",
            "FLD-GW-1022 13:30 middleware \"x@file\" does not exist",
            "FLD-GW-1022 13:30 middleware \"y@file\" does not exist",
            "FLD-GW-1022 14:27 the service \"z@file\" does not exist",
        ]
    );
    assert_eq!(found.iter().next().unwrap().help.as_deref(), Some("did you mean `other@docker`?"));
    assert_eq!(&*found.iter().next().unwrap().subject, "router r@file");
}

#[test]
fn routers_need_rule_service_and_entry_point() {
    let text = format!(
        "http:\n  routers:\n    a: {{service: s}}\n    b: {{rule: 'Host(`b`)'}}\n    \
         c: {{rule: 'Host(`c`)', service: s, entryPoints: [web, wbe]}}\n    d: {{rule: 'Host(`d`)', service: s, entryPoints: [dns]}}\n{SERVICE}"
    );
    assert_eq!(
        file(&text),
        [
            "FLD-GW-1023 3:5 router has no rule",
            "FLD-GW-1027 4:5 the service is missing on the router",
            "FLD-GW-1024 5:59 entryPoint \"wbe\" doesn't exist",
            "FLD-GW-1024 6:54 entryPoint \"dns\" doesn't exist",
            "FLD-GW-1025 6:40 no valid entryPoint for this router",
        ]
    );
}

#[test]
fn user_priorities_have_a_ceiling() {
    let router = |priority: i64| {
        file(&format!(
            "http:\n  routers:\n    a: {{rule: 'Host(`a`)', service: s, priority: {priority}}}\n{SERVICE}"
        ))
    };
    assert_eq!(router(super::MAX_USER_PRIORITY), Vec::<String>::new());
    assert_eq!(
        router(super::MAX_USER_PRIORITY + 1),
        [
            "FLD-GW-1026 3:50 the router priority 9223372036854774808 exceeds the max user-defined priority 9223372036854774807"
        ]
    );
}

#[test]
fn services_need_servers_with_addresses() {
    let text = "http:\n  services:\n    a: {loadBalancer: {servers: []}}\n    b: {loadBalancer: {servers: [{url: 'ftp://x'}]}}\n\
                tcp:\n  services:\n    t: {loadBalancer: {servers: [{address: '10.0.0.1'}]}}\nudp:\n  services:\n    u: {loadBalancer: {}}\n";
    assert_eq!(
        file(text),
        [
            "FLD-GW-1028 3:24 the service \"a@file\" has no servers, so it answers 503",
            "FLD-GW-1036 4:35 error parsing server URL \"ftp://x\": its scheme must be `http`, `https` or `h2c`",
            "FLD-GW-1036 7:35 the server address \"10.0.0.1\" is not of the form `host:port`",
            "FLD-GW-1028 10:9 the service \"u@file\" has no servers, so connections are closed",
        ]
    );
}

#[test]
fn ties_are_found_once_and_only_where_routers_meet() {
    let text = format!(
        "http:\n  routers:\n    a: {{rule: 'Host(`a`)', service: s}}\n    b: {{rule: 'Host(`a`)', service: s}}\n    \
         other: {{rule: 'Host(`a`)', service: s, priority: 5}}\n    c: {{rule: 'Host(`c`)', service: s, entryPoints: [web]}}\n    \
         d: {{rule: 'Host(`c`)', service: s, entryPoints: [websecure]}}\n{SERVICE}"
    );
    let found = findings(&[("file", &text)]);
    assert_eq!(
        lines(&found),
        [
            "FLD-GW-1029 4:15 routers `a@file`, `b@file` on entry point `web` have the same rule and the same priority 9"
        ]
    );
    assert_eq!(found.iter().next().unwrap().labels.len(), 2);
}

#[test]
fn a_router_for_tls_does_not_meet_one_without() {
    let text = format!(
        "http:\n  routers:\n    a: {{rule: 'Host(`a`)', service: s, entryPoints: [web]}}\n    \
         b: {{rule: 'Host(`a`)', service: s, entryPoints: [web], tls: {{}}}}\n{SERVICE}"
    );
    assert_eq!(file(&text), Vec::<String>::new());
}

#[test]
fn tls_settings_are_looked_at() {
    let text = "tls:\n  certificates:\n    - certFile: a.pem\n    - {certFile: a.pem, keyFile: a.key, stores: [mine]}\n\
                \x20 options:\n    a: {minVersion: VersionTLS10}\n    b: {minVersion: VersionTLS13, maxVersion: VersionTLS12}\n    c: {minVersion: TLS12}\n\
                \x20   d: {cipherSuites: [TLS_RSA_WITH_AES_128_CBC_SHA, TLS_AES_128_GCM_SHA256]}\n    e: {clientAuth: {clientAuthType: RequireAndVerifyClientCert}}\n    f: {maxVersion: VersionTLS11}\n\
                \x20 stores:\n    mine: {}\n";
    assert_eq!(
        file(text),
        [
            "FLD-GW-1030 3:7 the certificate has no `keyFile`",
            "FLD-GW-1034 4:50 the certificate is put into the store `mine`, and only `default` is used",
            "FLD-GW-1031 6:21 VersionTLS10 is not offered; the lowest version is VersionTLS12",
            "FLD-GW-1032 7:21 the lowest TLS version VersionTLS13 is above the highest VersionTLS12",
            "FLD-GW-1032 8:21 invalid TLS version: TLS12",
            "FLD-GW-1031 9:24 the cipher suite TLS_RSA_WITH_AES_128_CBC_SHA is not offered",
            "FLD-GW-1032 10:22 invalid clientAuthType: RequireAndVerifyClientCert, CAFiles is required",
            "FLD-GW-1032 11:21 no version up to VersionTLS11 is offered, so every handshake fails",
            "FLD-GW-1034 13:5 the store `mine@file` has no effect: only `default` is used",
        ]
    );
}

#[test]
fn two_providers_cannot_both_declare_the_default_options() {
    let options = "tls: {options: {default: {sniStrict: true}}}\n";
    assert_eq!(lines(&findings(&[("file", options)])), Vec::<String>::new());
    assert_eq!(
        lines(&findings(&[("file", options), ("http", options)])),
        ["FLD-GW-1033 1:17 Default TLS Options defined in multiple providers: [file http]"]
    );
}

#[test]
fn what_leads_back_to_itself_is_found() {
    let text = "http:\n  services:\n    a: {weighted: {services: [{name: b}]}}\n    b: {failover: {service: a, fallback: c}}\n\
                \x20   c: {loadBalancer: {servers: [{url: 'http://a'}]}}\n  middlewares:\n    m: {chain: {middlewares: [m]}}\n";
    assert_eq!(
        file(text),
        [
            "FLD-GW-1035 3:5 could not instantiate service a@file: recursion detected in a@file->b@file->a@file",
            "FLD-GW-1035 7:5 could not instantiate middleware m@file: recursion detected in m@file->m@file",
        ]
    );
}
