//! Reads all files and keeps what each of them said.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use fairlead_diag::{Finding, Findings};
use fairlead_model::Dynamic;

use super::merge::merge;
use super::scan::{Scan, origin};
use super::source::Source;
use super::{FileOptions, Judge};
use crate::{Message, codes};

/// Name of the provider.
pub(super) const NAME: &str = "file";
/// Bytes of all files together.
const MAX_BYTES: u64 = 64 << 20;

/// The files, and what is known about them.
pub(super) struct Loader {
    options: FileOptions,
    judge: Judge,
    sources: HashMap<PathBuf, Source>,
    hasher: RandomState,
    /// What the file system said about the files when they were read.
    fingerprint: u64,
    /// The parts that were merged last, and the result: equal parts need no merging.
    merged: (Vec<Part>, Arc<Dynamic>, Findings),
    /// Directories and files of the last scan.
    directories: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

/// The version of a file that is in force.
pub(super) type Part = (PathBuf, Arc<Dynamic>);

impl Loader {
    pub(super) fn new(options: FileOptions, judge: Judge) -> Self {
        Loader {
            options,
            judge,
            sources: HashMap::new(),
            hasher: RandomState::new(),
            fingerprint: 0,
            merged: Default::default(),
            directories: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Reads what has changed and says everything there is to say.
    pub(super) fn load(&mut self) -> Message {
        self.load_with(Source::dynamic)
    }

    /// As `load`, with what can be read of files with errors.
    pub(super) fn load_for_checks(&mut self) -> Message {
        self.load_with(Source::dynamic_for_checks)
    }

    fn load_with(&mut self, version: impl Fn(&Source) -> Option<&Arc<Dynamic>>) -> Message {
        let mut scan = Scan::of(&self.options);
        // Taken first: a file that changes while it is read is then found different at the next poll.
        self.fingerprint = self.fingerprint_of(&scan);
        let mut findings = std::mem::take(&mut scan.findings);
        self.read(&scan, &mut findings);
        let single = self.options.directory.is_none();
        let mut paths = scan.files.clone();
        // What is out of sight, and a single file that is being replaced, stays in force.
        paths.extend(self.sources.keys().filter(|path| scan.may_hold(path)).cloned());
        paths.sort_unstable();
        paths.dedup();
        self.sources.retain(|path, _| single || paths.binary_search(path).is_ok());
        let mut parts = Vec::new();
        for path in &paths {
            let Some(source) = self.sources.get(path) else { continue };
            findings.extend(source.findings(path));
            parts.extend(version(source).map(|dynamic| (path.clone(), dynamic.clone())));
        }
        self.merge(parts);
        findings.extend(self.merged.2.clone());
        (self.directories, self.files) = (scan.directories, scan.files);
        Message { provider: NAME.into(), dynamic: self.merged.1.clone(), findings }
    }

    /// Whether the file system tells of a change since the last load.
    pub(super) fn differs(&self) -> bool {
        self.fingerprint_of(&Scan::of(&self.options)) != self.fingerprint
    }

    /// Directories in which a change matters: those that were listed, those that hold the files behind their links,
    /// and those in which the root appears.
    pub(super) fn directories(&self) -> HashSet<PathBuf> {
        let root = self.options.directory.as_deref().or(self.options.filename.as_deref());
        let parents = self.file_names().into_iter().map(|file| parent(&file));
        self.directories.iter().cloned().chain(parents).chain(root.map(nearest_parent)).collect()
    }

    /// The files that are read, as they were listed and as they are called without links.
    pub(super) fn file_names(&self) -> HashSet<PathBuf> {
        let real = self.files.iter().filter_map(|file| fs::canonicalize(file).ok());
        self.files.iter().cloned().chain(real).collect()
    }

    fn read(&mut self, scan: &Scan, findings: &mut Findings) {
        let mut left = MAX_BYTES;
        let now = SystemTime::now();
        for path in &scan.files {
            let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
            let Some(rest) = left.checked_sub(size) else {
                let message = format!("all files up to {} hold more than 64 MiB", path.display());
                findings.push(Finding::new(&codes::TOO_LARGE, message).at(&origin(path)));
                continue;
            };
            left = rest;
            let read = fairlead_conf::read_file_text(&path.to_string_lossy());
            let source = self.sources.entry(path.clone()).or_default();
            source.update(path, read, &self.hasher, &self.judge, now);
        }
    }

    fn merge(&mut self, parts: Vec<Part>) {
        let (known, ..) = &self.merged;
        let same = known.len() == parts.len()
            && known.iter().zip(&parts).all(|(a, b)| a.0 == b.0 && Arc::ptr_eq(&a.1, &b.1));
        if !same {
            let (dynamic, findings) = merge(parts.iter().map(|(_, part)| part));
            self.merged = (parts, dynamic, findings);
        }
    }

    fn fingerprint_of(&self, scan: &Scan) -> u64 {
        let mut state = self.hasher.build_hasher();
        scan.unseen.hash(&mut state);
        for path in &scan.files {
            path.hash(&mut state);
            let facts = fs::metadata(path).map(|metadata| {
                (metadata.dev(), metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec())
            });
            facts.ok().hash(&mut state);
        }
        state.finish()
    }
}

/// The directory of a file, as it can be opened.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("/"),
    }
}

/// The nearest directory above `path` that exists.
fn nearest_parent(path: &Path) -> PathBuf {
    let mut path = parent(path);
    while !path.is_dir() && path.parent().is_some() {
        path = parent(&path);
    }
    path
}
