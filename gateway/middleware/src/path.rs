//! Paths as Go's `net/url` keeps them: decoded, and raw where the two cannot be told from each other. Rewriting works on
//! both, as in Traefik, so that `%2F` survives where it did there.

use std::borrow::Cow;

use fairlead_http::{BoxFuture, Request, Response};
use http::StatusCode;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

/// What Go escapes in a path: all but unreserved characters and `$&+,/:;=@`.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'!')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A path of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// Decoded bytes.
    decoded: Vec<u8>,
    /// As written, when encoding the decoded bytes would not give it back.
    raw: Option<String>,
}

impl Path {
    /// The path of a request target.
    ///
    /// # Errors
    /// The first escape that is not one, such as `%zz`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let decoded = decode(text)?;
        let raw = (encode(&decoded) != text).then(|| text.to_owned());
        Ok(Path { decoded, raw })
    }

    /// The path of a request; an escape that is none is kept as it is.
    pub(crate) fn of(request: &Request) -> Self {
        let text = text(request);
        Path::parse(text).unwrap_or_else(|_| Path {
            decoded: percent_decode_str(text).collect(),
            raw: Some(text.to_owned()),
        })
    }

    /// Decoded bytes.
    pub(crate) fn decoded(&self) -> &[u8] {
        &self.decoded
    }

    /// With a prefix in front of both forms.
    pub(crate) fn prefixed(&self, prefix: &str) -> Self {
        let decoded = slashed([prefix.as_bytes(), &self.decoded].concat());
        let raw = self.raw.as_ref().map(|raw| with_slash(format!("{prefix}{raw}")));
        Path { decoded, raw }
    }

    /// Without a prefix; `None` when the decoded path does not start with it. The raw form loses it only where it
    /// stands there literally.
    pub(crate) fn stripped(&self, prefix: &str) -> Option<Self> {
        let decoded = slashed(self.decoded.strip_prefix(prefix.as_bytes())?.to_vec());
        let raw = self.raw.as_ref().map(|raw| with_slash(raw.strip_prefix(prefix).unwrap_or(raw).to_owned()));
        Some(Path { decoded, raw })
    }

    /// Encoded: the raw form while it still means the same, else the decoded one, escaped.
    pub(crate) fn encoded(&self) -> String {
        match &self.raw {
            Some(raw) if is_encoded(raw) && decode(raw).is_ok_and(|decoded| decoded == self.decoded) => {
                raw.clone()
            }
            _ => encode(&self.decoded),
        }
    }
}

/// Left behind by who takes the whole path off: a target has at least `/`, but `/api` without `/api` and then behind `/v2` is
/// `/v2` and not `/v2/`.
#[derive(Clone)]
struct EmptyPath;

/// The path of a request as it is written, empty when nothing was left of it.
pub(crate) fn text(request: &Request) -> &str {
    match request.extensions.get::<EmptyPath>() {
        Some(EmptyPath) => "",
        None => request.uri.path(),
    }
}

/// Sets the path of a request and keeps its query. An empty path is sent as `/`; a missing first slash is added.
///
/// # Errors
/// When the result is no request target.
pub(crate) fn set(request: &mut Request, encoded: &str) -> Result<(), http::Error> {
    match encoded.is_empty() {
        true => drop(request.extensions.insert(EmptyPath)),
        false => drop(request.extensions.remove::<EmptyPath>()),
    }
    let query = request.uri.query().map(str::to_owned);
    let rooted =
        if encoded.starts_with('/') { Cow::Borrowed(encoded) } else { Cow::Owned(format!("/{encoded}")) };
    request.set_path_and_query(&rooted, query.as_deref())
}

/// Whether a path has no empty, `.` or `..` segment in it, so that the next one who reads it does not read another.
pub(crate) fn is_canonical(encoded: &str) -> bool {
    let Some(rest) = encoded.strip_prefix('/') else { return encoded.is_empty() };
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if (segment.is_empty() && !last) || is_dots(segment) {
            return false;
        }
    }
    true
}

/// The answer to a request whose rewritten path cannot be passed on.
pub(crate) fn refuse<'a>() -> BoxFuture<'a, Response> {
    Box::pin(std::future::ready(Response::go_error(StatusCode::BAD_REQUEST, "Bad Request")))
}

fn is_dots(segment: &str) -> bool {
    let dots = segment.replace("%2e", ".").replace("%2E", ".");
    dots == "." || dots == ".."
}

fn encode(decoded: &[u8]) -> String {
    percent_encode(decoded, ESCAPED).to_string()
}

fn decode(text: &str) -> Result<Vec<u8>, String> {
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let escape = &rest.as_bytes()[at + 1..];
        if escape.len() < 2 || !escape[..2].iter().all(u8::is_ascii_hexdigit) {
            let shown: String = rest[at..].chars().take(3).collect();
            return Err(format!("invalid URL escape {shown:?}"));
        }
        rest = &rest[at + 3..];
    }
    Ok(percent_decode_str(text).collect())
}

/// Whether a raw path holds nothing that must be escaped.
fn is_encoded(raw: &str) -> bool {
    raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@[]%/".contains(&byte))
}

fn slashed(mut path: Vec<u8>) -> Vec<u8> {
    if path.first().is_some_and(|first| *first != b'/') {
        path.insert(0, b'/');
    }
    path
}

fn with_slash(path: String) -> String {
    if path.is_empty() || path.starts_with('/') { path } else { format!("/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_differ_are_kept_apart() {
        for (text, raw) in [
            ("/a", None),
            ("/a%20b", None),
            ("/a%2Fb", Some("/a%2Fb")),
            ("/a(b", Some("/a(b")),
            ("/é", Some("/é")),
        ] {
            assert_eq!(Path::parse(text).unwrap().raw.as_deref(), raw, "{text}");
        }
        assert_eq!(Path::parse("/é").unwrap().encoded(), "/%C3%A9");
        assert_eq!(Path::parse("/a%2").unwrap_err(), "invalid URL escape \"%2\"");
        assert_eq!(Path::parse("/bad%zz").unwrap_err(), "invalid URL escape \"%zz\"");
        assert_eq!(Path::parse("/%é").unwrap_err(), "invalid URL escape \"%é\"");
    }

    #[test]
    fn canonical_paths() {
        for path in ["", "/", "/a", "/a/", "/a/b", "/..a", "/a..", "/.a", "/a%2F..%2Fb", "/%20"] {
            assert!(is_canonical(path), "{path}");
        }
        for path in
            ["//", "//a", "/a//b", "/./a", "/a/.", "/..", "/../a", "/a/../b", "/%2e%2E/a", "/a//", "a"]
        {
            assert!(!is_canonical(path), "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn encoding_gives_valid_paths_back(text in "(/[a-zA-Z0-9%;:@(é ]{0,5}){1,4}") {
            if let Ok(path) = Path::parse(&text) {
                let encoded = path.encoded();
                proptest::prop_assert!(is_encoded(&encoded));
                proptest::prop_assert_eq!(Path::parse(&encoded).unwrap().decoded, path.decoded);
            }
        }

        #[test]
        fn stripping_undoes_prefixing(prefix in "/[a-z]{1,5}", text in "(/[a-z0-9]{0,3}(%2F)?){1,4}") {
            let path = Path::parse(&text).unwrap();
            let back = path.prefixed(&prefix).stripped(&prefix).unwrap();
            proptest::prop_assert_eq!(back.encoded(), path.encoded());
        }
    }
}
