//! Module paths, import paths and file paths: which are valid, how they are escaped, and which version goes with which.
//!
//! A request for a module arrives as an *escaped* path and version ([`unescape_path`], [`unescape_version`]); everything inside
//! works with the plain ones; what is written to a URL or a file is escaped again ([`escape_path`], [`escape_version`]).
//! Rules: <https://go.dev/ref/mod#go-mod-file-ident>, <https://go.dev/ref/mod#module-path>, and `golang.org/x/mod/module`.

mod escape;
mod major;
mod module;

pub use escape::{escape_path, escape_version, unescape_path, unescape_version};
pub use major::{canonical_version, check, check_path_major, path_major_prefix, split_path_version};
pub use module::Module;

use std::fmt;

use thiserror::Error;

use crate::unicode::{Quoted, is_letter};

/// Checks a module path: an import path whose first element is a lower-case host name with a dot, no element of which begins
/// with a dot, and whose major version suffix, if it has one, is `/v2` or above (`.v0` and above under `gopkg.in/`).
pub fn check_path(path: &str) -> Result<(), PathError> {
    check_module_path(path).map_err(|fault| PathError::malformed(PathKind::Module, path, fault))
}

/// Checks an import path: elements of ASCII letters, digits and `-._~+`, none of which Windows would misread.
pub fn check_import_path(path: &str) -> Result<(), PathError> {
    check_elements(path, PathKind::Import)
        .map_err(|fault| PathError::malformed(PathKind::Import, path, fault))
}

/// Checks a slash-separated file path inside a module: as an import path, and any letter, digit, space or `!#$%&()+,-.=@[]^_{}~`.
pub fn check_file_path(path: &str) -> Result<(), PathError> {
    check_elements(path, PathKind::File).map_err(|fault| PathError::malformed(PathKind::File, path, fault))
}

/// Why a path, a version or the pair of them is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathError {
    /// The path breaks a rule for its kind.
    #[error("malformed {kind} path {}: {fault}", Quoted(path))]
    Malformed {
        /// What the path was checked as.
        kind: PathKind,
        /// The path.
        path: String,
        /// The rule it breaks.
        fault: PathFault,
    },
    /// The version is not acceptable, whatever the path.
    #[error("version {} invalid: {reason}", Quoted(version))]
    Version {
        /// The version.
        version: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The version does not go with the path.
    #[error("{}: invalid version {}: {reason}", Quoted(path), Quoted(version))]
    Pair {
        /// The module path.
        path: String,
        /// The version.
        version: String,
        /// What is wrong with the pair.
        reason: String,
    },
    /// The text is not the escaped form of a valid path or version.
    #[error("invalid escaped {what} {}: {reason}", Quoted(escaped))]
    Escaped {
        /// `module path` or `version`.
        what: &'static str,
        /// The text as it was given.
        escaped: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl PathError {
    fn malformed(kind: PathKind, path: &str, fault: PathFault) -> Self {
        Self::Malformed { kind, path: path.to_owned(), fault }
    }
}

/// What a path names, which decides the characters that it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// A module.
    Module,
    /// A package.
    Import,
    /// A file inside a module.
    File,
}

impl PathKind {
    fn allows(self, c: char) -> bool {
        let plain = c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        match self {
            PathKind::Module => plain,
            PathKind::Import => plain || c == '+',
            PathKind::File if c.is_ascii() => c.is_ascii_alphanumeric() || FILE_PUNCTUATION.contains(c),
            PathKind::File => is_letter(c),
        }
    }
}

impl fmt::Display for PathKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PathKind::Module => "module",
            PathKind::Import => "import",
            PathKind::File => "file",
        })
    }
}

/// The rule that a path breaks, and the part of it that does.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathFault {
    /// Nothing at all.
    #[error("empty string")]
    Empty,
    /// Begins with `-`, and would be read as a flag.
    #[error("leading dash")]
    LeadingDash,
    /// Begins with `/`.
    #[error("leading slash")]
    LeadingSlash,
    /// Has `//` in it.
    #[error("double slash")]
    DoubleSlash,
    /// Ends in `/`.
    #[error("trailing slash")]
    TrailingSlash,
    /// An element without characters.
    #[error("empty path element")]
    EmptyElement,
    /// An element of dots alone, such as `..`.
    #[error("invalid path element {}", Quoted(.0))]
    DotsOnly(String),
    /// An element of a module path begins with a dot.
    #[error("leading dot in path element {}", Quoted(.0))]
    LeadingDot(String),
    /// An element ends in a dot, which Windows drops.
    #[error("trailing dot in path element {}", Quoted(.0))]
    TrailingDot(String),
    /// A character that this kind of path may not hold.
    #[error("invalid char {0:?}")]
    Character(char),
    /// A device name on Windows, such as `con` or `aux.txt`.
    #[error("{} disallowed as path element component on Windows", Quoted(.0))]
    Device(String),
    /// An element that looks like a Windows short name, such as `docume~1`.
    #[error("trailing tilde and digits in path element {}", Quoted(.0))]
    ShortName(String),
    /// The first element of a module path is no domain name.
    #[error("missing dot in first path element")]
    NoDotInHost,
    /// A character that a domain name may not hold, or an upper-case letter.
    #[error("invalid char {0:?} in first path element")]
    HostCharacter(char),
    /// A major version suffix that no module may have: `/v1`, `/v02`, `/v1.2`, or none under `gopkg.in/`.
    #[error("invalid version")]
    Major,
}

