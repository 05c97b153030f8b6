//! What of a request the matchers see, and how host and path are brought into the form they are compared in.

use std::borrow::Cow;
use std::net::IpAddr;

use ::http::{HeaderMap, Method};

/// The part of a request that rules look at. All of it is borrowed; a look-up allocates nothing.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The method as sent.
    pub method: &'a Method,
    /// The host as [`canonical_host`] gives it: lower case, without port and trailing dot. Empty if there is none.
    pub host: &'a str,
    /// The path as [`routing_path`] gives it.
    pub path: &'a str,
    /// The raw query after `?`, if there is one.
    pub query: Option<&'a str>,
    /// The headers as sent.
    pub headers: &'a HeaderMap,
    /// The address of the peer; forwarded headers have no say.
    pub peer: IpAddr,
}

/// The host of a `Host` header or authority in the form rules compare: port and brackets removed, lower case, one
/// trailing dot dropped. Borrows when `raw` has that form already.
pub fn canonical_host(raw: &str) -> Cow<'_, str> {
    let host = without_port(raw.trim());
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

fn without_port(host: &str) -> &str {
    if let Some(bracketed) = host.strip_prefix('[') {
        return match bracketed.split_once(']') {
            Some((address, rest)) if rest.is_empty() || rest.starts_with(':') => address,
            _ => host,
        };
    }
    match host.split_once(':') {
        // Two colons without brackets: a bare IPv6 address.
        Some((name, port)) if !port.contains(':') => name,
        _ => host,
    }
}

/// The path that rules compare: percent-encoded reserved characters (RFC 3986 section 2.2, and `%` itself) stay
/// encoded with upper-case digits, all others are decoded. What is no valid encoding, or would not be UTF-8, stays.
/// Borrows when there is no `%`.
pub fn routing_path(raw: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'%', raw.as_bytes()) else {
        return Cow::Borrowed(raw);
    };
    let mut path = String::with_capacity(raw.len());
    path.push_str(&raw[..first]);
    let mut rest = &raw[first..];
    while !rest.is_empty() {
        let plain = memchr::memchr(b'%', rest.as_bytes()).unwrap_or(rest.len());
        path.push_str(&rest[..plain]);
        rest = &rest[plain..];
        let (run, length) = encoded_run(rest.as_bytes());
        push_decoded(&mut path, &run);
        if length == 0 && !rest.is_empty() {
            path.push('%');
            rest = &rest[1..];
        } else {
            rest = &rest[length..];
        }
    }
    Cow::Owned(path)
}

/// The bytes of the `%XX` triples that `text` starts with, and how long they are in the text.
fn encoded_run(text: &[u8]) -> (Vec<u8>, usize) {
    let mut run = Vec::new();
    for triple in text.chunks_exact(3) {
        let [b'%', high, low] = *triple else { break };
        let (Some(high), Some(low)) = (char::from(high).to_digit(16), char::from(low).to_digit(16)) else {
            break;
        };
        run.push((high * 16 + low) as u8);
    }
    let length = run.len() * 3;
    (run, length)
}

fn push_decoded(path: &mut String, run: &[u8]) {
    for chunk in run.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_reserved(c) { push_encoded(path, c as u8) } else { path.push(c) }
        }
        for &b in chunk.invalid() {
            push_encoded(path, b);
        }
    }
}

fn is_reserved(c: char) -> bool {
    matches!(
        c,
        ':' | '/'
            | '?'
            | '#'
            | '['
            | ']'
            | '@'
            | '!'
            | '$'
            | '&'
            | '\''
            | '('
            | ')'
            | '*'
            | '+'
            | ','
            | ';'
            | '='
            | '%'
    )
}

fn push_encoded(path: &mut String, b: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    path.push('%');
    path.push(char::from(DIGITS[usize::from(b >> 4)]));
    path.push(char::from(DIGITS[usize::from(b & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_lose_port_case_and_one_dot() {
        for (raw, host) in [
            ("a.b", "a.b"),
            ("A.b:80", "a.b"),
            ("a.b.", "a.b"),
            ("a.b.:80", "a.b"),
            ("a.b..", "a.b."),
            ("[::1]:8080", "::1"),
            ("[FE80::1]", "fe80::1"),
            ("::1", "::1"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("", ""),
            (":80", ""),
            ("[::1", "[::1"),
        ] {
            assert_eq!(canonical_host(raw), host, "{raw}");
        }
        assert!(matches!(canonical_host("a.b:80"), Cow::Borrowed("a.b")));
    }

    #[test]
    fn paths_keep_reserved_characters_encoded() {
        for (raw, path) in [
            ("/a/b", "/a/b"),
            ("/%61%2fb", "/a%2Fb"),
            ("/%25%2B%20x", "/%25%2B x"),
            ("/caf%c3%a9/", "/café/"),
            ("/%ff%41%c3", "/%FFA%C3"),
            ("/100%", "/100%"),
            ("/%zz%4", "/%zz%4"),
            ("/%%41", "/%A"),
            ("/é%41", "/éA"),
            ("/%e2%82%ac%3f", "/€%3F"),
        ] {
            assert_eq!(routing_path(raw), path, "{raw}");
        }
        assert!(matches!(routing_path("/plain"), Cow::Borrowed("/plain")));
    }

    proptest::proptest! {
        #[test]
        fn a_well_formed_path_is_settled_after_one_pass(raw in "(/|[0-9a-f]|é|%[0-9a-f]{2}){0,20}") {
            let once = routing_path(&raw).into_owned();
            proptest::prop_assert!(once.len() <= raw.len());
            proptest::prop_assert_eq!(&routing_path(&once), &once);
        }

        #[test]
        fn a_malformed_path_gives_a_path(raw in "(/|%|[0-9a-f]|é|%[0-9a-f]{2}){0,20}") {
            proptest::prop_assert!(routing_path(&raw).len() <= raw.len());
        }

        #[test]
        fn any_host_is_canonical_after_one_pass(raw in "[A-Za-z0-9.:\\[\\]]{0,20}") {
            proptest::prop_assert!(!canonical_host(&raw).bytes().any(|b| b.is_ascii_uppercase()));
        }
    }
}
