//! The escaped forms, in which every upper-case letter is `!` and the lower-case one, so that no two names differ by case alone.
//!
//! See <https://go.dev/ref/mod#goproxy-protocol>.

use super::{PathError, PathKind, check_element, check_path};

/// `github.com/!azure/sdk` of `github.com/Azure/sdk`; fails for what is no module path.
pub fn escape_path(path: &str) -> Result<String, PathError> {
    check_path(path)?;
    Ok(escape(path))
}

/// `v1.0.0-!r!c1` of `v1.0.0-RC1`. Any text that could be a file name and has no `!` is a version here: branches are asked for too.
pub fn escape_version(version: &str) -> Result<String, PathError> {
    let reason = match check_element(version, PathKind::File) {
        Err(fault) => fault.to_string(),
        Ok(()) if version.contains('!') => "invalid char '!'".to_owned(),
        Ok(()) if !version.is_ascii() => "characters outside ASCII".to_owned(),
        Ok(()) => return Ok(escape(version)),
    };
    Err(PathError::Version { version: version.to_owned(), reason })
}

/// `github.com/Azure/sdk` of `github.com/!azure/sdk`; fails for what [`escape_path`] cannot have written.
pub fn unescape_path(escaped: &str) -> Result<String, PathError> {
    let fail =
        |reason: String| PathError::Escaped { what: "module path", escaped: escaped.to_owned(), reason };
    let path = unescape(escaped).map_err(|reason| fail(reason.to_owned()))?;
    match check_path(&path) {
        Ok(()) => Ok(path),
        Err(error) => Err(fail(error.to_string())),
    }
}

/// `v1.0.0-RC1` of `v1.0.0-!r!c1`; fails for what [`escape_version`] cannot have written.
pub fn unescape_version(escaped: &str) -> Result<String, PathError> {
    let fail = |reason: String| PathError::Escaped { what: "version", escaped: escaped.to_owned(), reason };
    let version = unescape(escaped).map_err(|reason| fail(reason.to_owned()))?;
    match check_element(&version, PathKind::File) {
        Ok(()) => Ok(version),
        Err(fault) => Err(fail(fault.to_string())),
    }
}

/// Takes ASCII without `!`.
fn escape(plain: &str) -> String {
    let mut escaped = String::with_capacity(plain.len() + 8);
    for c in plain.chars() {
        if c.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(c.to_ascii_lowercase());
    }
    escaped
}

fn unescape(escaped: &str) -> Result<String, &'static str> {
    let mut plain = String::with_capacity(escaped.len());
    let mut chars = escaped.chars();
    while let Some(c) = chars.next() {
        match c {
            '!' => match chars.next() {
                Some(lower @ 'a'..='z') => plain.push(lower.to_ascii_uppercase()),
                Some(_) => return Err("an exclamation mark must be followed by a lower-case letter"),
                None => return Err("trailing exclamation mark"),
            },
            'A'..='Z' => return Err("upper-case letters must be escaped"),
            _ if !c.is_ascii() => return Err("characters outside ASCII"),
            _ => plain.push(c),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_letters_are_escaped() {
        for (path, escaped) in [
            ("example.com/m", "example.com/m"),
            ("github.com/Azure/azure-sdk", "github.com/!azure/azure-sdk"),
            ("github.com/GoogleCloudPlatform/X", "github.com/!google!cloud!platform/!x"),
        ] {
            assert_eq!(escape_path(path).as_deref(), Ok(escaped));
            assert_eq!(unescape_path(escaped).as_deref(), Ok(path));
        }
        for (version, escaped) in [
            ("v1.0.0-RC1", "v1.0.0-!r!c1"),
            ("v2.0.0+incompatible", "v2.0.0+incompatible"),
            ("Branch", "!branch"),
        ] {
            assert_eq!(escape_version(version).as_deref(), Ok(escaped));
            assert_eq!(unescape_version(escaped).as_deref(), Ok(version));
        }
    }

    #[test]
    fn what_cannot_be_escaped_is_refused() {
        for path in ["", "github.com/!azure/x", "Github.com/x", "x.y/é", "x.y/v1", "../x.y"] {
            assert!(escape_path(path).is_err(), "{path:?}");
        }
        for version in ["", "feature/x", "..", "a!b", "a:b", "é", "con", "v1.0.0."] {
            assert!(escape_version(version).is_err(), "{version:?}");
        }
        assert_eq!(
            escape_version("a!b").unwrap_err().to_string(),
            r#"version "a!b" invalid: invalid char '!'"#
        );
    }

    #[test]
    fn what_no_escaping_gives_is_refused() {
        for escaped in [
            "",
            "github.com/Azure/x",
            "github.com/azure!",
            "github.com/!!azure",
            "github.com/!Azure",
            "github.com/!1",
            "!github.com/x",
            "x.y/é",
            "x.y/!é",
        ] {
            assert!(unescape_path(escaped).is_err(), "{escaped:?}");
        }
        for escaped in ["", "V1.0.0", "v1.0.0!", "v1.0.0-!1", "a/b", "!é", "!a!u!x", "a\\b"] {
            assert!(unescape_version(escaped).is_err(), "{escaped:?}");
        }
        assert_eq!(
            unescape_path("x.y/A").unwrap_err().to_string(),
            r#"invalid escaped module path "x.y/A": upper-case letters must be escaped"#
        );
    }
}
