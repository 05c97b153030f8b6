//! `replacePathRegex`: rewrites the path by a regular expression and tells the server the old one in `X-Replaced-Path`.

use std::sync::Arc;

use fairlead_http::{BoxFuture, Middleware, Next, Request, Response};
use regex::Regex;

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::{Problem, json, options};
use crate::path::{self, Path};
use crate::regexp::{self, Template};
use crate::replace_path::{fail, remember};

options! {
    /// Options of `replacePathRegex`.
    pub(crate) struct ReplacePathRegex {
        /// Expression over the path as sent, percent-encoded.
        pub(crate) regex: String,
        /// What to put in place of each match, with `$1`, `${1}` and `${name}`; nothing is replaced when empty.
        pub(crate) replacement: String,
    }
}

impl Options for ReplacePathRegex {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        regexp::problem(self.regex.trim()).map(|problem| problem.at("regex")).into_iter().collect()
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        let regex = regexp::compile(self.regex.trim()).map_err(BuildError::Invalid)?;
        let replacement = self.replacement.trim();
        let template = (!replacement.is_empty()).then(|| Template::new(replacement, &regex));
        Ok(Built::Layer(Arc::new(Layer { regex, template })))
    }
}

struct Layer {
    regex: Regex,
    template: Option<Template>,
}

impl Middleware for Layer {
    fn handle<'a>(&'a self, mut request: Request, next: Next<'a>) -> BoxFuture<'a, Response> {
        let replaced =
            self.template.as_ref().and_then(|to| to.replace_all(&self.regex, path::text(&request)));
        let Some(replaced) = replaced else { return next.run(request) };
        let encoded = match Path::parse(&replaced) {
            Ok(path) => path.encoded(),
            Err(message) => return fail(&message),
        };
        remember(&mut request);
        if !path::is_canonical(&encoded) || path::set(&mut request, &encoded).is_err() {
            return path::refuse();
        }
        next.run(request)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::harness::{header, layer, pass, request};

    fn rewrite(regex: &str, replacement: &str, target: &str) -> (u16, String, String) {
        let layer = layer("replacePathRegex", json!({ "regex": regex, "replacement": replacement }));
        let (response, asked) = pass(&layer, request("GET", target));
        match asked {
            Some(asked) => (200, asked.target, header(&asked.headers, "x-replaced-path").to_owned()),
            None => (response.status.as_u16(), String::new(), String::new()),
        }
    }

    #[test]
    fn paths_are_rewritten_as_sent() {
        for (regex, replacement, target, expected, old) in [
            ("^/rx1/(.*)$", "/$1", "/rx1/a/b?q", "/a/b?q", "/rx1/a/b"),
            ("^/rx1/(.*)$", "/$1", "/rx1/..%2Fb", "/..%2Fb", "/rx1/..%2Fb"),
            ("^/rx1/(.*)$", "/$1", "/rx1/a%2F%2Fb", "/a%2F%2Fb", "/rx1/a%2F%2Fb"),
            (
                "^/rx2/(?P<n>[a-z]+)(.*)$",
                "/${n}-${2}-$n_x-$$-$z-${bad",
                "/rx2/abcDEF",
                "/abc-DEF--$--$%7Bbad",
                "/rx2/abcDEF",
            ),
            ("^/no/", "/x", "/yes", "/yes", ""),
            ("^/a", " ", "/a", "/a", ""),
        ] {
            assert_eq!(
                rewrite(regex, replacement, target),
                (200, expected.to_owned(), old.to_owned()),
                "{target}"
            );
        }
    }

    #[test]
    fn results_that_cannot_be_passed_on() {
        assert_eq!(rewrite("^/repre/(.*)/(?P<n>.*)$", "/r/${n}/$1/$1x/$$", "/repre/a/b").0, 400);
        assert_eq!(rewrite("^/(.*)", "/../$1", "/a").0, 400);
        assert_eq!(rewrite("^/(.*)", "/%z$1", "/a").0, 500);
    }
}
