//! `headers`: sets and removes headers, answers CORS pre-flight requests, adds security headers.
//!
//! Order as in Traefik: CORS looks at the request first, then the request headers change, then the security part may refuse;
//! on the way back the security headers are set, then the response headers change, then CORS adds its own.

mod cors;
mod secure;

use std::collections::BTreeMap;
use std::sync::Arc;

use fairlead_http::forward::KeepForwardedFor;
use fairlead_http::{BoxFuture, Middleware, Next, Request, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use self::cors::Cors;
use self::secure::Secure;
use crate::catalogue::{BuildError, Built, Context, Options};
use crate::codes;
use crate::options::{Problem, json, options};
use crate::regexp;

options! {
    /// Options of `headers`.
    pub(crate) struct Headers {
        /// Request headers to set; an empty value removes. `Host` is the host that the server sees.
        pub(crate) custom_request_headers: BTreeMap<String, String>,
        /// Response headers to set; an empty value removes.
        pub(crate) custom_response_headers: BTreeMap<String, String>,
        /// CORS: whether credentials may be sent. Makes `*` in the lists below mean whatever the client asks for.
        pub(crate) access_control_allow_credentials: bool,
        /// CORS: headers that may be sent.
        pub(crate) access_control_allow_headers: Vec<String>,
        /// CORS: methods that may be used.
        pub(crate) access_control_allow_methods: Vec<String>,
        /// CORS: origins that may call; `*` means all.
        pub(crate) access_control_allow_origin_list: Vec<String>,
        /// CORS: expressions for origins that may call.
        pub(crate) access_control_allow_origin_list_regex: Vec<String>,
        /// CORS: headers that scripts may read.
        pub(crate) access_control_expose_headers: Vec<String>,
        /// CORS: how long an answer to a pre-flight request holds, in seconds.
        pub(crate) access_control_max_age: Option<i64>,
        /// CORS: whether responses vary by `Origin`.
        pub(crate) add_vary_header: bool,
        /// Hosts that may be asked for, port included; all when empty.
        pub(crate) allowed_hosts: Vec<String>,
        /// Headers that may hold the host instead of `Host`.
        pub(crate) hosts_proxy_headers: Vec<String>,
        /// Headers and their values that tell of HTTPS before us.
        pub(crate) ssl_proxy_headers: BTreeMap<String, String>,
        /// `max-age` of `Strict-Transport-Security`; 0 means no header.
        pub(crate) sts_seconds: i64,
        /// Whether to add `includeSubDomains` to it.
        pub(crate) sts_include_subdomains: bool,
        /// Whether to add `preload` to it.
        pub(crate) sts_preload: bool,
        /// Whether to send it on plain HTTP too.
        #[serde(rename = "forceSTSHeader")]
        pub(crate) force_sts_header: bool,
        /// `X-Frame-Options: DENY`.
        pub(crate) frame_deny: bool,
        /// Another value of `X-Frame-Options`.
        pub(crate) custom_frame_options_value: String,
        /// `X-Content-Type-Options: nosniff`.
        pub(crate) content_type_nosniff: bool,
        /// `X-XSS-Protection: 1; mode=block`.
        pub(crate) browser_xss_filter: bool,
        /// Another value of `X-XSS-Protection`.
        #[serde(rename = "customBrowserXSSValue")]
        pub(crate) custom_browser_xss_value: String,
        /// `Content-Security-Policy`; `$NONCE` becomes a new nonce for each response.
        pub(crate) content_security_policy: String,
        /// `Content-Security-Policy-Report-Only`.
        pub(crate) content_security_policy_report_only: String,
        /// `Public-Key-Pins`, sent on HTTPS only.
        pub(crate) public_key: String,
        /// `Referrer-Policy`.
        pub(crate) referrer_policy: String,
        /// `Permissions-Policy`.
        pub(crate) permissions_policy: String,
        /// Whether to leave the checks of host and HTTPS out.
        pub(crate) is_development: bool,
        /// Deprecated, does nothing: use `permissionsPolicy`.
        pub(crate) feature_policy: Option<String>,
        /// Deprecated, does nothing: use `redirectScheme`.
        pub(crate) ssl_redirect: Option<bool>,
        /// Deprecated, does nothing: use `redirectScheme`.
        pub(crate) ssl_temporary_redirect: Option<bool>,
        /// Deprecated, does nothing: use `redirectRegex`.
        pub(crate) ssl_host: Option<String>,
        /// Deprecated, does nothing: use `redirectRegex`.
        pub(crate) ssl_force_host: Option<bool>,
    }
}

impl Options for Headers {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut found = self.bad_headers();
        let regexes = self.access_control_allow_origin_list_regex.iter().enumerate();
        found.extend(regexes.filter_map(|(index, expression)| {
            regexp::problem(expression)
                .map(|problem| problem.at("accessControlAllowOriginListRegex").at(index))
        }));
        found.extend(self.deprecated());
        if *self == Headers::default() {
            found.push(Problem::new(&codes::MISSING, "no option is set"));
        }
        found
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        if *self == Headers::default() {
            return Err(BuildError::Invalid("no option is set".to_owned()));
        }
        let layer = Layer {
            request: changes(&self.custom_request_headers).map_err(BuildError::Invalid)?,
            response: changes(&self.custom_response_headers).map_err(BuildError::Invalid)?,
            cors: Cors::new(self).map_err(BuildError::Invalid)?,
            secure: Secure::new(self).map_err(BuildError::Invalid)?,
        };
        Ok(Built::Layer(Arc::new(layer)))
    }
}

