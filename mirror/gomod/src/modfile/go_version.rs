//! Language versions, as the `go` line names them.

/// `1.23`, `1.23.0`, `1.23rc1`
pub(super) fn is_go_version(text: &str) -> bool {
    let Some((_, rest)) = go_minor(text) else {
        return false;
    };
    let rest = match rest.strip_prefix('.') {
        None => rest,
        Some(patch) => match number(patch) {
            Some((_, rest)) => rest,
            None => return false,
        },
    };
    let digits = rest.trim_start_matches(|c: char| c.is_ascii_lowercase());
    rest.is_empty()
        || (digits.len() < rest.len() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// `1.23` of `v1.23-anything`, as dependencies may write it.
pub(super) fn leading_go_version(text: &str) -> Option<&str> {
    let (version, rest) = go_minor(text.strip_prefix('v').unwrap_or(text))?;
    rest.starts_with(|c: char| !c.is_ascii_digit()).then_some(version)
}

/// Splits `1.23` off.
fn go_minor(text: &str) -> Option<(&str, &str)> {
    let (major, rest) = number(text)?;
    let (_, rest) = number(rest.strip_prefix('.')?)?;
    (!major.starts_with('0')).then(|| text.split_at(text.len() - rest.len()))
}

/// Splits a number off; nothing but zero may begin with a zero.
fn number(text: &str) -> Option<(&str, &str)> {
    let len = if text.starts_with('0') { 1 } else { text.bytes().take_while(u8::is_ascii_digit).count() };
    (len > 0).then(|| text.split_at(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_go_version_has_two_or_three_numbers() {
        for text in ["1.0", "1.9", "1.21", "1.21.0", "1.21.13", "1.21rc1", "1.21.3beta12", "10.0"] {
            assert!(is_go_version(text), "{text}");
        }
        for text in [
            "", "1", "1.", "0.1", "01.2", "1.02", "1.2.03", "1.2.", "1.2.3.4", "1.2rc", "1.2RC1", "1.2-rc1",
            "v1.2", "go1.2", "1.2 ",
        ] {
            assert!(!is_go_version(text), "{text:?}");
        }
    }

    #[test]
    fn dependencies_may_append_to_it() {
        for (text, expected) in [
            ("v1.21-x", Some("1.21")),
            ("1.21.x", Some("1.21")),
            ("1.21+auto", Some("1.21")),
            ("v1.21", None),
            ("1.021", None),
            ("1", None),
            ("x1.2.3", None),
        ] {
            assert_eq!(leading_go_version(text), expected, "{text}");
        }
    }
}
