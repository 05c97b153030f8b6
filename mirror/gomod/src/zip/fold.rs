//! Letter case ignored as Go's `strings.EqualFold` ignores it: Unicode simple case folding.

use std::borrow::Cow;

/// A text that is equal for two names exactly when they differ in letter case at most.
pub(super) fn fold(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.chars().map(fold_char).collect())
}

/// One character for all that are equal to `c` when case is ignored: the lower case of the upper case.
/// Mappings to several characters are no simple folding and do not count.
fn fold_char(c: char) -> char {
    // The dotted and dotless i of Turkish equal nothing else.
    if matches!(c, '\u{130}' | '\u{131}') {
        return c;
    }
    let upper = single(c.to_uppercase()).unwrap_or(c);
    single(upper.to_lowercase()).unwrap_or(upper)
}

fn single(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    let first = mapped.next()?;
    mapped.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_with_more_than_two_cases_are_equal() {
        // Every class of three or more in Unicode 15, and the pairs whose upper case is irregular.
        for class in [
            "Kk\u{212a}",
            "Ss\u{17f}",
            "\u{c5}\u{e5}\u{212b}",
            "\u{1e9e}\u{df}",
            "\u{1c4}\u{1c5}\u{1c6}",
            "\u{1c7}\u{1c8}\u{1c9}",
            "\u{1ca}\u{1cb}\u{1cc}",
            "\u{1f1}\u{1f2}\u{1f3}",
            "\u{345}\u{399}\u{3b9}\u{1fbe}",
            "\u{392}\u{3b2}\u{3d0}",
            "\u{395}\u{3b5}\u{3f5}",
            "\u{398}\u{3b8}\u{3d1}\u{3f4}",
            "\u{39a}\u{3ba}\u{3f0}",
            "\u{b5}\u{39c}\u{3bc}",
            "\u{3a0}\u{3c0}\u{3d6}",
            "\u{3a1}\u{3c1}\u{3f1}",
            "\u{3a3}\u{3c2}\u{3c3}",
            "\u{3a6}\u{3c6}\u{3d5}",
            "\u{3a9}\u{3c9}\u{2126}",
            "\u{412}\u{432}\u{1c80}",
            "\u{414}\u{434}\u{1c81}",
            "\u{41e}\u{43e}\u{1c82}",
            "\u{421}\u{441}\u{1c83}",
            "\u{422}\u{442}\u{1c84}\u{1c85}",
            "\u{42a}\u{44a}\u{1c86}",
            "\u{462}\u{463}\u{1c87}",
            "\u{a64a}\u{a64b}\u{1c88}",
            "\u{1e60}\u{1e61}\u{1e9b}",
            "\u{1fb3}\u{1fbc}",
            "\u{13a0}\u{ab70}",
            "\u{10d0}\u{1c90}",
            "\u{10400}\u{10428}",
        ] {
            let folded: Vec<char> = class.chars().map(fold_char).collect();
            assert!(folded.iter().all(|c| *c == folded[0]), "{class}: {folded:?}");
        }
    }

    #[test]
    fn what_merely_looks_or_expands_alike_differs() {
        for (a, b) in [
            ("\u{131}", "i"),
            ("\u{130}", "i"),
            ("\u{df}", "ss"),
            ("\u{fb01}", "fi"),
            ("\u{e9}", "e\u{301}"),
            ("\u{149}", "\u{2bc}n"),
            ("\u{c0}", "A"),
        ] {
            assert_ne!(fold(a), fold(b), "{a} {b}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for c in '\0'..=char::MAX {
            assert_eq!(fold_char(fold_char(c)), fold_char(c), "{c:?}");
        }
    }

    #[test]
    fn lower_case_ascii_is_borrowed() {
        assert!(matches!(fold("a/b_c.go"), Cow::Borrowed(_)));
        assert_eq!(fold("README.md"), "readme.md");
    }
}
