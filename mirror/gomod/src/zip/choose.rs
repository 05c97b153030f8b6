//! Which files of a source tree belong into the module archive.
//!
//! The answer decides the hash of the version, so it follows the go command down to two old mistakes about `vendor` directories,
//! which the go line of the module's go.mod file switches off. (`golang.org/x/mod/zip`, `CheckFiles` and `CheckDir`.)

use std::collections::HashSet;

use super::fault::{Rule, broken};
use super::rules::{Names, add_size, check_file_size, is_clean};
use super::{MAX_NAME, ZipError};
use crate::modfile::ModFile;
use crate::path;

/// What a path of the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A regular file, executable or not.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Anything else: a device, a socket, a submodule of git.
    Irregular,
}

/// Where the tree comes from. The go command treats the two differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A commit, for example what `git archive` lists.
    Commit,
    /// A directory on disk: the folders of version control systems are left out, and a go.mod that is a symbolic link makes a nested module.
    Directory,
}

/// One path of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Relative to the root of the module, with `/` between elements.
    pub path: &'a str,
    /// What it is.
    pub mode: Mode,
    /// Size in bytes.
    pub size: u64,
}

/// The decision on every path of a tree.
#[derive(Debug, Default)]
pub struct Choice {
    /// Indices of the files that belong into the archive, in the given order.
    pub kept: Vec<usize>,
    /// What is left out.
    pub omitted: Vec<Omitted>,
    /// Why there can be no archive of this tree; empty when there can.
    pub refused: Vec<ZipError>,
    /// Sum of the sizes of the kept files, in bytes.
    pub unpacked: u64,
}

/// A path that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omitted {
    /// The path as it was given.
    pub path: String,
    /// Why.
    pub why: Omission,
}

/// Why a path is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Omission {
    /// It belongs to a vendored package.
    #[error("file is in vendor directory")]
    Vendored,
    /// A directory above it, not the root, has a go.mod file.
    #[error("file is in another module")]
    NestedModule,
    /// It was inserted by `hg archive`.
    #[error("file is inserted by 'hg archive' and is always omitted")]
    HgArchival,
    /// It belongs to a version control system.
    #[error("directory is a version control repository")]
    VersionControl,
    /// It is a symbolic link.
    #[error("file is a symbolic link")]
    Symlink,
    /// It is no file.
    #[error("not a regular file")]
    Irregular,
}

/// Decides on every path of a tree. `go_mod` is the go.mod file in its root, when there is one that can be read.
#[must_use]
pub fn choose_files(candidates: &[Candidate<'_>], go_mod: Option<&[u8]>, origin: Origin) -> Choice {
    let tree = Tree::new(candidates, go_mod, origin);
    let mut choice = Choice::default();
    let mut names = Names::default();
    let mut too_large = None;
    for (index, candidate) in candidates.iter().enumerate() {
        let omit = match tree.judge(candidate) {
            Ok(why) => why,
            Err(error) => {
                choice.refused.push(error);
                continue;
            }
        };
        // Links and directories are left out, and still their names must not collide.
        if omit.is_none_or(|why| why == Omission::Symlink || why == Omission::Irregular) {
            names.add(candidate.path, candidate.mode == Mode::Directory);
        }
        if let Some(why) = omit {
            choice.omitted.push(Omitted { path: candidate.path.to_owned(), why });
            continue;
        }
        match add_size(choice.unpacked, candidate.size) {
            Ok(sum) => choice.unpacked = sum,
            Err(error) => too_large = too_large.or(Some(error)),
        }
        match check_file_size(candidate.path, candidate.size) {
            Ok(()) => choice.kept.push(index),
            Err(error) => choice.refused.push(error),
        }
    }
    choice.refused.extend(too_large);
    choice.refused.extend(names.check().err());
    choice
}

/// What has to be known of the whole tree before any one path can be judged.
struct Tree<'a> {
    origin: Origin,
    /// Directories with a go.mod file, with a closing slash.
    modules: HashSet<&'a str>,
    vendor_rules: VendorRules,
}

impl<'a> Tree<'a> {
    fn new(candidates: &[Candidate<'a>], go_mod: Option<&[u8]>, origin: Origin) -> Self {
        let marks_module = |candidate: &&Candidate<'_>| {
            let base = split(candidate.path).1;
            let link = origin == Origin::Directory && candidate.mode != Mode::Directory && base == "go.mod";
            link || (candidate.mode == Mode::Regular && base.eq_ignore_ascii_case("go.mod"))
        };
        let modules =
            candidates.iter().filter(marks_module).map(|candidate| split(candidate.path).0).collect();
        Self { origin, modules, vendor_rules: VendorRules::of(go_mod.unwrap_or_default()) }
    }

