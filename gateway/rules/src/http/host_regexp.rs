//! ``HostRegexp(`^.+\.a\.b$`)``: the pattern matches somewhere in the lower-cased host. In the v2 syntax a template,
//! ``HostRegexp(`{sub:[a-z]+}.a.b`)``, for the whole host.

use super::{Fault, Matcher, Params, Spec, shown};
use crate::View;
use crate::regexp::Pattern;
use crate::template::{self, Kind};

pub(crate) const V3: Spec = Spec { name: "HostRegexp", params: Params::OneOf(&[1]), build };
pub(crate) const V2: Spec = Spec { name: "HostRegexp", params: Params::Each, build: build_v2 };

fn build(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    compile(args[0], args[0])
}

fn build_v2(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    let pattern = template::to_pattern(args[0], Kind::Host).map_err(|why| Fault::new(0, why))?;
    compile(args[0], &format!("(?i){pattern}"))
}

fn compile(written: &str, pattern: &str) -> Result<Box<dyn Matcher>, Fault> {
    if !written.is_ascii() {
        let message =
            format!("invalid value {written:?} for HostRegexp matcher, non-ASCII characters are not allowed");
        return Err(Fault::new(0, message).help("write the host in its punycode form (xn--…)"));
    }
    let pattern =
        Pattern::new(pattern).map_err(|why| Fault::new(0, format!("compiling HostRegexp matcher: {why}")))?;
    Ok(Box::new(HostRegexp(pattern)))
}

#[derive(Debug)]
struct HostRegexp(Pattern);

impl Matcher for HostRegexp {
    fn matches(&self, view: &View<'_>) -> bool {
        self.0.is_match(view.host.as_bytes())
    }

    fn actual(&self, view: &View<'_>) -> String {
        match view.host {
            "" => "request has no host".to_owned(),
            host => format!("request host is {}", shown(host)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, matches, matches_v2};

    #[test]
    fn patterns_are_unanchored() {
        assert!(matches(r"HostRegexp(`[a-z]+\.example\.com`)", |r| r.host("x.www.example.com.evil")));
        assert!(!matches(r"HostRegexp(`^[a-z]+\.example\.com$`)", |r| r.host("1.example.com")));
        assert!(matches("HostRegexp(`.*`)", |r| r.host("")));
    }

    #[test]
    fn v2_takes_templates() {
        let rule = "HostRegexp(`{sub:[a-z]+}.x.y`, `z.{tld}`)";
        assert!(matches_v2(rule, |r| r.host("abc.x.y")));
        assert!(matches_v2(rule, |r| r.host("z.de")));
        assert!(!matches_v2(rule, |r| r.host("a1.x.y")));
        assert!(!matches_v2(rule, |r| r.host("abcxxxy")));
    }

    #[test]
    fn bad_patterns_are_refused() {
        assert!(errors("HostRegexp(`[a`)")[0].starts_with("compiling HostRegexp matcher: "));
        assert!(errors("HostRegexp(`ü`)")[0].contains("non-ASCII"));
    }
}
