//! Repositories with the same commits, down to their hashes, on every machine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository that is being written.
pub(super) struct Builder {
    tree: PathBuf,
    bare: PathBuf,
    /// Commits so far: each is an hour after the one before.
    commits: i64,
}

/// 2024-01-01T00:00:00Z
const BEGIN: i64 = 1_704_067_200;

impl Builder {
    pub(super) fn new(place: &Path, name: &str) -> Self {
        let builder = Builder {
            tree: place.join("trees").join(name),
            bare: place.join("bare").join(format!("{name}.git")),
            commits: 0,
        };
        std::fs::create_dir_all(&builder.tree).unwrap();
        builder.git(&["init", "-q", "--initial-branch=main", "."]);
        builder
    }

    pub(super) fn file(&self, path: &str, content: &str) -> &Self {
        let path = self.tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub(super) fn link(&self, path: &str, to: &str) -> &Self {
        std::os::unix::fs::symlink(to, self.tree.join(path)).unwrap();
        self
    }

    /// Commits everything; gives the hash.
    pub(super) fn commit(&mut self, message: &str) -> String {
        self.commits += 1;
        self.git(&["add", "-A", "-f", "."]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    pub(super) fn tag(&self, tag: &str) -> &Self {
        self.git(&["tag", tag]);
        self
    }

    pub(super) fn annotated_tag(&self, tag: &str) -> &Self {
        self.git(&["tag", "-a", "-m", tag, tag]);
        self
    }

    pub(super) fn branch(&self, name: &str, from: &str) -> &Self {
        self.git(&["checkout", "-q", "-b", name, from]);
        self
    }

    pub(super) fn switch(&self, name: &str) -> &Self {
        self.git(&["checkout", "-q", name]);
        self
    }

    /// Makes what was committed so far visible to the server.
    pub(super) fn publish(&self) -> &Self {
        let bare = self.bare.to_str().unwrap();
        if self.bare.exists() {
            self.git(&["push", "-q", "--mirror", bare]);
        } else {
            self.git(&["clone", "-q", "--bare", ".", bare]);
        }
        self
    }

    pub(super) fn git(&self, args: &[&str]) -> String {
        let date = format!("{} +0000", BEGIN + 3600 * self.commits);
        let output = Command::new("git")
            .args(["-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"])
            .args(args)
            .current_dir(&self.tree)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "A")
            .env("GIT_AUTHOR_EMAIL", "a@a.example")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_NAME", "A")
            .env("GIT_COMMITTER_EMAIL", "a@a.example")
            .env("GIT_COMMITTER_DATE", &date)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A module of many kinds in one repository: folders, major versions, and everything that a zip leaves out or changes.
pub(super) fn many(place: &Path) {
    let mut m = Builder::new(place, "m");
    m.file("go.mod", "module mods.example/m\n\ngo 1.20\n")
        .file("m.go", "package m\n")
        .file("LICENSE", "as is\n");
    m.file("sub/go.mod", "module mods.example/m/sub\n").file("sub/s.go", "package sub\n");
    m.file("sub/vendor/y/y.go", "package y\n").file("vendor/modules.txt", "# x v1.0.0\n");
    m.file("vendor/x/x.go", "package x\n")
        .file("nested/go.mod", "module mods.example/m/nested\n")
        .file("nested/n.go", "package n\n");
    m.file(
        ".gitattributes",
        "*.bat text eol=crlf\n*.id ident\nskip.txt export-ignore\nsubst.txt export-subst\n",
    );
    m.file("run.bat", "echo a\necho b\n")
        .file("a.id", "$Id$\n")
        .file("skip.txt", "kept\n")
        .file("subst.txt", "$Format:%H$\n");
    m.file(&format!("{}/deep.txt", "long-name-of-a-folder/".repeat(8)), "deep\n")
        .file("empty", "")
        .file("-dash/x.go", "package x\n");
    m.link("link.go", "m.go").link("linked", "sub");
    let first = m.commit("one");
    m.tag("v1.0.0").annotated_tag("sub/v0.1.0").tag("v1.0.0+meta").tag("v0.0.0-20200101000000-abcdefabcdef");
    m.file("m.go", "package m // two\n");
    m.commit("two");
    m.file("m.go", "package m // three\n");
    m.commit("three");
    m.tag("v1.1.0-rc.1");
    m.branch("v2", &first)
        .file("go.mod", "module mods.example/m/v2\n\ngo 1.24\n")
        .file("m.go", "package m // v2\n");
    m.commit("v2");
    m.tag("v2.0.0");
    m.switch("main")
        .file("v3/go.mod", "module mods.example/m/v3\n")
        .file("v3/a.go", "package m\n")
        .file("v3/LICENSE", "v3's\n");
    m.commit("v3");
    m.tag("v3.0.0").file("sub/s.go", "package sub // later\n");
    m.commit("later");
    m.publish();
}

/// A repository from before go.mod files.
pub(super) fn old(place: &Path) {
    let mut old = Builder::new(place, "old");
    for tag in ["v1.0.0", "v2.0.0", "v2.1.0"] {
        old.file("a.go", &format!("package old // {tag}\n"));
        old.commit(tag);
        old.tag(tag);
    }
    old.file("a.go", "package old // untagged\n");
    old.commit("untagged");
    old.publish();
}

/// Without tags; the module is in the folder `go`.
pub(super) fn untagged(place: &Path) {
    let mut untagged = Builder::new(place, "untagged");
    untagged
        .file("go/go.mod", "module mods.example/untagged\n")
        .file("go/u.go", "package u\n")
        .file("LICENSE", "as is\n");
    untagged.commit("one");
    untagged.publish();
}

/// Takes a version back that lies before its last commit.
pub(super) fn retracted(place: &Path) {
    let mut r = Builder::new(place, "retracted");
    r.file("go.mod", "module mods.example/retracted\n");
    r.commit("one");
    r.tag("v1.0.0").file("go.mod", "module mods.example/retracted\n\nretract v1.1.0\n");
    r.commit("two");
    r.tag("v1.1.0").file("a.go", "package a\n");
    r.commit("three");
    r.publish();
}
