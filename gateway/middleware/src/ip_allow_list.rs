//! `ipAllowList`: lets only some client addresses pass. `ipWhiteList` is its old name.

use std::sync::Arc;

use fairlead_http::{BoxFuture, Middleware, Next, Request, Response};
use http::StatusCode;

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::codes;
use crate::options::{Problem, json, options};
use crate::source::{IpStrategy, Ranges, Strategy};

options! {
    /// Options of `ipAllowList`.
    pub(crate) struct IpAllowList {
        /// Addresses and ranges that may pass.
        pub(crate) source_range: Vec<String>,
        /// Which address counts as the client's.
        #[serde(deserialize_with = "fairlead_conf::section")]
        pub(crate) ip_strategy: Option<IpStrategy>,
        /// Status for all others; 0 means 403.
        pub(crate) reject_status_code: i64,
    }

    /// Options of `ipWhiteList`.
    pub(crate) struct IpWhiteList {
        /// Addresses and ranges that may pass.
        pub(crate) source_range: Vec<String>,
        /// Which address counts as the client's.
        #[serde(deserialize_with = "fairlead_conf::section")]
        pub(crate) ip_strategy: Option<IpStrategy>,
    }
}

impl Options for IpAllowList {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut found = problems(&self.source_range, self.ip_strategy.as_ref());
        if let Err(message) = status(self.reject_status_code) {
            found.push(Problem::new(&codes::BAD_STATUS, message).at("rejectStatusCode"));
        }
        found
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        let status = status(self.reject_status_code).map_err(BuildError::Invalid)?;
        build(&self.source_range, self.ip_strategy.as_ref(), status)
    }
}

impl Options for IpWhiteList {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut found = problems(&self.source_range, self.ip_strategy.as_ref());
        let old = Problem::new(&codes::DEPRECATED, "ipWhiteList is the old name of ipAllowList");
        found.push(old.help("rename it to ipAllowList"));
        found
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        build(&self.source_range, self.ip_strategy.as_ref(), StatusCode::FORBIDDEN)
    }
}

fn status(code: i64) -> Result<StatusCode, String> {
    let known = u16::try_from(code).ok().and_then(|code| StatusCode::from_u16(code).ok());
    match known.filter(|status| status.canonical_reason().is_some()) {
        Some(status) => Ok(status),
        None if code == 0 => Ok(StatusCode::FORBIDDEN),
        None => Err(format!("rejectStatusCode {code} is not an HTTP status")),
    }
}

fn problems(ranges: &[String], strategy: Option<&IpStrategy>) -> Vec<Problem> {
    let mut found = Ranges::problems("sourceRange", ranges);
    if ranges.is_empty() {
        found.push(Problem::new(&codes::MISSING, "sourceRange must not be empty").at("sourceRange"));
    }
    let of_strategy = strategy.map(IpStrategy::problems).unwrap_or_default();
    found.extend(of_strategy.into_iter().map(|problem| problem.under("ipStrategy")));
    found
}

fn build(ranges: &[String], strategy: Option<&IpStrategy>, status: StatusCode) -> Result<Built, BuildError> {
    if ranges.is_empty() {
        return Err(BuildError::Invalid("sourceRange must not be empty".to_owned()));
    }
    let allowed = Ranges::parse(ranges).map_err(BuildError::Invalid)?;
    let strategy = Strategy::new(strategy).map_err(BuildError::Invalid)?;
    Ok(Built::Layer(Arc::new(Layer { allowed, strategy, status })))
}

struct Layer {
    allowed: Ranges,
    strategy: Strategy,
    status: StatusCode,
}

impl Middleware for Layer {
    fn handle<'a>(&'a self, request: Request, next: Next<'a>) -> BoxFuture<'a, Response> {
        if self.strategy.address(&request).is_some_and(|address| self.allowed.contains(address)) {
            return next.run(request);
        }
        let reason = self.status.canonical_reason().unwrap_or_default();
        Box::pin(std::future::ready(Response::new(self.status).with_body(reason)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::harness::{body, decode, get_with, layer, pass, request_from};

    #[test]
    fn peers_pass_or_not() {
        let layer = layer("ipAllowList", json!({ "sourceRange": ["10.0.0.0/8", "2001:db8::1"] }));
        for (peer, passes) in [
            ("10.1.2.3:1", true),
            ("[::ffff:10.1.2.3]:1", true),
            ("[2001:db8::1]:1", true),
            ("192.0.2.1:1", false),
        ] {
            let (response, asked) = pass(&layer, request_from(peer));
            assert_eq!(asked.is_some(), passes, "{peer}");
            if !passes {
                assert_eq!((response.status.as_u16(), body(&response).as_str()), (403, "Forbidden"));
                assert!(response.headers.is_empty());
            }
        }
    }

    #[test]
    fn strategies_choose_the_address() {
        let depth = layer(
            "ipAllowList",
            json!({ "sourceRange": ["10.0.0.0/8", "fe80::/10"], "ipStrategy": { "depth": 1 } }),
        );
        let pool = json!({ "sourceRange": ["10.0.0.0/8"], "ipStrategy": { "excludedIPs": ["10.1.0.0/16"] }, "rejectStatusCode": 404 });
        let pool = layer("ipAllowList", pool);
        let subnet = json!({ "sourceRange": ["2001:db8::"], "ipStrategy": { "depth": 1, "ipv6Subnet": 64 } });
        let subnet = layer("ipWhiteList", subnet);
        for (layer, forwarded, passes) in [
            (&depth, "10.1.1.1", true),
            (&depth, "10.1.1.1:80", true),
            (&depth, "fe80::1%eth0", true),
            (&depth, "10.1.1.1, 1.1.1.1", false),
            (&depth, "junk", false),
            (&pool, "10.2.0.1, 10.1.0.1", true),
            (&pool, "9.2.0.1, 10.1.0.1", false),
            (&pool, "10.1.0.1", false),
            (&subnet, "2001:db8::5", true),
            (&subnet, "2001:db8:0:1::5", false),
        ] {
            let (_, asked) = pass(layer, get_with("/", &[("x-forwarded-for", forwarded)]));
            assert_eq!(asked.is_some(), passes, "{forwarded}");
        }
        let (response, _) = pass(&pool, request_from("10.9.9.9:1"));
        assert_eq!((response.status.as_u16(), body(&response).as_str()), (404, "Not Found"));
    }

    #[test]
    fn faults_are_told_at_their_places() {
        let options = json!({ "sourceRange": ["10.0.0.0/8", "nope"], "rejectStatusCode": 999, "ipStrategy": { "ipv6Subnet": 0 } });
        let (_, findings) = decode("ipAllowList", &options);
        let origins: Vec<_> = findings.iter().map(|finding| finding.origin().unwrap().to_string()).collect();
        assert_eq!(origins, [".sourceRange[1]", ".ipStrategy.ipv6Subnet", ".rejectStatusCode"]);
        assert!(decode("ipAllowList", &json!({})).1.has_errors());
    }
}
