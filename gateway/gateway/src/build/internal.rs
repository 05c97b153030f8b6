//! The `internal` provider: routers that the static configuration asks for (API, ping, metrics, redirections).

use std::sync::Arc;

use fairlead_conf::{Entry, Node, Value};
use fairlead_diag::Origin;
use fairlead_model::dynamic::{Dynamic, Middleware, Object, Router};
use fairlead_model::statics::{EntryPoint, Prometheus, Static};

/// Largest priority there is.
const HIGHEST: i64 = i64::MAX;

/// The internal objects of a static configuration, under plain names.
#[must_use]
pub fn dynamic(statics: &Static) -> Dynamic {
    let mut dynamic = Dynamic::default();
    if let Some(ping) = statics.ping.as_ref().filter(|ping| !ping.manual_routing) {
        add_router(&mut dynamic, "ping", "PathPrefix(`/ping`)", &ping.entry_point, HIGHEST);
        add_router(&mut dynamic, "ready", "Path(`/ready`)", &ping.entry_point, HIGHEST);
    }
    if let Some(api) = statics.api.as_ref().filter(|api| api.insecure) {
        let rule = format!("PathPrefix(`{}/api`)", api.base_path.trim_end_matches('/'));
        add_router(&mut dynamic, "api", &rule, "traefik", HIGHEST - 1);
    }
    if let Some(prometheus) = prometheus(statics) {
        add_router(&mut dynamic, "prometheus", "PathPrefix(`/metrics`)", &prometheus.entry_point, HIGHEST);
    }
    for (name, entry_point) in &statics.entry_points {
        redirection(&mut dynamic, statics, name, entry_point);
    }
    dynamic
}

/// The exporter, unless its router is the user's own.
fn prometheus(statics: &Static) -> Option<&Prometheus> {
    statics.metrics.as_ref()?.prometheus.as_ref().filter(|metrics| !metrics.manual_routing)
}

fn add_router(dynamic: &mut Dynamic, name: &str, rule: &str, entry_point: &str, priority: i64) {
    let router = Router {
        entry_points: vec![entry_point.to_owned()],
        service: format!("{name}@internal"),
        rule: rule.to_owned(),
        priority,
        ..Router::default()
    };
    let key = format!("{rule} {entry_point}");
    dynamic.http.routers.insert(name.into(), Object::internal(router, &key));
}

/// The router and middleware behind `http.redirections.entryPoint`.
fn redirection(dynamic: &mut Dynamic, statics: &Static, name: &str, entry_point: &EntryPoint) {
    let Some(redirect) = &entry_point.http.redirections.entry_point else { return };
    let Some(port) = target_port(statics, &redirect.to) else { return };
    let target = redirect.to.trim_start_matches(':');
    let middleware = format!("redirect-{name}-to-{target}");
    let options = map([
        ("scheme", redirect.scheme.clone()),
        ("port", port),
        ("permanent", redirect.permanent.to_string()),
    ]);
    let object = Object::new(
        Middleware { kind: "redirectScheme".into(), options: Arc::new(options.clone()) },
        &options,
        Origin::Internal,
    );
    dynamic.http.middlewares.insert(middleware.as_str().into(), object);
    let router = Router {
        entry_points: vec![name.to_owned()],
        middlewares: vec![middleware],
        service: "noop@internal".to_owned(),
        rule: "HostRegexp(`^.+$`)".to_owned(),
        priority: redirect.priority,
        ..Router::default()
    };
    let key = format!("{name} {target} {}", redirect.priority);
    dynamic.http.routers.insert(format!("{name}-to-{target}").into(), Object::internal(router, &key));
}

/// The port of a redirection: that of the entry point named, or the one written as `:443`.
fn target_port(statics: &Static, to: &str) -> Option<String> {
    if let Some(port) = to.strip_prefix(':') {
        return Some(port.to_owned());
    }
    statics.entry_points.get(to).map(|target| target.address.port.to_string())
}

fn map(entries: impl IntoIterator<Item = (&'static str, String)>) -> Node {
    let entry = |(key, text): (&'static str, String)| Entry {
        key: key.into(),
        key_origin: Origin::Internal,
        node: Node::scalar(text, true, Origin::Internal),
    };
    Node { origin: Origin::Internal, value: Value::Map(entries.into_iter().map(entry).collect()) }
}
