//! Writing module archives: same files, same bytes, whatever the machine and the time.

use std::io::{self, BufWriter, Read, Write};

use super::deflate::{Deflate, Failure};
use super::fault::{Fault, Rule, broken, corrupt};
use super::record::{Written, descriptor, directory_record, end_record, local_header};
use super::rules::{Names, add_size, check_file_size, check_go_mod_place, check_zip_size, is_clean, prefix};
use super::{Candidate, MAX_DIRECTORY, MAX_GO_MOD, MAX_NAME, Mode, Omitted, Origin, ZipError, choose_files};
use crate::dirhash::{DirHash, H1};
use crate::path;

/// Opens the content of a file, from its start each time.
pub type Open<'a> = Box<dyn Fn() -> io::Result<Box<dyn Read + 'a>> + 'a>;

/// One path of a source tree, with its content.
pub struct File<'a> {
    /// Relative to the root of the module, with `/` between elements.
    pub path: String,
    /// What it is.
    pub mode: Mode,
    /// Size in bytes; the content has to have exactly that.
    pub size: u64,
    /// The content of a regular file.
    pub open: Open<'a>,
}

impl std::fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, mode, size, .. } = self;
        f.debug_struct("File")
            .field("path", path)
            .field("mode", mode)
            .field("size", size)
            .finish_non_exhaustive()
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The hash of the archive.
    pub h1: H1,
    /// Number of files in it.
    pub files: usize,
    /// Sum of their sizes in bytes.
    pub unpacked: u64,
    /// Size of the archive in bytes.
    pub size: u64,
    /// What was left out; empty when the caller chose.
    pub omitted: Vec<Omitted>,
}

/// Writes the archive of a source tree: chooses the files as [`choose_files`] does, sorts them by name, and compresses them.
///
/// # Errors
/// When path and version cannot name a module, when the tree can have no archive, when a content has not its declared size, or when
/// reading or writing fails. What was written until then is worthless.
pub fn create<'a>(
    out: impl Write,
    module: &str,
    version: &str,
    origin: Origin,
    files: impl IntoIterator<Item = File<'a>>,
) -> Result<Created, ZipError> {
    let mut writer = Writer::new(out, module, version)?;
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let candidates: Vec<_> =
        files.iter().map(|file| Candidate { path: &file.path, mode: file.mode, size: file.size }).collect();
    let choice = choose_files(&candidates, read_go_mod(&files).as_deref(), origin);
    if let Some(error) = choice.refused.into_iter().next() {
        return Err(error);
    }
    for file in choice.kept.iter().filter_map(|index| files.get(*index)) {
        writer.add(&file.path, file.size, &mut (file.open)()?)?;
    }
    Ok(Created { omitted: choice.omitted, ..writer.finish()? })
}

