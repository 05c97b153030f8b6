//! Versions as Go reads and orders them.
//!
//! `vMAJOR[.MINOR[.PATCH[-PRERELEASE][+BUILD]]]`: Semantic Versioning 2.0.0 with a leading `v`, where `v1` and `v1.2`
//! stand for `v1.0.0` and `v1.2.0`. Numbers have no size limit, so they stay text. Everything here takes any text:
//! what is no version has no parts and is less than every version.

use std::borrow::Cow;
use std::cmp::Ordering;

/// True when `v` is a version, short forms included.
pub fn is_valid(v: &str) -> bool {
    Parts::parse(v).is_some()
}

/// The version with minor and patch filled in and without its build suffix; none for what is no version.
///
/// Two versions have the same precedence exactly when their canonical forms are equal.
/// See [`crate::path::canonical_version`] for the form that keeps `+incompatible`.
pub fn canonical(v: &str) -> Option<Cow<'_, str>> {
    let parts = Parts::parse(v)?;
    Some(match parts.missing {
        "" => Cow::Borrowed(&v[..v.len() - parts.build.len()]),
        missing => Cow::Owned(format!("{v}{missing}")),
    })
}

/// `v2` of `v2.1.0`.
pub fn major(v: &str) -> Option<&str> {
    let parts = Parts::parse(v)?;
    Some(&v[..1 + parts.major.len()])
}

/// `v2.1` of `v2.1.0`, and `v2.0` of `v2`.
pub fn major_minor(v: &str) -> Option<Cow<'_, str>> {
    let parts = Parts::parse(v)?;
    Some(match parts.missing {
        ".0.0" => Cow::Owned(format!("{v}.0")),
        _ => Cow::Borrowed(&v[..2 + parts.major.len() + parts.minor.len()]),
    })
}

/// `-pre` of `v2.1.0-pre+meta`; empty where there is none or `v` is no version.
pub fn prerelease(v: &str) -> &str {
    Parts::parse(v).map_or("", |parts| parts.prerelease)
}

/// `+meta` of `v2.1.0-pre+meta`; empty where there is none or `v` is no version.
pub fn build(v: &str) -> &str {
    Parts::parse(v).map_or("", |parts| parts.build)
}

/// Orders by precedence: builds are ignored, and all that is no version is equal and least.
///
/// A total preorder, so distinct texts may be `Equal`; sort with [`order`].
pub fn compare(v: &str, w: &str) -> Ordering {
    match (Parts::parse(v), Parts::parse(w)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(v), Some(w)) => v.compare(&w),
    }
}

/// Orders by precedence, then as text: a total order in which only identical texts are equal.
pub fn order(v: &str, w: &str) -> Ordering {
    compare(v, w).then_with(|| v.cmp(w))
}

/// The greater of the two by [`order`], as it was given.
pub fn max<'a>(v: &'a str, w: &'a str) -> &'a str {
    if order(v, w) == Ordering::Greater { v } else { w }
}

/// The pieces of one version, borrowed from its text.
struct Parts<'a> {
    major: &'a str,
    minor: &'a str,
    patch: &'a str,
    /// What a short form lacks: `.0.0`, `.0` or nothing.
    missing: &'static str,
    /// With its `-`.
    prerelease: &'a str,
    /// With its `+`.
    build: &'a str,
}

impl<'a> Parts<'a> {
    fn parse(v: &'a str) -> Option<Self> {
        let (major, rest) = number(v.strip_prefix('v')?)?;
        let mut parts = Parts { major, minor: "0", patch: "0", missing: ".0.0", prerelease: "", build: "" };
        if rest.is_empty() {
            return Some(parts);
        }
        let (minor, rest) = number(rest.strip_prefix('.')?)?;
        (parts.minor, parts.missing) = (minor, ".0");
        if rest.is_empty() {
            return Some(parts);
        }
        let (patch, rest) = number(rest.strip_prefix('.')?)?;
        (parts.patch, parts.missing) = (patch, "");
        let build_at = rest.find('+').unwrap_or(rest.len());
        (parts.prerelease, parts.build) = rest.split_at(build_at);
        parts.suffixes_valid().then_some(parts)
    }

    fn suffixes_valid(&self) -> bool {
        let prerelease = match self.prerelease.strip_prefix('-') {
            Some(identifiers) => {
                identifiers.split('.').all(|text| is_identifier(text) && !has_leading_zero(text))
            }
            None => self.prerelease.is_empty(),
        };
        let build = match self.build.strip_prefix('+') {
            Some(identifiers) => identifiers.split('.').all(is_identifier),
            None => true,
        };
        prerelease && build
    }

    fn compare(&self, other: &Self) -> Ordering {
        compare_numbers(self.major, other.major)
            .then_with(|| compare_numbers(self.minor, other.minor))
            .then_with(|| compare_numbers(self.patch, other.patch))
            .then_with(|| compare_prereleases(self.prerelease, other.prerelease))
    }
}

