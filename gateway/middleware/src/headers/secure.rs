//! Security headers and the check of the host.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use fairlead_http::{Next, Request, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{Headers, header_value};

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const PUBLIC_KEY_PINS: HeaderName = HeaderName::from_static("public-key-pins");
const NONCE: &str = "$NONCE";

/// What the security options say.
pub(super) struct Secure {
    allowed_hosts: Vec<String>,
    host_headers: Vec<HeaderName>,
    https_headers: Vec<(HeaderName, HeaderValue)>,
    /// Sent always.
    always: Vec<(HeaderName, HeaderValue)>,
    /// Sent on HTTPS.
    on_https: Vec<(HeaderName, HeaderValue)>,
    /// Policies with a nonce.
    with_nonce: Vec<(HeaderName, String)>,
}

impl Secure {
    /// `None` when no option is about security.
    ///
    /// # Errors
    /// Which value cannot be used.
    pub(super) fn new(options: &Headers) -> Result<Option<Self>, String> {
        let mut secure = Secure {
            allowed_hosts: if options.is_development { Vec::new() } else { options.allowed_hosts.clone() },
            host_headers: names(options.hosts_proxy_headers.iter())?,
            https_headers: Vec::new(),
            always: Vec::new(),
            on_https: Vec::new(),
            with_nonce: Vec::new(),
        };
        for (name, value) in &options.ssl_proxy_headers {
            secure.https_headers.push((header_name(name)?, header_value(name, value)?));
        }
        for (name, text) in fixed(options) {
            match text {
                "" => {}
                text => secure.always.push((name.clone(), header_value(name.as_str(), text)?)),
            }
        }
        secure.add_policies(options)?;
        secure.add_https(options)?;
        let useless = secure.allowed_hosts.is_empty()
            && secure.always.is_empty()
            && secure.on_https.is_empty()
            && secure.with_nonce.is_empty();
        Ok((!useless).then_some(secure))
    }

    fn add_policies(&mut self, options: &Headers) -> Result<(), String> {
        for (name, policy) in [
            (header::CONTENT_SECURITY_POLICY, &options.content_security_policy),
            (header::CONTENT_SECURITY_POLICY_REPORT_ONLY, &options.content_security_policy_report_only),
        ] {
            let value = header_value(name.as_str(), policy)?;
            match policy.as_str() {
                "" => {}
                policy if policy.contains(NONCE) => self.with_nonce.push((name, policy.to_owned())),
                _ => self.always.push((name, value)),
            }
        }
        Ok(())
    }

    fn add_https(&mut self, options: &Headers) -> Result<(), String> {
        if options.is_development {
            return Ok(());
        }
        if options.sts_seconds != 0 {
            let sub_domains = if options.sts_include_subdomains { "; includeSubDomains" } else { "" };
            let preload = if options.sts_preload { "; preload" } else { "" };
            let text = format!("max-age={}{sub_domains}{preload}", options.sts_seconds);
            let header =
                (header::STRICT_TRANSPORT_SECURITY, header_value("Strict-Transport-Security", &text)?);
            if options.force_sts_header { self.always.push(header) } else { self.on_https.push(header) }
        }
        if !options.public_key.is_empty() {
            self.on_https.push((PUBLIC_KEY_PINS, header_value("Public-Key-Pins", &options.public_key)?));
        }
        Ok(())
    }

    /// Runs the rest for a host that is allowed and sets the headers of its response.
    pub(super) async fn run(&self, request: Request, next: Next<'_>) -> Response {
        if !self.allows(&request) {
            return Response::go_error(StatusCode::INTERNAL_SERVER_ERROR, "Bad Host");
        }
        let https = self.is_https(&request);
        let mut response = next.run(request).await;
        self.mark(https, &mut response.headers);
        response
    }

