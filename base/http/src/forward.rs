//! Headers between hops: what a proxy adds (`X-Forwarded-*`), what it must not pass on (hop-by-hop), and whom it believes.
//!
//! [`Forwarded::apply`] runs once when a request enters; [`to_backend`] and [`to_client`] run where the request leaves and the answer comes back.

use std::net::IpAddr;

use http::header::{self, Entry, HeaderName};
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

use crate::Request;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_SERVER: HeaderName = HeaderName::from_static("x-forwarded-server");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What an untrusted client may not claim. Underscore spellings are dropped too, since backends read them alike.
const CLAIMS: [&str; 11] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-forwarded-tls-client-cert",
    "x-forwarded-tls-client-cert-info",
    "x-forwarded-uri",
    "x-real-ip",
];

/// An entry point's policy on forwarded headers.
#[derive(Clone, Debug)]
pub struct Forwarded {
    /// Believe every client.
    pub insecure: bool,
    /// Believe clients in these networks.
    pub trusted: Vec<IpNet>,
    /// Headers that middlewares see although `Connection` names them; the backend does not. Lower case.
    pub connection: Vec<HeaderName>,
    /// Do not add the client to `X-Forwarded-For`.
    pub keep_forwarded_for: bool,
    /// Host name of this machine, for `X-Forwarded-Server`.
    pub server: Option<HeaderValue>,
}

/// Extension: `X-Forwarded-For` must be passed on as it is, or not at all.
#[derive(Clone, Copy, Debug)]
pub struct KeepForwardedFor;

impl Forwarded {
    /// Drops claims of untrusted clients and adds what the backend should know.
    pub fn apply(&self, request: &mut Request) {
        if !self.trusts(request.conn.peer.ip()) {
            drop_claims(&mut request.headers);
        }
        if self.keep_forwarded_for {
            request.extensions.insert(KeepForwardedFor);
        }
        remove_named_by_connection(&mut request.headers, &self.connection);
        let secure = request.conn.tls.is_some();
        let websocket = request.upgrade().is_some_and(|name| name.eq_ignore_ascii_case("websocket"));
        let proto = match (websocket, secure) {
            (false, false) => "http",
            (false, true) => "https",
            (true, false) => "ws",
            (true, true) => "wss",
        };
        let headers = &mut request.headers;
        headers.entry(X_REAL_IP).or_insert_with(|| request.conn.client_value().clone());
        let proto = headers.entry(X_FORWARDED_PROTO).or_insert(HeaderValue::from_static(proto));
        let secure = secure || *proto == "https" || *proto == "wss";
        if let Some(host) = headers.get(header::HOST).cloned() {
            headers.entry(X_FORWARDED_PORT).or_insert_with(|| forwarded_port(&host, secure));
            headers.entry(X_FORWARDED_HOST).or_insert(host);
        }
        if let Some(server) = &self.server {
            headers.insert(X_FORWARDED_SERVER, server.clone());
        }
    }

    /// Whether claims of this client are believed.
    #[must_use]
    pub fn trusts(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.insecure || self.trusted.iter().any(|net| net.contains(&client))
    }
}

/// Makes the headers fit for the backend: hop-by-hop headers go (an upgrade stays), `X-Forwarded-For` grows by the client.
pub fn to_backend(request: &mut Request) {
    if request.headers.keys().any(is_hop_by_hop) {
        end_hop(request);
    }
    if request.extensions.get::<KeepForwardedFor>().is_none() {
        append_forwarded_for(&mut request.headers, request.conn.client_value());
    }
}

