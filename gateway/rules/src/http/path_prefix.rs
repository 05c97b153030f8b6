//! ``PathPrefix(`/a`)``: the routing path starts with this text, `/ab` too. In the v2 syntax a template, and any number
//! of them.

use std::sync::Arc;

use super::{Fault, Hint, Matcher, Params, PathKey, Spec, path, path_regexp};
use crate::View;
use crate::template::{self, Kind};

pub(crate) const V3: Spec = Spec { name: "PathPrefix", params: Params::OneOf(&[1]), build };
pub(crate) const V2: Spec = Spec { name: "PathPrefix", params: Params::Each, build: build_v2 };

fn build(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    Ok(Box::new(PathPrefix(path::checked(args[0])?.into())))
}

fn build_v2(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    if template::has_variables(path::checked_v2(args[0])?) {
        return path_regexp::from_template(args[0], Kind::Prefix);
    }
    Ok(Box::new(PathPrefix(args[0].into())))
}

#[derive(Debug)]
struct PathPrefix(Arc<str>);

impl Matcher for PathPrefix {
    fn matches(&self, view: &View<'_>) -> bool {
        view.path.starts_with(&*self.0)
    }

    fn actual(&self, view: &View<'_>) -> String {
        path::actual(view)
    }

    fn hint(&self) -> Hint {
        Hint::Path(PathKey::Prefix(self.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, matches, matches_v2};

    #[test]
    fn the_prefix_is_plain_text() {
        assert!(matches("PathPrefix(`/foo`)", |r| r.path("/foobar")));
        assert!(matches("PathPrefix(`/foo`)", |r| r.path("/foo")));
        assert!(!matches("PathPrefix(`/foo/`)", |r| r.path("/foo")));
        assert!(matches("pathprefix(`/`)", |r| r.path("/")));
        assert!(!matches("PathPrefix(`/`)", |r| r.path("*")));
    }

    #[test]
    fn v2_takes_templates() {
        let rule = "PathPrefix(`/a`, `/{id:[0-9]+}/`)";
        assert!(matches_v2(rule, |r| r.path("/12/x")) && matches_v2(rule, |r| r.path("/ab")));
        assert!(!matches_v2(rule, |r| r.path("/x/12/")));
    }

    #[test]
    fn a_prefix_starts_with_a_slash() {
        assert!(errors("PathPrefix(`a/`)")[0].contains("does not start with"));
    }
}
