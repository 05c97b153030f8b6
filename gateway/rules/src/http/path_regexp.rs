//! ``PathRegexp(`^/v[0-9]+/`)``: the pattern matches somewhere in the routing path.

use std::sync::Arc;

use super::{Fault, Hint, Matcher, Params, PathKey, Spec, path};
use crate::View;
use crate::regexp::Pattern;
use crate::template::{self, Kind};

pub(crate) const V3: Spec = Spec { name: "PathRegexp", params: Params::OneOf(&[1]), build };

fn build(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    compile(args[0])
}

/// The matcher for a path template of the v2 syntax.
pub(super) fn from_template(text: &str, kind: Kind) -> Result<Box<dyn Matcher>, Fault> {
    compile(&template::to_pattern(text, kind).map_err(|why| Fault::new(0, why))?)
}

fn compile(pattern: &str) -> Result<Box<dyn Matcher>, Fault> {
    let pattern =
        Pattern::new(pattern).map_err(|why| Fault::new(0, format!("compiling PathRegexp matcher: {why}")))?;
    Ok(Box::new(PathRegexp { prefix: pattern.required_prefix().into(), pattern }))
}

#[derive(Debug)]
struct PathRegexp {
    pattern: Pattern,
    prefix: Arc<str>,
}

impl Matcher for PathRegexp {
    fn matches(&self, view: &View<'_>) -> bool {
        self.pattern.is_match(view.path.as_bytes())
    }

    fn actual(&self, view: &View<'_>) -> String {
        path::actual(view)
    }

    fn hint(&self) -> Hint {
        match &*self.prefix {
            "" => Hint::None,
            _ => Hint::Within(PathKey::Prefix(self.prefix.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, matches};

    #[test]
    fn patterns_are_unanchored() {
        assert!(matches(r"PathRegexp(`\.(jpeg|png)$`)", |r| r.path("/x/y.png")));
        assert!(!matches(r"PathRegexp(`^/v[0-9]+/`)", |r| r.path("/a/v1/")));
        assert!(matches(r"PathRegexp(`^/v[0-9]+/`)", |r| r.path("/v1/x")));
        assert!(matches("PathRegexp(`(?i)^/API`)", |r| r.path("/api/x")));
    }

    #[test]
    fn bad_patterns_are_refused() {
        assert!(errors("PathRegexp(`(`)")[0].starts_with("compiling PathRegexp matcher: "));
    }
}
