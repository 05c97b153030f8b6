//! Which proxy a URL goes through, by the rules of Go's `httpproxy`.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use url::{Host, Url};

use super::credentials::is_loopback;
use super::options::ProxyChoice;
use crate::client::Proxy;

/// Proxies by scheme, and the hosts that need none.
#[derive(Debug, Default)]
pub(super) struct ProxyRules {
    pub(super) http: Option<Arc<Proxy>>,
    pub(super) https: Option<Arc<Proxy>>,
    except: Vec<Exception>,
    /// The proxy was named for every host, this machine included.
    for_all: bool,
}

/// An entry of `NO_PROXY`.
#[derive(Debug, PartialEq, Eq)]
enum Exception {
    All,
    Net(IpNet),
    Ip(IpAddr, Option<u16>),
    /// A name with a leading dot for what is below it, and whether the name itself is meant too.
    Domain {
        suffix: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl ProxyRules {
    pub(super) fn new(choice: &ProxyChoice) -> Result<Self, String> {
        match choice {
            ProxyChoice::Direct => Ok(ProxyRules::default()),
            ProxyChoice::Url(url) => {
                let proxy = Arc::new(Proxy::parse(url).map_err(|bad| bad.to_string())?);
                Ok(ProxyRules {
                    http: Some(Arc::clone(&proxy)),
                    https: Some(proxy),
                    for_all: true,
                    ..Self::default()
                })
            }
            ProxyChoice::FromEnvironment => Self::from_variables(|name| std::env::var(name).ok()),
        }
    }

    fn from_variables(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let either = |upper: &str| {
            let value = look_up(upper).filter(|value| !value.is_empty());
            value.or_else(|| look_up(&upper.to_ascii_lowercase()).filter(|value| !value.is_empty()))
        };
        let proxy =
            |name: &str| either(name).map(|value| parse(&value).map_err(|bad| format!("{name}: {bad}")));
        // Under CGI a request header `Proxy` becomes HTTP_PROXY.
        let is_cgi = look_up("REQUEST_METHOD").is_some_and(|value| !value.is_empty());
        Ok(ProxyRules {
            http: if is_cgi { None } else { proxy("HTTP_PROXY").transpose()? },
            https: proxy("HTTPS_PROXY").transpose()?,
            except: exceptions(&either("NO_PROXY").unwrap_or_default()),
            for_all: false,
        })
    }

    /// The proxy for a URL.
    pub(super) fn choose(&self, url: &Url) -> Option<&Arc<Proxy>> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        let proxy = proxy.as_ref()?;
        if self.for_all {
            return Some(proxy);
        }
        let port = url.port_or_known_default();
        let excepted = is_loopback(url) || self.except.iter().any(|except| except.suits(url, port));
        (!excepted).then_some(proxy)
    }
}

impl Exception {
    fn suits(&self, url: &Url, port: Option<u16>) -> bool {
        let is_port = |wanted: &Option<u16>| wanted.is_none() || *wanted == port;
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            _ => None,
        };
        match (self, ip) {
            (Exception::All, _) => true,
            (Exception::Net(net), Some(ip)) => net.contains(&ip),
            (Exception::Ip(wanted, port), Some(ip)) => *wanted == ip && is_port(port),
            (Exception::Domain { suffix, itself, port }, None) => {
                let host = url.host_str().unwrap_or("");
                let host = host.strip_suffix('.').unwrap_or(host);
                (host.ends_with(&**suffix) || (*itself && host == &suffix[1..])) && is_port(port)
            }
            _ => false,
        }
    }
}

/// A proxy as the environment names it: often without a scheme.
fn parse(value: &str) -> Result<Arc<Proxy>, String> {
    let whole = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&whole).map_err(|error| error.to_string())?;
    Proxy::parse(&url).map(Arc::new).map_err(|bad| bad.to_string())
}

fn exceptions(list: &str) -> Vec<Exception> {
    list.split(',').filter_map(|entry| exception(&entry.trim().to_ascii_lowercase())).collect()
}

