//! `whoami@internal`: echoes the request, as text, and as JSON on `/api`, as the well-known whoami image does.

use std::fmt::Write as _;

use fairlead_http::{BoxFuture, Handler, Request, Response, forward};
use http::{HeaderMap, StatusCode, Version, header};
use serde_json::{Map, Value, json};

/// The echo.
#[derive(Debug)]
pub struct Whoami {
    hostname: String,
}

impl Whoami {
    /// An echo that introduces itself as `hostname`.
    #[must_use]
    pub fn new(hostname: impl Into<String>) -> Self {
        Whoami { hostname: hostname.into() }
    }

    fn answer(&self, request: &Request) -> Response {
        if request.path() == "/api" {
            return Response::new(StatusCode::OK)
                .with_header(header::CONTENT_TYPE, "application/json")
                .with_body(self.json(request).to_string());
        }
        Response::text(StatusCode::OK, self.text(request))
    }

    fn text(&self, request: &Request) -> String {
        let mut out = String::with_capacity(512);
        let _ = writeln!(out, "Hostname: {}", self.hostname);
        let _ = writeln!(out, "IP: {}", request.conn.local.ip().to_canonical());
        let _ = writeln!(out, "RemoteAddr: {}", request.conn.peer);
        let _ = writeln!(out, "{} {} {}", request.method, request.uri, version(request.version));
        let _ = writeln!(out, "Host: {}", request.host());
        for (name, values) in canonical(&request.headers) {
            for value in values {
                let _ = writeln!(out, "{name}: {}", value.as_str().unwrap_or_default());
            }
        }
        out
    }

    fn json(&self, request: &Request) -> Value {
        let headers: Map<String, Value> = canonical(&request.headers)
            .into_iter()
            .map(|(name, values)| (name, Value::Array(values)))
            .collect();
        json!({
            "hostname": self.hostname,
            "ip": [request.conn.local.ip().to_canonical().to_string()],
            "headers": headers,
            "url": request.uri.to_string(),
            "host": request.host(),
            "method": request.method.as_str(),
            "remoteAddr": request.conn.peer.to_string(),
        })
    }
}

impl Handler for Whoami {
    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        let mut request = request;
        forward::to_backend(&mut request);
        let response = self.answer(&request);
        Box::pin(std::future::ready(response))
    }
}

/// Headers but `Host`, sorted, in the spelling that people know.
fn canonical(headers: &HeaderMap) -> Vec<(String, Vec<Value>)> {
    let mut names: Vec<_> = headers.keys().filter(|name| *name != header::HOST).collect();
    names.sort_by_key(|name| name.as_str());
    names
        .into_iter()
        .map(|name| {
            let values = headers.get_all(name).iter();
            (
                title_case(name.as_str()),
                values.map(|v| String::from_utf8_lossy(v.as_bytes()).into()).collect(),
            )
        })
        .collect()
}

fn title_case(name: &str) -> String {
    let mut start = true;
    name.chars()
        .map(|c| {
            let shown = if start { c.to_ascii_uppercase() } else { c };
            start = c == '-';
            shown
        })
        .collect()
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fairlead_http::Conn;
    use http::{HeaderValue, Method, Uri};

    use super::*;

    fn asked(path: &'static str) -> Request {
        let conn = Conn::new("web", "192.0.2.1:99".parse().unwrap(), "127.0.0.1:80".parse().unwrap(), None);
        let mut request = Request::new(Method::GET, Uri::from_static(path), Arc::new(conn));
        request.headers.insert(header::HOST, HeaderValue::from_static("a.test"));
        request.headers.insert("x-real-ip", HeaderValue::from_static("192.0.2.1"));
        request
    }

    #[tokio::test]
    async fn echoes_as_text() {
        let response = Whoami::new("me").call(asked("/x?y=1")).await;
        let text = response.body.collect(4096).await.unwrap();
        let expected = "Hostname: me\nIP: 127.0.0.1\nRemoteAddr: 192.0.2.1:99\nGET /x?y=1 HTTP/1.1\nHost: a.test\nX-Forwarded-For: 192.0.2.1\nX-Real-Ip: 192.0.2.1\n";
        assert_eq!(text, expected);
    }

    #[tokio::test]
    async fn echoes_as_json() {
        let response = Whoami::new("me").call(asked("/api")).await;
        let body: Value = serde_json::from_slice(&response.body.collect(4096).await.unwrap()).unwrap();
        assert_eq!(body["headers"]["X-Real-Ip"], json!(["192.0.2.1"]));
        assert_eq!((&body["host"], &body["method"]), (&json!("a.test"), &json!("GET")));
    }
}
