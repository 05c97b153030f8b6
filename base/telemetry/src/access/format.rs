//! Values of the fields, and the two formats for people.

use std::io::Write as _;
use std::net::IpAddr;
use std::time::SystemTime;

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil::DateTime};

use super::Record;
use super::field::{Field, FieldMode, Fields};

pub(crate) const REDACTED: &str = "REDACTED";

/// A line in the making.
pub(crate) struct Line<'a> {
    pub(crate) record: &'a Record<'a>,
    pub(crate) fields: &'a Fields,
    /// Number of the request since start, from 1.
    pub(crate) count: u64,
    pub(crate) zone: &'a TimeZone,
}

/// The value of a field.
pub(crate) enum Value<'a> {
    /// Not to be shown.
    Absent,
    Text(&'a [u8]),
    Address(std::net::SocketAddr),
    Ip(IpAddr),
    Path(&'a str),
    Number(u64),
    Ratio(f64),
    Utc(SystemTime),
    Local(SystemTime),
}

impl<'a> Line<'a> {
    /// What to show for a field.
    pub(crate) fn value(&self, field: Field) -> Value<'a> {
        match (self.fields.core(field), self.raw(field)) {
            (FieldMode::Drop, _) | (_, Value::Absent) => Value::Absent,
            (FieldMode::Keep, value) => value,
            // Nobody.
            (FieldMode::Redact, value @ Value::Text(b"-")) => value,
            (FieldMode::Redact, Value::Text(_) | Value::Address(_) | Value::Ip(_) | Value::Path(_)) => {
                Value::Text(REDACTED.as_bytes())
            }
            (FieldMode::Redact, _) => Value::Absent,
        }
    }

    fn raw(&self, field: Field) -> Value<'a> {
        let record = self.record;
        let text = |value: Option<&'a str>| value.map_or(Value::Absent, |text| Value::Text(text.as_bytes()));
        let size_differs = record.size != record.origin_size;
        match field {
            Field::ClientAddr => Value::Address(record.client),
            Field::ClientHost => match record.request_headers.first("x-forwarded-for") {
                Some(value) if !value.is_empty() => Value::Text(value),
                _ => Value::Ip(record.client.ip()),
            },
            Field::ClientPort => Value::Number(record.client.port().into()),
            Field::ClientUsername => text(Some(record.user.unwrap_or("-"))),
            Field::DownstreamContentSize => Value::Number(record.size),
            Field::DownstreamStatus => Value::Number(record.status.into()),
            Field::Duration => nanos(record.duration),
            Field::GzipRatio if size_differs && record.size > 0 => {
                Value::Ratio(record.origin_size as f64 / record.size as f64)
            }
            Field::GzipRatio => Value::Absent,
            Field::OriginContentSize => Value::Number(record.origin_size),
            Field::OriginDuration => nanos(record.origin_duration),
            Field::OriginStatus => Value::Number(record.origin_status.into()),
            Field::Overhead => nanos(record.duration.saturating_sub(record.origin_duration)),
            Field::RequestAddr => text(Some(record.host)),
            Field::RequestContentSize => Value::Number(record.request_size),
            Field::RequestCount => Value::Number(self.count),
            Field::RequestHost => text(Some(host_port(record.host).0)),
            Field::RequestMethod => text(Some(record.method)),
            Field::RequestPath => Value::Path(record.path),
            Field::RequestPort => text(Some(host_port(record.host).1.unwrap_or("-"))),
            Field::RequestProtocol => text(Some(record.protocol)),
            Field::RequestScheme => text(Some(record.scheme)),
            Field::RetryAttempts => Value::Number(record.retries.into()),
            Field::RouterName => text(record.router),
            Field::ServiceAddr => text(record.service_url.map(authority)),
            Field::ServiceName => text(record.service),
            Field::ServiceUrl => text(record.service_url),
            Field::SpanId => text(record.trace.map(|(_, span)| span)),
            Field::StartLocal => Value::Local(record.start),
            Field::StartUtc => Value::Utc(record.start),
            Field::TlsCipher => text(record.tls.map(|(_, cipher)| cipher)),
            Field::TlsClientSubject => text(record.tls_client_subject),
            Field::TlsVersion => text(record.tls.map(|(version, _)| version)),
            Field::TraceId => text(record.trace.map(|(trace, _)| trace)),
        }
    }

    /// The path with its query, parameters dropped or redacted as configured.
    pub(crate) fn path(&self, path: &str, out: &mut Vec<u8>) {
        let Some((base, query)) = path.split_once('?').filter(|_| !self.fields.keeps_query()) else {
            out.extend_from_slice(path.as_bytes());
            return;
        };
        out.extend_from_slice(base.as_bytes());
        let mut separator = b'?';
        for pair in query.split('&') {
            let (name, value) =
                pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
            let mode = self.fields.query(name);
            if mode == FieldMode::Drop {
                continue;
            }
            out.push(separator);
            separator = b'&';
            match value {
                Some(_) if mode == FieldMode::Redact => {
                    out.extend_from_slice(name.as_bytes());
                    out.extend_from_slice(b"=REDACTED");
                }
                _ => out.extend_from_slice(pair.as_bytes()),
            }
        }
    }
}

/// `host - user [time] "METHOD path PROTO" status size "referer" "agent" count "router" "server" Nms`.
pub(crate) fn common(line: &Line<'_>, out: &mut Vec<u8>) {
    start(line, out);
    out.push(b' ');
    plain(line, Field::RequestCount, out);
    for field in [Field::RouterName, Field::ServiceUrl] {
        out.extend_from_slice(b" \"");
        let from = out.len();
        plain(line, field, out);
        escape_quotes(out, from);
        out.push(b'"');
    }
    let millis = match line.value(Field::Duration) {
        Value::Number(nanos) => nanos / 1_000_000,
        _ => 0,
    };
    let _ = writeln!(out, " {millis}ms");
}

