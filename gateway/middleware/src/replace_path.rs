//! `replacePath`: replaces the path and tells the server the old one in `X-Replaced-Path`.

use std::sync::Arc;

use fairlead_http::{BoxFuture, Middleware, Next, Request, Response};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::codes;
use crate::options::{Problem, json, options};
use crate::path::{self, Path};

/// Tells the server the path that was replaced.
pub(crate) const X_REPLACED_PATH: HeaderName = HeaderName::from_static("x-replaced-path");

options! {
    /// Options of `replacePath`.
    pub(crate) struct ReplacePath {
        /// The new path, percent-encoded where it must be.
        pub(crate) path: String,
    }
}

impl Options for ReplacePath {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        let bad = Path::parse(&self.path).err();
        let problem = |message| {
            let message = format!("{message}: every request is answered 500");
            Problem::new(&codes::BAD_PATH, message).at("path")
        };
        bad.map(problem).into_iter().collect()
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        let path = Path::parse(&self.path).map(|path| path.encoded());
        Ok(Built::Layer(Arc::new(Layer { path })))
    }
}

struct Layer {
    /// The new path encoded, or why there is none.
    path: Result<String, String>,
}

impl Middleware for Layer {
    fn handle<'a>(&'a self, mut request: Request, next: Next<'a>) -> BoxFuture<'a, Response> {
        let path = match &self.path {
            Ok(path) => path,
            Err(message) => return fail(message),
        };
        remember(&mut request);
        match path::set(&mut request, path) {
            Ok(()) => next.run(request),
            Err(_) => path::refuse(),
        }
    }
}

/// Notes the path as it is before it is replaced.
pub(crate) fn remember(request: &mut Request) {
    if let Ok(value) = HeaderValue::from_str(path::text(request)) {
        request.headers.append(X_REPLACED_PATH, value);
    }
}

/// The answer when the new path holds an escape that is none.
pub(crate) fn fail<'a>(message: &str) -> BoxFuture<'a, Response> {
    Box::pin(std::future::ready(Response::go_error(StatusCode::INTERNAL_SERVER_ERROR, message)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::harness::{body, header, layer, pass, request};

    #[test]
    fn paths_are_replaced_and_remembered() {
        for (path, target, expected, old) in [
            ("/new%2Fpath", "/rep/a%2Fb?q=1", "/new%2Fpath?q=1", "/rep/a%2Fb"),
            ("/new path?x=1", "/rep2?q=1", "/new%20path%3Fx=1?q=1", "/rep2"),
            ("/x//y", "/a", "/x//y", "/a"),
            ("/x/%2e%2e/y", "/a", "/x/%2e%2e/y", "/a"),
            ("", "/a", "/", "/a"),
            ("noslash", "/a", "/noslash", "/a"),
        ] {
            let asked =
                pass(&layer("replacePath", json!({ "path": path })), request("GET", target)).1.unwrap();
            assert_eq!((asked.target.as_str(), header(&asked.headers, "x-replaced-path")), (expected, old));
        }
    }

    #[test]
    fn a_bad_escape_is_answered_500() {
        let (response, asked) =
            pass(&layer("replacePath", json!({ "path": "/bad%zz" })), request("GET", "/"));
        assert!(asked.is_none());
        assert_eq!(
            (response.status.as_u16(), body(&response).as_str()),
            (500, "invalid URL escape \"%zz\"\n")
        );
    }
}
