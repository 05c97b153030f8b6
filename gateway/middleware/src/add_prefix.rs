//! `addPrefix`: puts a prefix in front of the path.

use std::sync::Arc;

use fairlead_http::{BoxFuture, Middleware, Next, Request, Response};

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::codes;
use crate::options::{Problem, json, options};
use crate::path::{self, Path};

options! {
    /// Options of `addPrefix`.
    pub(crate) struct AddPrefix {
        /// What to put in front, with its leading slash, decoded.
        pub(crate) prefix: String,
    }
}

impl Options for AddPrefix {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        match self.prefix.as_str() {
            "" => vec![Problem::new(&codes::MISSING, "prefix must not be empty").at("prefix")],
            prefix if prefix.starts_with('/') => Vec::new(),
            prefix => {
                let message = format!("prefix `{prefix}` has no leading slash; one is added");
                vec![Problem::new(&codes::BAD_PREFIX, message).at("prefix")]
            }
        }
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        if self.prefix.is_empty() {
            return Err(BuildError::Invalid("prefix must not be empty".to_owned()));
        }
        Ok(Built::Layer(Arc::new(Layer { prefix: self.prefix.clone() })))
    }
}

struct Layer {
    prefix: String,
}

impl Middleware for Layer {
    fn handle<'a>(&'a self, mut request: Request, next: Next<'a>) -> BoxFuture<'a, Response> {
        let encoded = Path::of(&request).prefixed(&self.prefix).encoded();
        match path::set(&mut request, &encoded) {
            Ok(()) => next.run(request),
            Err(_) => path::refuse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use fairlead_http::Next;

    use crate::harness::{Recorder, layer, pass, request};

    #[test]
    fn prefixes_are_added_decoded() {
        for (prefix, target, expected) in [
            ("/api", "/x?q=1", "/api/x?q=1"),
            ("/api", "/", "/api/"),
            ("/pre fix", "/add/x", "/pre%20fix/add/x"),
            ("/pre fix", "/add/a%2Fb", "/pre%20fix/add/a/b"),
            ("/p", "/a%2Fb", "/p/a%2Fb"),
            ("nolead", "/x", "/nolead/x"),
            ("/a/%2e%2e/b", "/x", "/a/%252e%252e/b/x"),
        ] {
            let (_, asked) = pass(&layer("addPrefix", json!({ "prefix": prefix })), request("GET", target));
            assert_eq!(asked.unwrap().target, expected, "{prefix} {target}");
        }
    }

    #[tokio::test]
    async fn nothing_is_put_behind_a_prefix_when_nothing_was_left_of_the_path() {
        let layers = [
            layer("stripPrefix", json!({ "prefixes": ["/api"] })),
            layer("addPrefix", json!({ "prefix": "/v2" })),
        ];
        for (target, expected) in
            [("/api", "/v2"), ("/api?q", "/v2?q"), ("/api/", "/v2/"), ("/api/x", "/v2/x")]
        {
            let service = Recorder::default();
            Next::new(&layers, &service).run(request("GET", target)).await;
            assert_eq!(service.asked.lock().unwrap()[0].target, expected, "{target}");
        }
    }

    #[test]
    fn an_empty_prefix_is_refused() {
        let (options, findings) = crate::harness::decode("addPrefix", &json!({}));
        assert!(options.is_some() && findings.has_errors());
    }
}
