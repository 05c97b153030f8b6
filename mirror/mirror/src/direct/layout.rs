//! Where a module is within its repository.
//!
//! A module path is the repository's root path, a folder, and a major version. The folder holds the module, or, for v2 and above,
//! its subfolder `v2` does, whichever has a go.mod of that major version. See <https://go.dev/ref/mod#vcs-find>.

use fairlead_gomod::{modfile, path, pseudo, version};

use super::repository::Work;
use crate::{Cause, Failure};

/// Largest go.mod that is read, in bytes.
const MAX_GO_MOD: u64 = 16 << 20;

/// A module's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Module path.
    pub(super) path: String,
    /// The module path that the repository's root stands for.
    pub(super) root: String,
    /// The folder of the module in the repository, without the major version; empty for the root.
    pub(super) folder: String,
    /// The module path without its major version.
    prefix: String,
    /// `/v2`, `.v2`, or nothing.
    major: String,
}

/// A module that was found in a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its folder.
    pub(super) folder: String,
    /// Its go.mod; none in old repositories.
    pub(super) go_mod: Option<Vec<u8>>,
}

impl Layout {
    /// Splits a module path. `root` is what the repository's root stands for; `subfolder` is where that is in the repository.
    ///
    /// # Errors
    /// [`Cause::NotFound`] when the repository cannot hold the module.
    pub(super) fn new(module: &str, root: &str, subfolder: &str) -> Result<Self, Failure> {
        let not_found = |text: String| Failure::new(Cause::NotFound, text);
        let (prefix, major) = path::split_path_version(module)
            .ok_or_else(|| not_found(format!("invalid module path {module:?}")))?;
        let prefix = if root == module { module } else { prefix };
        let below = below(prefix, root).ok_or_else(|| {
            not_found(format!("repository rooted at {root} cannot contain module {module}"))
        })?;
        let parts = subfolder.split('/').filter(|part| !part.is_empty() && *part != ".");
        if parts.clone().any(|part| part == "..") {
            return Err(not_found(format!("invalid subdirectory {subfolder:?}")));
        }
        let folder =
            below.split('/').filter(|part| !part.is_empty()).chain(parts).collect::<Vec<_>>().join("/");
        Ok(Layout {
            path: module.to_owned(),
            root: root.to_owned(),
            folder,
            prefix: prefix.to_owned(),
            major: major.to_owned(),
        })
    }

    /// What tags of this module begin with: its folder and a slash.
    pub(super) fn tag_prefix(&self) -> String {
        if self.folder.is_empty() { String::new() } else { format!("{}/", self.folder) }
    }

    /// What all tags begin with that could be versions of this module: as [`tag_prefix`](Self::tag_prefix), with the major version.
    pub(super) fn major_tag_prefix(&self) -> String {
        match self.major.get(1..) {
            Some(major) => format!("{}{major}.", self.tag_prefix()),
            None => self.tag_prefix(),
        }
    }

    /// `v2` of `/v2`; empty for v0 and v1.
    pub(super) fn pseudo_major(&self) -> &str {
        path::path_major_prefix(&self.major).unwrap_or_default()
    }

    /// Whether the module path has a major version.
    pub(super) fn has_major(&self) -> bool {
        !self.major.is_empty()
    }

    /// Whether the module can have versions that end in `+incompatible`, as far as its path tells.
    pub(super) fn may_be_incompatible(&self) -> bool {
        self.folder.is_empty() && self.major.is_empty()
    }

    /// Whether a version has the major version of the path.
    pub(super) fn fits(&self, version: &str) -> bool {
        path::check_path_major(version, &self.major).is_ok()
    }

    /// The module path that a version of another major number would have.
    pub(super) fn path_of_major(&self, version: &str) -> String {
        format!("{}/{}", self.prefix, version::major(version).unwrap_or_default())
    }

    /// The tag, or the beginning of a hash, that a version stands for.
    pub(super) fn rev(&self, version: &str) -> String {
        if !version::is_valid(version) {
            return version.to_owned();
        }
        match pseudo::pseudo_rev(version) {
            Ok(rev) => rev.to_owned(),
            Err(_) => {
                let tag = version.strip_suffix("+incompatible").unwrap_or(version);
                format!("{}{tag}", self.tag_prefix())
            }
        }
    }

    /// Finds the module in a commit, which must be here.
    ///
    /// # Errors
    /// [`Cause::NotFound`] when the commit has no such module.
    pub(super) async fn find(&self, work: &Work<'_>, hash: &str, version: &str) -> Result<Found, Failure> {
        let at =
            |text: String| Failure::new(Cause::NotFound, format!("{text} at revision {}", self.rev(version)));
        let outer = self.look(work, hash, &self.folder).await?;
        let outer_fits = outer.as_ref().is_some_and(|seen| self.is_ours(&seen.path));
        let inner_folder = self.inner_folder();
        if let Some(folder) = &inner_folder
            && let Some(inner) = self.look(work, hash, folder).await?
        {
            return match (is_major(&inner.path, &self.major), outer_fits) {
                (true, true) => Err(at(self.twice())),
                (true, false) => Ok(Found { folder: folder.clone(), go_mod: Some(inner.text) }),
                (false, _) => Err(at(self.misfit(&join(folder, "go.mod"), &inner.path, version))),
            };
        }
        match outer {
            Some(outer) if outer_fits => Ok(Found { folder: self.folder.clone(), go_mod: Some(outer.text) }),
            Some(outer) => Err(at(self.misfit(&join(&self.folder, "go.mod"), &outer.path, version))),
            None if self.may_lack_go_mod() => Ok(Found { folder: String::new(), go_mod: None }),
            None => Err(at(self.missing(inner_folder.is_some()))),
        }
    }

