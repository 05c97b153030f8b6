//! What an entry point does to every request before routing, as its static configuration says.

use fairlead_http::forward::Forwarded;
use fairlead_http::path::{self, DeniedEscapes};
use fairlead_http::{Request, Response};
use fairlead_model::statics::{EntryPoint, UnderscoreHeaders};
use http::header::HeaderName;
use http::{HeaderValue, StatusCode, Uri};

/// The clean-up of requests on one entry point.
#[derive(Debug)]
pub struct Policy {
    /// Whose `X-Forwarded-*` are believed, and what is added.
    pub forwarded: Forwarded,
    denied: DeniedEscapes,
    encode_semicolons: bool,
    sanitise: bool,
    underscores: UnderscoreHeaders,
}

impl Policy {
    /// The policy of `entry_point` on a machine called `hostname`. Networks that do not parse have been reported by the model's checks
    /// and count as not trusted.
    #[must_use]
    pub fn new(entry_point: &EntryPoint, keep_forwarded_for: bool, hostname: &str) -> Self {
        let options = &entry_point.forwarded_headers;
        let http = &entry_point.http;
        Policy {
            forwarded: Forwarded {
                insecure: options.insecure,
                trusted: options.trusted_ips.iter().filter_map(|text| parse_net(text)).collect(),
                connection: options
                    .connection
                    .iter()
                    .filter_map(|name| HeaderName::try_from(name.as_str()).ok())
                    .collect(),
                keep_forwarded_for: keep_forwarded_for || options.not_append_x_forwarded_for,
                server: HeaderValue::try_from(hostname).ok(),
            },
            denied: http.encoded_characters.as_ref().map_or_else(DeniedEscapes::default, |allowed| {
                DeniedEscapes {
                    slash: !allowed.allow_encoded_slash,
                    back_slash: !allowed.allow_encoded_back_slash,
                    null: !allowed.allow_encoded_null_character,
                    semicolon: !allowed.allow_encoded_semicolon,
                    percent: !allowed.allow_encoded_percent,
                    question_mark: !allowed.allow_encoded_question_mark,
                    hash: !allowed.allow_encoded_hash,
                }
            }),
            encode_semicolons: http.encode_query_semicolons,
            sanitise: http.sanitize_path,
            underscores: http.underscore_headers_strategy,
        }
    }

    /// Cleans a request, or answers it when it cannot be accepted.
    ///
    /// # Errors
    /// The answer to a request that is refused.
    pub fn admit(&self, request: &mut Request) -> Result<(), Box<Response>> {
        self.underscores(request)?;
        self.clean_target(request)?;
        self.forwarded.apply(request);
        Ok(())
    }

    /// The answer to a path with an escape that this entry point forbids.
    #[must_use]
    pub fn refuse_escapes(&self, request: &Request) -> Option<Response> {
        self.denied.find(request.path()).map(|_| Response::go_error(StatusCode::BAD_REQUEST, "Bad Request"))
    }

    fn underscores(&self, request: &mut Request) -> Result<(), Box<Response>> {
        if self.underscores == UnderscoreHeaders::Keep {
            return Ok(());
        }
        let named: Vec<HeaderName> =
            request.headers.keys().filter(|name| name.as_str().contains('_')).cloned().collect();
        if !named.is_empty() && self.underscores == UnderscoreHeaders::Reject {
            return Err(Box::new(Response::go_error(StatusCode::BAD_REQUEST, "Bad Request")));
        }
        for name in named {
            request.headers.remove(name);
        }
        Ok(())
    }

    fn clean_target(&self, request: &mut Request) -> Result<(), Box<Response>> {
        let raw = request.uri.path();
        if raw == "*" {
            return Ok(());
        }
        // The target of CONNECT is an authority.
        if raw.is_empty() {
            request.uri = Uri::from_static("/");
            return Ok(());
        }
        let normal = path::normalise(raw);
        let clean = if self.sanitise { path::sanitise(&normal) } else { normal.as_ref().into() };
        let query = request.uri.query().filter(|query| query.as_bytes().contains(&b';'));
        if clean == raw && query.is_none() {
            return Ok(());
        }
        let replacement = if self.encode_semicolons { "%3B" } else { "&" };
        let query = match query {
            Some(query) => Some(query.replace(';', replacement)),
            None => request.uri.query().map(str::to_owned),
        };
        let target = match query {
            Some(query) => format!("{clean}?{query}"),
            None => clean.into_owned(),
        };
        request.uri = Uri::builder()
            .path_and_query(target)
            .build()
            .map_err(|_| Box::new(Response::go_error(StatusCode::BAD_REQUEST, "Bad Request")))?;
        Ok(())
    }
}

/// A network, or an address as a network of one.
#[must_use]
pub fn parse_net(text: &str) -> Option<ipnet::IpNet> {
    text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(ipnet::IpNet::from))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fairlead_http::Conn;
    use http::Method;

    use super::*;

    fn request(target: &str) -> Request {
        let conn = Conn::new("web", "192.0.2.1:99".parse().unwrap(), "127.0.0.1:80".parse().unwrap(), None);
        Request::new(Method::GET, target.parse().unwrap(), Arc::new(conn))
    }

    fn admitted(policy: &Policy, target: &str) -> String {
        let mut request = request(target);
        assert!(policy.admit(&mut request).is_ok());
        request.uri.to_string()
    }

    #[test]
    fn targets_are_cleaned() {
        let policy = Policy::new(&EntryPoint::default(), false, "edge");
        for (target, expected) in [
            ("/a", "/a"),
            ("/a/../b?x=1", "/b?x=1"),
            ("/a%2fb", "/a%2Fb"),
            ("/?x=1;y=2", "/?x=1&y=2"),
            ("//a", "/a"),
        ] {
            assert_eq!(admitted(&policy, target), expected);
        }
    }

    #[test]
    fn semicolons_can_be_kept_as_data() {
        let mut entry_point = EntryPoint::default();
        entry_point.http.encode_query_semicolons = true;
        entry_point.http.sanitize_path = false;
        let policy = Policy::new(&entry_point, false, "edge");
        assert_eq!(admitted(&policy, "/a//b?x=1;y=2"), "/a//b?x=1%3By=2");
    }

    #[test]
    fn underscores_follow_the_strategy() {
        let mut entry_point = EntryPoint::default();
        for (strategy, kept, refused) in [
            (UnderscoreHeaders::Keep, true, false),
            (UnderscoreHeaders::Delete, false, false),
            (UnderscoreHeaders::Reject, true, true),
        ] {
            entry_point.http.underscore_headers_strategy = strategy;
            let policy = Policy::new(&entry_point, false, "edge");
            let mut asked = request("/");
            asked.headers.insert("x_a", HeaderValue::from_static("1"));
            assert_eq!(policy.admit(&mut asked).is_err(), refused);
            assert_eq!(asked.headers.contains_key("x_a"), kept);
        }
    }
}