/// `host - user [time] "METHOD path PROTO" status size "referer" "agent"`.
pub(crate) fn generic_clf(line: &Line<'_>, out: &mut Vec<u8>) {
    start(line, out);
    out.push(b'\n');
}

/// What both formats begin with.
fn start(line: &Line<'_>, out: &mut Vec<u8>) {
    plain(line, Field::ClientHost, out);
    out.extend_from_slice(b" - ");
    plain(line, Field::ClientUsername, out);
    out.extend_from_slice(b" [");
    match (line.value(Field::StartUtc), line.value(Field::StartLocal)) {
        (Value::Utc(at), _) => clf_time(at, &TimeZone::UTC, out),
        (_, Value::Local(at)) => clf_time(at, line.zone, out),
        _ => out.push(b'-'),
    }
    out.extend_from_slice(b"] \"");
    for (field, end) in
        [(Field::RequestMethod, b' '), (Field::RequestPath, b' '), (Field::RequestProtocol, b'"')]
    {
        plain(line, field, out);
        out.push(end);
    }
    for field in [Field::DownstreamStatus, Field::DownstreamContentSize] {
        out.push(b' ');
        plain(line, field, out);
    }
    for name in ["referer", "user-agent"] {
        out.extend_from_slice(b" \"");
        header(line, name, out);
        out.push(b'"');
    }
}

/// A field as text; `-` when it is not to be shown.
fn plain(line: &Line<'_>, field: Field, out: &mut Vec<u8>) {
    let from = out.len();
    match line.value(field) {
        Value::Text(text) => out.extend_from_slice(text),
        Value::Path(path) => line.path(path, out),
        Value::Number(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::Ip(ip) => drop(write!(out, "{ip}")),
        Value::Address(address) => drop(write!(out, "{address}")),
        Value::Ratio(ratio) => drop(write!(out, "{ratio}")),
        Value::Absent | Value::Utc(_) | Value::Local(_) => {}
    }
    if out.len() == from {
        out.push(b'-');
    }
    spoil_controls(&mut out[from..]);
}

/// A request header as text; `-` when absent or not to be shown.
fn header(line: &Line<'_>, name: &str, out: &mut Vec<u8>) {
    let from = out.len();
    match (line.fields.header(name), line.record.request_headers.first(name)) {
        (FieldMode::Keep, Some(value)) if !value.is_empty() => out.extend_from_slice(value),
        (FieldMode::Redact, Some(_)) => out.extend_from_slice(REDACTED.as_bytes()),
        _ => out.push(b'-'),
    }
    spoil_controls(&mut out[from..]);
    escape_quotes(out, from);
}

/// A control character must not start a line that its sender makes up.
fn spoil_controls(text: &mut [u8]) {
    text.iter_mut().filter(|byte| **byte < 0x20 && **byte != b'\t').for_each(|byte| *byte = b' ');
}

/// Puts a backslash before each quote from `from` on: nothing else is escaped, as in Traefik.
fn escape_quotes(out: &mut Vec<u8>, from: usize) {
    if out[from..].contains(&b'"') {
        let text = out.split_off(from);
        for byte in text {
            if byte == b'"' {
                out.push(b'\\');
            }
            out.push(byte);
        }
    }
}

/// `02/Jan/2006:15:04:05 -0700`.
fn clf_time(at: SystemTime, zone: &TimeZone, out: &mut Vec<u8>) {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (time, offset) = civil(at, zone);
    let month = MONTHS[(time.month() as usize + 11) % 12];
    let _ = write!(out, "{:02}/{month}/{:04}", time.day(), time.year());
    let _ = write!(out, ":{:02}:{:02}:{:02} ", time.hour(), time.minute(), time.second());
    let (sign, hours, minutes) = split(offset);
    let _ = write!(out, "{sign}{hours:02}{minutes:02}");
}

/// Go's `RFC3339Nano`, or `RFC3339` without the fraction: trailing zeros of the fraction are cut, and UTC is `Z`.
pub(crate) fn go_time(at: SystemTime, zone: &TimeZone, fraction: bool, out: &mut Vec<u8>) {
    let (time, offset) = civil(at, zone);
    let _ = write!(out, "{:04}-{:02}-{:02}T", time.year(), time.month(), time.day());
    let _ = write!(out, "{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    if fraction && time.subsec_nanosecond() > 0 {
        let _ = write!(out, ".{:09}", time.subsec_nanosecond());
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    if offset.seconds() == 0 {
        out.push(b'Z');
        return;
    }
    let (sign, hours, minutes) = split(offset);
    let _ = write!(out, "{sign}{hours:02}:{minutes:02}");
}

fn civil(at: SystemTime, zone: &TimeZone) -> (DateTime, Offset) {
    let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
    let offset = zone.to_offset(at);
    (offset.to_datetime(at), offset)
}

/// Sign, hours and minutes of an offset.
fn split(offset: Offset) -> (char, u32, u32) {
    let minutes = offset.seconds().unsigned_abs() / 60;
    (if offset.seconds() < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
}

fn nanos<'a>(duration: std::time::Duration) -> Value<'a> {
    Value::Number(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// `host:port` in two; brackets of an IPv6 address are cut off when a port follows.
fn host_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => {
            let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
            match bare {
                Some(bare) => (bare, Some(port)),
                None if name.contains(':') => (host, None),
                None => (name, Some(port)),
            }
        }
        _ => (host, None),
    }
}

/// The part of a URL between `//` and the path.
fn authority(url: &str) -> &str {
    let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}
