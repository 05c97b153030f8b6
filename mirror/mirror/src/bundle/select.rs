//! What a bundle is to have.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fairlead_gomod::gosum::{GoSum, Kind, MAX_BYTES};
use fairlead_gomod::path::{self, Module};

use super::{BundleError, failed, refused};

/// Which modules go into a bundle.
#[derive(Clone, Debug)]
pub enum Selection {
    /// All that the cache has.
    All,
    /// What a go.sum names: a line about a go.mod asks for `.mod` and `.info`, one about a zip for all three files.
    GoSum(GoSum),
    /// These versions, all three files of each.
    Modules(Vec<Module>),
}

impl Selection {
    /// What several go.sum files name together.
    ///
    /// # Errors
    /// When one cannot be read, or has a line that is none.
    pub fn go_sums(paths: &[PathBuf]) -> Result<Self, BundleError> {
        let mut lines = Vec::new();
        for path in paths {
            let len = std::fs::metadata(path).map_err(failed("read a go.sum"))?.len();
            if len > MAX_BYTES as u64 {
                return Err(refused(format!("{} is larger than 64 MiB", path.display())));
            }
            let text = std::fs::read(path).map_err(failed("read a go.sum"))?;
            let (sums, errors) = GoSum::parse(&text);
            if let Some(error) = errors.first() {
                return Err(refused(format!("{}: {error}", path.display())));
            }
            lines.extend_from_slice(sums.lines());
        }
        Ok(Selection::GoSum(lines.into_iter().collect()))
    }

    /// Versions with whether their zips are wanted; `None` is everything. What can be no module is left out.
    pub(super) fn wanted(&self) -> Option<BTreeMap<Module, bool>> {
        let mut wanted = BTreeMap::new();
        match self {
            Selection::All => return None,
            Selection::GoSum(sums) => {
                for line in sums.lines() {
                    *wanted.entry(line.pair()).or_insert(false) |= line.kind == Kind::Zip;
                }
            }
            Selection::Modules(modules) => wanted.extend(modules.iter().map(|module| (module.clone(), true))),
        }
        wanted.retain(|module: &Module, _| path::check(&module.path, &module.version).is_ok());
        Some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_go_sum_asks_for_zips_only_where_it_has_their_hash() {
        let text = b"a.example/x v1.0.0 h1:a=\na.example/x v1.0.0/go.mod h1:b=\na.example/y v1.0.0/go.mod h1:c=\n../z v1.0.0 h1:d=\n";
        let wanted = Selection::GoSum(GoSum::parse(text).0).wanted().unwrap();
        let wanted: Vec<_> = wanted.into_iter().map(|(module, zip)| (module.to_string(), zip)).collect();
        assert_eq!(
            wanted,
            [("a.example/x@v1.0.0".to_owned(), true), ("a.example/y@v1.0.0".to_owned(), false)]
        );
        assert!(Selection::All.wanted().is_none());
    }
}
