//! Request paths as text, still percent-encoded: the clean-up that happens before routing.
//!
//! Every function borrows when there is nothing to change, which is nearly always.

use std::borrow::Cow;

use memchr::memmem;

/// Decodes escapes of unreserved characters (RFC 3986, 2.3) and writes the others with upper-case digits, so that one path has
/// one spelling: `/%7Ejo/%2f` becomes `/~jo/%2F`. A path with an escape that is not valid stays as it is: decoding its
/// valid ones could make new escapes of the rest.
#[must_use]
pub fn normalise(path: &str) -> Cow<'_, str> {
    if memchr::memchr(b'%', path.as_bytes()).is_none() || has_invalid_escape(path) {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let hex = &rest[at + 1..at + 3];
        match u8::from_str_radix(hex, 16) {
            Ok(byte) if is_unreserved(byte) => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push_str(&hex.to_ascii_uppercase());
            }
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Escapes what a request target may not contain as it is (RFC 3986, 3.3 and 3.4) but people and old clients send all the
/// same: `/café` becomes `/caf%C3%A9`, as Go's server makes it. Spaces and control characters stay, for others to refuse.
/// `None` when there is nothing to escape.
pub(crate) fn escape_target(target: &[u8]) -> Option<Vec<u8>> {
    let query = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at(query);
    // A query goes on as it was sent, unless it is no text.
    let escapes_high = std::str::from_utf8(query).is_err();
    let in_query = |byte: u8| matches!(byte, b'"' | b'<' | b'>') || (escapes_high && !byte.is_ascii());
    if !path.iter().any(|byte| is_foreign_to_paths(*byte)) && !query.iter().any(|byte| in_query(*byte)) {
        return None;
    }
    let mut out = Vec::with_capacity(target.len() + 32);
    push_escaped(&mut out, path, is_foreign_to_paths);
    push_escaped(&mut out, query, in_query);
    Some(out)
}

fn push_escaped(out: &mut Vec<u8>, text: &[u8], must: impl Fn(u8) -> bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text {
        if must(*byte) {
            out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        } else {
            out.push(*byte);
        }
    }
}

/// What Go's server escapes in a path. Brackets and other delimiters stay.
fn is_foreign_to_paths(byte: u8) -> bool {
    !byte.is_ascii() || matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// Removes `.` and `..` segments and repeated slashes; a final slash stays.
#[must_use]
pub fn sanitise(path: &str) -> Cow<'_, str> {
    if !needs_sanitising(path) {
        return Cow::Borrowed(path);
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in &segments {
        out.push('/');
        out.push_str(segment);
    }
    if out.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    Cow::Owned(out)
}

/// The escapes that an entry point can forbid in paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeniedEscapes {
    /// `%2F`
    pub slash: bool,
    /// `%5C`
    pub back_slash: bool,
    /// `%00`
    pub null: bool,
    /// `%3B`
    pub semicolon: bool,
    /// `%25`
    pub percent: bool,
    /// `%3F`
    pub question_mark: bool,
    /// `%23`
    pub hash: bool,
}

impl DeniedEscapes {
    /// The first forbidden escape in `path`, as written.
    #[must_use]
    pub fn find<'a>(&self, path: &'a str) -> Option<&'a str> {
        if *self == Self::default() {
            return None;
        }
        memmem::find_iter(path.as_bytes(), b"%")
            .filter_map(|at| path.get(at..at + 3))
            .find(|escape| self.denies(&escape[1..]))
    }

    fn denies(&self, hex: &str) -> bool {
        match u8::from_str_radix(hex, 16) {
            Ok(b'/') => self.slash,
            Ok(b'\\') => self.back_slash,
            Ok(0) => self.null,
            Ok(b';') => self.semicolon,
            Ok(b'%') => self.percent,
            Ok(b'?') => self.question_mark,
            Ok(b'#') => self.hash,
            _ => false,
        }
    }
}

