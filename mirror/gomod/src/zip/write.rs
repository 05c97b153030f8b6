//! Writing module archives: same files, same bytes, whatever the machine and the time.

use std::io::{self, BufWriter, Read, Write};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use sha2::{Digest as _, Sha256};

use super::fault::{Fault, Rule, broken, corrupt};
use super::rules::{Names, add_size, check_file_size, check_go_mod_place, check_zip_size, is_clean, prefix};
use super::{Candidate, MAX_DIRECTORY, MAX_GO_MOD, MAX_NAME, Mode, Omitted, Origin, ZipError, choose_files};
use crate::dirhash::{DirHash, H1};
use crate::path;

const BUFFER_LEN: usize = 64 << 10;
/// Deflated, at the level that zlib takes by default.
const LEVEL: u32 = 6;
/// 1 January 1980: the first date that the format knows.
const DATE: u16 = 1 << 5 | 1;
/// A data descriptor follows the content.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_UTF8: u16 = 1 << 11;
const VERSION: u16 = 20;
const VERSION_ZIP64: u16 = 45;

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

/// An entry that is in the archive, as the directory will list it. Sizes and offset in bytes.
struct Written {
    name: String,
    crc: u32,
    packed: u32,
    unpacked: u32,
    header: u32,
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
        let flags = flags(&name);
        let mut bytes = Vec::with_capacity(30 + name.len());
        bytes.extend(b"PK\x03\x04");
        put16(&mut bytes, [VERSION, flags, 8, 0, DATE]);
        put32(&mut bytes, [0, 0, 0]);
        put16(&mut bytes, [len16(&name)?, 0]);
        bytes.extend(name.as_bytes());
        self.out.write_all(&bytes)?;

        let data = self.offset()?;
        let (crc, digest) = self.deflate.run(content, size, &mut self.out).map_err(|error| match error {
            Failure::Size => corrupt(path.as_bytes(), Fault::Size),
            Failure::Io(error) => ZipError::Io(error),
        })?;
        let packed = self.offset()? - data;
        let unpacked = u32::try_from(size).map_err(|_| corrupt(path.as_bytes(), Fault::Size))?;
        bytes.clear();
        bytes.extend(b"PK\x07\x08");
        put32(&mut bytes, [crc, packed, unpacked]);
        self.out.write_all(&bytes)?;
        self.offset()?;

        self.hash.add(name.clone(), digest).map_err(|_| broken(path.as_bytes(), Rule::NotClean))?;
        self.entries.push(Written { name, crc, packed, unpacked, header });
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

fn directory_record(entry: &Written) -> Result<Vec<u8>, ZipError> {
    let mut bytes = Vec::with_capacity(46 + entry.name.len());
    bytes.extend(b"PK\x01\x02");
    put16(&mut bytes, [VERSION, VERSION, flags(&entry.name), 8, 0, DATE]);
    put32(&mut bytes, [entry.crc, entry.packed, entry.unpacked]);
    put16(&mut bytes, [len16(&entry.name)?, 0, 0, 0, 0]);
    put32(&mut bytes, [0, entry.header]);
    bytes.extend(entry.name.as_bytes());
    Ok(bytes)
}

/// The end record; with its zip64 form in front when the number of entries needs more than 16 bits.
fn end_record(count: usize, len: u32, start: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let short = u16::try_from(count).unwrap_or(u16::MAX);
    if short == u16::MAX {
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44_u64.to_le_bytes());
        put16(&mut bytes, [VERSION_ZIP64, VERSION_ZIP64]);
        put32(&mut bytes, [0, 0]);
        let count = count as u64;
        for value in [count, count, len.into(), start.into()] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(b"PK\x06\x07");
        put32(&mut bytes, [0]);
        bytes.extend((u64::from(start) + u64::from(len)).to_le_bytes());
        put32(&mut bytes, [1]);
    }
    bytes.extend(b"PK\x05\x06");
    put16(&mut bytes, [0, 0, short, short]);
    put32(&mut bytes, [len, start]);
    put16(&mut bytes, [0]);
    bytes
}

fn flags(name: &str) -> u16 {
    if name.is_ascii() { FLAG_DESCRIPTOR } else { FLAG_DESCRIPTOR | FLAG_UTF8 }
}

