//! Laws that hold for any text.

use std::cmp::Ordering;

use fairlead_gomod::gosum::GoSum;
use fairlead_gomod::modfile::{ModFile, module_path};
use fairlead_gomod::path::{self, Module};
use fairlead_gomod::pattern::{Patterns, match_prefix, path_match};
use fairlead_gomod::{pseudo, version};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A pre-release identifier, kept apart from its text so that it can be compared by its meaning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Text(String),
}

/// A version by its meaning. A release is greater than all its pre-releases.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Meaning {
    numbers: [u64; 3],
    prerelease: Vec<Identifier>,
}

impl Meaning {
    fn compare(&self, other: &Self) -> Ordering {
        let released = |meaning: &Self| meaning.prerelease.is_empty();
        self.numbers
            .cmp(&other.numbers)
            .then_with(|| released(self).cmp(&released(other)))
            .then_with(|| self.prerelease.cmp(&other.prerelease))
    }

    fn text(&self) -> String {
        let [major, minor, patch] = self.numbers;
        let identifiers: Vec<String> = self
            .prerelease
            .iter()
            .map(|identifier| match identifier {
                Identifier::Number(number) => number.to_string(),
                Identifier::Text(text) => text.clone(),
            })
            .collect();
        let dash = if identifiers.is_empty() { "" } else { "-" };
        format!("v{major}.{minor}.{patch}{dash}{}", identifiers.join("."))
    }
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..12_u64, any::<u64>()]
}

fn meaning() -> impl Strategy<Value = Meaning> {
    let identifier = prop_oneof![
        number().prop_map(Identifier::Number),
        "[0-9]{0,2}[A-Za-c-][0-9a-c-]{0,3}".prop_map(Identifier::Text)
    ];
    let numbers = [0..3_u64, 0..3_u64, 0..12_u64];
    (numbers, vec(identifier, 0..4)).prop_map(|(numbers, prerelease)| Meaning { numbers, prerelease })
}

/// Versions, versions with builds, short forms, and texts that are nearly versions.
fn any_version() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (meaning(), "(|\\+incompatible|\\+[a-z0-9.]{1,3})").prop_map(|(meaning, build)| meaning.text() + &build),
        1 => "v[0-2](\\.[0-2])?",
        1 => "[v0-2.+-]{0,9}",
    ]
}

fn module_name() -> impl Strategy<Value = String> {
    "[a-z]{1,4}\\.[a-z]{2}(/[A-Za-z0-9._~-]{1,6}){0,3}"
}

