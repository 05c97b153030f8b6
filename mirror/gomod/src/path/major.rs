//! The major version at the end of a module path, and the versions that go with it.
//!
//! See <https://go.dev/ref/mod#major-version-suffixes>.

use std::borrow::Cow;

use super::{PathError, check_path};
use crate::version;

/// Checks that `path` is a module path, `version` a semantic version, and that the two go together.
pub fn check(path: &str, version: &str) -> Result<(), PathError> {
    check_path(path)?;
    let mismatch =
        |reason: String| PathError::Pair { path: path.to_owned(), version: version.to_owned(), reason };
    if !version::is_valid(version) {
        return Err(mismatch("not a semantic version".to_owned()));
    }
    let (_, major) = split_path_version(path).unwrap_or((path, ""));
    major_mismatch(version, major).map_or(Ok(()), |reason| Err(mismatch(reason)))
}

/// Splits `example.com/m/v2` into `example.com/m` and `/v2`, and `gopkg.in/yaml.v3` into `gopkg.in/yaml` and `.v3`.
///
/// The second part is empty for a module of v0 or v1. None where the path ends in a version that it must not have,
/// such as `/v1`, `/v02` or `/v1.2`, or lacks the one that `gopkg.in/` demands.
pub fn split_path_version(path: &str) -> Option<(&str, &str)> {
    if path.starts_with("gopkg.in/") {
        return split_gopkg_in(path);
    }
    let stem = path.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if stem.len() == path.len() || !stem.ends_with("/v") {
        return Some((path, ""));
    }
    let (prefix, major) = path.split_at(stem.len() - 2);
    let number = &path[stem.len()..];
    let refused = number.contains('.') || number.starts_with('0') || number == "1";
    (!refused).then_some((prefix, major))
}

/// The version prefix that a path's major part demands: `v2` for `/v2` and `.v2-unstable`; empty for the empty one, which stands
/// for v0 and v1. None for a text that [`split_path_version`] cannot have given.
pub fn path_major_prefix(major: &str) -> Option<&str> {
    if major.is_empty() {
        return Some("");
    }
    let prefix = stable(major).strip_prefix(['/', '.'])?;
    (version::major(prefix) == Some(prefix)).then_some(prefix)
}

/// Checks that the version goes with the major part of a path, as [`split_path_version`] gives it.
pub fn check_path_major(version: &str, major: &str) -> Result<(), PathError> {
    major_mismatch(version, major)
        .map_or(Ok(()), |reason| Err(PathError::Version { version: version.to_owned(), reason }))
}

/// The form in which go.mod files and mirrors write a version: as [`version::canonical`], but `+incompatible` stays.
/// None for what is no version.
pub fn canonical_version(version: &str) -> Option<Cow<'_, str>> {
    let canonical = version::canonical(version)?;
    if version::build(version) == INCOMPATIBLE {
        return Some(Cow::Borrowed(version));
    }
    Some(canonical)
}

/// Marks a version of v2 or above of a module whose path has no major part.
const INCOMPATIBLE: &str = "+incompatible";

fn split_gopkg_in(path: &str) -> Option<(&str, &str)> {
    let numbered = path.strip_suffix("-unstable").unwrap_or(path);
    let stem = numbered.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &numbered[stem.len()..];
    let refused =
        !stem.ends_with(".v") || number.is_empty() || (number.starts_with('0') && path[stem.len()..] != *"0");
    (!refused).then(|| path.split_at(stem.len() - 2))
}

/// `.v1` of `.v1-unstable`.
fn stable(major: &str) -> &str {
    if major.starts_with(".v") { major.strip_suffix("-unstable").unwrap_or(major) } else { major }
}

