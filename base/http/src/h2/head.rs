//! From the pseudo headers of HTTP/2 to the head of a [`Request`](crate::Request).
//!
//! The frame machine has refused already: missing, repeated, late or unknown pseudo headers, connection headers, `te` other
//! than `trailers`, and lengths that contradict each other.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Uri};

use crate::path::{escape_target, has_invalid_escape};

/// Headers that a proxy adds to a request, `host` included.
const ADDED: usize = 12;

/// Makes `parts` what handlers expect: origin-form target, one `host`, one `cookie`. Whether the client waits for
/// `100 Continue` is returned; the expectation ends here. `None` when the request is malformed (RFC 9113, 8.3.1).
pub(super) fn normalize(parts: &mut Parts) -> Option<bool> {
    let uri = std::mem::take(&mut parts.uri).into_parts();
    let target = uri.path_and_query?;
    let target = match escape_target(target.as_str().as_bytes()) {
        Some(escaped) => PathAndQuery::from_maybe_shared(Bytes::from(escaped)).ok()?,
        None => target,
    };
    if !is_target(&target, &parts.method) {
        return None;
    }
    // So that the map grows once.
    parts.headers.reserve(ADDED);
    if let Some(authority) = uri.authority {
        if authority.as_str().contains('@') {
            return None;
        }
        let host = HeaderValue::from_str(authority.as_str()).ok()?;
        parts.headers.insert(header::HOST, host);
    } else if parts.headers.get_all(header::HOST).iter().count() != 1 {
        return None;
    }
    parts.uri = Uri::from(target);
    join_cookies(&mut parts.headers)?;
    let expects = parts.headers.remove(header::EXPECT);
    Some(expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")))
}

fn is_target(target: &PathAndQuery, method: &Method) -> bool {
    let (text, path) = (target.as_str(), target.path());
    (text.starts_with('/') && !has_invalid_escape(path)) || (text == "*" && method == Method::OPTIONS)
}

/// HTTP/2 lets clients send cookies in crumbs; handlers and HTTP/1.1 backends want one line (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) -> Option<()> {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return Some(());
    }
    let crumbs: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let joined = Bytes::from(crumbs.join(&b"; "[..]));
    headers.insert(header::COOKIE, HeaderValue::from_maybe_shared(joined).ok()?);
    Some(())
}
