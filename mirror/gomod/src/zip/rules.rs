//! The rules for module archives, applied to names and declared sizes.

use std::borrow::Cow;

use super::fault::{Rule, broken};
use super::fold::fold;
use super::{Archive, Entry, MAX_GO_MOD, MAX_LICENSE, MAX_ZIP, ZipError};
use crate::path;

/// What an archive that follows the rules has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Number of files; directories do not count.
    pub files: usize,
    /// Sum of the declared sizes of the files, in bytes.
    pub unpacked: u64,
    /// Whether there is a go.mod file in the root.
    pub has_go_mod: bool,
}

/// Checks that the archive can be the module's: the path and version, the prefix and form of every name, no two names that a file system
/// could confuse, go.mod where it belongs, sizes, no links.
///
/// # Errors
/// The first rule that is broken.
pub fn check(archive: &Archive<'_>, module: &str, version: &str) -> Result<Report, ZipError> {
    check_zip_size(archive.size())?;
    let prefix = prefix(module, version)?;
    let mut report = Report { files: 0, unpacked: 0, has_go_mod: false };
    let mut names = Names::default();
    for entry in archive.entries() {
        let Some(name) = check_name(&entry, &prefix)? else { continue };
        names.add(name, entry.is_dir());
        if entry.is_dir() {
            continue;
        }
        check_go_mod_place(name)?;
        check_file_size(name, entry.size())?;
        report.unpacked = add_size(report.unpacked, entry.size())?;
        report.files += 1;
        report.has_go_mod |= name == "go.mod";
    }
    names.check()?;
    Ok(report)
}

/// `path@version/`, when both are valid, the version is canonical and goes with the path.
pub(super) fn prefix(module: &str, version: &str) -> Result<String, ZipError> {
    path::check(module, version).map_err(ZipError::Module)?;
    if path::canonical_version(version).as_deref() != Some(version) {
        let reason = "not canonical".to_owned();
        return Err(ZipError::Module(path::PathError::Version { version: version.to_owned(), reason }));
    }
    Ok(format!("{module}@{version}/"))
}

pub(super) fn check_zip_size(size: u64) -> Result<(), ZipError> {
    if size > MAX_ZIP {
        return Err(ZipError::TooLarge { what: "module zip", size, limit: MAX_ZIP });
    }
    Ok(())
}

/// The path below the prefix, without a closing slash; `None` for the root directory itself.
fn check_name<'a>(entry: &Entry<'a>, prefix: &str) -> Result<Option<&'a str>, ZipError> {
    let rule = |rule| broken(entry.name(), rule);
    let Some(name) = entry.name().strip_prefix(prefix.as_bytes()) else {
        return Err(rule(Rule::ForeignPrefix(prefix.to_owned())));
    };
    if entry.is_irregular() {
        return Err(rule(Rule::Irregular));
    }
    if name.is_empty() {
        return Ok(None);
    }
    let name = str::from_utf8(name).map_err(|_| rule(Rule::NotUtf8))?;
    let name = name.strip_suffix('/').unwrap_or(name);
    if !is_clean(name) {
        return Err(rule(Rule::NotClean));
    }
    path::check_file_path(name).map_err(|error| rule(Rule::BadPath(error)))?;
    Ok(Some(name))
}

/// Whether Go's `path.Clean` leaves a relative path as it is.
pub(super) fn is_clean(name: &str) -> bool {
    let inner = name.strip_prefix('/').unwrap_or(name);
    !inner.is_empty() && inner.split('/').all(|element| !matches!(element, "" | "." | ".."))
}

pub(super) fn check_go_mod_place(name: &str) -> Result<(), ZipError> {
    let base = name.rsplit('/').next().unwrap_or(name);
    if !base.eq_ignore_ascii_case("go.mod") || name == "go.mod" {
        return Ok(());
    }
    let rule = if base.len() == name.len() { Rule::GoModCase } else { Rule::NestedGoMod };
    Err(broken(name.as_bytes(), rule))
}

/// The limits for single files.
pub(super) fn check_file_size(name: &str, size: u64) -> Result<(), ZipError> {
    match name {
        "go.mod" if size > MAX_GO_MOD => {
            Err(ZipError::TooLarge { what: "go.mod file", size, limit: MAX_GO_MOD })
        }
        "LICENSE" if size > MAX_LICENSE => {
            Err(ZipError::TooLarge { what: "LICENSE file", size, limit: MAX_LICENSE })
        }
        _ => Ok(()),
    }
}

/// The sum, unless it is above the limit for all files.
pub(super) fn add_size(sum: u64, size: u64) -> Result<u64, ZipError> {
    match sum.checked_add(size) {
        Some(sum) if sum <= MAX_ZIP => Ok(sum),
        sum => {
            let size = sum.unwrap_or(u64::MAX);
            Err(ZipError::TooLarge { what: "sum of the files of a module", size, limit: MAX_ZIP })
        }
    }
}

/// Paths that have to be distinct on every file system.
#[derive(Default)]
pub(super) struct Names<'a>(Vec<Name<'a>>);

struct Name<'a> {
    path: &'a str,
    folded: Cow<'a, str>,
    is_dir: bool,
}

impl<'a> Names<'a> {
    pub(super) fn add(&mut self, path: &'a str, is_dir: bool) {
        self.0.push(Name { path, folded: fold(path), is_dir });
    }

