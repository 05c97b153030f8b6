//! Redirects: the new address as Go's `net/url` prints it, and the answer that carries it.

use fairlead_http::{BoxFuture, Response};
use http::{HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::path::Path;

/// What Go escapes in a fragment.
const FRAGMENT: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`');

/// The answer that sends a client to `address`: 302 or, when the move is for good, 301; 307 and 308 keep methods
/// other than GET. An address that is none is answered 502, as in Traefik.
pub(crate) fn moved<'a>(address: &str, method: &Method, permanent: bool) -> BoxFuture<'a, Response> {
    let status = match (permanent, method == Method::GET) {
        (false, true) => StatusCode::FOUND,
        (false, false) => StatusCode::TEMPORARY_REDIRECT,
        (true, true) => StatusCode::MOVED_PERMANENTLY,
        (true, false) => StatusCode::PERMANENT_REDIRECT,
    };
    let value = printed(address).and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok());
    let response = match value {
        Some(value) => {
            let mut response = Response::new(status).with_body(status.canonical_reason().unwrap_or_default());
            response.headers.insert(header::LOCATION, value);
            response
        }
        None => Response::new(StatusCode::BAD_GATEWAY).with_body("Bad Gateway"),
    };
    Box::pin(std::future::ready(response))
}

/// Host and port of a `Host` header. An IPv6 address keeps its brackets.
pub(crate) fn split_host(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// The address with its path and fragment escaped; `None` when it is no URL.
fn printed(address: &str) -> Option<String> {
    if address.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return None;
    }
    let (rest, fragment) = address.split_once('#').map_or((address, None), |(rest, end)| (rest, Some(end)));
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, end)| (rest, Some(end)));
    let start = authority_end(rest)?;
    let mut out = rest[..start].to_owned();
    out.push_str(&Path::parse(&rest[start..]).ok()?.encoded());
    if let Some(query) = query {
        out.push('?');
        out.push_str(query);
    }
    if let Some(fragment) = fragment {
        out.push('#');
        out.extend(utf8_percent_encode(fragment, FRAGMENT));
    }
    Some(out)
}

/// Where the path starts; `None` when what is before it is no authority.
fn authority_end(text: &str) -> Option<usize> {
    let Some(scheme) = text.find("//").filter(|at| *at == 0 || text[..*at].ends_with(':')) else {
        return Some(0);
    };
    let start = scheme + 2;
    let end = text[start..].find('/').map_or(text.len(), |at| start + at);
    let host = text[start..end].rsplit('@').next().unwrap_or_default();
    let closed = !host.starts_with('[') || host.contains(']');
    let plain = !host.bytes().any(|byte| b" <>\"^`{|}\\%".contains(&byte));
    (closed && plain).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_split_from_ports() {
        for (host, expected) in [
            ("a.example", ("a.example", None)),
            ("a.example:80", ("a.example", Some("80"))),
            ("[::1]:80", ("[::1]", Some("80"))),
            ("[::1]", ("[::1]", None)),
            ("::1", ("::1", None)),
            ("", ("", None)),
        ] {
            assert_eq!(split_host(host), expected);
        }
    }

    #[test]
    fn addresses_are_printed_as_urls() {
        for (address, expected) in [
            ("https://a.example/b?c d#e f", Some("https://a.example/b?c d#e%20f")),
            ("/a b", Some("/a%20b")),
            ("//h/a|b", Some("//h/a%7Cb")),
            ("https://h", Some("https://h")),
            ("https://u@h:1/%2F", Some("https://u@h:1/%2F")),
            ("https://a b/", None),
            ("https://[::1/", None),
            ("https://h/%zz", None),
            ("https://h/\r\nX: y", None),
        ] {
            assert_eq!(printed(address).as_deref(), expected, "{address}");
        }
    }
}
