//! A bundle on its way in: all of its files one after the other in a staged file that vanishes, each held against the
//! manifest while it is written.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use fairlead_gomod::zip::ReadAt;
use fairlead_store::{CHUNK, StagedWriter};
use hashbrown::HashMap;
use sha2::{Digest as _, Sha256};

use super::manifest::{MANIFEST, MAX_MANIFEST, Manifest, ManifestFile, hex};
use super::tape::Reader;
use super::{BundleError, failed, refused};

/// Every file of a bundle, whole and as the manifest says.
pub(super) struct Spool {
    pub(super) manifest: Manifest,
    /// Where each file begins, by its place in the manifest.
    starts: Vec<u64>,
    places: HashMap<String, usize>,
    file: Arc<File>,
    /// Keeps the file there until the import is over.
    _staged: StagedWriter,
}

/// A part of the spool.
pub(super) struct Slice {
    file: Arc<File>,
    start: u64,
    len: u64,
}

impl Spool {
    /// Reads a tar to its end. Blocks.
    pub(super) fn read<R: Read>(
        source: R,
        staged: StagedWriter,
        max_bytes: u64,
    ) -> Result<Self, BundleError> {
        let mut tape = Reader::new(source);
        let manifest = manifest(&mut tape)?;
        let total = manifest.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.bytes));
        if total.is_none_or(|total| total > max_bytes) {
            return Err(refused(format!("it unpacks to more than the {max_bytes} bytes that are allowed")));
        }
        let places: HashMap<String, usize> =
            manifest.files.iter().enumerate().map(|(at, file)| (file.path.clone(), at)).collect();
        let file = Arc::clone(staged.as_file());
        let (mut starts, mut end) = (Vec::with_capacity(manifest.files.len()), 0);
        while let Some(next) = tape.next()? {
            let Some(expected) = manifest.files.get(starts.len()).filter(|file| file.path == next.name)
            else {
                return Err(refused(out_of_place(&next.name, &places, starts.len())));
            };
            if next.len != expected.bytes {
                let path = next.name.escape_debug();
                return Err(refused(format!(
                    "{path} has {} bytes, the manifest says {}",
                    next.len, expected.bytes
                )));
            }
            starts.push(end);
            copy(&mut tape, expected, &file, end)?;
            end += expected.bytes;
        }
        if let Some(missing) = manifest.files.get(starts.len()) {
            return Err(refused(format!(
                "{} is in the manifest and not in the tar",
                missing.path.escape_debug()
            )));
        }
        Ok(Spool { manifest, starts, places, file, _staged: staged })
    }

    /// A file, by path.
    pub(super) fn find(&self, path: &str) -> Option<Slice> {
        self.places.get(path).map(|at| self.slice(*at))
    }

    /// A file, by its place in the manifest.
    pub(super) fn slice(&self, at: usize) -> Slice {
        Slice { file: Arc::clone(&self.file), start: self.starts[at], len: self.manifest.files[at].bytes }
    }
}

impl Slice {
    /// All of it, if it is not longer than `limit`. Blocks for as long as a disk takes.
    pub(super) fn bytes(&self, limit: u64) -> io::Result<Bytes> {
        if self.len > limit {
            return Err(io::Error::other(format!("it is longer than {limit} bytes")));
        }
        self.piece(0, usize::try_from(self.len).unwrap_or(usize::MAX))
    }

    /// At most `len` bytes at `offset`.
    pub(super) fn piece(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(len)];
        self.file.read_exact_at(&mut bytes, self.start + offset)?;
        Ok(bytes.into())
    }
}

impl ReadAt for Slice {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let most = left.min(buf.len());
        FileExt::read_at(&*self.file, &mut buf[..most], self.start + offset)
    }
}

fn manifest<R: Read>(tape: &mut Reader<R>) -> Result<Manifest, BundleError> {
    let first = tape.next()?.filter(|file| file.name == MANIFEST);
    let Some(first) = first else { return Err(refused(format!("its first file is not {MANIFEST}"))) };
    if first.len > MAX_MANIFEST {
        return Err(refused(format!("{MANIFEST} is longer than {MAX_MANIFEST} bytes")));
    }
    // As it comes, not as it says: a length costs nothing to claim.
    let (mut text, mut buffer) = (Vec::new(), vec![0; CHUNK]);
    loop {
        match tape.read(&mut buffer)? {
            0 => return Manifest::parse(&text),
            read => text.extend_from_slice(&buffer[..read]),
        }
    }
}

fn copy<R: Read>(
    tape: &mut Reader<R>,
    expected: &ManifestFile,
    file: &File,
    start: u64,
) -> Result<(), BundleError> {
    let (mut digest, mut buffer, mut at) = (Sha256::new(), vec![0; CHUNK], start);
    loop {
        let read = tape.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
        file.write_all_at(&buffer[..read], at).map_err(failed("unpack the bundle"))?;
        at += read as u64;
    }
    if hex(&digest.finalize()) != expected.sha256 {
        let why = "its SHA-256 is not the one of the manifest".to_owned();
        return Err(BundleError::Untrusted { path: expected.path.clone(), why });
    }
    Ok(())
}

fn out_of_place(name: &str, places: &HashMap<String, usize>, at: usize) -> String {
    let shown = name.escape_debug();
    match places.get(name) {
        None => format!("{shown} is in the tar and not in the manifest"),
        Some(place) if *place < at => format!("{shown} is in the tar twice"),
        Some(_) => format!("{shown} is not where the manifest has it, or something before it is missing"),
    }
}