fn end_hop(request: &mut Request) {
    let upgrade =
        request.upgrade().is_some().then(|| request.headers.get(header::UPGRADE).cloned()).flatten();
    let trailers = request.headers.get(header::TE).is_some_and(asks_for_trailers);
    remove_named_by_connection(&mut request.headers, &[]);
    remove_hop_by_hop(&mut request.headers);
    if trailers {
        request.headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if let Some(upgrade) = upgrade {
        request.headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        request.headers.insert(header::UPGRADE, upgrade);
    }
}

/// Makes the headers of an answer fit for the client. A 101 keeps its upgrade.
pub fn to_client(headers: &mut HeaderMap, switching: bool) {
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    let upgrade = if switching { headers.get(header::UPGRADE).cloned() } else { None };
    remove_named_by_connection(headers, &[]);
    remove_hop_by_hop(headers);
    if let Some(upgrade) = upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, upgrade);
    }
}

fn drop_claims(headers: &mut HeaderMap) {
    if !headers.keys().any(|name| matches!(name.as_str().as_bytes(), [b'x', b'-' | b'_', ..])) {
        return;
    }
    let claimed: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let text = name.as_str();
            CLAIMS.contains(&text)
                || (text.contains('_') && CLAIMS.contains(&text.replace('_', "-").as_str()))
        })
        .cloned()
        .collect();
    for name in claimed {
        headers.remove(name);
    }
}

fn forwarded_port(host: &HeaderValue, secure: bool) -> HeaderValue {
    let bytes = host.as_bytes();
    let port = memchr::memrchr(b':', bytes).map(|at| &bytes[at + 1..]);
    if let Some(port) = port
        && !port.is_empty()
        && port.iter().all(u8::is_ascii_digit)
        && let Ok(value) = HeaderValue::from_bytes(port)
    {
        return value;
    }
    HeaderValue::from_static(if secure { "443" } else { "80" })
}

fn append_forwarded_for(headers: &mut HeaderMap, client: &HeaderValue) {
    let mut entry = match headers.entry(X_FORWARDED_FOR) {
        Entry::Vacant(entry) => {
            entry.insert(client.clone());
            return;
        }
        Entry::Occupied(entry) => entry,
    };
    let mut list = Vec::with_capacity(64);
    for value in entry.iter() {
        list.extend_from_slice(value.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(client.as_bytes());
    if let Ok(value) = HeaderValue::from_bytes(&list) {
        entry.insert(value);
    }
}

fn asks_for_trailers(value: &HeaderValue) -> bool {
    value
        .to_str()
        .is_ok_and(|text| text.split(',').any(|token| token.trim().eq_ignore_ascii_case("trailers")))
}

/// Headers that `Connection` names belong to this hop (RFC 9110, 7.6.1); what the gateway itself says cannot be taken away so.
fn remove_named_by_connection(headers: &mut HeaderMap, keeps: &[HeaderName]) {
    let plain = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        bytes.eq_ignore_ascii_case(b"keep-alive") || bytes.eq_ignore_ascii_case(b"close")
    };
    if headers.get_all(header::CONNECTION).iter().all(plain) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|token| HeaderName::try_from(token.trim()).ok())
        .filter(|name| !keeps.contains(name) && !CLAIMS.contains(&name.as_str()))
        // These two have rules of their own.
        .filter(|name| *name != header::UPGRADE && *name != header::TE)
        .collect();
    for name in named {
        headers.remove(name);
    }
}

/// Headers that end here. `Trailer` stays: it announces what the body brings, and trailers are passed on.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    match *name {
        header::CONNECTION
        | header::PROXY_AUTHENTICATE
        | header::PROXY_AUTHORIZATION
        | header::TE
        | header::TRANSFER_ENCODING
        | header::UPGRADE => true,
        _ => is_old_connection_header(name),
    }
}

