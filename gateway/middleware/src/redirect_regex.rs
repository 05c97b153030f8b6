//! `redirectRegex`: redirects to an address made by a regular expression.

use std::sync::Arc;

use fairlead_http::{BoxFuture, Middleware, Next, Request, Response};
use regex::Regex;

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::location::moved;
use crate::options::{Problem, json, options};
use crate::regexp::{self, Template};

options! {
    /// Options of `redirectRegex`.
    pub(crate) struct RedirectRegex {
        /// Expression over the whole URL, such as `http://host:8080/path?query`. Others pass.
        pub(crate) regex: String,
        /// What to put in place of each match, with `$1`, `${1}` and `${name}`.
        pub(crate) replacement: String,
        /// Whether the move is for good: 301 and 308 instead of 302 and 307.
        pub(crate) permanent: bool,
    }
}

impl Options for RedirectRegex {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        regexp::problem(&self.regex).map(|problem| problem.at("regex")).into_iter().collect()
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        let regex = regexp::compile(&self.regex).map_err(BuildError::Invalid)?;
        let template = Template::new(&self.replacement, &regex);
        Ok(Built::Layer(Arc::new(Layer { regex, template, permanent: self.permanent })))
    }
}

struct Layer {
    regex: Regex,
    template: Template,
    permanent: bool,
}

impl Middleware for Layer {
    fn handle<'a>(&'a self, request: Request, next: Next<'a>) -> BoxFuture<'a, Response> {
        let old = format!("{}://{}{}", request.conn.scheme(), request.host(), request.uri);
        match self.template.replace_all(&self.regex, &old) {
            Some(new) if new != old => moved(&new, &request.method, self.permanent),
            _ => next.run(request),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::harness::{body, get_with, header, layer, pass, request};

    fn redirect(regex: &str, replacement: &str, host: &str, target: &str) -> (u16, String) {
        let layer = layer("redirectRegex", json!({ "regex": regex, "replacement": replacement }));
        let (response, asked) = pass(&layer, get_with(target, &[("host", host)]));
        let status = if asked.is_some() { 200 } else { response.status.as_u16() };
        let location = response.headers.get("location").map_or(&b""[..], |value| value.as_bytes());
        (status, String::from_utf8(location.to_vec()).unwrap())
    }

    #[test]
    fn whole_urls_are_rewritten() {
        for (regex, replacement, host, target, status, location) in [
            (
                "^http://([^/]+)/rr/(.*)",
                "https://new.example/$2/a b?h=${1}",
                "h:8080",
                "/rr/x%20y?z=1",
                302,
                "https://new.example/x%20y?z=1/a b?h=h:8080",
            ),
            ("/rrp/(.*)", "/there/$1", "h:80", "/rrp/x", 302, "http://h:80/there/x"),
            (
                "^http://[^/]*/rx4/(.*)",
                "https://ex.example/é/$1#f g",
                "h",
                "/rx4/x%20y",
                302,
                "https://ex.example/%C3%A9/x%20y#f%20g",
            ),
            ("/no/", "/x", "h", "/yes", 200, ""),
            ("/same", "/same", "h", "/same", 200, ""),
            (".*", "http://[::1", "h", "/", 502, ""),
            ("^http", "ht\ntp", "h", "/", 502, ""),
        ] {
            assert_eq!(redirect(regex, replacement, host, target), (status, location.to_owned()), "{regex}");
        }
    }

    #[test]
    fn a_move_for_good() {
        let layer = layer("redirectRegex", json!({ "regex": "/a", "replacement": "/b", "permanent": true }));
        let (response, _) = pass(&layer, request("DELETE", "/a"));
        assert_eq!((response.status.as_u16(), body(&response).as_str()), (308, "Permanent Redirect"));
        assert_eq!(header(&response.headers, "location"), "http://host.example/b");
    }
}