    fn allows(&self, request: &Request) -> bool {
        let told = self.host_headers.iter().find_map(|name| {
            request.headers.get(name).and_then(|value| value.to_str().ok()).filter(|host| !host.is_empty())
        });
        let host = told.unwrap_or_else(|| request.host());
        self.allowed_hosts.is_empty()
            || self.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    fn is_https(&self, request: &Request) -> bool {
        let told = |(name, value): &(HeaderName, HeaderValue)| request.headers.get(name) == Some(value);
        request.conn.tls.is_some() || self.https_headers.iter().any(told)
    }

    fn mark(&self, https: bool, headers: &mut HeaderMap) {
        for (name, value) in self.always.iter().chain(self.on_https.iter().filter(|_| https)) {
            headers.insert(name, value.clone());
        }
        if self.with_nonce.is_empty() {
            return;
        }
        let nonce = format!("'nonce-{}'", STANDARD_NO_PAD.encode(rand::random::<[u8; 16]>()));
        for (name, policy) in &self.with_nonce {
            if let Ok(value) = HeaderValue::from_bytes(policy.replace(NONCE, &nonce).as_bytes()) {
                headers.insert(name, value);
            }
        }
    }
}

/// Headers whose values do not depend on the request; empty ones are not sent.
fn fixed(options: &Headers) -> [(HeaderName, &str); 5] {
    let or = |custom: &'static str, is_set: bool| if is_set { custom } else { "" };
    let frame = match options.custom_frame_options_value.as_str() {
        "" => or("DENY", options.frame_deny),
        custom => custom,
    };
    let xss = match options.custom_browser_xss_value.as_str() {
        "" => or("1; mode=block", options.browser_xss_filter),
        custom => custom,
    };
    [
        (header::X_FRAME_OPTIONS, frame),
        (header::X_CONTENT_TYPE_OPTIONS, or("nosniff", options.content_type_nosniff)),
        (header::X_XSS_PROTECTION, xss),
        (header::REFERRER_POLICY, options.referrer_policy.as_str()),
        (PERMISSIONS_POLICY, options.permissions_policy.as_str()),
    ]
}

fn names<'n>(names: impl Iterator<Item = &'n String>) -> Result<Vec<HeaderName>, String> {
    names.map(|name| header_name(name)).collect()
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    name.parse().map_err(|_| format!("`{name}` is not a header name"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::harness::{body, get_with, header, layer, pass};

    #[test]
    fn fixed_headers() {
        let options = json!({
            "frameDeny": true, "contentTypeNosniff": true, "browserXssFilter": true, "stsSeconds": 10,
            "stsIncludeSubdomains": true, "stsPreload": true, "forceSTSHeader": true, "referrerPolicy": "no-referrer",
            "permissionsPolicy": "a=()", "contentSecurityPolicy": "default", "contentSecurityPolicyReportOnly": "ro",
            "publicKey": "pk",
        });
        let (response, _) = pass(&layer("headers", options), get_with("/", &[]));
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("x-xss-protection", "1; mode=block"),
            ("strict-transport-security", "max-age=10; includeSubDomains; preload"),
            ("referrer-policy", "no-referrer"),
            ("permissions-policy", "a=()"),
            ("content-security-policy", "default"),
            ("content-security-policy-report-only", "ro"),
            ("public-key-pins", ""),
        ] {
            assert_eq!(header(&response.headers, name), value, "{name}");
        }
        let custom = json!({ "frameDeny": true, "customFrameOptionsValue": "SAMEORIGIN", "customBrowserXSSValue": "0" });
        let (response, _) = pass(&layer("headers", custom), get_with("/", &[]));
        assert_eq!(header(&response.headers, "x-frame-options"), "SAMEORIGIN");
        assert_eq!(header(&response.headers, "x-xss-protection"), "0");
    }

    #[test]
    fn hosts_are_checked() {
        let options = json!({ "allowedHosts": ["good.example"], "hostsProxyHeaders": ["X-Host"], "customResponseHeaders": { "X-New": "v" }, "frameDeny": true });
        let layer = layer("headers", options);
        for (name, value, passes) in [
            ("host", "good.example", true),
            ("host", "good.example:80", false),
            ("host", "bad.example", false),
            ("x-host", "Good.example", true),
            ("x-host", "bad.example", false),
        ] {
            let (response, asked) = pass(&layer, get_with("/", &[(name, value)]));
            assert_eq!(asked.is_some(), passes, "{name}: {value}");
            assert_eq!(header(&response.headers, "x-new"), "v");
            if !passes {
                assert_eq!((response.status.as_u16(), body(&response).as_str()), (500, "Bad Host\n"));
                assert!(!response.headers.contains_key("x-frame-options"));
            }
        }
    }

    #[test]
    fn https_is_told_by_headers_and_development_turns_checks_off() {
        let proxied = json!({ "sslProxyHeaders": { "X-Forwarded-Proto": "https" }, "stsSeconds": 5, "publicKey": "pk" });
        for (proto, sts) in [("https", "max-age=5"), ("http", "")] {
            let (response, _) =
                pass(&layer("headers", proxied.clone()), get_with("/", &[("x-forwarded-proto", proto)]));
            assert_eq!(header(&response.headers, "strict-transport-security"), sts);
            assert_eq!(response.headers.contains_key("public-key-pins"), !sts.is_empty());
        }
        let development = json!({ "isDevelopment": true, "allowedHosts": ["x"], "stsSeconds": 5, "forceSTSHeader": true, "frameDeny": true });
        let (response, asked) = pass(&layer("headers", development), get_with("/", &[]));
        assert!(asked.is_some() && !response.headers.contains_key("strict-transport-security"));
    }

    #[test]
    fn each_response_has_its_own_nonce() {
        let layer =
            layer("headers", json!({ "contentSecurityPolicy": "script-src $NONCE; style-src $NONCE" }));
        let policy =
            || header(&pass(&layer, get_with("/", &[])).0.headers, "content-security-policy").to_owned();
        let (first, second) = (policy(), policy());
        assert_ne!(first, second);
        let nonce = first.strip_prefix("script-src 'nonce-").unwrap().split('\'').next().unwrap();
        assert_eq!(nonce.len(), 22);
        assert_eq!(first, format!("script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'"));
    }
}
