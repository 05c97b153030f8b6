//! Options of older versions, which Traefik v3 refuses.

use std::borrow::Cow;

use fairlead_conf::{Node, Value};
use fairlead_diag::{Finding, Findings};

use crate::codes;

/// A path of keys, where `*` stands for any, and what to do instead.
struct Removed {
    path: &'static [&'static str],
    instead: &'static str,
}

const fn removed(path: &'static [&'static str], instead: &'static str) -> Removed {
    Removed { path, instead }
}

const TRACER: &str = "tracing is sent to an OpenTelemetry collector; use `tracing.otlp`";
const CA_OPTIONAL: &str = "remove it; it never had an effect on the client's side of TLS";

const REMOVED: &[Removed] = &[
    removed(&["pilot"], "remove it; the service behind it is gone"),
    removed(&["hub"], "remove it; this section belongs to another product"),
    removed(&["experimental", "hub"], "remove it; this section belongs to another product"),
    removed(&["experimental", "http3"], "remove it; HTTP/3 is switched on by `entryPoints.<name>.http3`"),
    removed(&["experimental", "devPlugin"], "use `experimental.localPlugins`"),
    removed(&["providers", "marathon"], "remove it; Marathon is no longer a provider"),
    removed(&["providers", "rancher"], "remove it; use the Kubernetes providers"),
    removed(&["providers", "docker", "swarmMode"], "use `providers.swarm`"),
    removed(&["providers", "docker", "swarmModeRefreshSeconds"], "use `providers.swarm.refreshSeconds`"),
    removed(&["providers", "consul", "namespace"], "use `providers.consul.namespaces`, a list"),
    removed(&["providers", "consulCatalog", "namespace"], "use `providers.consulCatalog.namespaces`, a list"),
    removed(&["providers", "nomad", "namespace"], "use `providers.nomad.namespaces`, a list"),
    removed(&["providers", "*", "tls", "caOptional"], CA_OPTIONAL),
    removed(&["providers", "*", "endpoint", "tls", "caOptional"], CA_OPTIONAL),
    removed(&["metrics", "influxDB"], "use `metrics.influxDB2`"),
    removed(&["tracing", "jaeger"], TRACER),
    removed(&["tracing", "zipkin"], TRACER),
    removed(&["tracing", "datadog"], TRACER),
    removed(&["tracing", "instana"], TRACER),
    removed(&["tracing", "haystack"], TRACER),
    removed(&["tracing", "elastic"], TRACER),
    removed(&["tracing", "spanNameLimit"], "remove it; names of spans are not cut"),
];

/// The tree without removed options, each of which becomes a finding.
pub(super) fn without_removed<'a>(node: &'a Node, findings: &mut Findings) -> Cow<'a, Node> {
    let mut node = Cow::Borrowed(node);
    for option in REMOVED {
        if reaches(&node, option.path) {
            take_out(node.to_mut(), option.path, &mut Vec::new(), option, findings);
        }
    }
    node
}

fn matches(step: &str, key: &str) -> bool {
    step == "*" || step.eq_ignore_ascii_case(key)
}

fn reaches(node: &Node, path: &[&str]) -> bool {
    let [step, rest @ ..] = path else { return true };
    node.entries().iter().any(|entry| matches(step, &entry.key) && reaches(&entry.node, rest))
}

fn take_out(
    node: &mut Node,
    path: &[&str],
    way: &mut Vec<String>,
    option: &Removed,
    findings: &mut Findings,
) {
    let ([step, rest @ ..], Value::Map(entries)) = (path, &mut node.value) else { return };
    entries.retain_mut(|entry| {
        if !matches(step, &entry.key) {
            return true;
        }
        way.push(entry.key.to_string());
        if rest.is_empty() {
            let message = format!("`{}` is an option of an older version", way.join("."));
            findings.push(
                Finding::new(&codes::REMOVED_OPTION, message).at(&entry.key_origin).help(option.instead),
            );
        } else {
            take_out(&mut entry.node, rest, way, option, findings);
        }
        way.pop();
        !rest.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::yaml;

    #[test]
    fn says_what_took_the_place_and_goes_on() {
        let node = yaml(
            "pilot: {token: x}\nproviders:\n  docker:\n    swarmMode: true\n    network: web\n    tls: {caOptional: true}\n",
        );
        let mut findings = Findings::new();
        let left = without_removed(&node, &mut findings);
        let found: Vec<_> = findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            found,
            [
                "`pilot` is an option of an older version",
                "`providers.docker.swarmMode` is an option of an older version",
                "`providers.docker.tls.caOptional` is an option of an older version",
            ]
        );
        assert_eq!(findings.iter().nth(1).unwrap().help.as_deref(), Some("use `providers.swarm`"));
        assert_eq!(left.at(&["providers", "docker", "network"]).unwrap().text(), Some("web"));
        assert!(left.at(&["providers", "docker", "swarmMode"]).is_none());
    }

    #[test]
    fn a_tree_without_them_is_not_copied() {
        let node = yaml("api: {}\n");
        assert!(matches!(without_removed(&node, &mut Findings::new()), Cow::Borrowed(_)));
    }
}