    /// Why the path is left out, or `None` when it is kept; the order of the checks is that of the go command.
    fn judge(&self, candidate: &Candidate<'_>) -> Result<Option<Omission>, ZipError> {
        let path = candidate.path;
        let refuse = |rule| Err(broken(path.as_bytes(), rule));
        if self.origin == Origin::Directory && in_version_control(candidate) {
            return Ok(Some(Omission::VersionControl));
        }
        if path.len() > MAX_NAME {
            return refuse(Rule::NameTooLong);
        }
        if !is_clean(path) {
            return refuse(Rule::NotClean);
        }
        if path.starts_with('/') {
            return refuse(Rule::NotRelative);
        }
        if self.vendor_rules.is_vendored(path) {
            return Ok(Some(Omission::Vendored));
        }
        if self.in_nested_module(path) {
            return Ok(Some(Omission::NestedModule));
        }
        if path == ".hg_archival.txt" {
            return Ok(Some(Omission::HgArchival));
        }
        if let Err(error) = path::check_file_path(path) {
            return refuse(Rule::BadPath(error));
        }
        if path.eq_ignore_ascii_case("go.mod") && path != "go.mod" {
            return refuse(Rule::GoModCase);
        }
        Ok(match candidate.mode {
            Mode::Regular => None,
            Mode::Symlink => Some(Omission::Symlink),
            Mode::Directory | Mode::Irregular => Some(Omission::Irregular),
        })
    }

    fn in_nested_module(&self, path: &str) -> bool {
        let slashes = path.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
        slashes.filter_map(|(at, _)| path.get(..=at)).any(|parent| self.modules.contains(parent))
    }
}

/// The directory with its closing slash, empty for the root, and the last element.
fn split(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |at| at + 1))
}

fn in_version_control(candidate: &Candidate<'_>) -> bool {
    let (parent, base) = split(candidate.path);
    let is_repository = |element: &str| matches!(element, ".bzr" | ".git" | ".hg" | ".svn");
    parent.split('/').any(is_repository) || (candidate.mode == Mode::Directory && is_repository(base))
}

/// How the go command recognises vendored packages. Up to Go 1.23 it did so with two mistakes, and the hashes of
/// published versions depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VendorRules {
    /// `vendor/modules.txt` is kept, and below the root `x/vendor/file.go` counts as vendored.
    UpTo123,
    /// Both are right.
    Since124,
}

impl VendorRules {
    fn of(go_mod: &[u8]) -> Self {
        if language(go_mod).is_some_and(|language| language >= (1, 24)) {
            Self::Since124
        } else {
            Self::UpTo123
        }
    }

    fn is_vendored(self, path: &str) -> bool {
        const DIR: &str = "/vendor/";
        if self == Self::Since124 && path == "vendor/modules.txt" {
            return true;
        }
        let package_at = match (path.strip_prefix("vendor/"), path.find(DIR)) {
            (Some(_), _) => DIR.len() - 1,
            (None, Some(at)) if self == Self::Since124 => at + DIR.len(),
            // The mistake: counted from the start of the path, not from the directory.
            (None, Some(_)) => DIR.len(),
            (None, None) => return false,
        };
        path.bytes().skip(package_at).any(|byte| byte == b'/')
    }
}

