//! Which credentials a URL is asked with.
//!
//! They are chosen once, for the URL that a fetch begins with, and leave with the first redirect to another origin: else
//! a server could have us fetch, in our name, what is not its own.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, header};
use url::{Host, Url};

use super::error::{FetchError, Kind, Phase};
use super::netrc::Netrc;
use super::options::Credentials;

/// What is known of hosts and users.
pub(super) struct Keys {
    pub(super) given: Credentials,
    pub(super) netrc: Netrc,
}

impl Keys {
    /// The value of `authorization` for `url`: of the URL itself, of the headers, configured for the host, or of netrc.
    pub(super) fn choose(&self, url: &Url, headers: &HeaderMap) -> Result<Option<HeaderValue>, FetchError> {
        let explicit = crate::client::basic_of(url).or_else(|| headers.get(header::AUTHORIZATION).cloned());
        if !is_confidential(url) {
            let refused = "credentials would go out in the clear";
            return match explicit {
                Some(_) => Err(FetchError::new(Phase::Protocol, Kind::CredentialsRefused, refused)),
                None => Ok(None),
            };
        }
        Ok(explicit.or_else(|| self.of_host(url)))
    }

    fn of_host(&self, url: &Url) -> Option<HeaderValue> {
        let host = url.host_str()?;
        let with_port = format!("{host}:{}", url.port_or_known_default()?);
        let given = self.given.entries.iter().find(|(name, _)| **name == *host || **name == *with_port);
        if let Some((_, value)) = given {
            return Some(value.clone());
        }
        let (login, password) = self.netrc.find(host)?;
        crate::client::basic(format!("{login}:{password}").as_bytes())
    }
}

/// Whether nobody on the way can read along.
fn is_confidential(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}

/// Whether the URL names this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let mut given = Credentials::default();
        given.add_bearer("Token.example", "abc").unwrap();
        given.add_basic("port.example:8443", "u", "p");
        Keys { given, netrc: Netrc::parse("machine net.example login n password r") }
    }

    fn choose(url: &str, header: Option<&'static str>) -> Result<Option<String>, Kind> {
        let headers = header.map(|value| (header::AUTHORIZATION, HeaderValue::from_static(value)));
        let chosen = keys().choose(&Url::parse(url).unwrap(), &headers.into_iter().collect());
        let text = |value: HeaderValue| value.to_str().unwrap().to_owned();
        chosen.map(|value| value.map(text)).map_err(|error| error.kind)
    }

    #[test]
    fn the_nearest_source_counts() {
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(choose("https://token.example/", None), some("Bearer abc"));
        assert_eq!(choose("https://token.example/", Some("Mine x")), some("Mine x"));
        assert_eq!(choose("https://a:b%20@token.example/", Some("Mine x")), some("Basic YTpiIA=="));
        assert_eq!(choose("https://port.example:8443/", None), some("Basic dTpw"));
        assert_eq!(choose("https://port.example/", None), Ok(None));
        assert_eq!(choose("https://net.example/", None), some("Basic bjpy"));
        assert_eq!(choose("https://other.example/", None), Ok(None));
    }

    #[test]
    fn nothing_goes_out_in_the_clear() {
        assert_eq!(choose("http://a:b@token.example/", None), Err(Kind::CredentialsRefused));
        assert_eq!(choose("http://token.example/", Some("Mine x")), Err(Kind::CredentialsRefused));
        assert_eq!(choose("http://token.example/", None), Ok(None));
        assert_eq!(choose("http://net.example/", None), Ok(None));
        assert!(matches!(choose("http://a:b@127.0.0.1:80/", None), Ok(Some(_))));
        assert!(matches!(choose("http://a:b@localhost/", None), Ok(Some(_))));
        assert!(matches!(choose("http://a:b@[::1]/", None), Ok(Some(_))));
        assert!(choose("http://a:b@localhost.example/", None).is_err());
    }
}
