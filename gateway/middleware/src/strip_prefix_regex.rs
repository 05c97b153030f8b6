//! `stripPrefixRegex`: takes what an expression matches off the front of the path.

use std::sync::Arc;

use fairlead_http::{BoxFuture, Middleware, Next, Request, Response};
use regex::Regex;

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::{Problem, json, options};
use crate::path::Path;
use crate::regexp;
use crate::strip_prefix::pass_on;

options! {
    /// Options of `stripPrefixRegex`.
    pub(crate) struct StripPrefixRegex {
        /// Expressions over the decoded path; the first one whose first match stands at the front counts.
        pub(crate) regex: Vec<String>,
    }
}

impl Options for StripPrefixRegex {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        let bad = |(index, expression): (usize, &String)| {
            regexp::problem(expression.trim()).map(|problem| problem.at("regex").at(index))
        };
        self.regex.iter().enumerate().filter_map(bad).collect()
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        let regexes = self.regex.iter().map(|expression| regexp::compile(expression.trim()));
        let regexes = regexes.collect::<Result<_, _>>().map_err(BuildError::Invalid)?;
        Ok(Built::Layer(Arc::new(Layer { regexes })))
    }
}

struct Layer {
    regexes: Vec<Regex>,
}

impl Middleware for Layer {
    fn handle<'a>(&'a self, request: Request, next: Next<'a>) -> BoxFuture<'a, Response> {
        let path = Path::of(&request);
        let Ok(text) = std::str::from_utf8(path.decoded()) else { return next.run(request) };
        for regex in &self.regexes {
            let prefix = regex.find(text).map_or("", |found| found.as_str());
            if !prefix.is_empty()
                && let Some(stripped) = path.stripped(prefix)
            {
                return pass_on(request, &stripped.encoded(), prefix, next);
            }
        }
        next.run(request)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::harness::{header, layer, pass, request};

    #[test]
    fn the_match_at_the_front_goes() {
        let layer = layer("stripPrefixRegex", json!({ "regex": [" ^/stripre/[a-z]+ ", "/[0-9]+", "^/sr2"] }));
        for (target, expected, prefix) in [
            ("/stripre/abc/x", "/x", "/stripre/abc"),
            ("/stripre/abcX?q", "/X?q", "/stripre/abc"),
            ("/12/a/b", "/a/b", "/12"),
            ("/a/12/b", "/a/12/b", ""),
            ("/sr2/4/b", "/4/b", "/sr2"),
            ("/12/a%2Fb", "/a%2Fb", "/12"),
        ] {
            let asked = pass(&layer, request("GET", target)).1.unwrap();
            assert_eq!(
                (asked.target.as_str(), header(&asked.headers, "x-forwarded-prefix")),
                (expected, prefix)
            );
        }
        let (response, asked) = pass(&layer, request("GET", "/stripre/abc.."));
        assert!(asked.is_none() && response.status == 400);
    }

    #[test]
    fn a_bad_expression_is_told_at_its_place() {
        let (_, findings) = crate::harness::decode("stripPrefixRegex", &json!({ "regex": ["a", "("] }));
        assert_eq!(findings.iter().next().unwrap().origin().unwrap().to_string(), ".regex[1]");
    }
}
