//! ``Method(`GET`)``: the method of the request; the argument may be in any case.

use super::{Fault, Matcher, Params, Spec, shown};
use crate::View;

pub(crate) const V3: Spec = Spec { name: "Method", params: Params::OneOf(&[1]), build };
pub(crate) const V2: Spec = Spec { name: "Method", params: Params::Each, build };

fn build(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    Ok(Box::new(Method(args[0].to_uppercase().into())))
}

#[derive(Debug)]
struct Method(Box<str>);

impl Matcher for Method {
    fn matches(&self, view: &View<'_>) -> bool {
        view.method.as_str() == &*self.0
    }

    fn actual(&self, view: &View<'_>) -> String {
        format!("request method is {}", shown(view.method.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{matches, matches_v2};

    #[test]
    fn methods_are_upper_cased() {
        assert!(matches("Method(`post`)", |r| r.method("POST")));
        assert!(!matches("Method(`post`)", |r| r.method("GET")));
        // A method is case-sensitive on the wire.
        assert!(!matches("Method(`post`)", |r| r.method("post")));
        assert!(matches_v2("Method(`GET`, `post`)", |r| r.method("POST")));
    }
}