/// RFC 3986, 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether a `%` is not followed by two hexadecimal digits.
pub(crate) fn has_invalid_escape(path: &str) -> bool {
    let mut all = memchr::memchr_iter(b'%', path.as_bytes());
    all.any(|at| {
        !path.as_bytes().get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    })
}

fn needs_sanitising(path: &str) -> bool {
    let bytes = path.as_bytes();
    memchr::memchr_iter(b'/', bytes).any(|at| match bytes.get(at + 1) {
        Some(b'/') => true,
        Some(b'.') => match bytes.get(at + 2) {
            None | Some(b'/') => true,
            Some(b'.') => matches!(bytes.get(at + 3), None | Some(b'/')),
            Some(_) => false,
        },
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn targets_are_escaped_where_they_must_be() {
        for (sent, escaped) in [
            ("/caf\u{e9}?q=\u{e9}".as_bytes(), "/caf%C3%A9?q=\u{e9}"),
            (b"/a\xff?b=\xff", "/a%FF?b=%FF"),
            (b"/<a>`{b}|^\"\\?x=<\"{y}`>", "/%3Ca%3E%60%7Bb%7D%7C%5E%22%5C?x=%3C%22{y}`%3E"),
            (b"/%c3\xa9", "/%c3%A9"),
        ] {
            assert_eq!(String::from_utf8(escape_target(sent).unwrap()).unwrap(), escaped);
        }
        for plain in [&b"/a/b?c=d"[..], b"/[1]/(2)~!$&'*+,;=:@?/?|", b"*", b"", b"/%E9", b"/a b\x01"] {
            assert_eq!(escape_target(plain), None);
        }
    }

    #[test]
    fn normalises_as_the_reference_says() {
        for (path, expected) in [
            ("/a", "/a"),
            ("/%7Ejo", "/~jo"),
            ("/a%2fb", "/a%2Fb"),
            ("/%41%5b", "/A%5B"),
            ("/%", "/%"),
            ("/%zz%4", "/%zz%4"),
            ("/%%32e%%32e/", "/%%32e%%32e/"),
            ("/%+7e", "/%+7e"),
            ("/%c3%a9", "/%C3%A9"),
        ] {
            assert_eq!(normalise(path), expected, "{path}");
        }
    }

    #[test]
    fn sanitises_like_path_clean_with_its_final_slash() {
        for (path, expected) in [
            ("/a/b", "/a/b"),
            ("/a/./b", "/a/b"),
            ("/a//b", "/a/b"),
            ("/a/../b", "/b"),
            ("/../../b/", "/b/"),
            ("/a/..", "/"),
            ("/a/.", "/a"),
            ("/a/...", "/a/..."),
            ("/.well-known/x", "/.well-known/x"),
            ("//", "/"),
        ] {
            assert_eq!(sanitise(path), expected, "{path}");
        }
    }

    #[test]
    fn finds_denied_escapes() {
        let denied = DeniedEscapes { slash: true, null: true, ..DeniedEscapes::default() };
        assert_eq!(denied.find("/a%2fb"), Some("%2f"));
        assert_eq!(denied.find("/a%00"), Some("%00"));
        assert_eq!(denied.find("/a%3b%2"), None);
        assert_eq!(DeniedEscapes::default().find("/a%2fb"), None);
    }

    proptest! {
        #[test]
        fn a_clean_path_stays_clean(path in "/[a-c./%0-9éA-F]{0,24}") {
            let normal = normalise(&path).into_owned();
            let twice = normalise(&normal).into_owned();
            prop_assert_eq!(&twice, &normal);
            let clean = sanitise(&normal).into_owned();
            prop_assert!(clean.starts_with('/'));
            prop_assert!(!clean.contains("//"));
            prop_assert!(!clean.split('/').any(|segment| segment == "." || segment == ".."));
            let again = sanitise(&clean).into_owned();
            prop_assert_eq!(&again, &clean);
        }
    }
}
