//! ``Query(`k`, `v`)``: some value of the query parameter equals `v`, or is empty without `v`. In the v2 syntax
//! ``Query(`k=v`, …)``, all of them, where the first value of a key counts and `v` may be a template.

use super::{Fault, Matcher, Params, Spec, shown_all};
use crate::regexp::Pattern;
use crate::template::{self, Kind};
use crate::{View, query};

pub(crate) const V3: Spec = Spec { name: "Query", params: Params::OneOf(&[1, 2]), build };
pub(crate) const V2: Spec = Spec { name: "Query", params: Params::Some, build: build_v2 };

pub(super) fn build(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    let value = args.get(1).copied().unwrap_or_default();
    Ok(Box::new(Query { key: args[0].into(), value: value.into() }))
}

/// Arguments are split at their first `=`; what comes out is read in pairs.
fn build_v2(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    let words: Vec<&str> = args.iter().flat_map(|arg| arg.splitn(2, '=')).collect();
    if !words.len().is_multiple_of(2) {
        let message = format!("mux: number of parameters must be multiple of 2, got {words:?}");
        return Err(Fault::new(0, message).help("write `key=value`"));
    }
    let pairs: Result<_, _> = words.chunks_exact(2).map(|pair| Template::new(pair[0], pair[1])).collect();
    Ok(Box::new(Templates(pairs?)))
}

#[derive(Debug)]
struct Query {
    key: Box<str>,
    value: Box<str>,
}

impl Matcher for Query {
    fn matches(&self, view: &View<'_>) -> bool {
        query::values(view.query, &self.key).any(|value| *value == *self.value.as_bytes())
    }

    fn actual(&self, view: &View<'_>) -> String {
        actual(view, &self.key)
    }
}

/// Templates that must all match.
#[derive(Debug)]
struct Templates(Box<[Template]>);

/// A `key=value` template against the first value of the key.
#[derive(Debug)]
struct Template {
    key: Box<str>,
    pattern: Pattern,
}

impl Template {
    fn new(key: &str, value: &str) -> Result<Self, Fault> {
        let pattern =
            template::to_pattern(&format!("{key}={value}"), Kind::Query).map_err(|why| Fault::new(0, why))?;
        let pattern =
            Pattern::new(&pattern).map_err(|why| Fault::new(0, format!("compiling Query matcher: {why}")))?;
        Ok(Self { key: key.into(), pattern })
    }

    fn matches(&self, view: &View<'_>) -> bool {
        let pair =
            query::values(view.query, &self.key).next().map(|v| [self.key.as_bytes(), b"=", &v].concat());
        self.pattern.is_match(&pair.unwrap_or_default())
    }
}

impl Matcher for Templates {
    fn matches(&self, view: &View<'_>) -> bool {
        self.0.iter().all(|template| template.matches(view))
    }

    fn actual(&self, view: &View<'_>) -> String {
        let failed = self.0.iter().find(|template| !template.matches(view));
        failed.map_or_else(String::new, |template| actual(view, &template.key))
    }
}

pub(super) fn actual(view: &View<'_>, key: &str) -> String {
    shown_all(&format!("query parameter `{key}`"), query::values(view.query, key))
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors_v2, matches, matches_v2};

    #[test]
    fn any_value_counts() {
        for (rule, query, expected) in [
            ("Query(`a`, `1`)", "a=2&a=1", true),
            ("Query(`a`, `1`)", "b=1", false),
            ("Query(`a`, `x y`)", "%61=x+y", true),
            ("Query(`a`)", "a", true),
            ("Query(`a`)", "a=", true),
            ("Query(`a`)", "a=1", false),
            ("Query(`a`, `1`)", "a=1;b=2", true),
        ] {
            assert_eq!(matches(rule, |r| r.query(query)), expected, "{rule} {query}");
        }
        assert!(!matches("Query(`a`)", |r| r));
    }

    #[test]
    fn v2_takes_pairs_and_templates() {
        for (rule, query, expected) in [
            ("Query(`a=1`)", "a=1", true),
            ("Query(`a=1`)", "a=2&a=1", false),
            ("Query(`a=1`, `b=2`)", "b=2&a=1", true),
            ("Query(`a=1`, `b=2`)", "a=1", false),
            ("Query(`a={x:[0-9]+}`)", "a=12", true),
            ("Query(`a={x:[0-9]+}`)", "a=x", false),
            ("Query(`a=`)", "a=any", true),
            ("Query(`a=`)", "b=any", false),
        ] {
            assert_eq!(matches_v2(rule, |r| r.query(query)), expected, "{rule} {query}");
        }
        assert!(matches_v2("Query(`a`, `b`)", |r| r.query("a=b")));
        assert!(errors_v2("Query(`a`)")[0].contains("multiple of 2"));
    }
}
