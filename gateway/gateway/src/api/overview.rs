//! `/api/overview`: how many of everything there are and how they do.

use serde_json::{Value, json};

use super::objects::Objects;

pub(super) fn overview(objects: &Objects<'_>) -> Value {
    let statics = &objects.shared.statics;
    let of = |section: &str, kind: &str| counts(&objects.other(section, kind).unwrap_or_default());
    let prometheus = statics.metrics.as_ref().is_some_and(|metrics| metrics.prometheus.is_some());
    json!({
        "http": {
            "routers": counts(&objects.routers()),
            "services": counts(&objects.services()),
            "middlewares": counts(&objects.middlewares()),
        },
        "tcp": {
            "routers": of("tcp", "routers"),
            "services": of("tcp", "services"),
            "middlewares": of("tcp", "middlewares"),
        },
        "udp": { "routers": of("udp", "routers"), "services": of("udp", "services") },
        "certificates": counts(&objects.certificates()),
        "features": {
            "tracing": "",
            "metrics": if prometheus { "Prometheus" } else { "" },
            "accessLog": statics.access_log.is_some(),
        },
        "providers": providers(objects),
    })
}

fn counts(objects: &[Value]) -> Value {
    let with = |word: &str| objects.iter().filter(|object| object["status"] == word).count();
    json!({ "total": objects.len(), "warnings": with("warning"), "errors": with("disabled") })
}

fn providers(objects: &Objects<'_>) -> Vec<String> {
    let names = objects.shared.providers();
    names.iter().map(|(name, _)| capitalised(name)).collect()
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
