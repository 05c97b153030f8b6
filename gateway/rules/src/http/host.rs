//! ``Host(`a.b`)``: the host of the request, whatever its case, port or trailing dot. `*.a.b` stands for one label,
//! `*` for any host. In the v2 syntax also `HostHeader`, and any number of hosts.

use std::sync::Arc;

use super::{Fault, Hint, HostKey, Matcher, Params, Spec, shown};
use crate::View;

pub(crate) const V3: Spec = Spec { name: "Host", params: Params::OneOf(&[1]), build };
pub(crate) const V2: Spec = Spec { name: "Host", params: Params::Each, build: build_v2 };
pub(crate) const V2_HEADER: Spec = Spec { name: "HostHeader", params: Params::Each, build: build_v2 };

fn build(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    let host = checked(args[0], "Host")?;
    if host == "*" {
        return Ok(Box::new(Host::Any));
    }
    Ok(match host.strip_prefix("*.") {
        Some(suffix) if !suffix.is_empty() => Box::new(Host::OneLabel(suffix.into())),
        _ => Box::new(Host::Exact(host.into())),
    })
}

fn build_v2(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    Ok(Box::new(Host::Exact(checked(args[0], "Host")?.into())))
}

/// `host` in canonical form, if it is ASCII.
fn checked(host: &str, matcher: &str) -> Result<String, Fault> {
    if !host.is_ascii() {
        let message =
            format!("invalid value {host:?} for {matcher} matcher, non-ASCII characters are not allowed");
        return Err(Fault::new(0, message).help("write the host in its punycode form (xn--…)"));
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    Ok(host.to_ascii_lowercase())
}

#[derive(Debug)]
enum Host {
    Any,
    Exact(Arc<str>),
    OneLabel(Arc<str>),
}

impl Matcher for Host {
    fn matches(&self, view: &View<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(host) => !host.is_empty() && view.host == &**host,
            Self::OneLabel(suffix) => parent_domain(view.host) == Some(&**suffix),
        }
    }

    fn actual(&self, view: &View<'_>) -> String {
        match view.host {
            "" => "request has no host".to_owned(),
            host => format!("request host is {}", shown(host)),
        }
    }

    fn hint(&self) -> Hint {
        match self {
            Self::Any => Hint::Always,
            // A lone dot as host names nothing, and must not be found by requests without a host.
            Self::Exact(host) if host.is_empty() => Hint::None,
            Self::Exact(host) => Hint::Host(HostKey::Exact(host.clone())),
            Self::OneLabel(suffix) => Hint::Host(HostKey::Wildcard(suffix.clone())),
        }
    }
}

/// `host` without its first label.
pub(crate) fn parent_domain(host: &str) -> Option<&str> {
    let (_, parent) = host.split_once('.')?;
    (!parent.is_empty()).then_some(parent)
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, matches, matches_v2};

    #[test]
    fn hosts_are_compared_in_canonical_form() {
        for (rule, host, expected) in [
            ("Host(`Example.COM`)", "example.com", true),
            ("Host(`example.com.`)", "example.com", true),
            ("Host(`example.com`)", "www.example.com", false),
            ("Host(`*.example.com`)", "www.example.com", true),
            ("Host(`*.example.com`)", "a.www.example.com", false),
            ("Host(`*.example.com`)", "example.com", false),
            ("Host(`*.example.com`)", ".example.com", true),
            ("Host(`*`)", "any.thing", true),
            ("Host(`*`)", "", true),
            ("Host(`.`)", "", false),
            ("Host(`*.`)", "a", true),
            ("Host(`a.*.com`)", "a.b.com", false),
            ("Host(`*a.com`)", "ba.com", false),
            ("Host(`::1`)", "::1", true),
            ("!Host(`a`)", "", true),
        ] {
            assert_eq!(matches(rule, |r| r.host(host)), expected, "{rule} {host}");
        }
    }

    #[test]
    fn v2_takes_many_and_knows_no_wildcard() {
        assert!(matches_v2("Host(`a`, `B`)", |r| r.host("b")));
        assert!(matches_v2("HostHeader(`a`, `b`)", |r| r.host("a")));
        assert!(!matches_v2("Host(`*.b`)", |r| r.host("a.b")));
    }

    #[test]
    fn only_ascii_hosts() {
        assert!(errors("Host(`bücher.de`)")[0].contains("non-ASCII characters are not allowed"));
    }
}
