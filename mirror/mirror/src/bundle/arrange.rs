//! The files of a bundle: what a path means, and the documents that are made from others.

use std::collections::BTreeMap;

use bytes::Bytes;
use fairlead_gomod::{pseudo, version};

use super::{BundleError, refused};
use crate::Wanted;

/// What a file of a bundle is.
///
/// # Errors
/// When it is nothing that a bundle has, or is spelt in another way than a store spells it.
pub(super) fn meaning(path: &str, databases: &[&str]) -> Result<Wanted, BundleError> {
    let strange = || {
        refused(format!("{} is no file of a module or a database that is known here", path.escape_debug()))
    };
    fairlead_store::check_key(path).map_err(|_| strange())?;
    let wanted = Wanted::parse(&format!("/{path}"), databases).map_err(|_| strange())?;
    // Anything that reads the same in two ways could be put in one place and proved in another.
    if wanted.key() != path || matches!(wanted, Wanted::Query { .. }) {
        return Err(strange());
    }
    Ok(wanted)
}

/// The documents about paths, by where they are.
pub(super) struct Made {
    by_path: BTreeMap<String, Vec<String>>,
}

impl Made {
    pub(super) fn new() -> Self {
        Made { by_path: BTreeMap::new() }
    }

    /// A version has a `.info`.
    pub(super) fn add(&mut self, module: &fairlead_gomod::path::Module) {
        self.by_path.entry(module.path.clone()).or_default().push(module.version.clone());
    }

    /// `@v/list` of each path, with its place.
    pub(super) fn lists(&self) -> impl Iterator<Item = (String, Bytes)> {
        self.by_path.iter().map(|(path, versions)| (Wanted::List(path.clone()).key(), list(versions)))
    }

    /// The version that `@latest` of each path is, with its place.
    pub(super) fn latest(&self) -> impl Iterator<Item = (String, fairlead_gomod::path::Module)> {
        self.by_path.iter().filter_map(|(path, versions)| {
            let module = fairlead_gomod::path::Module::new(path.as_str(), newest(versions)?);
            Some((Wanted::Latest(path.clone()).key(), module))
        })
    }
}

/// Tagged versions in order, one a line.
fn list(versions: &[String]) -> Bytes {
    let mut tagged: Vec<&str> =
        versions.iter().map(String::as_str).filter(|version| !pseudo::is_pseudo(version)).collect();
    tagged.sort_unstable_by(|a, b| version::order(a, b));
    tagged.dedup();
    tagged.iter().flat_map(|version| [version, "\n"]).collect::<String>().into()
}

/// Releases before pre-releases before pseudo-versions, as the go command chooses.
fn newest(versions: &[String]) -> Option<&str> {
    let rank = |version: &str| (!pseudo::is_pseudo(version), version::prerelease(version).is_empty());
    versions
        .iter()
        .map(String::as_str)
        .max_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| version::order(a, b)))
}

#[cfg(test)]
mod tests {
    use fairlead_gomod::path::Module;

    use super::*;

    #[test]
    fn paths_mean_one_thing() {
        let names = ["sum.example.org"];
        assert!(meaning("github.com/!azure/x/@v/v1.0.0.zip", &names).is_ok());
        assert!(meaning("sumdb/sum.example.org/latest", &names).is_ok());
        for path in [
            "a.example/x/@v/main.info",
            "a.example/x/@v/v1.0.0.zip/",
            "/a.example/x/@v/list",
            "../x/@v/list",
            "a.example/%78/@v/list",
            "github.com/Azure/x/@v/list",
            "a.example/x/@v/../y",
            "sumdb/other/latest",
            "sumdb/sum.example.org/../x",
            "x",
            "",
            ".fairlead/x",
            "a.example\\x/@v/list",
        ] {
            assert!(meaning(path, &names).is_err(), "{path}");
        }
    }

    #[test]
    fn lists_have_tags_and_latest_is_a_release() {
        let mut made = Made::new();
        for version in ["v1.10.0", "v1.2.0", "v2.0.0-rc.1", "v1.10.1-0.20240102030405-0123456789ab"] {
            made.add(&Module::new("a.example/x", version));
        }
        made.add(&Module::new("a.example/y", "v0.0.0-20240102030405-0123456789ab"));
        let lists: Vec<_> = made.lists().collect();
        assert_eq!(
            lists[0],
            ("a.example/x/@v/list".to_owned(), Bytes::from_static(b"v1.2.0\nv1.10.0\nv2.0.0-rc.1\n"))
        );
        assert!(lists[1].1.is_empty());
        let latest: Vec<_> = made.latest().map(|(_, module)| module.version).collect();
        assert_eq!(latest, ["v1.10.0", "v0.0.0-20240102030405-0123456789ab"]);
    }
}