impl Headers {
    fn bad_headers(&self) -> Vec<Problem> {
        let maps = [
            ("customRequestHeaders", &self.custom_request_headers),
            ("customResponseHeaders", &self.custom_response_headers),
        ];
        let bad = |(option, map): (&'static str, &BTreeMap<String, String>)| {
            map.iter()
                .filter_map(|(name, value)| change(name, value).err())
                .map(|message| Problem::new(&codes::BAD_HEADER, message).at(option))
                .collect::<Vec<_>>()
        };
        let mut found: Vec<_> = maps.into_iter().flat_map(bad).collect();
        let parts = [Cors::new(self).err(), Secure::new(self).err()];
        let regexes_good =
            self.access_control_allow_origin_list_regex.iter().all(|text| regexp::compile(text).is_ok());
        found.extend(
            parts
                .into_iter()
                .flatten()
                .filter(|_| regexes_good)
                .map(|text| Problem::new(&codes::BAD_HEADER, text)),
        );
        found
    }

    fn deprecated(&self) -> Vec<Problem> {
        [
            (self.feature_policy.is_some(), "featurePolicy", "use permissionsPolicy"),
            (
                self.ssl_redirect.is_some(),
                "sslRedirect",
                "use redirectScheme or a redirection of the entry point",
            ),
            (self.ssl_temporary_redirect.is_some(), "sslTemporaryRedirect", "use redirectScheme"),
            (self.ssl_host.is_some(), "sslHost", "use redirectRegex"),
            (self.ssl_force_host.is_some(), "sslForceHost", "use redirectRegex"),
        ]
        .into_iter()
        .filter(|(is_set, ..)| *is_set)
        .map(|(_, option, help)| {
            let message = format!("{option} does nothing since Traefik 3");
            Problem::new(&codes::DEPRECATED, message).at(option).help(help)
        })
        .collect()
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A header to set, or to remove.
type Change = (HeaderName, Option<HeaderValue>);

fn changes(map: &BTreeMap<String, String>) -> Result<Vec<Change>, String> {
    map.iter().map(|(name, value)| change(name, value)).collect()
}

fn change(name: &str, value: &str) -> Result<Change, String> {
    let header = name.parse().map_err(|_| format!("`{name}` is not a header name"))?;
    if value.is_empty() {
        return Ok((header, None));
    }
    Ok((header, Some(header_value(name, value)?)))
}

/// A value that can be sent.
fn header_value(name: &str, value: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| format!("the value of `{name}` holds control characters"))
}

struct Layer {
    request: Vec<Change>,
    response: Vec<Change>,
    cors: Option<Cors>,
    secure: Option<Secure>,
}

impl Middleware for Layer {
    fn handle<'a>(&'a self, mut request: Request, next: Next<'a>) -> BoxFuture<'a, Response> {
        if let Some(response) = self.cors.as_ref().and_then(|cors| cors.preflight(&request)) {
            return Box::pin(std::future::ready(response));
        }
        self.change_request(&mut request);
        if self.response.is_empty() && self.cors.is_none() && self.secure.is_none() {
            return next.run(request);
        }
        Box::pin(async move {
            let origin = request.headers.get(header::ORIGIN).cloned();
            let mut response = match &self.secure {
                Some(secure) => secure.run(request, next).await,
                None => next.run(request).await,
            };
            apply(&self.response, &mut response.headers);
            if let Some(cors) = &self.cors {
                cors.mark(origin.as_ref(), &mut response.headers);
            }
            response
        })
    }
}

impl Layer {
    /// Changes the request. An empty `Host` stays as it is, since a request must have one; an empty `X-Forwarded-For` keeps the
    /// client's address from being added later.
    fn change_request(&self, request: &mut Request) {
        for (name, value) in &self.request {
            match value {
                Some(value) => drop(request.headers.insert(name, value.clone())),
                None if *name == header::HOST => {}
                None => {
                    request.headers.remove(name);
                    if *name == X_FORWARDED_FOR {
                        request.extensions.insert(KeepForwardedFor);
                    }
                }
            }
        }
    }
}

fn apply(changes: &[Change], headers: &mut HeaderMap) {
    for (name, value) in changes {
        match value {
            Some(value) => drop(headers.insert(name, value.clone())),
            None => drop(headers.remove(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use fairlead_http::{BoxFuture, Handler, Request, Response, forward};
    use http::StatusCode;
    use serde_json::json;

    use crate::harness::{Recorder, at_once, decode, get_with, header, layer, layer_in, pass, set};
    use crate::state::State;

    #[test]
    fn an_empty_forwarded_for_keeps_the_client_to_itself() {
        struct Backend;
        impl Handler for Backend {
            fn call(&self, mut request: Request) -> BoxFuture<'_, Response> {
                forward::to_backend(&mut request);
                let told = request.headers.contains_key("x-forwarded-for");
                let status = if told { StatusCode::BAD_REQUEST } else { StatusCode::OK };
                Box::pin(std::future::ready(Response::new(status)))
            }
        }
        let layer = layer("headers", json!({"customRequestHeaders": {"X-Forwarded-For": ""}}));
        let response = at_once(&layer, &Backend, get_with("/", &[("x-forwarded-for", "192.0.2.1")]));
        assert_eq!(response.status, StatusCode::OK);
    }

    #[test]
    fn request_headers_are_set_and_removed() {
        let layer = layer(
            "headers",
            json!({ "customRequestHeaders": { "X-A": "1", "X-Del": "", "Host": "changed.example" } }),
        );
        let (_, asked) =
            pass(&layer, get_with("/", &[("x-del", "1"), ("x-a", "old"), ("x-a", "older"), ("x-b", "b")]));
        let headers = asked.unwrap().headers;
        assert_eq!((header(&headers, "host"), header(&headers, "x-b")), ("changed.example", "b"));
        assert_eq!(headers.get_all("x-a").iter().count(), 1);
        assert!(!headers.contains_key("x-del"));
    }

    #[test]
    fn response_headers_win_over_security_headers() {
        let options = json!({ "customResponseHeaders": { "X-Backend": "", "X-New": "v", "X-Frame-Options": "mine" }, "frameDeny": true });
        let mut service = Recorder::default();
        set(&mut service.answer, "x-backend", "1");
        let response = at_once(&layer("headers", options), &service, get_with("/", &[]));
        assert!(!response.headers.contains_key("x-backend"));
        assert_eq!(header(&response.headers, "x-new"), "v");
        assert_eq!(header(&response.headers, "x-frame-options"), "mine");
    }

    #[test]
    fn an_empty_host_is_no_change() {
        let layer = layer("headers", json!({ "customRequestHeaders": { "Host": "" } }));
        let (_, asked) = pass(&layer, get_with("/", &[]));
        assert_eq!(header(&asked.unwrap().headers, "host"), "host.example");
    }

    #[test]
    fn options_are_checked_and_printed() {
        for (options, errors) in [
            (json!({}), true),
            (json!({ "customRequestHeaders": { "a b": "1" } }), true),
            (json!({ "customResponseHeaders": { "X": "a\nb" } }), true),
            (json!({ "accessControlAllowOriginListRegex": ["("] }), true),
            (json!({ "contentSecurityPolicy": "a\u{1}" }), true),
            (json!({ "sslRedirect": true, "frameDeny": true }), false),
        ] {
            let (_, findings) = decode("headers", &options);
            assert_eq!((findings.len(), findings.has_errors()), (1, errors), "{options} {findings:?}");
            assert_eq!(layer_in("headers", options, &State::new()).is_err(), errors);
        }
        let options = json!({ "customRequestHeaders": { "X": "" }, "stsSeconds": 10, "forceSTSHeader": true, "browserXssFilter": true });
        assert_eq!(decode("headers", &options).0.unwrap().json(), options);
    }
}