fn exception(entry: &str) -> Option<Exception> {
    if entry.is_empty() {
        return None;
    }
    if entry == "*" {
        return Some(Exception::All);
    }
    if let Ok(net) = entry.parse() {
        return Some(Exception::Net(net));
    }
    let (host, port) = host_and_port(entry);
    if let Ok(ip) = host.parse() {
        return Some(Exception::Ip(ip, port));
    }
    let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
    match host.strip_prefix('.') {
        Some("") => None,
        Some(_) => Some(Exception::Domain { suffix: host.to_owned(), itself: false, port }),
        None if host.is_empty() => None,
        None => Some(Exception::Domain { suffix: format!(".{host}"), itself: true, port }),
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address.
fn host_and_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((host, rest)) = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, port.parse().ok()),
        _ => (entry, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(variables: &[(&str, &str)]) -> Result<ProxyRules, String> {
        ProxyRules::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn through(rules: &ProxyRules, url: &str) -> Option<String> {
        rules.choose(&Url::parse(url).unwrap()).map(|proxy| format!("{proxy:?}"))
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let rules = rules(&[
            ("HTTP_PROXY", "http://plain.example:3128"),
            ("http_proxy", "http://unused.example"),
            ("HTTPS_PROXY", ""),
            ("https_proxy", "u:p@safe.example:8080"),
        ])
        .unwrap();
        assert_eq!(through(&rules, "http://a.test/").unwrap(), "Proxy(Http plain.example:3128)");
        assert_eq!(through(&rules, "https://a.test/").unwrap(), "Proxy(Http safe.example:8080)");
        assert!(rules.https.as_ref().unwrap().authorization().is_some());
        for here in ["http://localhost/", "https://127.0.0.1:1/", "http://[::1]/", "https://127.9.9.9/"] {
            assert_eq!(through(&rules, here), None, "{here}");
        }
    }

    #[test]
    fn a_request_header_cannot_name_a_proxy() {
        let rules = rules(&[("HTTP_PROXY", "http://evil.example"), ("REQUEST_METHOD", "GET")]).unwrap();
        assert_eq!(through(&rules, "http://a.test/"), None);
    }

    #[test]
    fn what_is_no_proxy_is_told() {
        for bad in ["socks5://p:1", "http://", "http://p:99999"] {
            assert!(rules(&[("HTTPS_PROXY", bad)]).unwrap_err().starts_with("HTTPS_PROXY: "), "{bad}");
        }
        assert!(ProxyRules::new(&ProxyChoice::Url(Url::parse("ftp://p").unwrap())).is_err());
    }

    #[test]
    fn exceptions_go_direct() {
        let list = "Foo.example, .bar.example,*.baz.example,10.0.0.0/8,192.0.2.7,port.example:8080,[2001:db8::1]:443,,2001:db8:1::/48";
        let rules = rules(&[("HTTP_PROXY", "p"), ("HTTPS_PROXY", "p"), ("NO_PROXY", list)]).unwrap();
        for (url, direct) in [
            ("https://foo.example/", true),
            ("https://x.foo.example/", true),
            ("https://xfoo.example/", false),
            ("https://bar.example/", false),
            ("https://x.bar.example/", true),
            ("https://baz.example/", false),
            ("https://y.x.baz.example/", true),
            ("http://10.1.2.3/", true),
            ("http://11.1.2.3/", false),
            ("http://192.0.2.7:99/", true),
            ("http://port.example:8080/", true),
            ("http://port.example/", false),
            ("https://[2001:db8::1]/", true),
            ("http://[2001:db8::1]/", false),
            ("http://[2001:db8:1::5]/", true),
        ] {
            assert_eq!(through(&rules, url).is_none(), direct, "{url}");
        }
        let none = self::rules(&[("HTTP_PROXY", "p"), ("no_proxy", "*")]).unwrap();
        assert_eq!(through(&none, "http://a.test/"), None);
    }
}
