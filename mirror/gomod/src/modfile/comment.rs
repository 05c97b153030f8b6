//! What comments in a go.mod file say.

use std::sync::Arc;

/// The text of comments, a line each; the empty ones that stand for blank lines are left out.
pub(super) fn comment_text<'a>(comments: impl Iterator<Item = &'a str>) -> Arc<str> {
    let lines: Vec<&str> = comments.filter_map(|comment| comment.strip_prefix("//")).map(str::trim).collect();
    lines.join("\n").into()
}

/// The first paragraph that begins with `Deprecated:`, without that.
pub(super) fn deprecation(comment: &str) -> Option<String> {
    const MARK: &str = "Deprecated:";
    let (at, _) = comment.match_indices(MARK).find(|&(at, _)| at == 0 || comment[..at].ends_with("\n\n"))?;
    let message = comment[at + MARK.len()..].trim_start_matches(' ');
    let message = message.split_once("\n\n").map_or(message, |(paragraph, _)| paragraph);
    (!message.is_empty()).then(|| message.to_owned())
}

/// True for `// indirect` and `// indirect; why`.
pub(super) fn is_indirect(comment: &str) -> bool {
    let mut words = comment.strip_prefix("//").unwrap_or(comment).split_whitespace();
    match (words.next(), words.next()) {
        (Some("indirect"), None) => true,
        (Some("indirect;"), more) => more.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_lines_of_text() {
        let text = |comments: &[&'static str]| comment_text(comments.iter().copied()).to_string();
        assert_eq!(text(&[]), "");
        assert_eq!(text(&["// a", "//b  ", "", "//", "//\tc // d"]), "a\nb\n\nc // d");
    }

    #[test]
    fn a_deprecation_is_a_paragraph() {
        let cases = [
            ("", None),
            ("Deprecated:", None),
            ("deprecated: lower case", None),
            ("Deprecated: use v2", Some("use v2")),
            ("Deprecated:use v2\nsoon", Some("use v2\nsoon")),
            ("Notes.\nDeprecated: not its own paragraph", None),
            ("Notes.\n\nDeprecated:   a\n\nmore", Some("a")),
            ("Notes.\n\n\nDeprecated: a", Some("a")),
            ("Deprecated: a\n\nDeprecated: b", Some("a")),
            ("See Deprecated: no\n\nDeprecated: yes", Some("yes")),
        ];
        for (comment, expected) in cases {
            assert_eq!(deprecation(comment).as_deref(), expected, "{comment:?}");
        }
    }

    #[test]
    fn indirect_is_the_whole_comment_or_ends_in_a_semicolon() {
        for comment in ["// indirect", "//indirect", "//  indirect  ", "// indirect; for tests"] {
            assert!(is_indirect(comment), "{comment:?}");
        }
        for comment in [
            "//",
            "// indirectly",
            "// indirect;",
            "// indirect for tests",
            "// not indirect",
            "// // indirect",
        ] {
            assert!(!is_indirect(comment), "{comment:?}");
        }
    }
}