/// ASCII punctuation of file names; shells or Windows give the rest a meaning.
const FILE_PUNCTUATION: &str = "!#$%&()+,-.=@[]^_{}~ ";

/// Device names, besides `COM1` to `LPT9`: Windows opens the device whatever the folder, the case and the extension.
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

fn check_module_path(path: &str) -> Result<(), PathFault> {
    check_elements(path, PathKind::Module)?;
    let host = path.split_once('/').map_or(path, |(host, _)| host);
    if !host.contains('.') {
        return Err(PathFault::NoDotInHost);
    }
    let valid = |c: char| matches!(c, '-' | '.' | '0'..='9' | 'a'..='z');
    if let Some(c) = host.chars().find(|&c| !valid(c)) {
        return Err(PathFault::HostCharacter(c));
    }
    split_path_version(path).map(drop).ok_or(PathFault::Major)
}

fn check_elements(path: &str, kind: PathKind) -> Result<(), PathFault> {
    if path.is_empty() {
        return Err(PathFault::Empty);
    }
    if path.starts_with('-') && kind != PathKind::File {
        return Err(PathFault::LeadingDash);
    }
    if path.starts_with('/') && kind == PathKind::Module {
        return Err(PathFault::LeadingSlash);
    }
    if path.contains("//") {
        return Err(PathFault::DoubleSlash);
    }
    if path.ends_with('/') {
        return Err(PathFault::TrailingSlash);
    }
    path.split('/').try_for_each(|element| check_element(element, kind))
}

fn check_element(element: &str, kind: PathKind) -> Result<(), PathFault> {
    if element.is_empty() {
        return Err(PathFault::EmptyElement);
    }
    if element.bytes().all(|b| b == b'.') {
        return Err(PathFault::DotsOnly(element.to_owned()));
    }
    if element.starts_with('.') && kind == PathKind::Module {
        return Err(PathFault::LeadingDot(element.to_owned()));
    }
    if element.ends_with('.') {
        return Err(PathFault::TrailingDot(element.to_owned()));
    }
    if let Some(c) = element.chars().find(|&c| !kind.allows(c)) {
        return Err(PathFault::Character(c));
    }
    let stem = element.split_once('.').map_or(element, |(stem, _)| stem);
    if is_device(stem) {
        return Err(PathFault::Device(stem.to_owned()));
    }
    if kind != PathKind::File && is_short_name(stem) {
        return Err(PathFault::ShortName(element.to_owned()));
    }
    Ok(())
}

fn is_device(stem: &str) -> bool {
    if DEVICES.iter().any(|device| device.eq_ignore_ascii_case(stem)) {
        return true;
    }
    let port = stem.as_bytes();
    port.len() == 4
        && (port[..3].eq_ignore_ascii_case(b"COM") || port[..3].eq_ignore_ascii_case(b"LPT"))
        && (b'1'..=b'9').contains(&port[3])
}

