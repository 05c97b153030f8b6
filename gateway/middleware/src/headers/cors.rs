//! Cross-origin requests, as the Fetch standard defines them (fetch.spec.whatwg.org, 3.3).

use fairlead_http::{Request, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use regex::Regex;

use super::{Headers, header_value};
use crate::regexp;

/// What the CORS options say.
pub(super) struct Cors {
    credentials: bool,
    headers: Listed,
    methods: Listed,
    origins: Vec<String>,
    origin_regexes: Vec<Regex>,
    expose: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
    vary: bool,
}

/// A list of what is allowed.
enum Listed {
    Nothing,
    Text(HeaderValue),
    /// `*` with credentials: whatever is asked for.
    Asked,
}

impl Cors {
    /// `None` when no option is about CORS.
    ///
    /// # Errors
    /// Which value cannot be used.
    pub(super) fn new(options: &Headers) -> Result<Option<Self>, String> {
        let credentials = options.access_control_allow_credentials;
        let none = !credentials
            && options.access_control_allow_headers.is_empty()
            && options.access_control_allow_methods.is_empty()
            && options.access_control_allow_origin_list.is_empty()
            && options.access_control_allow_origin_list_regex.is_empty()
            && options.access_control_expose_headers.is_empty()
            && options.access_control_max_age.is_none()
            && !options.add_vary_header;
        if none {
            return Ok(None);
        }
        let exposed = &options.access_control_expose_headers;
        let expose = match joined("accessControlExposeHeaders", exposed)? {
            Some(_) if credentials && has_star(exposed) => None,
            value => value,
        };
        let regexes = options.access_control_allow_origin_list_regex.iter();
        Ok(Some(Cors {
            credentials,
            headers: Listed::new(
                "accessControlAllowHeaders",
                &options.access_control_allow_headers,
                credentials,
            )?,
            methods: Listed::new(
                "accessControlAllowMethods",
                &options.access_control_allow_methods,
                credentials,
            )?,
            origins: options.access_control_allow_origin_list.clone(),
            origin_regexes: regexes.map(|text| regexp::compile(text)).collect::<Result<_, _>>()?,
            expose,
            max_age: options.access_control_max_age.map(HeaderValue::from),
            vary: options.add_vary_header,
        }))
    }

    /// The answer to a pre-flight request; `None` for any other.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        let asked = &request.headers;
        let origin = asked.get(header::ORIGIN).filter(|origin| !origin.is_empty())?;
        let method = asked.get(header::ACCESS_CONTROL_REQUEST_METHOD).filter(|method| !method.is_empty())?;
        if request.method != Method::OPTIONS {
            return None;
        }
        let mut response = Response::new(StatusCode::OK);
        let headers = &mut response.headers;
        let asked_headers = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
        set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, self.headers.value(asked_headers));
        set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.value(Some(method)));
        set(headers, header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        self.allow(Some(origin), headers);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        Some(response)
    }

    /// Marks a response.
    pub(super) fn mark(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        self.allow(origin, headers);
        if self.vary {
            vary_by_origin(headers);
        }
    }

    fn allow(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, self.allowed_origin(origin));
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, self.expose.clone());
    }

    fn allowed_origin(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        let text = origin.and_then(|origin| origin.to_str().ok()).unwrap_or_default();
        for allowed in &self.origins {
            match allowed.as_str() {
                "*" if self.credentials => return origin.cloned(),
                "*" => return Some(HeaderValue::from_static("*")),
                allowed if allowed == text && !text.is_empty() => return origin.cloned(),
                _ => {}
            }
        }
        let matched = !text.is_empty() && self.origin_regexes.iter().any(|regex| regex.is_match(text));
        if matched { origin.cloned() } else { None }
    }
}

impl Listed {
    fn new(option: &str, list: &[String], credentials: bool) -> Result<Self, String> {
        if credentials && has_star(list) {
            return Ok(Listed::Asked);
        }
        Ok(joined(option, list)?.map_or(Listed::Nothing, Listed::Text))
    }

    fn value(&self, asked: Option<&HeaderValue>) -> Option<HeaderValue> {
        match self {
            Listed::Nothing => None,
            Listed::Text(text) => Some(text.clone()),
            Listed::Asked => asked.cloned(),
        }
    }
}

fn has_star(list: &[String]) -> bool {
    list.iter().any(|item| item == "*")
}

fn joined(option: &str, list: &[String]) -> Result<Option<HeaderValue>, String> {
    let text = list.join(",");
    if text.is_empty() { Ok(None) } else { header_value(option, &text).map(Some) }
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value);
    }
}