/// The go.mod file in the root; one that cannot be read counts as none, as it does for the go command.
fn read_go_mod(files: &[File<'_>]) -> Option<Vec<u8>> {
    let file = files.iter().find(|file| file.path == "go.mod" && file.mode == Mode::Regular)?;
    let mut bytes = Vec::new();
    (file.open)().ok()?.take(MAX_GO_MOD).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Writes one module archive from a stream of files: contents go out as they come in, in the order of the calls.
///
/// For a caller that has asked [`choose_files`] before; names and limits are checked again.
pub struct Writer<W: Write> {
    out: Counted<BufWriter<W>>,
    prefix: String,
    entries: Vec<Written>,
    hash: DirHash<'static>,
    unpacked: u64,
    directory_len: u64,
    deflate: Deflate,
}

impl<W: Write> Writer<W> {
    /// An archive without files.
    ///
    /// # Errors
    /// When path and version cannot name a module.
    pub fn new(out: W, module: &str, version: &str) -> Result<Self, ZipError> {
        Ok(Self {
            out: Counted { out: BufWriter::new(out), len: 0 },
            prefix: prefix(module, version)?,
            entries: Vec::new(),
            hash: DirHash::new(),
            unpacked: 0,
            directory_len: 0,
            deflate: Deflate::new(),
        })
    }

    /// Adds a file by its path below the root of the module. `size` in bytes is what `content` has to give exactly.
    ///
    /// # Errors
    /// When the path breaks a rule, a limit is exceeded, the size is wrong, or reading or writing fails. The archive is then worthless.
    pub fn add(&mut self, path: &str, size: u64, content: &mut dyn Read) -> Result<(), ZipError> {
        let name = self.check(path, size)?;
        let header = self.offset()?;
        self.out.write_all(&local_header(&name)?)?;

        let data = self.offset()?;
        let (crc, digest) = self.deflate.run(content, size, &mut self.out).map_err(|error| match error {
            Failure::Size => corrupt(path.as_bytes(), Fault::Size),
            Failure::Io(error) => ZipError::Io(error),
        })?;
        let packed = self.offset()? - data;
        let unpacked = u32::try_from(size).map_err(|_| corrupt(path.as_bytes(), Fault::Size))?;
        self.hash.add(name.clone(), digest).map_err(|_| broken(path.as_bytes(), Rule::NotClean))?;
        let entry = Written { name, crc, packed, unpacked, header };
        self.out.write_all(&descriptor(&entry))?;
        self.offset()?;
        self.entries.push(entry);
        Ok(())
    }

    /// Writes the directory and flushes.
    ///
    /// # Errors
    /// When two paths collide, a limit is exceeded, or writing fails.
    pub fn finish(mut self) -> Result<Created, ZipError> {
        let mut names = Names::default();
        for entry in &self.entries {
            names.add(entry.name.strip_prefix(&self.prefix).unwrap_or(&entry.name), false);
        }
        names.check()?;
        let start = self.offset()?;
        for entry in &self.entries {
            self.out.write_all(&directory_record(entry)?)?;
        }
        let len = self.offset()? - start;
        self.out.write_all(&end_record(self.entries.len(), len, start))?;
        self.offset()?;
        self.out.flush()?;
        Ok(Created {
            h1: self.hash.finish(),
            files: self.entries.len(),
            unpacked: self.unpacked,
            size: self.out.len,
            omitted: Vec::new(),
        })
    }

    /// The name of the entry, when path and size are allowed.
    fn check(&mut self, path: &str, size: u64) -> Result<String, ZipError> {
        let refuse = |rule| Err(broken(path.as_bytes(), rule));
        let name = format!("{}{path}", self.prefix);
        if name.len() > MAX_NAME {
            return refuse(Rule::NameTooLong);
        }
        if !is_clean(path) {
            return refuse(Rule::NotClean);
        }
        if let Err(error) = path::check_file_path(path) {
            return refuse(Rule::BadPath(error));
        }
        check_go_mod_place(path)?;
        check_file_size(path, size)?;
        self.unpacked = add_size(self.unpacked, size)?;
        self.directory_len += 46 + name.len() as u64;
        if self.directory_len > MAX_DIRECTORY {
            let size = self.directory_len;
            return Err(ZipError::TooLarge { what: "central directory", size, limit: MAX_DIRECTORY });
        }
        Ok(name)
    }

    /// How much was written, which the limit keeps below 32 bits.
    fn offset(&self) -> Result<u32, ZipError> {
        check_zip_size(self.out.len)?;
        let error = || ZipError::TooLarge { what: "module zip", size: self.out.len, limit: super::MAX_ZIP };
        u32::try_from(self.out.len).map_err(|_| error())
    }
}

impl<W: Write> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("prefix", &self.prefix)
            .field("files", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// Counts what goes through.
struct Counted<W> {
    out: W,
    len: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.out.write(buf)?;
        self.len += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zip::verify;
    use proptest::prelude::*;
    use std::cell::Cell;

    const MODULE: (&str, &str) = ("example.com/m", "v1.0.0");

    fn file<'a>(path: &str, content: &'a [u8]) -> File<'a> {
        File {
            path: path.to_owned(),
            mode: Mode::Regular,
            size: content.len() as u64,
            open: Box::new(move || Ok(Box::new(content))),
        }
    }

    fn create_bytes(files: Vec<File<'_>>) -> Result<(Vec<u8>, Created), ZipError> {
        let mut bytes = Vec::new();
        let created = create(&mut bytes, MODULE.0, MODULE.1, Origin::Commit, files)?;
        Ok((bytes, created))
    }

    #[test]
    fn what_is_created_verifies() {
        let long: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let (bytes, created) = create_bytes(vec![
            file("m.go", b"package m\n"),
            file("go.mod", b"module example.com/m\n"),
            file("vendor/x/x.go", b"package x\n"),
            file("empty", b""),
            file("groß/table", &long),
        ])
        .unwrap();
        let verified = verify(&bytes, MODULE.0, MODULE.1).unwrap();
        assert_eq!(verified.h1, created.h1);
        assert_eq!((verified.files, verified.unpacked), (created.files, created.unpacked));
        assert_eq!((created.files, created.size), (4, bytes.len() as u64));
        assert_eq!(verified.go_mod.as_deref(), Some(&b"module example.com/m\n"[..]));
        assert_eq!(created.omitted.len(), 1);
    }

    #[test]
    fn the_go_line_of_the_tree_is_heeded() {
        for (go_mod, files) in [(&b"module m\ngo 1.23\n"[..], 2), (b"module m\ngo 1.24\n", 1)] {
            let (_, created) =
                create_bytes(vec![file("vendor/modules.txt", b"#\n"), file("go.mod", go_mod)]).unwrap();
            assert_eq!(created.files, files);
        }
    }

    #[test]
    fn contents_of_another_size_are_refused() {
        for size in [0, 6, 8, 70_000] {
            let wrong = File { size, ..file("a", b"content") };
            assert!(
                matches!(create_bytes(vec![wrong]), Err(ZipError::Corrupt { fault: Fault::Size, .. })),
                "{size}"
            );
        }
    }

    #[test]
    fn an_endless_content_is_cut_off() {
        let endless = File { size: 5, open: Box::new(|| Ok(Box::new(io::repeat(7)))), ..file("a", b"") };
        assert!(matches!(create_bytes(vec![endless]), Err(ZipError::Corrupt { fault: Fault::Size, .. })));
    }

    #[test]
    fn links_are_never_opened() {
        let opened = Cell::new(false);
        let open: Open<'_> = Box::new(|| {
            opened.set(true);
            Ok(Box::new(io::empty()))
        });
        let link = File { mode: Mode::Symlink, open, ..file("go.mod", b"/etc/passwd") };
        let (_, created) = create_bytes(vec![link]).unwrap();
        assert_eq!((created.files, created.omitted.len()), (0, 1));
        assert!(!opened.get());
    }

    #[test]
    fn a_streaming_caller_is_held_to_the_rules() {
        let add = |paths: &[&str]| -> Result<Created, ZipError> {
            let mut writer = Writer::new(Vec::new(), MODULE.0, MODULE.1)?;
            for path in paths {
                writer.add(path, 1, &mut &b"x"[..])?;
            }
            writer.finish()
        };
        add(&["b", "a/c"]).unwrap();
        for paths in
            [&["../a"][..], &["a", "a"], &["a", "A"], &["a", "a/b"], &["x/go.mod"], &["/a"], &["a/"], &["a:"]]
        {
            assert!(matches!(add(paths), Err(ZipError::Rule { .. })), "{paths:?}");
        }
        assert!(matches!(Writer::new(Vec::new(), "m", "v1.0.0"), Err(ZipError::Module(_))));
        let mut writer = Writer::new(Vec::new(), MODULE.0, MODULE.1).unwrap();
        assert!(matches!(
            writer.add("a", super::super::MAX_ZIP + 1, &mut io::empty()),
            Err(ZipError::TooLarge { .. })
        ));
    }

    proptest! {
        #[test]
        fn same_files_same_bytes(
            files in proptest::collection::btree_map("[a-z]{1,3}(/[0-9]{1,2})?", proptest::collection::vec(any::<u8>(), 0..200), 0..6),
        ) {
            let list = || files.iter().map(|(path, content)| file(path, content));
            let forwards = create_bytes(list().collect());
            let backwards = create_bytes(list().rev().collect());
            match (forwards, backwards) {
                (Ok(forwards), Ok(backwards)) => {
                    prop_assert_eq!(&forwards, &backwards);
                    prop_assert_eq!(verify(&forwards.0, MODULE.0, MODULE.1).unwrap().h1, forwards.1.h1);
                }
                // Only a name that is both a file and a directory.
                (forwards, backwards) => prop_assert!(forwards.is_err() && backwards.is_err()),
            }
        }
    }
}