fn len16(name: &str) -> Result<u16, ZipError> {
    u16::try_from(name.len()).map_err(|_| broken(name.as_bytes(), Rule::NameTooLong))
}

fn put16<const N: usize>(bytes: &mut Vec<u8>, values: [u16; N]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn put32<const N: usize>(bytes: &mut Vec<u8>, values: [u32; N]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

/// Compresses one content after another with the same buffers.
struct Deflate {
    compress: Compress,
    input: Vec<u8>,
    output: Vec<u8>,
}

enum Failure {
    Size,
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Deflate {
    fn new() -> Self {
        let compress = Compress::new(Compression::new(LEVEL), false);
        Self { compress, input: vec![0; BUFFER_LEN], output: vec![0; BUFFER_LEN] }
    }

    /// Compresses exactly `size` bytes and gives their CRC-32 and SHA-256.
    fn run(
        &mut self,
        content: &mut dyn Read,
        size: u64,
        out: &mut dyn Write,
    ) -> Result<(u32, [u8; 32]), Failure> {
        self.compress.reset();
        let (mut crc, mut sha, mut seen) = (Crc::new(), Sha256::new(), 0);
        // The input pieces have to be the same for every reader, or the compressed bytes could differ.
        loop {
            let n = fill(content, &mut self.input)?;
            let piece = self.input.get(..n).unwrap_or_default();
            seen += n as u64;
            if seen > size {
                return Err(Failure::Size);
            }
            crc.update(piece);
            sha.update(piece);
            let last = n < BUFFER_LEN;
            deflate(&mut self.compress, piece, last, &mut self.output, out)?;
            if last {
                break;
            }
        }
        if seen == size { Ok((crc.sum(), sha.finalize().into())) } else { Err(Failure::Size) }
    }
}

fn deflate(
    compress: &mut Compress,
    mut piece: &[u8],
    last: bool,
    buffer: &mut [u8],
    out: &mut dyn Write,
) -> io::Result<()> {
    let flush = if last { FlushCompress::Finish } else { FlushCompress::None };
    loop {
        let (in_before, out_before) = (compress.total_in(), compress.total_out());
        let status = compress.compress(piece, buffer, flush).map_err(io::Error::other)?;
        let consumed = (compress.total_in() - in_before) as usize;
        let produced = (compress.total_out() - out_before) as usize;
        piece = piece.get(consumed..).unwrap_or_default();
        out.write_all(buffer.get(..produced).unwrap_or_default())?;
        let drained = piece.is_empty() && produced < buffer.len();
        if status == Status::StreamEnd || (!last && drained) {
            return Ok(());
        }
        if consumed == 0 && produced == 0 {
            return Err(io::Error::other("compression makes no progress"));
        }
    }
}

/// Reads until the buffer is full or the content ends.
fn fill(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match content.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
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

    #[test]
    fn more_entries_than_16_bits_count() {
        let mut entries = Vec::new();
        let mut bytes = Vec::new();
        for i in 0..70_000_u32 {
            let name = format!("example.com/m@v1.0.0/{i}");
            let header = bytes.len() as u32;
            bytes.extend(b"PK\x03\x04");
            put16(&mut bytes, [VERSION, flags(&name), 8, 0, DATE]);
            put32(&mut bytes, [0, 0, 0]);
            put16(&mut bytes, [len16(&name).unwrap(), 0]);
            bytes.extend(name.as_bytes());
            bytes.extend(b"\x03\0PK\x07\x08");
            put32(&mut bytes, [0, 2, 0]);
            entries.push(Written { name, crc: 0, packed: 2, unpacked: 0, header });
        }
        for count in [65_534, 65_535, 65_536, 70_000] {
            let mut bytes = bytes.clone();
            let start = bytes.len() as u32;
            for entry in &entries[..count] {
                bytes.extend(directory_record(entry).unwrap());
            }
            let len = bytes.len() as u32 - start;
            bytes.extend(end_record(count, len, start));
            let archive = crate::zip::Archive::open(&bytes).unwrap();
            assert_eq!(archive.len(), count);
        }
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