/// Splits a leading decimal number off; none for a missing one or one with a needless zero in front.
fn number(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    (!digits.is_empty() && !has_leading_zero(digits)).then_some((digits, rest))
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn has_leading_zero(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0') && is_number(text)
}

/// By value, without a limit on the size: neither has leading zeros, so the longer one is greater.
fn compare_numbers(x: &str, y: &str) -> Ordering {
    x.len().cmp(&y.len()).then_with(|| x.cmp(y))
}

fn compare_prereleases(x: &str, y: &str) -> Ordering {
    match (x.strip_prefix('-'), y.strip_prefix('-')) {
        (None, None) => Ordering::Equal,
        // A release comes after all its pre-releases.
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(x), Some(y)) => compare_identifier_lists(x, y),
    }
}

fn compare_identifier_lists(x: &str, y: &str) -> Ordering {
    let (mut x, mut y) = (x.split('.'), y.split('.'));
    loop {
        match (x.next(), y.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match compare_identifiers(a, b) {
                Ordering::Equal => {}
                decided => return decided,
            },
        }
    }
}

fn compare_identifiers(x: &str, y: &str) -> Ordering {
    match (is_number(x), is_number(y)) {
        (true, true) => compare_numbers(x, y),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => x.cmp(y),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_versions() {
        // version, canonical, major, major.minor, pre-release, build
        let cases = [
            ("v0", "v0.0.0", "v0", "v0.0", "", ""),
            ("v12.0", "v12.0.0", "v12", "v12.0", "", ""),
            ("v1.2.3", "v1.2.3", "v1", "v1.2", "", ""),
            ("v1.20.3-rc.1", "v1.20.3-rc.1", "v1", "v1.20", "-rc.1", ""),
            ("v2.0.0+incompatible", "v2.0.0", "v2", "v2.0", "", "+incompatible"),
            ("v1.0.0-a-b.0a.-+01.x-y", "v1.0.0-a-b.0a.-", "v1", "v1.0", "-a-b.0a.-", "+01.x-y"),
            ("v1.0.0+a-b", "v1.0.0", "v1", "v1.0", "", "+a-b"),
            (
                "v99999999999999999999.0.0",
                "v99999999999999999999.0.0",
                "v99999999999999999999",
                "v99999999999999999999.0",
                "",
                "",
            ),
        ];
        for (v, expected, major_part, minor_part, pre, meta) in cases {
            assert!(is_valid(v), "{v}");
            assert_eq!(canonical(v).as_deref(), Some(expected), "{v}");
            assert_eq!(major(v), Some(major_part), "{v}");
            assert_eq!(major_minor(v).as_deref(), Some(minor_part), "{v}");
            assert_eq!((prerelease(v), build(v)), (pre, meta), "{v}");
        }
    }

    #[test]
    fn what_is_no_version_has_no_parts() {
        let cases = [
            "",
            "v",
            "1.0.0",
            "V1.0.0",
            "v01.0.0",
            "v1.00.0",
            "v1.0.00",
            "v1.",
            "v1.2.",
            "v1.2.3.",
            "v1.2.3.4",
            "v1-pre",
            "v1.2-pre",
            "v1+meta",
            "v1.2+meta",
            "v1.2.3-",
            "v1.2.3+",
            "v1.2.3-+",
            "v1.2.3-01",
            "v1.2.3-a..b",
            "v1.2.3-a.",
            "v1.2.3-.a",
            "v1.2.3+a..b",
            "v1.2.3+a+b",
            "v1.2.3-é",
            "v1.2.3-a_b",
            "v1.2.3 ",
            " v1.2.3",
            "v-1.0.0",
            "v1.2.3-0.00",
            "v٣.0.0",
        ];
        for v in cases {
            assert!(!is_valid(v), "{v:?}");
            assert_eq!(
                (canonical(v), major(v), major_minor(v), prerelease(v), build(v)),
                (None, None, None, "", ""),
                "{v:?}"
            );
        }
    }

    #[test]
    fn precedence_rises_along_the_list() {
        let rising = [
            "bad",
            "v0.0.0-0",
            "v0.0.0-0.a",
            "v0.0.0-9",
            "v0.0.0-10",
            "v0.0.0--",
            "v0.0.0-A",
            "v0.0.0-a",
            "v0.0.0-a.1",
            "v0.0.0-a.1.0",
            "v0.0.0-a.b",
            "v0.0.0-a-",
            "v0.0.0-b",
            "v0",
            "v0.0.1-rc",
            "v0.0.1",
            "v0.1",
            "v0.9.0",
            "v0.10.0",
            "v1.0.0",
            "v9",
            "v10",
            "v18446744073709551616.0.0",
            "v18446744073709551617.0.0",
        ];
        for (i, v) in rising.iter().enumerate() {
            for (j, w) in rising.iter().enumerate() {
                assert_eq!(compare(v, w), i.cmp(&j), "{v} {w}");
                assert_eq!(order(v, w), i.cmp(&j), "{v} {w}");
                assert_eq!(max(v, w), rising[i.max(j)], "{v} {w}");
            }
        }
    }

    #[test]
    fn builds_and_short_forms_count_only_in_the_total_order() {
        for (v, w) in [("v1", "v1.0.0"), ("v1.0.0", "v1.0.0+meta"), ("v1.0.0+a", "v1.0.0+b"), ("", "bad")] {
            assert_eq!(compare(v, w), Ordering::Equal, "{v} {w}");
            assert_eq!(order(v, w), Ordering::Less, "{v} {w}");
            assert_eq!(max(v, w), w);
        }
    }
}
