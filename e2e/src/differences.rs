//! Deliberate differences, as the cases state them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Case;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Which other subject.
    pub subject: String,
    /// Why we differ.
    pub reason: String,
}

/// Every difference that the cases below a folder state, without repetition.
///
/// # Errors
/// A file that is no case.
pub fn differences(folder: &Path) -> anyhow::Result<BTreeSet<Difference>> {
    let mut all = BTreeSet::new();
    for path in case_files(folder)? {
        let tree = Case::tree(&path)?;
        let mut add = |subject: &str, reason: &Value| {
            let reason = reason.as_str().unwrap_or_default().to_owned();
            all.insert(Difference { subject: subject.to_owned(), reason });
        };
        for (subject, reason) in tree["notFor"].as_object().into_iter().flatten() {
            add(subject, reason);
        }
        for step in tree["steps"].as_array().into_iter().flatten() {
            for (subject, differs) in step["differs"].as_object().into_iter().flatten() {
                add(subject, &differs["reason"]);
            }
        }
    }
    Ok(all)
}

/// All `.yml` files below a folder, sorted.
///
/// # Errors
/// A folder that cannot be read.
pub fn case_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(case_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "yml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
