//! A log of a check: one JSON object a line, with the field names of the Elastic Common Schema.
//!
//! Every event of [`check`](crate::check::check()) is a line. The schema is `docs/reference/mirror-log.schema.json`.

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use super::{clean, telling};
use crate::check::{Event, Kind, Status, Verdict, What};

/// Version of the Elastic Common Schema that the names are from.
const ECS: &str = "8.11.0";

/// One line, with its line feed.
#[must_use]
pub fn line(event: &Event<'_>) -> String {
    let mut line = match event.what {
        What::Started => Line::new(event, "mirror-check-started", "info", "unknown"),
        What::Looked(layer) => {
            let (level, outcome) = match layer.status {
                Status::Failed => ("error", "failure"),
                Status::Warning => ("warn", "success"),
                Status::Skipped => ("debug", "unknown"),
                Status::Ok | Status::Info => ("info", "success"),
            };
            Line {
                duration: Some(nanoseconds(layer.took_ms)),
                layer: Some(&layer.name),
                status: Some(layer.status.word()),
                evidence: fields(&layer.evidence),
                ..Line::new(event, "mirror-layer", level, outcome)
            }
        }
        What::Finished(verdict) => of_verdict(event, verdict),
    };
    line.message = message(event);
    // Text and numbers only: nothing in it can fail.
    let mut text = serde_json::to_string(&line).unwrap_or_default();
    text.push('\n');
    text
}

/// The last line of a verdict, as when it was told; for verdicts without their events.
#[must_use]
pub fn verdict(verdict: &Verdict, at: Timestamp) -> String {
    line(&Event {
        url: &verdict.url,
        kind: verdict.kind,
        at,
        trace_id: &verdict.trace_id,
        span_id: &verdict.span_id,
        what: What::Finished(verdict),
    })
}

fn of_verdict<'a>(event: &Event<'a>, verdict: &'a Verdict) -> Line<'a> {
    let (level, outcome) = match verdict.exit_code {
        0 if verdict.path.iter().any(|edge| edge.reason.exit_code() != 0) => ("warn", "success"),
        0 => ("info", "success"),
        4 => ("warn", "failure"),
        _ => ("error", "failure"),
    };
    Line {
        duration: Some(nanoseconds(verdict.took_ms)),
        reason: telling(verdict).map(|edge| edge.reason.word()),
        state: Some(verdict.state.word()),
        exit_code: Some(verdict.exit_code),
        from_cache: Some(verdict.from_cache),
        evidence: telling(verdict).map(|edge| fields(&edge.evidence)).unwrap_or_default(),
        ..Line::new(event, "mirror-verdict", level, outcome)
    }
}

fn message(event: &Event<'_>) -> String {
    let url = event.url;
    clean(&match event.what {
        What::Started => format!("checking {url}"),
        What::Looked(layer) => format!("{url}: {} is {}", layer.name, layer.status.word()),
        What::Finished(verdict) => {
            let why = telling(verdict).map(|edge| format!(": {}", edge.text)).unwrap_or_default();
            format!("{url} is {}{why}", verdict.state.word())
        }
    })
}

fn nanoseconds(ms: u64) -> u64 {
    ms.saturating_mul(1_000_000)
}

fn fields(pairs: &[(String, String)]) -> Vec<Field<'_>> {
    pairs.iter().map(|(name, value)| Field { name, value }).collect()
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: String,
    #[serde(rename = "log.level")]
    level: &'static str,
    message: String,
    #[serde(rename = "ecs.version")]
    ecs: &'static str,
    #[serde(rename = "service.name")]
    service: &'static str,
    #[serde(rename = "trace.id")]
    trace: &'a str,
    #[serde(rename = "span.id")]
    span: &'a str,
    #[serde(rename = "event.kind")]
    kind: &'static str,
    #[serde(rename = "event.category")]
    category: [&'static str; 1],
    #[serde(rename = "event.action")]
    action: &'static str,
    #[serde(rename = "event.outcome")]
    outcome: &'static str,
    #[serde(rename = "event.duration", skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    #[serde(rename = "event.reason", skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(rename = "url.full")]
    url: &'a str,
    #[serde(rename = "url.scheme", skip_serializing_if = "Option::is_none")]
    scheme: Option<String>,
    #[serde(rename = "url.domain", skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(rename = "url.port", skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(rename = "url.path", skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(rename = "fairlead.mirror.kind")]
    mirror: Kind,
    #[serde(rename = "fairlead.mirror.state", skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(rename = "fairlead.mirror.layer", skip_serializing_if = "Option::is_none")]
    layer: Option<&'a str>,
    #[serde(rename = "fairlead.mirror.status", skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(rename = "fairlead.mirror.exit_code", skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
    #[serde(rename = "fairlead.mirror.from_cache", skip_serializing_if = "Option::is_none")]
    from_cache: Option<bool>,
    #[serde(rename = "fairlead.mirror.evidence", skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<Field<'a>>,
}

