//! ``HeaderRegexp(`X-Key`, `^v`)``: some value of the header matches the pattern. In the v2 syntax `HeadersRegexp`.

use super::header::Name;
use super::{Fault, Matcher, Params, Spec};
use crate::View;
use crate::regexp::Pattern;

pub(crate) const V3: Spec = Spec { name: "HeaderRegexp", params: Params::OneOf(&[2]), build };
pub(crate) const V2: Spec = Spec { name: "HeadersRegexp", params: Params::Pairs, build };

fn build(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    let pattern = Pattern::new(args[1]);
    let pattern = pattern.map_err(|why| Fault::new(1, format!("compiling HeaderRegexp matcher: {why}")))?;
    Ok(Box::new(HeaderRegexp { name: Name::new(args[0])?, pattern }))
}

#[derive(Debug)]
struct HeaderRegexp {
    name: Name,
    pattern: Pattern,
}

impl Matcher for HeaderRegexp {
    fn matches(&self, view: &View<'_>) -> bool {
        self.name.any(view, |value| self.pattern.is_match(value))
    }

    fn actual(&self, view: &View<'_>) -> String {
        self.name.actual(view)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, matches, matches_v2};

    #[test]
    fn any_value_may_match() {
        let rule = r"HeaderRegexp(`Accept`, `\bjson$`)";
        assert!(matches(rule, |r| r.header("accept", "text/html").header("accept", "application/json")));
        assert!(!matches(rule, |r| r.header("accept", "application/jsonx")));
        assert!(!matches("HeaderRegexp(`Accept`, `.*`)", |r| r));
    }

    #[test]
    fn v2_takes_pairs() {
        let rule = "HeadersRegexp(`A`, `^1`, `B`, `^2`)";
        assert!(matches_v2(rule, |r| r.header("a", "11").header("b", "22")));
        assert!(!matches_v2(rule, |r| r.header("a", "11").header("b", "12")));
    }

    #[test]
    fn bad_patterns_are_refused() {
        assert!(errors("HeaderRegexp(`A`, `(`)")[0].starts_with("compiling HeaderRegexp matcher: "));
    }
}
