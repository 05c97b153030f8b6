//! A module path and a version, as a pair.

use std::cmp::Ordering;
use std::fmt;

use crate::version;

/// A module at a version, both in plain form. Nothing is checked: see [`super::check`].
///
/// Ordered by path, then by version precedence, then by what follows a slash in the version (`v1.0.0/go.mod`, as go.sum
/// writes it), then as text, so that only identical pairs are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Module {
    /// Module path, such as `golang.org/x/text`.
    pub path: String,
    /// Version, such as `v0.3.0`; empty for a main module, and where a path stands for a folder.
    pub version: String,
}

impl Module {
    /// Pairs the two.
    pub fn new(path: impl Into<String>, version: impl Into<String>) -> Self {
        Self { path: path.into(), version: version.into() }
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if !self.version.is_empty() {
            write!(f, "@{}", self.version)?;
        }
        Ok(())
    }
}

impl Ord for Module {
    fn cmp(&self, other: &Self) -> Ordering {
        let (version, file) = split_file(&self.version);
        let (other_version, other_file) = split_file(&other.version);
        self.path
            .cmp(&other.path)
            .then_with(|| version::order(version, other_version))
            .then_with(|| file.cmp(other_file))
    }
}

impl PartialOrd for Module {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn split_file(version: &str) -> (&str, &str) {
    version.split_at(version.find('/').unwrap_or(version.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_sort_as_go_sum_lists_them() {
        let sorted = [
            ("x.y/a", ""),
            ("x.y/a", "bad"),
            ("x.y/a", "v1.0.0-rc"),
            ("x.y/a", "v1.0.0"),
            ("x.y/a", "v1.0.0/go.mod"),
            ("x.y/a", "v1.0.0+incompatible"),
            ("x.y/a", "v1.9.0"),
            ("x.y/a", "v1.10.0/go.mod"),
            ("x.y/a-b", "v0.1.0"),
            ("x.y/a/v2", "v2.0.0"),
            ("x.y/b", "v0.0.1"),
        ]
        .map(|(path, version)| Module::new(path, version));
        let mut shuffled = sorted.to_vec();
        shuffled.reverse();
        shuffled.swap(2, 7);
        shuffled.sort();
        assert_eq!(shuffled, sorted);
    }

    #[test]
    fn the_version_follows_an_at_sign() {
        assert_eq!(Module::new("x.y/z", "v1.0.0").to_string(), "x.y/z@v1.0.0");
        assert_eq!(Module::new("x.y/z", "").to_string(), "x.y/z");
    }
}
