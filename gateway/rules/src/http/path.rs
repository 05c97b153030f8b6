//! ``Path(`/a`)``: the routing path is this one. In the v2 syntax a template, and any number of them.

use std::sync::Arc;

use super::{Fault, Hint, Matcher, Params, PathKey, Spec, path_regexp, shown};
use crate::View;
use crate::template::{self, Kind};

pub(crate) const V3: Spec = Spec { name: "Path", params: Params::OneOf(&[1]), build };
pub(crate) const V2: Spec = Spec { name: "Path", params: Params::Each, build: build_v2 };

fn build(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    Ok(Box::new(Path(checked(args[0])?.into())))
}

fn build_v2(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    if template::has_variables(checked_v2(args[0])?) {
        return path_regexp::from_template(args[0], Kind::Path);
    }
    Ok(Box::new(Path(args[0].into())))
}

pub(super) fn checked(path: &str) -> Result<&str, Fault> {
    if path.starts_with('/') {
        return Ok(path);
    }
    let fault = Fault::new(0, format!("path {path:?} does not start with a '/'"));
    Err(fault.help("put a `/` in front"))
}

pub(super) fn checked_v2(path: &str) -> Result<&str, Fault> {
    if path.is_empty() || path.starts_with('/') {
        return Ok(path);
    }
    Err(Fault::new(0, format!("mux: path must start with a slash, got {path:?}")).help("put a `/` in front"))
}

#[derive(Debug)]
struct Path(Arc<str>);

impl Matcher for Path {
    fn matches(&self, view: &View<'_>) -> bool {
        view.path == &*self.0
    }

    fn actual(&self, view: &View<'_>) -> String {
        actual(view)
    }

    fn hint(&self) -> Hint {
        Hint::Path(PathKey::Exact(self.0.clone()))
    }
}

pub(super) fn actual(view: &View<'_>) -> String {
    format!("request path is {}", shown(view.path))
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, matches, matches_v2};

    #[test]
    fn the_path_is_exact() {
        assert!(matches("Path(`/a`)", |r| r.path("/a")));
        assert!(!matches("Path(`/a`)", |r| r.path("/a/")));
        assert!(!matches("Path(`/a`)", |r| r.path("/A")));
        assert!(matches("Path(`/a b%2Fc`)", |r| r.path("/%61%20b%2fc")));
    }

    #[test]
    fn v2_takes_templates() {
        let rule = "Path(`/a/{id:[0-9]+}`, `/b`)";
        assert!(matches_v2(rule, |r| r.path("/a/12")) && matches_v2(rule, |r| r.path("/b")));
        assert!(!matches_v2(rule, |r| r.path("/a/12/x")) && !matches_v2(rule, |r| r.path("/b/")));
    }

    #[test]
    fn a_path_starts_with_a_slash() {
        assert_eq!(errors("Path(`a`)"), ["path \"a\" does not start with a '/'"]);
    }
}