/// Adds `Origin` to `Vary`, in one line.
fn vary_by_origin(headers: &mut HeaderMap) {
    let lines: Vec<_> = headers.get_all(header::VARY).iter().map(|line| line.as_bytes()).collect();
    let mut all = lines.join(&b","[..]);
    if all.split(|byte| *byte == b',').any(|name| name.trim_ascii().eq_ignore_ascii_case(b"origin")) {
        return;
    }
    if !all.is_empty() {
        all.push(b',');
    }
    all.extend_from_slice(b"Origin");
    set(headers, header::VARY, HeaderValue::from_bytes(&all).ok());
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::{Value, json};

    use crate::harness::{Recorder, at_once, body, layer, request, set};

    /// The answer's headers as `name: value`, and whether the service was asked.
    fn ask(options: &Value, method: &str, headers: &[(&str, &str)]) -> (Vec<String>, bool) {
        let mut request = request(method, "/");
        for (name, value) in headers {
            set(&mut request.headers, name, value);
        }
        let mut service = Recorder::default();
        set(&mut service.answer, "vary", "Accept");
        let response = at_once(&layer("headers", options.clone()), &service, request);
        assert_eq!((response.status.as_u16(), body(&response).as_str()), (200, ""));
        let asked = !service.asked.lock().unwrap().is_empty();
        (shown(&response.headers), asked)
    }

    fn shown(headers: &HeaderMap) -> Vec<String> {
        let short = |name: &str| name.replace("access-control-", "");
        let mut lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{}: {}", short(name.as_str()), value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines
    }

    const PREFLIGHT: &[(&str, &str)] = &[("origin", "https://a"), ("access-control-request-method", "PATCH")];
    const WITH_HEADERS: &[(&str, &str)] = &[
        ("origin", "https://a"),
        ("access-control-request-method", "PATCH"),
        ("access-control-request-headers", "X-Q"),
    ];

    #[test]
    fn preflight_requests_are_answered() {
        let lists = json!({ "accessControlAllowOriginList": ["*"], "accessControlAllowMethods": ["*"], "accessControlAllowHeaders": ["X-A", "X-B"], "accessControlMaxAge": 0 });
        let stars = json!({ "accessControlAllowOriginList": ["https://b", "*"], "accessControlAllowHeaders": ["X", "*"], "accessControlAllowMethods": ["*"], "accessControlExposeHeaders": ["*"], "accessControlAllowCredentials": true, "addVaryHeader": true });
        let exact = json!({ "accessControlAllowOriginListRegex": ["^https://a$"], "accessControlExposeHeaders": ["E"], "customResponseHeaders": { "X-R": "1" } });
        let other = json!({ "accessControlAllowOriginList": ["https://b"] });
        for (options, headers, expected) in [
            (
                &lists,
                PREFLIGHT,
                &[
                    "allow-headers: X-A,X-B",
                    "allow-methods: *",
                    "allow-origin: *",
                    "content-length: 0",
                    "max-age: 0",
                ][..],
            ),
            (
                &stars,
                WITH_HEADERS,
                &[
                    "allow-credentials: true",
                    "allow-headers: X-Q",
                    "allow-methods: PATCH",
                    "allow-origin: https://a",
                    "content-length: 0",
                ],
            ),
            (
                &stars,
                PREFLIGHT,
                &[
                    "allow-credentials: true",
                    "allow-methods: PATCH",
                    "allow-origin: https://a",
                    "content-length: 0",
                ],
            ),
            (&exact, PREFLIGHT, &["allow-origin: https://a", "content-length: 0", "expose-headers: E"]),
            (&other, PREFLIGHT, &["content-length: 0"]),
        ] {
            assert_eq!(
                ask(options, "OPTIONS", headers),
                (expected.iter().map(ToString::to_string).collect(), false)
            );
        }
    }

    #[test]
    fn other_requests_pass_and_are_marked() {
        let options = json!({ "accessControlAllowOriginList": ["https://a"], "accessControlAllowOriginListRegex": ["^https://.*\\.re$"], "accessControlAllowCredentials": true, "accessControlExposeHeaders": ["X-1", "X-2"], "accessControlMaxAge": 100, "addVaryHeader": true });
        for (method, origin, allowed) in [
            ("GET", "https://a", Some("https://a")),
            ("GET", "https://x.re", Some("https://x.re")),
            ("GET", "https://no", None),
            ("OPTIONS", "https://a", Some("https://a")),
        ] {
            let (lines, asked) = ask(&options, method, &[("origin", origin)]);
            let mut expected = vec!["allow-credentials: true".to_owned()];
            expected.extend(allowed.map(|origin| format!("allow-origin: {origin}")));
            expected.extend(["expose-headers: X-1,X-2".to_owned(), "vary: Accept,Origin".to_owned()]);
            assert_eq!((lines, asked), (expected, true), "{method} {origin}");
        }
        let star = json!({ "accessControlAllowOriginList": ["*"] });
        assert_eq!(ask(&star, "GET", &[]).0, ["allow-origin: *", "vary: Accept"]);
    }
}
