//! A dynamic configuration with every option.

use fairlead_conf::{Duration, SignedDuration};
use fairlead_diag::Findings;
use fairlead_model::dynamic::http_service::{HealthMode, Strategy};
use fairlead_model::dynamic::{LoadBalancer, ServiceKind, TcpService};
use fairlead_model::{Dynamic, Merged};
use serde_json::{Value, json};

const FULL: &str = include_str!("dynamic_options.yml");

fn decode(text: &str) -> Dynamic {
    let node = fairlead_conf::yaml::parse(text, "dynamic.yml").unwrap();
    let mut findings = Findings::new();
    let dynamic = Dynamic::decode(&node, &mut findings);
    assert!(findings.is_empty(), "{findings:#?}");
    dynamic
}

fn load_balancer(dynamic: &Dynamic, name: &str) -> LoadBalancer {
    match &dynamic.http.services[name].value.kind {
        ServiceKind::LoadBalancer(balancer) => balancer.clone(),
        other => panic!("{name} is {}", other.word()),
    }
}

#[test]
fn every_option_is_taken() {
    let dynamic = decode(FULL);
    assert_eq!(dynamic.http.routers.len(), 2);
    assert_eq!(dynamic.http.services.len(), 5);
    let balancer = load_balancer(&dynamic, "balanced");
    assert_eq!(balancer.strategy, Strategy::P2c);
    assert_eq!(balancer.response_forwarding.flush_interval, SignedDuration::from_millis(-1));
    assert_eq!(balancer.health_check.as_ref().unwrap().mode, HealthMode::Grpc);
    assert_eq!(balancer.health_check.unwrap().unhealthy_interval, Some(Duration::from_secs(2)));
    assert!(dynamic.http.routers["small"].value.tls.is_some());
    assert!(matches!(&dynamic.tcp.services["db"].value, TcpService::LoadBalancer(_)));
    assert_eq!(dynamic.tls.certificates.len(), 1);
}

/// What was read and printed again is what was written, so no option is lost or renamed on the way.
#[test]
fn what_is_printed_is_what_was_written() {
    let dynamic = decode(FULL);
    let written: Value = fairlead_conf::yaml::parse(FULL, "dynamic.yml").unwrap().to_json();
    same_objects(&dynamic.http.routers, &written["http"]["routers"]);
    same_objects(&dynamic.http.services, &written["http"]["services"]);
    same_objects(&dynamic.http.servers_transports, &written["http"]["serversTransports"]);
    same_objects(&dynamic.tcp.routers, &written["tcp"]["routers"]);
    same_objects(&dynamic.tcp.services, &written["tcp"]["services"]);
    same_objects(&dynamic.tcp.servers_transports, &written["tcp"]["serversTransports"]);
    same_objects(&dynamic.udp.routers, &written["udp"]["routers"]);
    same_objects(&dynamic.udp.services, &written["udp"]["services"]);
    same_objects(&dynamic.tls.options, &written["tls"]["options"]);
    same_objects(&dynamic.tls.stores, &written["tls"]["stores"]);
}