fn is_short_name(stem: &str) -> bool {
    stem.rsplit_once('~')
        .is_some_and(|(_, suffix)| !suffix.is_empty() && suffix.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a path is valid as a module's, a package's and a file's.
    fn valid_as(path: &str) -> [bool; 3] {
        [check_path(path).is_ok(), check_import_path(path).is_ok(), check_file_path(path).is_ok()]
    }

    #[test]
    fn each_kind_of_path_has_its_rules() {
        let cases = [
            ("example.com", [true, true, true]),
            ("x.y/z", [true, true, true]),
            ("x-1.y/A_b~c/d.e", [true, true, true]),
            ("127.0.0.1/x", [true, true, true]),
            ("x.y/z/v2", [true, true, true]),
            ("x.y/z/v2.0", [false, true, true]),
            ("x.y/v1", [false, true, true]),
            ("fmt", [false, true, true]),
            ("x/y.z", [false, true, true]),
            ("X.y/z", [false, true, true]),
            ("x_1.y/z", [false, true, true]),
            ("x~a.y/z", [false, true, true]),
            ("x.y/.z", [false, true, true]),
            (".x.y/z", [false, true, true]),
            ("x.y/a+b", [false, true, true]),
            ("-x.y/z", [false, false, true]),
            ("x.y/-z", [true, true, true]),
            ("x.y/a b", [false, false, true]),
            ("x.y/a@b#c$d%e&f(g)h,i=j[k]l^m{n}o!p", [false, false, true]),
            ("x.y/é", [false, false, true]),
            ("x.y/世界/\u{212a}", [false, false, true]),
            ("x.y/e\u{301}", [false, false, false]),
            ("x.y/Ⅷ", [false, false, false]),
            ("x.y/٣", [false, false, false]),
            ("x.y/\u{a0}", [false, false, false]),
            ("x.y/\0", [false, false, false]),
            ("x.y/a\tb", [false, false, false]),
            ("x.y/a\\b", [false, false, false]),
            ("x.y/a:b", [false, false, false]),
            ("x.y/a*b", [false, false, false]),
            ("x.y/a?b", [false, false, false]),
            ("x.y/a\"b", [false, false, false]),
            ("x.y/a'b", [false, false, false]),
            ("x.y/a`b", [false, false, false]),
            ("x.y/a;b", [false, false, false]),
            ("x.y/a|b", [false, false, false]),
            ("x.y/a<b", [false, false, false]),
            ("", [false, false, false]),
            ("/", [false, false, false]),
            ("/x.y", [false, false, false]),
            ("x.y/", [false, false, false]),
            ("x.y//z", [false, false, false]),
            ("x.y/./z", [false, false, false]),
            ("x.y/../z", [false, false, false]),
            ("x.y/.../z", [false, false, false]),
            ("x.y/z.", [false, false, false]),
        ];
        for (path, expected) in cases {
            assert_eq!(valid_as(path), expected, "{path:?}");
        }
    }

    #[test]
    fn windows_names_are_refused_everywhere() {
        for element in
            ["con", "CON", "Con.txt", "prn", "aux.go", "nul", "com1", "COM9.tar.gz", "lpt1", "LpT5"]
        {
            assert_eq!(valid_as(&format!("x.y/{element}/z")), [false; 3], "{element}");
        }
        for element in ["con1", "xcon", "com", "com0", "com10", "lpt", "null", "a.con"] {
            assert_eq!(valid_as(&format!("x.y/{element}/z")), [true; 3], "{element}");
        }
    }

    #[test]
    fn windows_short_names_are_refused_but_for_files() {
        for element in ["progra~1", "a~12345", "~9", "a~b~1", "a~1.txt"] {
            assert_eq!(valid_as(&format!("x.y/{element}")), [false, false, true], "{element}");
        }
        for element in ["a~", "a~b1", "a~1b", "a.b~1"] {
            assert_eq!(valid_as(&format!("x.y/{element}")), [true; 3], "{element}");
        }
    }

    #[test]
    fn messages_say_what_is_wrong_and_where() {
        let message = |result: Result<(), PathError>| result.unwrap_err().to_string();
        assert_eq!(message(check_path("x.y/a b")), r#"malformed module path "x.y/a b": invalid char ' '"#);
        assert_eq!(
            message(check_path("X.y/a")),
            r#"malformed module path "X.y/a": invalid char 'X' in first path element"#
        );
        assert_eq!(
            message(check_path("x.y/.a/b")),
            r#"malformed module path "x.y/.a/b": leading dot in path element ".a""#
        );
        assert_eq!(
            message(check_path("fmt")),
            r#"malformed module path "fmt": missing dot in first path element"#
        );
        assert_eq!(message(check_path("x.y/v1")), r#"malformed module path "x.y/v1": invalid version"#);
        assert_eq!(
            message(check_import_path("a/..")),
            r#"malformed import path "a/..": invalid path element "..""#
        );
        assert_eq!(
            message(check_file_path("a/aux.txt")),
            r#"malformed file path "a/aux.txt": "aux" disallowed as path element component on Windows"#
        );
    }

    #[test]
    fn a_message_stays_short_however_long_the_path() {
        let path = "x.y/".to_owned() + &"a".repeat(1 << 20) + ".";
        assert!(check_path(&path).unwrap_err().to_string().len() < 1000);
    }
}