/// The language version of a go.mod file, such as (1, 24); `None` when it has none or cannot be read.
fn language(go_mod: &[u8]) -> Option<(u64, u64)> {
    let version = ModFile::parse_lax(go_mod).ok()?.go?.version;
    let (major, rest) = version.split_once('.').unwrap_or((&version, "0"));
    let minor = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
    let number = |digits: &str| digits.parse().unwrap_or(u64::MAX);
    Some((number(major), number(minor)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn regular(path: &str) -> Candidate<'_> {
        Candidate { path, mode: Mode::Regular, size: 1 }
    }

    fn choose(candidates: &[Candidate<'_>]) -> Choice {
        choose_files(candidates, None, Origin::Commit)
    }

    fn kept<'a>(candidates: &[Candidate<'a>], choice: &Choice) -> Vec<&'a str> {
        choice.kept.iter().map(|index| candidates[*index].path).collect()
    }

    #[test]
    fn each_path_is_left_out_for_its_reason() {
        let mut tree = vec![
            regular("go.mod"),
            regular("main.go"),
            regular("vendor/example.com/x/x.go"),
            regular("sub/GO.mod"),
            regular("sub/deep/x.go"),
            regular("subway/x.go"),
            regular(".hg_archival.txt"),
            regular("x/.hg_archival.txt"),
            regular(".git/config"),
        ];
        tree.push(Candidate { path: "link", mode: Mode::Symlink, size: 4 });
        tree.push(Candidate { path: "pipe", mode: Mode::Irregular, size: 0 });
        tree.push(Candidate { path: "subway", mode: Mode::Directory, size: 0 });
        let choice = choose(&tree);
        assert_eq!(
            kept(&tree, &choice),
            ["go.mod", "main.go", "subway/x.go", "x/.hg_archival.txt", ".git/config"]
        );
        assert!(choice.refused.is_empty(), "{:?}", choice.refused);
        assert_eq!(choice.unpacked, 5);
        let omitted: Vec<_> =
            choice.omitted.iter().map(|omitted| (omitted.path.as_str(), omitted.why)).collect();
        assert_eq!(
            omitted,
            [
                ("vendor/example.com/x/x.go", Omission::Vendored),
                ("sub/GO.mod", Omission::NestedModule),
                ("sub/deep/x.go", Omission::NestedModule),
                (".hg_archival.txt", Omission::HgArchival),
                ("link", Omission::Symlink),
                ("pipe", Omission::Irregular),
                ("subway", Omission::Irregular),
            ]
        );
    }

    #[test]
    fn a_directory_on_disk_loses_its_repositories_and_modules_behind_links() {
        let link = Candidate { path: "linked/go.mod", mode: Mode::Symlink, size: 0 };
        let tree =
            [regular(".git/config"), regular("a/.hg/store/x"), regular(".svn"), link, regular("linked/x.go")];
        let choice = choose_files(&tree, None, Origin::Directory);
        assert_eq!(kept(&tree, &choice), [".svn"]);
        let choice = choose(&tree);
        assert_eq!(kept(&tree, &choice), [".git/config", "a/.hg/store/x", ".svn", "linked/x.go"]);
    }

    #[test]
    fn vendored_packages_before_and_since_1_24() {
        let both = |path| (VendorRules::UpTo123.is_vendored(path), VendorRules::Since124.is_vendored(path));
        for (path, expected) in [
            ("vendor/modules.txt", (false, true)),
            ("vendor/x.go", (false, false)),
            ("vendor/x/x.go", (true, true)),
            ("vendor/", (false, false)),
            ("x/vendor/modules.txt", (true, false)),
            ("a/vendor/x.go", (true, false)),
            ("a/vendor/x/x.go", (true, true)),
            ("/vendor/x.go", (false, false)),
            ("long/path/to/vendor/x.go", (true, false)),
            ("vendored/x.go", (false, false)),
            ("a/vendors/x/x.go", (false, false)),
            ("vendor/x/vendor/y.go", (true, true)),
            ("ä/vendor/x.go", (true, false)),
        ] {
            assert_eq!(both(path), expected, "{path}");
        }
    }

    #[test]
    fn the_go_line_picks_the_rules() {
        for (go_mod, expected) in [
            ("module m\n", VendorRules::UpTo123),
            ("module m\ngo 1.9\n", VendorRules::UpTo123),
            ("module m\ngo 1.23.9\n", VendorRules::UpTo123),
            ("module m\ngo 1.24\n", VendorRules::Since124),
            ("module m\ngo 1.24rc1\n", VendorRules::Since124),
            ("module m\ngo 1.100.0\n", VendorRules::Since124),
            ("module m\ngo 2.0\n", VendorRules::Since124),
            ("module m\nfuture \"x\"\ngo 1.25\n", VendorRules::Since124),
            ("module \"m\ngo 1.25\n", VendorRules::UpTo123),
            ("", VendorRules::UpTo123),
        ] {
            assert_eq!(VendorRules::of(go_mod.as_bytes()), expected, "{go_mod:?}");
        }
    }

    #[test]
    fn trees_that_can_have_no_archive_are_refused() {
        let big = |path, size| Candidate { path, mode: Mode::Regular, size };
        let cases: [(&[Candidate<'_>], &str); 12] = [
            (&[regular("a"), regular("a")], "more than once"),
            (&[regular("a/B.go"), regular("a/b.go")], "letter case"),
            (&[regular("A/x.go"), regular("a/y.go")], "letter case"),
            (&[regular("K.go"), regular("\u{212a}.go")], "letter case"),
            (&[regular("a"), regular("a/b")], "file and a directory"),
            (&[regular("x"), Candidate { path: "X", mode: Mode::Symlink, size: 0 }], "letter case"),
            (&[regular("a//b")], "not clean"),
            (&[regular("/a")], "not relative"),
            (&[regular("a:b")], "invalid char"),
            (&[regular("Go.Mod")], "lower-case"),
            (&[big("go.mod", super::super::MAX_GO_MOD + 1)], "go.mod file is too large"),
            (&[big("a", 400 << 20), big("b", 101 << 20)], "sum of the files"),
        ];
        for (tree, expected) in cases {
            let choice = choose(tree);
            let text = choice.refused.first().map(ToString::to_string).unwrap_or_default();
            assert!(text.contains(expected), "{tree:?}: {text}");
        }
    }

    proptest! {
        #[test]
        fn every_path_gets_one_verdict(paths in proptest::collection::btree_set("(vendor/|a/|B/|go.mod|\\.git/|x|/|\\.){1,6}", 0..12)) {
            let tree: Vec<_> = paths.iter().map(|path| regular(path)).collect();
            for origin in [Origin::Commit, Origin::Directory] {
                let choice = choose_files(&tree, Some(b"go 1.24\n"), origin);
                let decided = choice.kept.len() + choice.omitted.len();
                prop_assert!(decided <= tree.len() && tree.len() <= decided + choice.refused.len());
            }
        }
    }
}
