//! `redirectScheme`: redirects to another scheme or port.

use std::sync::Arc;

use fairlead_http::{BoxFuture, Middleware, Next, Request, Response};

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::codes;
use crate::location::{self, moved};
use crate::options::{Problem, json, options};

options! {
    /// Options of `redirectScheme`.
    pub(crate) struct RedirectScheme {
        /// Scheme of the new address.
        pub(crate) scheme: String,
        /// Port of the new address; the scheme's own when empty.
        pub(crate) port: String,
        /// Whether the move is for good: 301 and 308 instead of 302 and 307.
        pub(crate) permanent: bool,
    }
}

impl Options for RedirectScheme {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        let missing = self.scheme.is_empty();
        missing
            .then(|| Problem::new(&codes::MISSING, "scheme must not be empty").at("scheme"))
            .into_iter()
            .collect()
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        if self.scheme.is_empty() {
            return Err(BuildError::Invalid("scheme must not be empty".to_owned()));
        }
        let port = match (self.scheme.as_str(), self.port.as_str()) {
            (_, "") | ("http", "80") | ("https", "443") => String::new(),
            (_, port) => format!(":{port}"),
        };
        Ok(Built::Layer(Arc::new(Layer { scheme: self.scheme.clone(), port, permanent: self.permanent })))
    }
}

struct Layer {
    scheme: String,
    /// With its colon; empty when not written.
    port: String,
    permanent: bool,
}

impl Middleware for Layer {
    fn handle<'a>(&'a self, request: Request, next: Next<'a>) -> BoxFuture<'a, Response> {
        let scheme = client_scheme(&request);
        let (host, port) = location::split_host(request.host());
        let usual = matches!((scheme, port), ("http", Some("80")) | ("https", Some("443")) | (_, None));
        let port = if usual { String::new() } else { format!(":{}", port.unwrap_or_default()) };
        let old = format!("{scheme}://{host}{port}{}", request.uri);
        let new = format!("{}://{host}{}{}", self.scheme, self.port, request.uri);
        if new == old {
            return next.run(request);
        }
        moved(&new, &request.method, self.permanent)
    }
}

/// The scheme that the client used, as the hop before us tells it or the connection does.
fn client_scheme(request: &Request) -> &'static str {
    let told = request.headers.get("x-forwarded-proto").map_or(&b""[..], |value| value.as_bytes());
    match told.to_ascii_lowercase().as_slice() {
        b"http" | b"ws" => "http",
        b"https" | b"wss" => "https",
        _ => request.conn.scheme(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::harness::{body, get_with, header, layer, pass, request};

    #[test]
    fn addresses_move() {
        let to_port = layer("redirectScheme", json!({ "scheme": "https", "port": "8443" }));
        let plain = layer("redirectScheme", json!({ "scheme": "https", "port": "443", "permanent": true }));
        for (layer, host, target, expected) in [
            (&to_port, "h.example:1234", "/rs/a?b", "https://h.example:8443/rs/a?b"),
            (&to_port, "[::1]:80", "/", "https://[::1]:8443/"),
            (&plain, "h.example:80", "/a%2Fb", "https://h.example/a%2Fb"),
            (&plain, "h.example", "/", "https://h.example/"),
        ] {
            let (response, asked) = pass(layer, get_with(target, &[("host", host)]));
            assert!(asked.is_none());
            assert_eq!(header(&response.headers, "location"), expected);
        }
    }

    #[test]
    fn statuses_depend_on_the_method() {
        for (permanent, method, status, text) in [
            (false, "GET", 302, "Found"),
            (false, "POST", 307, "Temporary Redirect"),
            (true, "GET", 301, "Moved Permanently"),
            (true, "HEAD", 308, "Permanent Redirect"),
        ] {
            let layer = layer("redirectScheme", json!({ "scheme": "https", "permanent": permanent }));
            let (response, _) = pass(&layer, request(method, "/"));
            assert_eq!((response.status.as_u16(), body(&response).as_str()), (status, text));
            assert!(!response.headers.contains_key("content-type"));
        }
    }

    #[test]
    fn who_is_there_already_passes() {
        let layer = layer("redirectScheme", json!({ "scheme": "https" }));
        for (proto, passes) in
            [("https", true), ("WSS", true), ("http", false), ("ws", false), ("gopher", false)]
        {
            let (_, asked) = pass(&layer, get_with("/", &[("x-forwarded-proto", proto)]));
            assert_eq!(asked.is_some(), passes, "{proto}");
        }
    }
}
