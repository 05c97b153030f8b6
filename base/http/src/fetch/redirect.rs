//! Where a redirect leads, and whether we go there.

use http::{HeaderMap, StatusCode, header};
use url::Url;

use super::error::{FetchError, Kind, Phase};
use super::options::RedirectPolicy;

/// The URL that an answer sends us on to; `None` when it does not. As with Go, a redirect without a `location` is an
/// answer like any other.
pub(super) fn next(
    policy: RedirectPolicy,
    from: &Url,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Url>, FetchError> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = headers.get(header::LOCATION).filter(|location| !location.is_empty()) else {
        return Ok(None);
    };
    if policy == RedirectPolicy::Deny {
        return Err(refused("redirects are not followed"));
    }
    let location =
        std::str::from_utf8(location.as_bytes()).map_err(|_| refused("the location is not text"))?;
    let mut to = from.join(location).map_err(|error| refused(format!("the location is no URL: {error}")))?;
    to.set_fragment(None);
    // Nobody but our own configuration tells us whom to be.
    let _ = to.set_username("");
    let _ = to.set_password(None);
    judge(policy, from, &to)?;
    Ok(Some(to))
}

/// Whether credentials for one may go to the other: scheme, host and port are the same.
pub(super) fn is_same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host_str() == b.host_str()
        && a.port_or_known_default() == b.port_or_known_default()
}

fn judge(policy: RedirectPolicy, from: &Url, to: &Url) -> Result<(), FetchError> {
    if !matches!(to.scheme(), "http" | "https") || to.host_str().is_none_or(str::is_empty) {
        return Err(refused("the redirect leads to no http URL"));
    }
    let downgrades = from.scheme() == "https" && to.scheme() == "http";
    match policy {
        RedirectPolicy::Allow => Ok(()),
        RedirectPolicy::HttpsOnly | RedirectPolicy::SameHost if downgrades => {
            Err(refused("a redirect from https to http"))
        }
        RedirectPolicy::SameHost if !is_same_host(from, to) => Err(refused("a redirect to another host")),
        RedirectPolicy::HttpsOnly | RedirectPolicy::SameHost => Ok(()),
        RedirectPolicy::Deny => Err(refused("redirects are not followed")),
    }
}

/// The same host and port; the default port of http may become that of https.
fn is_same_host(from: &Url, to: &Url) -> bool {
    let upgrades = (from.scheme(), to.scheme()) == ("http", "https")
        && from.port_or_known_default() == Some(80)
        && to.port_or_known_default() == Some(443);
    from.host_str() == to.host_str()
        && (upgrades || from.port_or_known_default() == to.port_or_known_default())
}

fn refused(cause: impl Into<Box<str>>) -> FetchError {
    FetchError::new(Phase::Redirect, Kind::RedirectRefused, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(policy: RedirectPolicy, from: &str, location: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(header::LOCATION, location.parse().unwrap())]);
        let from = Url::parse(from).unwrap();
        match next(policy, &from, StatusCode::FOUND, &headers) {
            Ok(to) => Some(to.unwrap().to_string()),
            Err(error) => {
                assert_eq!((error.phase, error.kind), (Phase::Redirect, Kind::RedirectRefused));
                None
            }
        }
    }

    #[test]
    fn each_policy_has_its_bounds() {
        use RedirectPolicy::{Allow, Deny, HttpsOnly, SameHost};
        let (plain, safe, other) = ("http://a.test/x", "https://a.test/x", "https://b.test/x");
        for (from, to, allowed) in [
            (plain, plain, [false, true, true, true]),
            (plain, safe, [false, true, true, true]),
            (safe, safe, [false, true, true, true]),
            (safe, plain, [false, false, false, true]),
            (safe, other, [false, false, true, true]),
            (plain, other, [false, false, true, true]),
            (safe, "https://a.test:8443/", [false, false, true, true]),
            (safe, "http://b.test/", [false, false, false, true]),
            (safe, "ftp://a.test/", [false; 4]),
            (safe, "file:///etc/passwd", [false; 4]),
            (safe, "https://", [false; 4]),
        ] {
            for (policy, allowed) in [Deny, SameHost, HttpsOnly, Allow].into_iter().zip(allowed) {
                assert_eq!(follow(policy, from, to).is_some(), allowed, "{policy:?} {from} {to}");
            }
        }
    }

    #[test]
    fn locations_are_relative_and_name_no_user() {
        let from = "https://a.test/x/y?z";
        for (location, to) in [
            ("../w", "https://a.test/w"),
            ("//b.test/", "https://b.test/"),
            ("?q", "https://a.test/x/y?q"),
            ("https://me:secret@b.test/#part", "https://b.test/"),
        ] {
            assert_eq!(follow(RedirectPolicy::HttpsOnly, from, location).as_deref(), Some(to));
        }
    }

    #[test]
    fn what_sends_nowhere_is_an_answer() {
        let url = Url::parse("https://a.test/").unwrap();
        let to = HeaderMap::from_iter([(header::LOCATION, "/x".parse().unwrap())]);
        for (status, headers) in [(200, &to), (304, &to), (300, &to), (302, &HeaderMap::new())] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(next(RedirectPolicy::Deny, &url, status, headers).unwrap(), None, "{status}");
        }
    }
}