/// What `Connection` was called, or told, by those who came before RFC 7230.
pub(crate) fn is_old_connection_header(name: &HeaderName) -> bool {
    matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    while let Some(name) = headers.keys().find(|name| is_hop_by_hop(name)).cloned() {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{Method, Uri};

    use super::*;
    use crate::Conn;

    fn request(headers: &[(&str, &str)]) -> Request {
        let local = "127.0.0.1:80".parse().unwrap();
        let conn = Conn::new("web", "192.0.2.7:4711".parse().unwrap(), local, None);
        let mut request = Request::new(Method::GET, Uri::from_static("/"), Arc::new(conn));
        for (name, value) in headers {
            request
                .headers
                .append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        request
    }

    fn policy(trusted: &[&str]) -> Forwarded {
        Forwarded {
            insecure: false,
            trusted: trusted.iter().map(|net| net.parse().unwrap()).collect(),
            connection: Vec::new(),
            keep_forwarded_for: false,
            server: Some(HeaderValue::from_static("edge-1")),
        }
    }

    fn seen(request: &Request, name: &str) -> String {
        let values: Vec<_> = request.headers.get_all(name).iter().map(|v| v.to_str().unwrap()).collect();
        values.join("|")
    }

    #[test]
    fn an_untrusted_client_cannot_claim() {
        let mut asked = request(&[
            ("host", "a.example:8443"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x_forwarded_for", "1.2.3.4"),
            ("x-real-ip", "1.2.3.4"),
            ("x-forwarded-proto", "https"),
            ("x-mine", "stays"),
        ]);
        policy(&[]).apply(&mut asked);
        to_backend(&mut asked);
        assert_eq!(seen(&asked, "x-forwarded-for"), "192.0.2.7");
        assert_eq!(seen(&asked, "x_forwarded_for"), "");
        assert_eq!(seen(&asked, "x-real-ip"), "192.0.2.7");
        assert_eq!(seen(&asked, "x-forwarded-proto"), "http");
        assert_eq!(seen(&asked, "x-forwarded-port"), "8443");
        assert_eq!(seen(&asked, "x-forwarded-host"), "a.example:8443");
        assert_eq!(seen(&asked, "x-forwarded-server"), "edge-1");
        assert_eq!(seen(&asked, "x-mine"), "stays");
    }

    #[test]
    fn a_trusted_client_is_believed_and_appended() {
        let mut asked = request(&[
            ("host", "a.example"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-for", "5.6.7.8"),
            ("x-forwarded-proto", "https"),
        ]);
        policy(&["192.0.2.0/24"]).apply(&mut asked);
        to_backend(&mut asked);
        assert_eq!(seen(&asked, "x-forwarded-for"), "1.2.3.4, 5.6.7.8, 192.0.2.7");
        assert_eq!(seen(&asked, "x-forwarded-port"), "443");
    }

    #[test]
    fn hop_by_hop_headers_stay_here() {
        let mut asked = request(&[
            ("host", "a"),
            ("connection", "close, x-secret"),
            ("x-secret", "1"),
            ("te", "trailers, deflate"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic x"),
        ]);
        to_backend(&mut asked);
        for gone in ["connection", "x-secret", "keep-alive", "proxy-authorization"] {
            assert_eq!(seen(&asked, gone), "", "{gone}");
        }
        assert_eq!(seen(&asked, "te"), "trailers");
    }

    #[test]
    fn connection_keeps_what_the_policy_lists_for_middlewares() {
        let mut asked = request(&[("connection", "x-kept, x-gone"), ("x-kept", "1"), ("x-gone", "1")]);
        let mut policy = policy(&[]);
        policy.connection = vec![HeaderName::from_static("x-kept")];
        policy.apply(&mut asked);
        assert_eq!((seen(&asked, "x-kept"), seen(&asked, "x-gone")), ("1".into(), String::new()));
        to_backend(&mut asked);
        assert_eq!(seen(&asked, "x-kept"), "");
    }

    #[test]
    fn an_upgrade_passes() {
        let mut asked = request(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
        policy(&[]).apply(&mut asked);
        to_backend(&mut asked);
        assert_eq!(seen(&asked, "connection"), "Upgrade");
        assert_eq!(seen(&asked, "upgrade"), "websocket");
        assert_eq!(seen(&asked, "x-forwarded-proto"), "ws");
    }
}
