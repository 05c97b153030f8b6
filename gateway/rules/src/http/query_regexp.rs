//! ``QueryRegexp(`k`, `^v`)``: some value of the query parameter matches the pattern. Without a pattern it is `Query`.

use super::{Fault, Matcher, Params, Spec};
use crate::regexp::Pattern;
use crate::{View, query};

pub(crate) const V3: Spec = Spec { name: "QueryRegexp", params: Params::OneOf(&[1, 2]), build };

fn build(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    let Some(pattern) = args.get(1) else { return super::query::build(args) };
    let pattern = Pattern::new(pattern)
        .map_err(|why| Fault::new(1, format!("compiling QueryRegexp matcher: {why}")))?;
    Ok(Box::new(QueryRegexp { key: args[0].into(), pattern }))
}

#[derive(Debug)]
struct QueryRegexp {
    key: Box<str>,
    pattern: Pattern,
}

impl Matcher for QueryRegexp {
    fn matches(&self, view: &View<'_>) -> bool {
        query::values(view.query, &self.key).any(|value| self.pattern.is_match(&value))
    }

    fn actual(&self, view: &View<'_>) -> String {
        super::query::actual(view, &self.key)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, matches};

    #[test]
    fn any_value_may_match() {
        for (rule, query, expected) in [
            ("QueryRegexp(`a`, `^[0-9]+$`)", "a=x&a=12", true),
            ("QueryRegexp(`a`, `^[0-9]+$`)", "b=12", false),
            ("QueryRegexp(`a`, `.*`)", "a", true),
            ("QueryRegexp(`a`)", "a=", true),
            ("QueryRegexp(`a`)", "a=1", false),
        ] {
            assert_eq!(matches(rule, |r| r.query(query)), expected, "{rule} {query}");
        }
    }

    #[test]
    fn bad_patterns_are_refused() {
        assert!(errors("QueryRegexp(`a`, `(`)")[0].starts_with("compiling QueryRegexp matcher: "));
    }
}
