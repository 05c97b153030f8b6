//! Which keys there are.

use crate::StoreError;

/// Longest key, in bytes.
pub const MAX_KEY: usize = 1024;
/// The first segment that stores keep for themselves.
pub(crate) const RESERVED: &str = ".fairlead";

/// Says whether `key` can name a blob: at most [`MAX_KEY`] bytes in segments between `/`, none of them empty, `.` or `..`,
/// none with a backslash or a control character, and the first not `.fairlead`.
///
/// # Errors
/// [`StoreError::BadKey`] with the rule that is broken.
pub fn check(key: &str) -> Result<(), StoreError> {
    if key.len() > MAX_KEY {
        return Err(StoreError::BadKey("longer than 1024 bytes"));
    }
    if key.split('/').next() == Some(RESERVED) {
        return Err(StoreError::BadKey("the store keeps this folder for itself"));
    }
    key.split('/').try_for_each(check_segment)
}

/// [`check`], but nothing at all is the folder of everything.
pub(crate) fn check_folder(prefix: &str) -> Result<(), StoreError> {
    if prefix.is_empty() { Ok(()) } else { check(prefix) }
}

/// One segment of a key.
pub(crate) fn check_segment(segment: &str) -> Result<(), StoreError> {
    match segment {
        "" => Err(StoreError::BadKey("an empty segment")),
        "." | ".." => Err(StoreError::BadKey("a segment that is a step in a path")),
        _ if segment.contains('\\') => Err(StoreError::BadKey("a backslash")),
        _ if segment.chars().any(char::is_control) => Err(StoreError::BadKey("a control character")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_modules_are_keys() {
        for key in [
            "a",
            "github.com/!azure/sdk/@v/v1.2.3+incompatible.zip",
            "..a/b..",
            "é/ü",
            ".fairleads/x",
            "a/.fairlead",
        ] {
            assert!(check(key).is_ok(), "{key}");
        }
        assert!(check(&"k".repeat(MAX_KEY)).is_ok());
    }

    #[test]
    fn nothing_leaves_the_folder() {
        for key in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            "a/.",
            "a\\b",
            "a\0b",
            "a\nb",
            "a\u{85}b",
            ".fairlead",
            ".fairlead/tmp",
        ] {
            assert!(matches!(check(key), Err(StoreError::BadKey(_))), "{key:?}");
        }
        assert!(check(&"k".repeat(MAX_KEY + 1)).is_err());
        assert!(check_folder("").is_ok() && check_folder("a/").is_err());
    }
}
