//! Where a request goes.

use std::sync::Arc;

use http::Uri;

/// How a backend is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP/1.1 in the clear.
    Http,
    /// TLS; HTTP/2 when both sides want it, else HTTP/1.1.
    Https,
    /// HTTP/2 in the clear, by prior knowledge.
    H2c,
}

/// One backend address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// How to speak.
    pub scheme: Scheme,
    /// Name or IP literal; IPv6 without brackets.
    pub host: Box<str>,
    /// Port, the scheme's own when the URL has none.
    pub port: u16,
    /// Host and port as the URL spells them: the `host` of requests that have none.
    pub authority: Box<str>,
    /// The URL as configured, for logs and metrics.
    pub url: Arc<str>,
    /// Scheme and authority: what connections are shared by.
    pub(super) origin: Arc<str>,
}

/// Why a URL names no backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// Not an absolute URL.
    #[error("not an absolute URL")]
    NotAbsolute,
    /// The scheme is none of http, https and h2c.
    #[error("scheme {0:?} is none of http, https, h2c")]
    Scheme(String),
    /// A user, a bad port or an empty host.
    #[error("bad authority {0:?}")]
    Authority(String),
}

impl Target {
    /// Reads a URL such as `https://10.0.0.1:8443`; its path is of no interest here.
    ///
    /// # Errors
    /// When it is no absolute URL with a known scheme and a host.
    pub fn parse(url: &str) -> Result<Self, BadTarget> {
        let uri: Uri = url.parse().map_err(|_| BadTarget::NotAbsolute)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(BadTarget::NotAbsolute);
        };
        let (scheme, default_port) = match scheme {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            "h2c" => (Scheme::H2c, 80),
            other => return Err(BadTarget::Scheme(other.to_owned())),
        };
        let bad = || BadTarget::Authority(authority.as_str().to_owned());
        let host = authority.host();
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(bad());
        }
        let port = match authority.as_str()[host.len()..].strip_prefix(':') {
            None | Some("") => default_port,
            Some(port) => port.parse().map_err(|_| bad())?,
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Ok(Target {
            scheme,
            host: bare.into(),
            port,
            authority: authority.as_str().into(),
            url: url.into(),
            origin: format!("{scheme:?} {bare} {port} {authority}").into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_become_targets() {
        let cases = [
            ("http://10.0.0.1", Scheme::Http, "10.0.0.1", 80, "10.0.0.1"),
            ("https://api.local:8443/x?y", Scheme::Https, "api.local", 8443, "api.local:8443"),
            ("h2c://[::1]:50051", Scheme::H2c, "::1", 50051, "[::1]:50051"),
            ("https://[::1]", Scheme::Https, "::1", 443, "[::1]"),
        ];
        for (url, scheme, host, port, authority) in cases {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.scheme, &*target.host, target.port), (scheme, host, port), "{url}");
            assert_eq!((&*target.authority, &*target.url), (authority, url));
        }
    }

    #[test]
    fn what_is_no_backend_is_refused() {
        for url in
            ["", "/x", "10.0.0.1:80", "ftp://x", "http://u:p@x", "http://x:99999", "http://x:a", "http://"]
        {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }
}
