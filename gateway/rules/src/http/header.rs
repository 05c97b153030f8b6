//! ``Header(`X-Key`, `value`)``: some value of the header equals `value`. In the v2 syntax ``Headers(`k`, `v`, …)``,
//! all pairs of which must hold.

use ::http::header::HOST;
use ::http::{HeaderMap, HeaderName};

use super::{Fault, Matcher, Params, Spec, shown_all};
use crate::View;

pub(crate) const V3: Spec = Spec { name: "Header", params: Params::OneOf(&[2]), build };
pub(crate) const V2: Spec = Spec { name: "Headers", params: Params::Pairs, build };

/// The values of these must not appear in an explanation.
const SECRET: &[&str] = &["authorization", "proxy-authorization", "cookie", "set-cookie"];

fn build(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    Ok(Box::new(Header { name: Name::new(args[0])?, value: args[1].into() }))
}

#[derive(Debug)]
struct Header {
    name: Name,
    value: Box<str>,
}

impl Matcher for Header {
    fn matches(&self, view: &View<'_>) -> bool {
        self.name.any(view, |value| value == self.value.as_bytes())
    }

    fn actual(&self, view: &View<'_>) -> String {
        self.name.actual(view)
    }
}

/// The name of a header to look at.
#[derive(Debug)]
pub(super) struct Name(HeaderName);

impl Name {
    pub(super) fn new(text: &str) -> Result<Self, Fault> {
        let name = HeaderName::from_bytes(text.as_bytes());
        name.map(Self).map_err(|_| Fault::new(0, format!("{text:?} is not a header name")))
    }

    /// Whether some value of the header passes `test`. `Host` is none of the headers: as in Traefik, only `Host` looks at it.
    pub(super) fn any(&self, view: &View<'_>, mut test: impl FnMut(&[u8]) -> bool) -> bool {
        self.0 != HOST && view.headers.get_all(&self.0).iter().any(|value| test(value.as_bytes()))
    }

    pub(super) fn actual(&self, view: &View<'_>) -> String {
        let name = self.0.as_str();
        if SECRET.contains(&name) && view.headers.contains_key(&self.0) {
            return format!("request header `{name}` has another value");
        }
        if self.0 == HOST {
            return "the host is none of the headers that rules see; write Host(`…`)".to_owned();
        }
        shown_all(&format!("header `{name}`"), all(view.headers, &self.0))
    }
}

fn all<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).into_iter().map(|value| value.as_bytes())
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, matches, matches_v2};

    #[test]
    fn any_value_of_the_header_counts() {
        let rule = "Header(`x-key`, `Two`)";
        assert!(matches(rule, |r| r.header("X-Key", "One").header("X-Key", "Two")));
        assert!(!matches(rule, |r| r.header("X-Key", "two")));
        assert!(!matches(rule, |r| r.header("X-Other", "Two")));
    }

    #[test]
    fn host_is_none_of_the_headers() {
        assert!(!matches("Header(`Host`, `a.b`)", |r| r.host("a.b").header("Host", "a.b")));
        assert!(matches("!Header(`Host`, `a.b`)", |r| r.host("a.b").header("Host", "a.b")));
    }

    #[test]
    fn names_are_checked() {
        assert!(errors("Header(`a b`, `x`)")[0].contains("not a header name"));
    }

    #[test]
    fn v2_takes_pairs() {
        let rule = "Headers(`A`, `1`, `B`, `2`)";
        assert!(matches_v2(rule, |r| r.header("a", "1").header("b", "2")));
        assert!(!matches_v2(rule, |r| r.header("a", "1")));
        assert!(!matches_v2(rule, |r| r.header("a", "2").header("b", "2")));
    }
}
