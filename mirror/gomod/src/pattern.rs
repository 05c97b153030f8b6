//! Lists of module path patterns, such as `GOPRIVATE`, `GONOPROXY` and `GONOSUMDB` hold.
//!
//! A list is comma-separated; each glob is matched, as Go's `path.Match` does, against as many leading elements of the module
//! path as it has itself. Malformed globs match nothing, silently in the go command; [`Patterns::problems`] tells of those and of
//! others that cannot mean what their author thought. See <https://go.dev/ref/mod#private-modules>.

mod glob;

pub use glob::{BadPattern, path_match};

use std::fmt;

/// True when a glob of the comma-separated list matches a prefix of `target` that ends at an element's end.
/// To match many paths, parse the list once into [`Patterns`].
pub fn match_prefix(globs: &str, target: &str) -> bool {
    entries(globs).any(|entry| matches_prefix(entry, target))
}

/// A comma-separated list of globs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patterns {
    /// Without the trailing slash; never empty.
    globs: Vec<String>,
}

impl Patterns {
    /// Splits a list. Empty entries are dropped; malformed ones stay, match nothing, and are among the [`problems`](Self::problems).
    pub fn parse(list: &str) -> Self {
        Self { globs: entries(list).map(str::to_owned).collect() }
    }

    /// The first glob that matches a prefix of the module path.
    pub fn matches(&self, path: &str) -> Option<&str> {
        self.globs().find(|glob| matches_prefix(glob, path))
    }

    /// The globs, in order.
    pub fn globs(&self) -> impl Iterator<Item = &str> {
        self.globs.iter().map(String::as_str)
    }

    /// True when the list has no glob.
    pub fn is_empty(&self) -> bool {
        self.globs.is_empty()
    }

    /// Globs that match no module path, or not what they seem to; in order, at most one problem each.
    pub fn problems(&self) -> Vec<PatternProblem> {
        self.globs()
            .filter_map(|glob| Some(PatternProblem { glob: glob.to_owned(), kind: problem(glob)? }))
            .collect()
    }
}

/// A glob that does not do what its author expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternProblem {
    /// The glob, without a trailing slash.
    pub glob: String,
    /// What is the matter with it.
    pub kind: ProblemKind,
}

impl fmt::Display for PatternProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", crate::unicode::Quoted(&self.glob), self.kind)
    }
}

/// Why a glob does not do what its author expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The syntax is wrong; go ignores it.
    Malformed,
    /// An address range: globs are compared with module paths, never with addresses.
    Cidr,
    /// Has a scheme such as `https://`.
    Url,
    /// Has a blank at one end: go does not trim the entries.
    Blank,
    /// Begins with a slash, or has two in a row: no module path has an empty element.
    EmptyElement,
    /// Has an element of dots, such as `...`: no module path has one, and a glob matches all that is below it as it is.
    Dots,
    /// Has an upper-case letter before the first slash; hosts are lower-case in module paths.
    UpperCaseHost,
    /// Has a character that no module path holds.
    Character(char),
    /// Has an `@` and a version: versions take no part in matching.
    Version,
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("is malformed, and go ignores it"),
            Self::Cidr => f.write_str(
                "is an address range; globs are matched against module paths, never against addresses",
            ),
            Self::Url => f.write_str("has a URL scheme, which no module path has"),
            Self::Blank => {
                f.write_str("has a blank at one end, which go does not trim, so it matches nothing")
            }
            Self::EmptyElement => f.write_str("has an empty element, which no module path has"),
            Self::Dots => f.write_str(
                "has an element of dots, which no module path has; a glob matches what is below it as it is",
            ),
            Self::UpperCaseHost => {
                f.write_str("has an upper-case letter in its host, which no module path has")
            }
            Self::Character(c) => write!(f, "has the character {c:?}, which no module path has"),
            Self::Version => f.write_str("has a version; globs are matched against module paths alone"),
        }
    }
}

/// The non-empty entries of a list, less one trailing slash each.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(|entry| entry.strip_suffix('/').unwrap_or(entry)).filter(|entry| !entry.is_empty())
}

fn matches_prefix(glob: &str, target: &str) -> bool {
    let slashes = glob.bytes().filter(|&b| b == b'/').count();
    let mut ends = target.match_indices('/').map(|(at, _)| at).chain([target.len()]);
    let Some(end) = ends.nth(slashes) else {
        return false;
    };
    path_match(glob, &target[..end]).unwrap_or(false)
}