fn major_mismatch(version: &str, major: &str) -> Option<String> {
    let major = stable(major);
    // Early releases of go made such pseudo-versions for gopkg.in modules of v1, and go.mod files still name them.
    if major == ".v1" && version.starts_with("v0.0.0-") {
        return None;
    }
    let actual = version::major(version).unwrap_or_default();
    let wanted = match major.strip_prefix(['/', '.']) {
        Some(wanted) if wanted == actual => return None,
        Some(wanted) => wanted,
        None if matches!(actual, "v0" | "v1") || version::build(version) == INCOMPATIBLE => return None,
        None => "v0 or v1",
    };
    Some(format!("should be {wanted}, not {}", if actual.is_empty() { "an invalid version" } else { actual }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_splits_before_its_major_version() {
        for (path, prefix, major) in [
            ("x.y/z", "x.y/z", ""),
            ("x.y/z/v2", "x.y/z", "/v2"),
            ("x.y/z/v10", "x.y/z", "/v10"),
            ("x.y/z/v200", "x.y/z", "/v200"),
            ("x.y/v2/z", "x.y/v2/z", ""),
            ("x.y/zv2", "x.y/zv2", ""),
            ("x.y/z2", "x.y/z2", ""),
            ("x.y/v", "x.y/v", ""),
            ("x.y/vv", "x.y/vv", ""),
            ("x.y/z.v2", "x.y/z.v2", ""),
            ("v2", "v2", ""),
            ("", "", ""),
            ("gopkg.in/yaml.v0", "gopkg.in/yaml", ".v0"),
            ("gopkg.in/yaml.v1", "gopkg.in/yaml", ".v1"),
            ("gopkg.in/user/yaml.v23", "gopkg.in/user/yaml", ".v23"),
            ("gopkg.in/yaml.v2-unstable", "gopkg.in/yaml", ".v2-unstable"),
        ] {
            assert_eq!(split_path_version(path), Some((prefix, major)), "{path}");
        }
        for path in [
            "x.y/v0",
            "x.y/v1",
            "x.y/v02",
            "x.y/v1.2",
            "x.y/v2.",
            "x.y/v.2",
            "x.y/v2.0.0",
            "gopkg.in/yaml",
            "gopkg.in/yaml/v2",
            "gopkg.in/yaml.v",
            "gopkg.in/yaml.v02",
            "gopkg.in/yaml.v00",
            "gopkg.in/yaml.v2.3",
            "gopkg.in/yaml.v-unstable",
            "gopkg.in/yaml.v0-unstable",
            "gopkg.in/",
        ] {
            assert_eq!(split_path_version(path), None, "{path}");
        }
    }

    #[test]
    fn a_major_part_demands_a_version_prefix() {
        for (major, prefix) in [
            ("", Some("")),
            ("/v2", Some("v2")),
            (".v1", Some("v1")),
            (".v3-unstable", Some("v3")),
            ("/v2-unstable", None),
            ("v2", None),
            ("/", None),
            ("/v02", None),
            ("/v2.0", None),
            ("/2", None),
        ] {
            assert_eq!(path_major_prefix(major), prefix, "{major:?}");
        }
    }

    #[test]
    fn version_and_path_go_together() {
        let good = [
            ("x.y/z", "v0.1.0"),
            ("x.y/z", "v1.9.9-pre"),
            ("x.y/z", "v2.0.0+incompatible"),
            ("x.y/z", "v0.0.0-20200101000000-abcdef123456"),
            ("x.y/z/v2", "v2.3.4"),
            ("x.y/z/v2", "v2"),
            ("gopkg.in/yaml.v2", "v2.2.1"),
            ("gopkg.in/yaml.v0", "v0.1.0"),
            ("gopkg.in/yaml.v2-unstable", "v2.0.0"),
            ("gopkg.in/check.v1", "v0.0.0-20161208181325-20d25e280405"),
            ("gopkg.in/check.v1", "v1.0.0"),
        ];
        for (path, version) in good {
            assert_eq!(check(path, version), Ok(()), "{path} {version}");
        }
        let bad = [
            ("x.y/z", "v2.0.0"),
            ("x.y/z", "v2.0.0+meta"),
            ("x.y/z/v2", "v1.0.0"),
            ("x.y/z/v2", "v20.0.0"),
            ("x.y/z/v3", "v2.0.0+incompatible"),
            ("x.y/z", "master"),
            ("x.y/z", ""),
            ("x.y/v1", "v1.0.0"),
            ("gopkg.in/yaml.v2", "v1.0.0"),
            ("gopkg.in/yaml.v2", "v0.0.0-20161208181325-20d25e280405"),
            ("gopkg.in/yaml.v1", "v0.1.0"),
            ("fmt", "v1.0.0"),
        ];
        for (path, version) in bad {
            assert!(check(path, version).is_err(), "{path} {version}");
        }
        assert_eq!(
            check("x.y/z/v2", "v1.0.0").unwrap_err().to_string(),
            r#""x.y/z/v2": invalid version "v1.0.0": should be v2, not v1"#
        );
        assert_eq!(
            check_path_major("v2.0.0", "").unwrap_err().to_string(),
            r#"version "v2.0.0" invalid: should be v0 or v1, not v2"#
        );
    }

    #[test]
    fn only_incompatible_survives_canonicalisation() {
        for (version, expected) in [
            ("v1", Some("v1.0.0")),
            ("v1.2.3-pre+meta", Some("v1.2.3-pre")),
            ("v2.0.0+incompatible", Some("v2.0.0+incompatible")),
            ("v2.0.0+incompatible.1", Some("v2.0.0")),
            ("v2+incompatible", None),
            ("master", None),
        ] {
            assert_eq!(canonical_version(version).as_deref(), expected, "{version}");
        }
    }
}
