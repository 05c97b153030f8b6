//! Hosts whose module paths tell where the repository is, and paths that name their version control system.
//!
//! See <https://go.dev/ref/mod#vcs-find>; the hosts are those that the go command knows.

use super::layout::below;
use crate::{Cause, Failure};

/// Endings that name a version control system.
const SYSTEMS: [&str; 5] = ["bzr", "fossil", "git", "hg", "svn"];

/// What a path tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// Nothing: its web server must be asked.
    None,
    /// The repository, by its root path and its URLs without a scheme where that must be tried.
    Known {
        /// Module path that the root of the repository stands for.
        root: String,
        /// The system.
        vcs: &'static str,
        /// Host and path of the repository.
        repository: String,
        /// Only https is spoken there; otherwise ssh may be.
        is_https: bool,
    },
}

/// A host with repositories at a fixed depth.
struct Host {
    name: &'static str,
    /// Elements of the repository's path behind the host.
    depth: usize,
    vcs: &'static str,
    /// What the last element of the repository's path has to end in.
    ending: &'static str,
    /// An ending such as `.git` is a mistake.
    is_plain: bool,
}

const HOSTS: [Host; 5] = [
    Host { name: "github.com", depth: 2, vcs: "git", ending: "", is_plain: true },
    Host { name: "bitbucket.org", depth: 2, vcs: "git", ending: "", is_plain: true },
    Host { name: "hub.jazz.net/git", depth: 2, vcs: "git", ending: "", is_plain: true },
    Host { name: "git.apache.org", depth: 1, vcs: "git", ending: ".git", is_plain: false },
    Host { name: "git.openstack.org", depth: 2, vcs: "git", ending: "", is_plain: false },
];

/// What a module path tells of its repository.
///
/// # Errors
/// [`Cause::NotFound`] for a path that its host cannot have.
pub(super) fn hint(path: &str) -> Result<Hint, Failure> {
    for host in &HOSTS {
        let Some(rest) = below(path, host.name) else { continue };
        let invalid = || Failure::new(Cause::NotFound, format!("invalid {} import path {path:?}", host.name));
        let parts: Vec<_> = rest.split('/').skip(1).collect();
        let repository = parts.get(..host.depth).ok_or_else(invalid)?;
        if parts.iter().any(|part| part.is_empty())
            || !repository.iter().any(|part| part.ends_with(host.ending))
        {
            return Err(invalid());
        }
        let root = format!("{}/{}", host.name, repository.join("/"));
        let has_ending = system(repository.last().copied().unwrap_or_default()).is_some();
        if host.is_plain && has_ending {
            let text = format!("invalid version control suffix in {}/ path", host.name);
            return Err(Failure::new(Cause::NotFound, text));
        }
        return Ok(Hint::Known { repository: root.clone(), root, vcs: host.vcs, is_https: true });
    }
    Ok(qualified(path).unwrap_or(Hint::None))
}

/// A path with an element such as `x.git`: that is where the repository is.
fn qualified(path: &str) -> Option<Hint> {
    let mut end = path.find('/')?;
    loop {
        let next = path[end + 1..].find('/').map_or(path.len(), |at| end + 1 + at);
        if let Some((name, vcs)) = system(&path[end + 1..next]) {
            let repository = format!("{}/{name}", &path[..end]);
            return Some(Hint::Known { root: path[..next].to_owned(), vcs, repository, is_https: false });
        }
        if next == path.len() {
            return None;
        }
        end = next;
    }
}

/// `x` and `git` of `x.git`.
fn system(element: &str) -> Option<(&str, &'static str)> {
    let (name, ending) = element.rsplit_once('.').filter(|(name, _)| !name.is_empty())?;
    SYSTEMS.iter().find(|system| **system == ending).map(|system| (name, *system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_endings_tell_where_to_look() {
        // path, root, repository, system, https alone
        let cases = [
            ("github.com/a/b", "github.com/a/b", "github.com/a/b", "git", true),
            ("github.com/a/b/c/v2", "github.com/a/b", "github.com/a/b", "git", true),
            ("git.apache.org/x.git/y", "git.apache.org/x.git", "git.apache.org/x.git", "git", true),
            ("a.example/x.git", "a.example/x.git", "a.example/x", "git", false),
            ("a.example/u/x.git/sub/v2", "a.example/u/x.git", "a.example/u/x", "git", false),
            ("a.example/x.hg/y", "a.example/x.hg", "a.example/x", "hg", false),
        ];
        for (path, root, repository, vcs, is_https) in cases {
            let known =
                Hint::Known { root: root.to_owned(), vcs, repository: repository.to_owned(), is_https };
            assert_eq!(hint(path), Ok(known), "{path}");
        }
        for path in
            ["a.example", "a.example/x", "a.example/x/.git/y", "gopkg.in/yaml.v2", "github.community/a/b"]
        {
            assert_eq!(hint(path), Ok(Hint::None), "{path}");
        }
        for path in
            ["github.com", "github.com/a", "github.com/a/b.git", "git.apache.org/x", "bitbucket.org/a"]
        {
            assert_eq!(hint(path).unwrap_err().cause, Cause::NotFound, "{path}");
        }
    }
}
