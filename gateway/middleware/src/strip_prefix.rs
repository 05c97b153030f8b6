//! `stripPrefix`: takes a prefix off the path. Prefixes are text, not segments: `/strip` takes `/stripfoo` to `/foo`.

use std::sync::Arc;

use fairlead_http::{BoxFuture, Middleware, Next, Request, Response};
use http::{HeaderName, HeaderValue};

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::codes;
use crate::options::{Problem, json, options};
use crate::path::{self, Path};

/// Tells the server what was taken off.
pub(crate) const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

options! {
    /// Options of `stripPrefix`.
    pub(crate) struct StripPrefix {
        /// Prefixes, decoded; the first one that fits is taken off. White space around them does not count.
        pub(crate) prefixes: Vec<String>,
        /// Deprecated: an empty path is always sent as `/`.
        pub(crate) force_slash: Option<bool>,
    }
}

impl Options for StripPrefix {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        let slashless = |(index, prefix): (usize, &String)| {
            let prefix = prefix.trim();
            let message = format!("prefix `{prefix}` has no leading slash, so it never matches");
            (!prefix.starts_with('/'))
                .then(|| Problem::new(&codes::BAD_PREFIX, message).at("prefixes").at(index))
        };
        let mut found: Vec<_> = self.prefixes.iter().enumerate().filter_map(slashless).collect();
        if self.force_slash.is_some() {
            let message = "forceSlash is deprecated: an empty path is always sent as `/`";
            found.push(Problem::new(&codes::DEPRECATED, message).at("forceSlash").help("remove it"));
        }
        found
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        let prefixes = self.prefixes.iter().map(|prefix| prefix.trim().to_owned()).collect();
        Ok(Built::Layer(Arc::new(Layer { prefixes })))
    }
}

struct Layer {
    prefixes: Vec<String>,
}

impl Middleware for Layer {
    fn handle<'a>(&'a self, request: Request, next: Next<'a>) -> BoxFuture<'a, Response> {
        let path = Path::of(&request);
        for prefix in &self.prefixes {
            if let Some(stripped) = path.stripped(prefix) {
                return pass_on(request, &stripped.encoded(), prefix, next);
            }
        }
        next.run(request)
    }
}

/// Sends the request on with its new path and the header that tells what was taken off.
pub(crate) fn pass_on<'a>(
    mut request: Request,
    encoded: &str,
    prefix: &str,
    next: Next<'a>,
) -> BoxFuture<'a, Response> {
    if !path::is_canonical(encoded) || path::set(&mut request, encoded).is_err() {
        return path::refuse();
    }
    if let Ok(value) = HeaderValue::from_bytes(prefix.as_bytes()) {
        request.headers.append(X_FORWARDED_PREFIX, value);
    }
    next.run(request)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::harness::{body, header, layer, pass, request};

    #[test]
    fn prefixes_are_text() {
        let layer = layer("stripPrefix", json!({ "prefixes": [" /strip ", "/x y"] }));
        for (target, expected, prefix) in [
            ("/strip", "/", "/strip"),
            ("/stripfoo?x=1", "/foo?x=1", "/strip"),
            ("/strip/a%2Fb", "/a%2Fb", "/strip"),
            ("/strip%2Fb", "/b", "/strip"),
            ("/x%20y/z", "/z", "/x y"),
            ("/strip%20", "/%20", "/strip"),
            ("/strip/a%20b;c", "/a%20b;c", "/strip"),
            ("/strip/..%2Fb", "/..%2Fb", "/strip"),
            ("/strip.a", "/.a", "/strip"),
            ("/other", "/other", ""),
        ] {
            let (_, asked) = pass(&layer, request("GET", target));
            let asked = asked.unwrap();
            assert_eq!(asked.target, expected, "{target}");
            assert_eq!(header(&asked.headers, "x-forwarded-prefix"), prefix, "{target}");
        }
    }

    #[test]
    fn paths_that_would_be_read_otherwise_are_refused() {
        let layer = layer("stripPrefix", json!({ "prefixes": ["/strip"] }));
        for target in ["/strip../a", "/strip.", "/strip%2F%2Fb", "/strip//a", "/strip/../a"] {
            let (response, asked) = pass(&layer, request("GET", target));
            assert!(asked.is_none(), "{target}");
            assert_eq!(
                (response.status.as_u16(), body(&response).as_str()),
                (400, "Bad Request\n"),
                "{target}"
            );
        }
    }

    #[test]
    fn force_slash_changes_nothing_on_the_wire() {
        let layer = layer("stripPrefix", json!({ "prefixes": ["/s/"], "forceSlash": true }));
        for (target, expected) in [("/s/x", "/x"), ("/s/", "/")] {
            assert_eq!(pass(&layer, request("GET", target)).1.unwrap().target, expected, "{target}");
        }
    }

    #[test]
    fn doubtful_options_are_told() {
        let (_, findings) =
            crate::harness::decode("stripPrefix", &json!({ "prefixes": ["/a", "b"], "forceSlash": false }));
        let origins: Vec<_> = findings.iter().map(|finding| finding.origin().unwrap().to_string()).collect();
        assert_eq!(origins, [".prefixes[1]", ".forceSlash"]);
        assert!(!findings.has_errors());
    }
}