impl<'a> Line<'a> {
    fn new(event: &Event<'a>, action: &'static str, level: &'static str, outcome: &'static str) -> Self {
        let url = Url::parse(event.url).ok();
        Line {
            timestamp: format!("{:.3}", event.at),
            level,
            message: String::new(),
            ecs: ECS,
            service: "fairlead-mirror",
            trace: event.trace_id,
            span: event.span_id,
            kind: "event",
            category: ["network"],
            action,
            outcome,
            duration: None,
            reason: None,
            url: event.url,
            scheme: url.as_ref().map(|url| url.scheme().to_owned()),
            domain: url.as_ref().and_then(|url| url.host_str().map(str::to_owned)),
            port: url.as_ref().and_then(Url::port_or_known_default),
            path: url.as_ref().map(|url| url.path().to_owned()),
            mirror: event.kind,
            state: None,
            layer: None,
            status: None,
            exit_code: None,
            from_cache: None,
            evidence: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::tests::{active, untrusted};
    use super::*;

    const SCHEMA: &str = include_str!("../../../../docs/reference/mirror-log.schema.json");

    fn lines() -> Vec<String> {
        let (good, bad) = (active(), untrusted());
        let event = |what| Event {
            url: &bad.url,
            kind: bad.kind,
            at: bad.checked_at,
            trace_id: &bad.trace_id,
            span_id: &bad.span_id,
            what,
        };
        let mut lines = vec![line(&event(What::Started)), verdict(&good, good.checked_at)];
        lines.extend(bad.layers.iter().map(|layer| line(&event(What::Looked(layer)))));
        lines.push(line(&event(What::Finished(&bad))));
        lines
    }

    #[test]
    fn every_line_is_one_object_of_the_schema() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        for line in lines() {
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            let value: Value = serde_json::from_str(&line).unwrap();
            conforms(&schema, &value, "");
        }
        let broken = [
            ("trace.id", Value::from("123")),
            ("log.level", Value::from("loud")),
            ("event.duration", Value::from("long")),
            ("surprise", Value::from(1)),
        ];
        for (name, value) in broken {
            let mut line: Value = serde_json::from_str(&lines()[0]).unwrap();
            line[name] = value;
            let refused = std::panic::catch_unwind(|| conforms(&schema, &line, ""));
            assert!(refused.is_err(), "the schema says something about {name}");
        }
    }

    /// The part of JSON Schema that the file uses.
    fn conforms(schema: &Value, value: &Value, at: &str) {
        let is_type = match schema["type"].as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_u64(),
            "boolean" => value.is_boolean(),
            other => panic!("{at}: {other} is not looked at"),
        };
        assert!(is_type, "{at}: {value}");
        if let Some(pattern) = schema["pattern"].as_str() {
            assert!(regex::Regex::new(pattern).unwrap().is_match(value.as_str().unwrap()), "{at}: {value}");
        }
        if let Some(allowed) = schema["enum"].as_array() {
            assert!(allowed.contains(value), "{at}: {value}");
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(value.get(name.as_str().unwrap()).is_some(), "{at}: {name} is missing in {value}");
        }
        for (name, inner) in value.as_object().into_iter().flatten() {
            let known = schema["properties"].get(name).unwrap_or_else(|| panic!("{at}: {name} is not known"));
            conforms(known, inner, &format!("{at}.{name}"));
        }
        for inner in value.as_array().into_iter().flatten() {
            conforms(&schema["items"], inner, &format!("{at}[]"));
        }
    }

    #[test]
    fn a_line_has_no_secrets_and_no_controls() {
        let last = lines().pop().unwrap();
        let value: Value = serde_json::from_str(&last).unwrap();
        assert_eq!(value["@timestamp"], "2026-01-02T03:04:05.678Z");
        assert_eq!((&value["log.level"], &value["event.reason"]), (&"error".into(), &"pin-mismatch".into()));
        assert_eq!((&value["url.domain"], &value["url.port"]), (&"m.example".into(), &443.into()));
        assert_eq!(value["fairlead.mirror.exit_code"], 3);
        assert!(!value["message"].as_str().unwrap().contains('\u{1b}'));
    }
}
