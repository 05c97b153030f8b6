//! Writing heads and chunks.
//!
//! Names are written as Go writes them (`Content-Type`, `X-Real-Ip`), because some old readers compare case;
//! `Sec-WebSocket-…` keeps the spelling of RFC 6455.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::{Reject, body, head, names};
use crate::server::date;

/// What the end of every chunk is.
pub(crate) const CHUNK_END: &[u8] = b"\r\n";

/// How the body that follows a head is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPlan {
    /// Not at all.
    None,
    /// Exactly so many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
    /// As it comes; closing is its end.
    UntilClose,
}

/// What the request and the connection ask of a response head.
#[derive(Clone, Copy, Debug)]
pub struct ResponseFacts {
    /// The client speaks 1.0.
    pub http10: bool,
    /// The request was HEAD.
    pub to_head: bool,
    /// The connection may stay open.
    pub keep_alive: bool,
}

/// Writes a final response head (or 101); `length` is that of the body when it is known. Returns how to send the body,
/// and whether the connection stays open. Framing fields in `headers` are replaced by our own; a declared length counts
/// where the body's is not known.
pub fn encode_response(
    out: &mut Vec<u8>,
    status: StatusCode,
    headers: &HeaderMap,
    length: Option<u64>,
    facts: ResponseFacts,
) -> (BodyPlan, bool) {
    out.reserve(256 + headers.len() * 40);
    status_line(out, status, facts.http10);
    let seen = response_fields(out, headers);
    let plan = response_plan(status, length.or(seen.length), facts);
    // The length that a GET would have had, or what a cache holds.
    let declared = match plan {
        BodyPlan::Length(length) => Some(length),
        BodyPlan::None if status == 304 => seen.length,
        BodyPlan::None if facts.to_head => seen.length.or(length.filter(|length| *length > 0)),
        BodyPlan::None if status == 204 || status.is_informational() => None,
        BodyPlan::None => Some(0),
        BodyPlan::Chunked | BodyPlan::UntilClose => None,
    };
    if let Some(length) = declared {
        content_length(out, length);
    } else if plan == BodyPlan::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    let keep_alive = facts.keep_alive && !seen.close && plan != BodyPlan::UntilClose;
    out.extend_from_slice(match (status, keep_alive) {
        (StatusCode::SWITCHING_PROTOCOLS, _) => b"Connection: Upgrade\r\n",
        (_, false) => b"Connection: close\r\n",
        (_, true) if facts.http10 => b"Connection: keep-alive\r\n",
        (_, true) => b"",
    });
    if !seen.date && status != StatusCode::SWITCHING_PROTOCOLS {
        out.extend_from_slice(b"Date: ");
        out.extend_from_slice(date::now().as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    (plan, keep_alive)
}

fn response_plan(status: StatusCode, length: Option<u64>, facts: ResponseFacts) -> BodyPlan {
    if facts.to_head || status.is_informational() || status == 204 || status == 304 {
        return BodyPlan::None;
    }
    match length {
        Some(0) => BodyPlan::None,
        Some(length) => BodyPlan::Length(length),
        None if facts.http10 => BodyPlan::UntilClose,
        None => BodyPlan::Chunked,
    }
}

/// What the fields of a response said that we write ourselves.
#[derive(Default)]
struct Seen {
    length: Option<u64>,
    date: bool,
    close: bool,
}

fn response_fields(out: &mut Vec<u8>, headers: &HeaderMap) -> Seen {
    let mut seen = Seen::default();
    for (name, value) in headers {
        match *name {
            header::CONTENT_LENGTH => seen.length = head::content_length(value),
            header::CONNECTION => seen.close |= head::lists(value, b"close"),
            header::TRANSFER_ENCODING => {}
            _ => {
                seen.date |= *name == header::DATE;
                field(out, name, value);
            }
        }
    }
    seen
}

/// Writes an interim response head.
pub fn encode_interim(out: &mut Vec<u8>, status: StatusCode, headers: &HeaderMap) {
    status_line(out, status, false);
    for (name, value) in headers {
        if !matches!(*name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::CONNECTION) {
            field(out, name, value);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the whole answer to a request that was refused, as Go's server words it.
pub fn encode_refusal(out: &mut Vec<u8>, reject: Reject) {
    let mut text = Vec::with_capacity(64);
    number(&mut text, reject.status().as_u16().into());
    text.push(b' ');
    text.extend_from_slice(reason(reject.status()).as_bytes());
    if let Some(detail) = reject.detail() {
        text.extend_from_slice(b": ");
        text.extend_from_slice(detail.as_bytes());
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(&text);
    out.extend_from_slice(b"\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n");
    out.extend_from_slice(&text);
}

/// Writes a request head of version 1.1, `host` first. `length` is that of the body when it is known. Framing fields in
/// `headers` are replaced by our own. Returns how to send the body.
pub fn encode_request(
    out: &mut Vec<u8>,
    method: &Method,
    target: &str,
    headers: &HeaderMap,
    length: Option<u64>,
) -> BodyPlan {
    out.reserve(128 + target.len() + headers.len() * 48);
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    out.extend_from_slice(headers.get(header::HOST).map_or(b"", HeaderValue::as_bytes));
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        if !matches!(*name, header::HOST | header::CONTENT_LENGTH | header::TRANSFER_ENCODING) {
            field(out, name, value);
        }
    }
    let plan = match length {
        Some(0) => BodyPlan::None,
        Some(length) => BodyPlan::Length(length),
        None => BodyPlan::Chunked,
    };
    match plan {
        BodyPlan::Length(length) => content_length(out, length),
        BodyPlan::None if matches!(*method, Method::POST | Method::PUT | Method::PATCH) => {
            content_length(out, 0);
        }
        BodyPlan::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        BodyPlan::None | BodyPlan::UntilClose => {}
    }
    out.extend_from_slice(b"\r\n");
    plan
}

/// Writes the line before the data of a chunk; `size` is not 0.
pub fn encode_chunk_start(out: &mut Vec<u8>, size: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let first = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    out.extend((0..first).rev().map(|place| DIGITS[size >> (4 * place) & 15]));
    out.extend_from_slice(b"\r\n");
}

/// Writes the last chunk and the trailer section. Fields that may not stand there are left out.
pub fn encode_last_chunk(out: &mut Vec<u8>, trailers: Option<&HeaderMap>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flatten() {
        if body::is_trailer_name(name) {
            field(out, name, value);
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn status_line(out: &mut Vec<u8>, status: StatusCode, http10: bool) {
    out.extend_from_slice(if http10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    number(out, status.as_u16().into());
    out.push(b' ');
    match status.canonical_reason() {
        Some(reason) => out.extend_from_slice(reason.as_bytes()),
        None => {
            out.extend_from_slice(b"status code ");
            number(out, status.as_u16().into());
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("")
}

fn field(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    match names::written(name) {
        Some(start) => out.extend_from_slice(start),
        None => {
            canonical_name(out, name.as_str().as_bytes());
            out.extend_from_slice(b": ");
        }
    }
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(super) fn canonical_name(out: &mut Vec<u8>, name: &[u8]) {
    let start = out.len();
    out.extend_from_slice(name);
    let written = &mut out[start..];
    let mut upper = true;
    for byte in written.iter_mut() {
        if upper {
            byte.make_ascii_uppercase();
        }
        upper = *byte == b'-';
    }
    if written.starts_with(b"Sec-Websocket-") {
        written[7] = b'S';
    }
}

fn content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"Content-Length: ");
    number(out, length);
    out.extend_from_slice(b"\r\n");
}

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_sizes_are_hexadecimal() {
        for size in [1, 9, 15, 16, 255, 256, 4096, 65_535, usize::MAX] {
            let mut out = Vec::new();
            encode_chunk_start(&mut out, size);
            assert_eq!(out, format!("{size:x}\r\n").into_bytes());
        }
    }

    #[test]
    fn names_are_canonical() {
        for (name, written) in [
            ("content-type", "Content-Type"),
            ("x-real-ip", "X-Real-Ip"),
            ("sec-websocket-key", "Sec-WebSocket-Key"),
            ("etag", "Etag"),
            ("x--y-", "X--Y-"),
        ] {
            let mut out = Vec::new();
            canonical_name(&mut out, name.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), written);
        }
    }

    #[test]
    fn refusals_read_as_those_of_go() {
        for (reject, line) in [
            (Reject::Line, "400 Bad Request"),
            (Reject::NoHost, "400 Bad Request: missing required Host header"),
            (Reject::TooLarge, "431 Request Header Fields Too Large"),
        ] {
            let mut out = Vec::new();
            encode_refusal(&mut out, reject);
            let expected = format!(
                "HTTP/1.1 {line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{line}"
            );
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
