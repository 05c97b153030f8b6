//! Lists the files to read.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use fairlead_diag::{Finding, Findings, Origin};

use super::FileOptions;
use crate::codes;

/// Extensions of the files of a directory that are read.
const EXTENSIONS: [&str; 4] = ["toml", "yaml", "yml", "json"];
/// Most files.
const MAX_FILES: usize = 10_000;
/// Most directories in one another.
const MAX_DEPTH: usize = 32;

/// What there is to read.
#[derive(Default)]
pub(super) struct Scan {
    /// Files in the order in which they count.
    pub(super) files: Vec<PathBuf>,
    /// Directories that were listed.
    pub(super) directories: Vec<PathBuf>,
    /// Directories that could not be listed: files below them are not gone, only out of sight.
    pub(super) unseen: Vec<PathBuf>,
    /// What could not be listed.
    pub(super) findings: Findings,
    /// Real paths of the directories, because links may form circles.
    seen: HashSet<PathBuf>,
}

impl Scan {
    /// Lists what the options name.
    pub(super) fn of(options: &FileOptions) -> Scan {
        let mut scan = Scan::default();
        if let Some(directory) = &options.directory {
            if options.filename.is_some() {
                let message = "both `filename` and `directory` are set; the file is not read";
                scan.findings.push(Finding::new(&codes::TWO_SOURCES, message));
            }
            scan.directory(directory, 0);
        } else if let Some(filename) = &options.filename {
            scan.files.push(filename.clone());
        } else {
            let message = "`providers.file` names neither `filename` nor `directory`";
            scan.findings.push(Finding::new(&codes::NO_SOURCE, message));
        }
        scan
    }

    /// Whether `file` may still exist although it was not listed.
    pub(super) fn may_hold(&self, file: &Path) -> bool {
        self.unseen.iter().any(|directory| file.starts_with(directory))
    }

    fn directory(&mut self, path: &Path, depth: usize) {
        if depth > MAX_DEPTH {
            self.refuse(path, "more than 32 directories deep");
            return;
        }
        let entries = match self.list(path) {
            Ok(Some(entries)) => entries,
            Ok(None) => return,
            Err(error) => {
                let message = format!("cannot list the directory {}: {error}", path.display());
                let finding = Finding::new(&codes::UNLISTABLE, message).at(&origin(path));
                self.findings.push(finding.help("create the directory, or check its permissions"));
                self.unseen.push(path.to_owned());
                return;
            }
        };
        self.directories.push(path.to_owned());
        for entry in entries {
            // Follows links, as Kubernetes mounts files through them.
            match fs::metadata(&entry) {
                Ok(metadata) if metadata.is_dir() => self.directory(&entry, depth + 1),
                Ok(metadata) if metadata.is_file() && has_extension(&entry) => self.file(entry),
                // A link that leads nowhere is reported when it is read.
                Err(_) if has_extension(&entry) => self.file(entry),
                _ => {}
            }
        }
    }

    /// The entries that are not hidden, sorted; `None` when the directory was listed before under another path.
    fn list(&mut self, path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
        if !self.seen.insert(fs::canonicalize(path)?) {
            return Ok(None);
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                entries.push(entry.path());
            }
        }
        entries.sort_unstable();
        Ok(Some(entries))
    }

    fn file(&mut self, path: PathBuf) {
        if self.files.len() < MAX_FILES {
            self.files.push(path);
        } else if self.files.len() == MAX_FILES {
            self.refuse(&path, "more than 10,000 files");
        }
    }

    fn refuse(&mut self, path: &Path, why: &str) {
        let message = format!("{why}: {} and what follows is not read", path.display());
        self.findings.push(Finding::new(&codes::TOO_LARGE, message).at(&origin(path)));
    }
}

/// The file as a whole.
pub(super) fn origin(path: &Path) -> Origin {
    Origin::file(path.display().to_string())
}

fn has_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
}
