//! The JSON format: keys sorted by bytes and text escaped as Go's `encoding/json` does.

use jiff::tz::TimeZone;

use super::Headers;
use super::field::{Field, FieldMode};
use super::format::{Line, REDACTED, Value, go_time};

/// Writes one object and a line feed.
pub(crate) fn write(line: &Line<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for field in Field::ALL {
        core(line, *field, out);
    }
    headers(line, "downstream_", line.record.downstream_headers, out);
    if line.fields.entry_point_name != FieldMode::Drop {
        key(out, "", "entryPointName");
        text(out, line.record.entry_point.as_bytes());
    }
    key(out, "", "level");
    text(out, b"info");
    key(out, "", "msg");
    text(out, b"");
    headers(line, "origin_", line.record.origin_headers, out);
    headers(line, "request_", line.record.request_headers, out);
    // Traefik shows trace and span a second time under the names of OpenTelemetry.
    if let Some((trace, span)) = line.record.trace {
        key(out, "", "span_id");
        text(out, span.as_bytes());
        time(line, out);
        key(out, "", "trace_id");
        text(out, trace.as_bytes());
    } else {
        time(line, out);
    }
    out.extend_from_slice(b"}\n");
}

/// The moment of the line, in local time and seconds.
fn time(line: &Line<'_>, out: &mut Vec<u8>) {
    key(out, "", "time");
    quoted(out, |out| go_time(line.record.start + line.record.duration, line.zone, false, out));
}

fn core(line: &Line<'_>, field: Field, out: &mut Vec<u8>) {
    use std::io::Write as _;
    let value = line.value(field);
    if matches!(value, Value::Absent) {
        return;
    }
    key(out, "", field.name());
    match value {
        Value::Text(value) => text(out, value),
        Value::Address(address) => quoted(out, |out| drop(write!(out, "{address}"))),
        Value::Ip(ip) => quoted(out, |out| drop(write!(out, "{ip}"))),
        Value::Path(path) => {
            let mut shown = Vec::with_capacity(path.len());
            line.path(path, &mut shown);
            text(out, &shown);
        }
        // The port is text in Traefik's log.
        Value::Number(number) if field == Field::ClientPort => {
            quoted(out, |out| drop(write!(out, "{number}")));
        }
        Value::Number(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::Ratio(ratio) => drop(write!(out, "{ratio}")),
        Value::Utc(at) => quoted(out, |out| go_time(at, &TimeZone::UTC, true, out)),
        Value::Local(at) => quoted(out, |out| go_time(at, line.zone, true, out)),
        Value::Absent => {}
    }
}

/// Headers as fields with a prefix, names as Go spells them, values of one name joined by commas.
fn headers(line: &Line<'_>, prefix: &str, headers: &dyn Headers, out: &mut Vec<u8>) {
    if !line.fields.any_header() {
        return;
    }
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    headers.for_each(&mut |name, value| {
        let mode = line.fields.header(name);
        // Go keeps the host apart from the headers.
        if mode == FieldMode::Drop || name.eq_ignore_ascii_case("host") {
            return;
        }
        match all.last_mut().filter(|(last, _)| last.eq_ignore_ascii_case(name)) {
            Some(_) if mode == FieldMode::Redact => {}
            Some((_, joined)) => {
                joined.push(b',');
                joined.extend_from_slice(value);
            }
            None if mode == FieldMode::Redact => all.push((canonical(name), REDACTED.into())),
            None => all.push((canonical(name), value.to_vec())),
        }
    });
    all.sort_unstable();
    for (name, value) in &all {
        key(out, prefix, name);
        text(out, value);
    }
}

/// A header name as Go's `textproto` writes it: upper case at the start and after each hyphen.
fn canonical(name: &str) -> String {
    let mut upper = true;
    let spell = |c: char| {
        let spelt = if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        upper = c == '-';
        spelt
    };
    name.chars().map(spell).collect()
}

/// A key with its colon, and the comma before it. Names are tokens and need no escape.
fn key(out: &mut Vec<u8>, prefix: &str, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// A string: `<`, `>`, `&` and the line separators are escaped too, bytes that are no UTF-8 become `\ufffd`.
fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            escaped(out, c);
        }
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
    out.push(b'"');
}

fn escaped(out: &mut Vec<u8>, c: char) {
    use std::io::Write as _;
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        '\0'..'\u{20}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            let _ = write!(out, "\\u{:04x}", c as u32);
        }
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}