    /// The folder of the major version: none for v0 and v1, for gopkg.in, and where the root of the repository has the number already.
    fn inner_folder(&self) -> Option<String> {
        let major = self.major.strip_prefix('/')?;
        (self.root != self.path).then(|| join(&self.folder, major))
    }

    /// Whether it can be a module of the times before go.mod: only the root of a repository can.
    fn may_lack_go_mod(&self) -> bool {
        self.folder.is_empty() && (self.major.is_empty() || self.major.starts_with('.'))
    }

    fn twice(&self) -> String {
        let Layout { prefix, major, .. } = self;
        format!("{prefix}/go.mod and ...{major}/go.mod both have ...{major} module paths")
    }

    fn missing(&self, has_inner: bool) -> String {
        let inner = if has_inner { format!(" and ...{}/go.mod", self.major) } else { String::new() };
        format!("missing {}/go.mod{inner}", self.prefix)
    }

    fn misfit(&self, file: &str, path: &str, version: &str) -> String {
        let path: String = path.chars().take(200).collect();
        match (&*path, &*self.major) {
            ("", _) => format!("{file} is missing module path"),
            (path, "") if path::split_path_version(path).is_none() => {
                format!("{file} has malformed module path {path:?}")
            }
            (path, "") => {
                let major = version::major(version).unwrap_or_default();
                format!("{file} has post-{major} module path {path:?}")
            }
            (path, major) => format!("{file} has non-...{major} module path {path:?}"),
        }
    }

    /// A go.mod of this major version. One that names a gopkg.in path is taken too, as it always was.
    fn is_ours(&self, path: &str) -> bool {
        is_major(path, &self.major) || (self.major.is_empty() && path.starts_with("gopkg.in/"))
    }

    async fn look(&self, work: &Work<'_>, hash: &str, folder: &str) -> Result<Option<Seen>, Failure> {
        let text = work.file(hash, &join(folder, "go.mod"), MAX_GO_MOD).await?;
        Ok(text.map(|text| Seen { path: modfile::module_path(&text).unwrap_or_default(), text }))
    }
}

/// A go.mod file.
struct Seen {
    /// The module path in it; empty where it has none.
    path: String,
    text: Vec<u8>,
}

/// What follows `root` in `path`, when that ends with an element.
pub(super) fn below<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(root)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// A file's path in a folder, which may be the root.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn is_major(path: &str, major: &str) -> bool {
    let Some((_, its)) = path::split_path_version(path).filter(|_| !path.is_empty()) else { return false };
    match major.get(1..) {
        None => matches!(path::path_major_prefix(its), Some("" | "v0" | "v1")),
        Some(major) => its.get(1..) == Some(major),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_root_folder_and_major() {
        // module, root, subfolder, folder, tags, major of pseudo-versions
        let cases = [
            ("a.example/m", "a.example/m", "", "", "", ""),
            ("a.example/m/sub/x", "a.example/m", "", "sub/x", "sub/x/", ""),
            ("a.example/m/v2", "a.example/m", "", "", "v2.", "v2"),
            ("a.example/m/v2", "a.example/m/v2", "", "", "v2.", "v2"),
            ("a.example/m/sub/v3", "a.example/m", "", "sub", "sub/v3.", "v3"),
            ("a.example/m/sub", "a.example/m", "go/./", "sub/go", "sub/go/", ""),
            ("gopkg.in/yaml.v2", "gopkg.in/yaml.v2", "", "", "v2.", "v2"),
        ];
        for (module, root, subfolder, folder, tags, major) in cases {
            let layout = Layout::new(module, root, subfolder).unwrap();
            assert_eq!(
                (&*layout.folder, &*layout.major_tag_prefix(), layout.pseudo_major()),
                (folder, tags, major)
            );
        }
        for (module, root, subfolder) in [
            ("a.example/m", "a.example/mm", ""),
            ("a.example/mm", "a.example/m", ""),
            ("a.example/m", "a.example/m", "../x"),
        ] {
            assert_eq!(Layout::new(module, root, subfolder).unwrap_err().cause, Cause::NotFound);
        }
    }

    #[test]
    fn versions_stand_for_tags_and_commits() {
        let layout = Layout::new("a.example/m/sub", "a.example/m", "").unwrap();
        assert_eq!(layout.rev("v1.2.3"), "sub/v1.2.3");
        assert_eq!(layout.rev("v2.0.0+incompatible"), "sub/v2.0.0");
        assert_eq!(layout.rev("v0.0.0-20200102030405-abcdef123456"), "abcdef123456");
        assert_eq!(layout.rev("main"), "main");
    }

    #[test]
    fn major_versions_of_go_mod_files() {
        for (path, major, fits) in [
            ("a.example/m", "", true),
            ("gopkg.in/m.v1", "", true),
            ("a.example/m/v2", "", false),
            ("a.example/m/v2", "/v2", true),
            ("gopkg.in/m.v2", "/v2", true),
            ("a.example/m", "/v2", false),
            ("a.example/m/v1", "", false),
            ("", "", false),
        ] {
            assert_eq!(is_major(path, major), fits, "{path} {major}");
        }
    }
}
