//! The module zip of a commit.
//!
//! `git ls-tree` tells names and sizes, by which the files are chosen; `git archive` then streams the tree into the zip, as the
//! go command has it do: line endings and encodings that `.gitattributes` ask for are part of what is hashed.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use fairlead_gomod::path::Module;
use fairlead_gomod::zip::{Candidate, Created, MAX_LICENSE, Mode, Origin, Writer, ZipError, choose_files};

use super::layout::Found;
use super::repository::Work;
use super::run::Call;
use super::tar::Tar;
use crate::{Cause, Failure};

/// Most bytes of a list of files.
const MAX_TREE: u64 = 256 << 20;

/// A zip in a file without a name: it goes with its last reader.
#[derive(Debug)]
pub(super) struct Zip {
    pub(super) file: File,
    /// Size in bytes.
    pub(super) len: u64,
}

/// Files of a module that belong into its zip.
struct Chosen {
    /// The module's folder with a slash; empty for the root.
    folder: String,
    /// Paths below it.
    files: HashSet<String>,
    /// The repository's licence, for a module that has none.
    license: Option<Vec<u8>>,
}

/// Makes the zip of a module version.
///
/// # Errors
/// [`Cause::NotFound`] when the tree can have none; what git says otherwise.
pub(super) async fn zip(
    work: &Work<'_>,
    module: &Module,
    hash: &str,
    found: &Found,
    scratch: &Path,
) -> Result<Zip, Failure> {
    let tree = tree(work, hash, &found.folder).await?;
    let license = match found.folder.is_empty() || tree.iter().any(|file| file.path == "LICENSE") {
        true => None,
        false => work.file(hash, "LICENSE", MAX_LICENSE).await?,
    };
    let chosen = choose(module, found, &tree, license)?;
    let (reader, writer) = io::pipe().map_err(|error| failed(module, &error.into()))?;
    let (of, scratch) = (module.clone(), scratch.to_owned());
    let writing = tokio::task::spawn_blocking(move || {
        let file = scratch_file(&scratch)?;
        let created = write(&file, &of, &chosen, reader)?;
        Ok((file, created))
    });
    let mut args = vec!["-c", "core.autocrlf=input", "-c", "core.eol=lf", "archive", "--format=tar", hash];
    args.extend(Some("--").filter(|_| !found.folder.is_empty()));
    args.extend(Some(found.folder.as_str()).filter(|folder| !folder.is_empty()));
    let archiving = work.git().run_into(Call::local(work.folder(), &args, 0), writer);
    let (archived, written) = tokio::join!(archiving, writing);
    let written: Result<(File, Created), ZipError> =
        written.map_err(|_| Failure::new(Cause::Unavailable, "writing the zip was interrupted"))?;
    // A writer that stopped reading is why git failed, not the other way round, unless the stream just ended.
    match (written, archived) {
        (Ok((file, created)), Ok(())) => Ok(Zip { file, len: created.size }),
        (Err(ZipError::Io(_)) | Ok(_), Err(error)) => Err(work.failure(&error)),
        (Err(error), _) => Err(failed(module, &error)),
    }
}

/// A file of a tree.
struct Listed {
    path: String,
    mode: Mode,
    size: u64,
}

/// The files below a folder, submodules left out.
async fn tree(work: &Work<'_>, hash: &str, folder: &str) -> Result<Vec<Listed>, Failure> {
    let object = if folder.is_empty() { hash.to_owned() } else { format!("{hash}:{folder}") };
    let args = ["ls-tree", "-r", "-z", "-l", "--full-tree", &object];
    let call = Call::local(work.folder(), &args, MAX_TREE);
    let output = work.git().run(call).await.map_err(|error| work.failure(&error))?;
    let lines = output.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    let files: Option<Vec<_>> = lines.map(listed).collect();
    let files = files.ok_or_else(|| {
        Failure::new(Cause::Corrupt, format!("{}: unexpected output of git ls-tree", work.remote().shown))
    })?;
    Ok(files.into_iter().flatten().collect())
}

/// Reads `MODE TYPE HASH SIZE\tPATH`. None for what is no such line, `Some(None)` for a submodule.
fn listed(line: &[u8]) -> Option<Option<Listed>> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let mut fields = str::from_utf8(&line[..tab]).ok()?.split_ascii_whitespace();
    let (mode, kind, _hash, size) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    if kind == "commit" {
        return Some(None);
    }
    let mode = if mode == "120000" { Mode::Symlink } else { Mode::Regular };
    // A name that is no UTF-8 is refused with its replacement characters.
    let path = String::from_utf8_lossy(&line[tab + 1..]).into_owned();
    Some(Some(Listed { path, mode, size: size.parse().ok()? }))
}

fn choose(
    module: &Module,
    found: &Found,
    tree: &[Listed],
    license: Option<Vec<u8>>,
) -> Result<Chosen, Failure> {
    let mut candidates: Vec<_> =
        tree.iter().map(|Listed { path, mode, size }| Candidate { path, mode: *mode, size: *size }).collect();
    if let Some(license) = &license {
        candidates.push(Candidate { path: "LICENSE", mode: Mode::Regular, size: license.len() as u64 });
    }
    let choice = choose_files(&candidates, found.go_mod.as_deref(), Origin::Commit);
    if let Some(error) = choice.refused.first() {
        return Err(failed(module, error));
    }
    let files =
        choice.kept.iter().filter_map(|index| tree.get(*index)).map(|file| file.path.clone()).collect();
    let folder = if found.folder.is_empty() { String::new() } else { format!("{}/", found.folder) };
    Ok(Chosen { folder, files, license })
}

/// Writes the chosen files as they come.
fn write(file: &File, module: &Module, chosen: &Chosen, from: PipeReader) -> Result<Created, ZipError> {
    let mut zip = Writer::new(file, &module.path, &module.version)?;
    let mut tar = Tar::new(io::BufReader::with_capacity(1 << 16, from));
    let mut left = chosen.files.len();
    while let Some(entry) = tar.next()? {
        let name = String::from_utf8_lossy(&entry.name);
        let Some(path) = name.strip_prefix(&chosen.folder) else { continue };
        if entry.is_file && chosen.files.contains(path) {
            zip.add(path, entry.size, &mut tar)?;
            left = left.saturating_sub(1);
        }
    }
    if left > 0 {
        return Err(ZipError::Truncated);
    }
    if let Some(license) = &chosen.license {
        zip.add("LICENSE", license.len() as u64, &mut license.as_slice())?;
    }
    zip.finish()
}

fn failed(module: &Module, error: &ZipError) -> Failure {
    let cause = match error {
        ZipError::Io(_) => Cause::Unavailable,
        ZipError::NotAZip | ZipError::Truncated | ZipError::Malformed(_) | ZipError::Corrupt { .. } => {
            Cause::Corrupt
        }
        ZipError::Rule { .. } | ZipError::Module(_) | ZipError::TooLarge { .. } | ZipError::NoEntry(_) => {
            Cause::NotFound
        }
    };
    Failure::new(cause, format!("{module}: create zip: {error}"))
}

fn scratch_file(folder: &Path) -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    std::fs::create_dir_all(folder)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("zip-{}-{number}.tmp", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}