    /// Sorts by folded elements: all paths below one directory are then neighbours, led by the directory or a file of its name.
    /// So every collision, also one of parents that are listed nowhere, shows between neighbours.
    pub(super) fn check(mut self) -> Result<(), ZipError> {
        self.0.sort_by(|a, b| a.folded.split('/').cmp(b.folded.split('/')));
        self.0.array_windows().try_for_each(|[a, b]| check_neighbours(a, b))
    }
}

fn check_neighbours(a: &Name<'_>, b: &Name<'_>) -> Result<(), ZipError> {
    let rule = |rule| Err(broken(b.path.as_bytes(), rule));
    let mut shared = 0;
    let folded = a.folded.split('/').zip(b.folded.split('/'));
    for ((x, y), (x_folded, y_folded)) in a.path.split('/').zip(b.path.split('/')).zip(folded) {
        if x_folded != y_folded {
            return Ok(());
        }
        if x != y {
            return rule(Rule::CaseCollision(super::fault::shown(a.path.as_bytes())));
        }
        shared += 1;
    }
    let same = shared == b.path.split('/').count();
    match (a.is_dir, same, b.is_dir) {
        (false, true, false) => rule(Rule::Duplicate),
        (false, false, _) | (false, true, true) | (true, true, false) => rule(Rule::FileAndDirectory),
        (true, _, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zip::forged::{Forged, build, file, refusal, stored, verify_bytes};
    use crate::zip::verify;

    #[test]
    fn files_that_break_a_rule_are_refused() {
        let foreign = |name: &[u8]| file("a", b"").both(|header| header.name = name.to_vec());
        let mode = |mode: u32| {
            let mut forged = file("a", b"target");
            (forged.creator, forged.attributes) = (3 << 8, mode << 16);
            forged
        };
        let cases: Vec<(Vec<Forged>, &str)> = vec![
            (vec![foreign(b"example.com/n@v1.0.0/a")], "lacks the prefix"),
            (vec![foreign(b"example.com/m@v1.0.0")], "lacks the prefix"),
            (vec![foreign(b"Example.com/m@v1.0.0/a")], "lacks the prefix"),
            (vec![foreign(b"/etc/passwd")], "lacks the prefix"),
            (vec![foreign(b"example.com/m@v1.0.0/\xff")], "not valid UTF-8"),
            (vec![file("../a", b"")], "not clean"),
            (vec![file("a/../../b", b"")], "not clean"),
            (vec![file("./a", b"")], "not clean"),
            (vec![file("a//b", b"")], "not clean"),
            (vec![file("a//", b"")], "not clean"),
            (vec![file("/a", b"")], "malformed file path"),
            (vec![file("a\\b", b"")], "invalid char"),
            (vec![file("a:b", b"")], "invalid char"),
            (vec![file("a\nb", b"")], "invalid char"),
            (vec![file("a\0", b"")], "invalid char"),
            (vec![file("aux.go", b"")], "disallowed"),
            (vec![file("a.", b"")], "trailing dot"),
            (vec![file("a", b""), file("a", b"")], "more than once"),
            (vec![file("a", b""), file("a/b", b"")], "both a file and a directory"),
            (vec![file("a/b/c", b""), file("a/b", b"")], "both a file and a directory"),
            (vec![file("a", b""), stored("a/", b"")], "both a file and a directory"),
            (vec![file("README", b""), file("readme", b"")], "letter case"),
            (vec![file("a/K", b""), file("a/\u{212a}", b"")], "letter case"),
            (vec![file("s", b""), file("\u{17f}", b"")], "letter case"),
            (vec![file("Dir/a", b""), file("dir/b", b"")], "letter case"),
            (vec![stored("Dir/", b""), file("dir/b", b"")], "letter case"),
            (vec![file("GO.MOD", b"")], "lower-case"),
            (vec![file("a/go.mod", b"")], "not in the module root"),
            (vec![file("a/Go.mod", b"")], "not in the module root"),
            (vec![mode(0o120_777)], "not a regular file"),
            (vec![mode(0o020_666)], "not a regular file"),
            (vec![mode(0o040_755)], "not a regular file"),
        ];
        for (entries, expected) in cases {
            let text = refusal(&build(&entries));
            assert!(text.contains(expected), "expected {expected}: {text}");
        }
        verify_bytes(&build(&[mode(0o100_755)])).unwrap();
    }

    #[test]
    fn names_that_merely_resemble_each_other_are_accepted() {
        let zip = build(&[
            file("a", b""),
            file("a-b", b""),
            file("a.b/c", b""),
            file("b/a", b""),
            file("ß", b""),
            file("ss", b""),
        ]);
        assert_eq!(verify_bytes(&zip).unwrap().files, 6);
    }

    #[test]
    fn a_deep_name_costs_no_more_than_its_length() {
        let deep: Vec<_> = (0..500).map(|i| file(&format!("{}{i}", "x/".repeat(2000)), b"")).collect();
        assert_eq!(verify_bytes(&build(&deep)).unwrap().files, 500);
    }

    #[test]
    fn paths_and_versions_that_name_no_module_are_refused() {
        let zip = build(&[]);
        for (path, version) in [
            ("example.com/m", "v1"),
            ("example.com/m", "v2.0.0"),
            ("m", "v1.0.0"),
            ("../m", "v1.0.0"),
            ("example.com/m", "v1.0.0+x"),
        ] {
            assert!(matches!(verify(&zip, path, version), Err(ZipError::Module(_))), "{path} {version}");
        }
    }
}