/// Pieces of go.mod files, in any order.
fn go_mod_pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "module ",
        "go ",
        "require ",
        "replace ",
        "retract ",
        "exclude ",
        "tool ",
        "(",
        ")",
        "[",
        "]",
        ",",
        "=>",
        "\n",
        "\r\n",
        " ",
        "\t",
        "// c",
        "// indirect",
        "//",
        "/*",
        "\"",
        "`",
        "\\",
        "x.y/z",
        "x.y/z/v2",
        "v1.0.0",
        "v2.0.0",
        "1.21",
        "../a",
        "'",
        "é",
        "\u{a0}",
        "{",
        "}",
    ];
    vec(select(pieces.to_vec()), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn versions_compare_by_their_meaning(v in meaning(), w in meaning()) {
        prop_assert_eq!(version::compare(&v.text(), &w.text()), v.compare(&w));
        let with_build = v.text() + "+build";
        prop_assert_eq!(version::compare(&with_build, &v.text()), Ordering::Equal);
    }

    #[test]
    fn the_order_is_total(texts in vec(any_version(), 3)) {
        let [a, b, c] = [&texts[0], &texts[1], &texts[2]];
        prop_assert_eq!(version::order(a, b), version::order(b, a).reverse());
        prop_assert_eq!(version::compare(a, b), version::compare(b, a).reverse());
        prop_assert_eq!(version::order(a, b) == Ordering::Equal, a == b);
        if version::order(a, b).is_le() && version::order(b, c).is_le() {
            prop_assert!(version::order(a, c).is_le());
        }
        if version::compare(a, b).is_le() && version::compare(b, c).is_le() {
            prop_assert!(version::compare(a, c).is_le());
        }
        let [a, b, c] = [a, b, c].map(|text| Module::new("x.y/z", text.as_str()));
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
    }

    #[test]
    fn canonical_forms_are_equal_exactly_when_precedence_is(v in any_version(), w in any_version()) {
        let same = version::canonical(&v) == version::canonical(&w);
        prop_assert_eq!(version::compare(&v, &w) == Ordering::Equal, same);
        if let Some(canonical) = version::canonical(&v) {
            let again = version::canonical(&canonical);
            prop_assert_eq!(again.as_deref(), Some(&*canonical));
        }
    }

    #[test]
    fn escaping_is_undone_by_unescaping(name in module_name(), version in any_version()) {
        if let Ok(escaped) = path::escape_path(&name) {
            prop_assert!(!escaped.contains(|c: char| c.is_ascii_uppercase()));
            prop_assert_eq!(path::unescape_path(&escaped), Ok(name));
        } else {
            prop_assert!(path::check_path(&name).is_err());
        }
        if let Ok(escaped) = path::escape_version(&version) {
            prop_assert_eq!(path::unescape_version(&escaped), Ok(version));
        }
    }

    #[test]
    fn unescaping_is_undone_by_escaping(escaped in "[a-z]{1,3}\\.[a-z]{1,3}(/[!a-zA-Z0-9.~]{1,6}){0,3}") {
        if let Ok(name) = path::unescape_path(&escaped) {
            prop_assert_eq!(path::escape_path(&name), Ok(escaped.clone()));
        }
        if let Ok(version) = path::unescape_version(&escaped) {
            prop_assert_eq!(path::escape_version(&version), Ok(escaped));
        }
    }

    #[test]
    fn a_path_is_its_prefix_and_its_major_part(name in "(x\\.y|gopkg\\.in)(/[a-v.]{1,2}[v0-9.]{0,3}(-unstable)?){0,2}") {
        if let Some((prefix, major)) = path::split_path_version(&name) {
            prop_assert_eq!(format!("{prefix}{major}"), name.as_str());
            prop_assert!(path::path_major_prefix(major).is_some());
        }
    }

    #[test]
    fn a_pseudo_version_tells_what_it_was_made_of(older in meaning(), time in -62_167_219_200..=253_402_300_799_i64, revision in "[0-9a-f]{12}") {
        let older = older.text();
        let v = pseudo::pseudo_version("", &older, time, &revision);
        prop_assert!(pseudo::is_pseudo(&v));
        prop_assert_eq!(pseudo::pseudo_time(&v), Ok(time));
        prop_assert_eq!(pseudo::pseudo_rev(&v), Ok(revision.as_str()));
        prop_assert_eq!(version::compare(&older, &v), Ordering::Less);
        prop_assert_eq!(pseudo::pseudo_base(&v), Ok(Some(older)));
    }

    #[test]
    fn a_name_matches_itself_with_everything_escaped(name in "\\PC{0,12}") {
        let literal: String = name.chars().flat_map(|c| ['\\', c]).collect();
        prop_assert_eq!(path_match(&literal, &name), Ok(true));
        let wild: String = name.chars().map(|c| if c == '/' { '/' } else { '?' }).collect();
        prop_assert_eq!(path_match(&wild, &name), Ok(true));
    }

    #[test]
    fn stars_match_as_a_slow_search_does(pattern in "[ab/*?]{0,8}", name in "[ab/]{0,8}") {
        prop_assert_eq!(path_match(&pattern, &name), Ok(slow_match(pattern.as_bytes(), name.as_bytes())));
    }

    #[test]
    fn a_list_matches_when_one_of_its_globs_does(globs in vec("[a-c*?/\\[\\]]{0,5}", 0..4), target in "[a-c]{1,2}(/[a-c]{1,2}){0,3}") {
        let list = globs.join(",");
        let expected = globs.iter().any(|glob| match_prefix(glob, &target));
        prop_assert_eq!(match_prefix(&list, &target), expected);
        prop_assert_eq!(Patterns::parse(&list).matches(&target).is_some(), expected);
    }

    #[test]
    fn what_a_strict_reader_accepts_a_lax_one_reads_alike(text in go_mod_pieces()) {
        if let Ok(strict) = ModFile::parse(text.as_bytes()) {
            let lax = ModFile::parse_lax(text.as_bytes());
            prop_assert!(lax.is_ok());
            let lax = lax.unwrap_or_default();
            prop_assert_eq!((&strict.module, &strict.go, &strict.require), (&lax.module, &lax.go, &lax.require));
            prop_assert_eq!((&strict.retract, &strict.ignore), (&lax.retract, &lax.ignore));
        }
        if let Err(errors) = ModFile::parse(text.as_bytes()) {
            prop_assert!(!errors.is_empty());
            prop_assert!(errors.iter().all(|error| error.line >= 1 && error.column >= 1));
        }
    }

    #[test]
    fn a_go_sum_is_written_as_it_was_read(lines in vec((module_name(), any_version(), any::<bool>(), "h[12]:[a-z]{1,2}"), 0..20)) {
        let text: String = lines
            .iter()
            .filter(|(_, version, ..)| !version.is_empty())
            .map(|(name, version, go_mod, hash)| format!("{name} {version}{} {hash}\n", if *go_mod { "/go.mod" } else { "" }))
            .collect();
        let (sum, errors) = GoSum::parse(text.as_bytes());
        prop_assert_eq!(errors, []);
        let mut expected: Vec<&str> = text.lines().collect();
        expected.sort_unstable();
        expected.dedup();
        let rendered = sum.render();
        let mut written: Vec<&str> = rendered.lines().collect();
        written.sort_unstable();
        prop_assert_eq!(written, expected);
        for line in sum.lines() {
            prop_assert!(sum.module(&line.pair()).contains(line));
        }
        let (again, _) = GoSum::parse(rendered.as_bytes());
        prop_assert_eq!(again.render(), rendered);
    }

    #[test]
    fn nothing_panics_on_any_text(a in any::<String>(), b in any::<String>()) {
        let _ = (path::check_path(&a), path::check_import_path(&a), path::check_file_path(&a), path::check(&a, &b));
        let _ = (path::escape_version(&a), path::unescape_path(&a), path::unescape_version(&a), path::split_path_version(&a));
        let _ = (path::path_major_prefix(&a), path::check_path_major(&a, &b), path::canonical_version(&a));
        let _ = (pseudo::pseudo_base(&a), pseudo::pseudo_time(&a), pseudo::pseudo_version(&a, &b, i64::MAX, &a));
        let _ = (path_match(&a, &b), match_prefix(&a, &b), Patterns::parse(&a).problems());
        prop_assert_eq!(version::compare(&a, &a), Ordering::Equal);
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in vec(any::<u8>(), 0..300)) {
        let _ = (ModFile::parse(&bytes), ModFile::parse_lax(&bytes), module_path(&bytes), GoSum::parse(&bytes));
    }
}

/// Tries every length for every star.
fn slow_match(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), None) => slow_match(rest, name),
        (Some((b'*', rest)), Some((&b, left))) => {
            slow_match(rest, name) || (b != b'/' && slow_match(pattern, left))
        }
        (Some((b'?', rest)), Some((&b, left))) => b != b'/' && slow_match(rest, left),
        (Some((p, rest)), Some((b, left))) => p == b && slow_match(rest, left),
        _ => false,
    }
}