fn problem(glob: &str) -> Option<ProblemKind> {
    if path_match(glob, "").is_err() {
        return Some(ProblemKind::Malformed);
    }
    if is_cidr(glob) {
        return Some(ProblemKind::Cidr);
    }
    if glob.contains("://") {
        return Some(ProblemKind::Url);
    }
    if glob.trim() != glob {
        return Some(ProblemKind::Blank);
    }
    if glob.split('/').any(str::is_empty) {
        return Some(ProblemKind::EmptyElement);
    }
    if glob.split('/').any(|element| element.bytes().all(|b| b == b'.')) {
        return Some(ProblemKind::Dots);
    }
    let (literals, host) = glob::literals(glob);
    if literals.contains(&'@') {
        return Some(ProblemKind::Version);
    }
    if let Some(&c) = literals.iter().find(|&&c| !c.is_ascii_alphanumeric() && !"-._~/".contains(c)) {
        return Some(ProblemKind::Character(c));
    }
    literals[..host].iter().any(char::is_ascii_uppercase).then_some(ProblemKind::UpperCaseHost)
}

/// `10.0.0.0/8` and `fd00::/8`.
fn is_cidr(glob: &str) -> bool {
    glob.rsplit_once('/').is_some_and(|(address, bits)| {
        address.parse::<std::net::IpAddr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_matches_whole_leading_elements() {
        let cases = [
            ("*", "example.com/x/y", true),
            ("*.corp.example.com", "git.corp.example.com/team/x", true),
            ("*.corp.example.com", "corp.example.com/x", false),
            ("*.corp.example.com", "a.b.corp.example.com/x", true),
            ("github.com/corp", "github.com/corp/x/v2", true),
            ("github.com/corp", "github.com/corp", true),
            ("github.com/corp", "github.com/corporation", false),
            ("github.com/corp", "github.com", false),
            ("github.com/corp/", "github.com/corp/x", true),
            ("github.com/corp//", "github.com/corp/x", false),
            ("github.com/*/x", "github.com/corp/x/y", true),
            ("github.com/*/x", "github.com/corp/y/x", false),
            ("a.com,b.com", "b.com/x", true),
            (",,a.com,", "a.com/x", true),
            ("a.com, b.com", "b.com/x", false),
            ("[,a.com", "a.com/x", true),
            ("a.com/[", "a.com/x", false),
            ("", "a.com", false),
            ("/", "a.com", false),
            (",", "", false),
            ("*", "", true),
            ("10.0.0.0/8", "10.1.2.3/x", false),
        ];
        for (globs, target, expected) in cases {
            assert_eq!(match_prefix(globs, target), expected, "{globs:?} {target:?}");
            assert_eq!(Patterns::parse(globs).matches(target).is_some(), expected, "{globs:?} {target:?}");
        }
    }

    #[test]
    fn the_glob_that_matched_is_named() {
        let patterns = Patterns::parse("*.example.com,,github.com/corp/,github.com");
        assert_eq!(patterns.globs().collect::<Vec<_>>(), ["*.example.com", "github.com/corp", "github.com"]);
        assert_eq!(patterns.matches("github.com/corp/x"), Some("github.com/corp"));
        assert_eq!(patterns.matches("github.com/other"), Some("github.com"));
        assert_eq!(patterns.matches("gitlab.com/other"), None);
        assert!(!patterns.is_empty());
        assert!(Patterns::parse(",/,").is_empty());
    }

    #[test]
    fn globs_without_effect_are_found() {
        let cases = [
            ("git.corp.example.com", None),
            ("*.corp.example.com", None),
            ("github.com/[a-z]*/Repo_1~x", None),
            ("[!x].com", None),
            ("*/*", None),
            ("10.0.0.1", None),
            ("a[b", Some(ProblemKind::Malformed)),
            ("a.com/x\\", Some(ProblemKind::Malformed)),
            ("10.0.0.0/8", Some(ProblemKind::Cidr)),
            ("fd00::/8", Some(ProblemKind::Cidr)),
            ("https://a.com", Some(ProblemKind::Url)),
            (" a.com", Some(ProblemKind::Blank)),
            ("a.com\n", Some(ProblemKind::Blank)),
            ("a.com//x", Some(ProblemKind::EmptyElement)),
            ("/a.com", Some(ProblemKind::EmptyElement)),
            ("a.com/...", Some(ProblemKind::Dots)),
            ("./x", Some(ProblemKind::Dots)),
            ("GitHub.com/corp", Some(ProblemKind::UpperCaseHost)),
            ("a.com:8443/x", Some(ProblemKind::Character(':'))),
            ("a.com;b.com", Some(ProblemKind::Character(';'))),
            ("github.com/!azure", Some(ProblemKind::Character('!'))),
            ("a.com/x@v1.0.0", Some(ProblemKind::Version)),
        ];
        for (glob, expected) in cases {
            let problems = Patterns::parse(glob).problems();
            assert_eq!(problems.iter().map(|problem| problem.kind).next(), expected, "{glob:?}");
        }
        let problems = Patterns::parse("192.168.0.0/16/,a.com,[").problems();
        assert_eq!(
            problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                r#""192.168.0.0/16" is an address range; globs are matched against module paths, never against addresses"#,
                r#""[" is malformed, and go ignores it"#,
            ]
        );
    }
}