fn same_objects<T: serde::Serialize>(objects: &fairlead_model::Objects<T>, written: &Value) {
    for (name, object) in objects {
        let printed = serde_json::to_value(object).unwrap();
        let mut faults = Vec::new();
        compare(name, &written[&**name], &printed, &mut faults);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

/// Every written leaf must be printed with its spelling; what is false or zero may be left out.
fn compare(path: &str, written: &Value, printed: &Value, faults: &mut Vec<String>) {
    match (written, printed) {
        (Value::Object(written), Value::Object(printed)) => {
            for (key, value) in written {
                let path = format!("{path}.{key}");
                match printed.get(key) {
                    Some(found) => compare(&path, value, found, faults),
                    None if matches!(value, Value::Bool(false)) || *value == json!(0) => {}
                    None => faults.push(format!("{path} is not printed")),
                }
            }
        }
        (Value::Array(written), Value::Array(printed)) if written.len() == printed.len() => {
            for (index, (written, printed)) in written.iter().zip(printed).enumerate() {
                compare(&format!("{path}[{index}]"), written, printed, faults);
            }
        }
        // A section that is switched on prints as a map.
        (Value::Bool(true), Value::Object(_)) => {}
        _ if written == printed => {}
        _ => faults.push(format!("{path}: {written} is printed as {printed}")),
    }
}

#[test]
fn defaults_are_those_of_traefik() {
    let dynamic = decode(
        "http:\n  services:\n    s: {loadBalancer: {servers: [{url: 'http://a'}], healthCheck: {path: /}, passiveHealthCheck: {}, sticky: {cookie: {}}}}\n    \
         m: {mirroring: {service: s, mirrors: [{name: s}]}}\n    f: {failover: {service: s, fallback: s, errors: {}}}\n    w: {weighted: {services: [{name: s}]}}\n\
         \x20 serversTransports: {t: {}}\ntcp:\n  services: {s: {loadBalancer: {servers: [{address: 'a:1'}], healthCheck: {}}}}\n  serversTransports: {t: {proxyProtocol: {}}}\n\
         tls: {options: {o: {}}}\n",
    );
    let print = |name: &str| serde_json::to_value(&dynamic.http.services[name]).unwrap();
    insta::assert_json_snapshot!(
        "service_defaults",
        json!({ "s": print("s"), "m": print("m"), "f": print("f"), "w": print("w") })
    );
    insta::assert_json_snapshot!("http_transport_defaults", dynamic.http.servers_transports["t"]);
    insta::assert_json_snapshot!(
        "tcp_defaults",
        json!([dynamic.tcp.services["s"], dynamic.tcp.servers_transports["t"]])
    );
    insta::assert_json_snapshot!("tls_options_defaults", dynamic.tls.options["o"]);
}

#[test]
fn labels_make_the_same_objects_as_files() {
    let flags: Vec<String> = [
        "--http.routers.r.rule=Host(`a`)",
        "--http.routers.r.entrypoints=web,websecure",
        "--http.routers.r.tls=true",
        "--http.routers.r.tls.domains[0].main=a",
        "--http.services.s.loadbalancer.servers[0].url=http://a",
        "--tls.certificates[0].certFile=a.pem",
        "--tls.certificates[0].keyFile=a.key",
    ]
    .map(str::to_owned)
    .to_vec();
    let node = fairlead_conf::flags::parse(&flags).unwrap();
    let mut findings = Findings::new();
    let dynamic = Dynamic::decode(&node, &mut findings);
    assert!(findings.is_empty(), "{findings:#?}");
    let router = &dynamic.http.routers["r"].value;
    assert_eq!(router.entry_points, ["web", "websecure"]);
    assert_eq!(router.tls.as_ref().unwrap().domains[0].main, "a");
    assert_eq!(load_balancer(&dynamic, "s").servers[0].url, "http://a");
    assert_eq!(dynamic.tls.certificates.len(), 1);
}

#[test]
fn providers_are_merged_under_qualified_names() {
    let file = decode(
        "http: {routers: {a: {rule: x, service: s}}}\ntls: {options: {default: {sniStrict: true}, o: {}}}\n",
    );
    let docker = decode("http: {routers: {a: {rule: y, service: s}}}\ntcp: {routers: {t: {rule: x}}}\n");
    let merged = Merged::from_providers([("file", &file), ("docker", &docker)]);
    assert_eq!(merged.http.routers.keys().map(|name| &**name).collect::<Vec<_>>(), ["a@file", "a@docker"]);
    assert_eq!(merged.tls.options.keys().map(|name| &**name).collect::<Vec<_>>(), ["o@file", "default"]);
    assert!(merged.tls.options["default"].value.sni_strict);
    assert!(std::sync::Arc::ptr_eq(&merged.http.routers["a@file"], &file.http.routers["a"]));
    let rivals = Merged::from_providers([("file", &file), ("other", &file)]);
    assert!(!rivals.tls.options.contains_key("default"));
    assert_eq!(rivals.rivals.options.len(), 2);
}

/// The table of options without effect must not name what does not exist. Options of middlewares are not in the sample.
#[test]
fn options_without_effect_are_options() {
    fn exists(value: &Value, path: &[&str]) -> bool {
        let [step, rest @ ..] = path else { return true };
        let Some(entries) = value.as_object() else { return false };
        entries.iter().any(|(key, value)| (*step == "*" || key == step) && exists(value, rest))
    }
    let written = fairlead_conf::yaml::parse(FULL, "dynamic.yml").unwrap().to_json();
    for option in fairlead_model::not_yet::DYNAMIC {
        let path: Vec<&str> = option.path.split('.').collect();
        assert!(path.contains(&"middlewares") || exists(&written, &path), "{}", option.path);
    }
}
