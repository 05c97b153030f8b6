//! An opened archive: every entry has a local header that agrees with the directory, and bytes that no other entry claims.

use super::content::Content;
use super::directory::{Directory, Fields, Record, widen};
use super::fault::{Fault, corrupt};
use super::source::{ReadAt, read_exact_at};
use super::{MAX_NAME, ZipError};

const HEADER_LEN: usize = 30;
const HEADER_SIGNATURE: [u8; 4] = *b"PK\x03\x04";
/// Shortest data descriptor: checksum and two sizes.
const DESCRIPTOR_MIN: u64 = 12;

pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;

const FLAG_ENCRYPTED: u16 = 1;
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_PATCH: u16 = 1 << 5;
const FLAG_STRONG: u16 = 1 << 6;
const FLAG_MASKED: u16 = 1 << 13;
/// The flags that change how data is read.
const FLAGS_THAT_MATTER: u16 = FLAG_ENCRYPTED | FLAG_DESCRIPTOR | FLAG_PATCH | FLAG_STRONG | FLAG_MASKED;

/// A zip archive whose structure has one reading. Contents are checked while they are read.
pub struct Archive<'s> {
    pub(super) source: &'s dyn ReadAt,
    directory: Directory,
}

impl<'s> Archive<'s> {
    /// Reads the directory and every local header.
    ///
    /// # Errors
    /// When the structure is broken or ambiguous, when an entry is encrypted, compressed by other means than deflate, or overlaps another.
    pub fn open(source: &'s dyn ReadAt) -> Result<Self, ZipError> {
        let mut directory = Directory::read(source)?;
        let mut records = std::mem::take(&mut directory.records);
        for record in &mut records {
            check_record(record, directory.name(record))?;
            read_local_header(source, directory.start, record, directory.name(record))?;
        }
        assign_room(&directory, &mut records)?;
        directory.records = records;
        Ok(Self { source, directory })
    }

    /// Size of the whole archive in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.source.len()
    }

    /// How many entries the directory lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.directory.records.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.directory.records.is_empty()
    }

    /// The entries in the order of the directory.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        self.directory.records.iter().map(|record| Entry { name: self.directory.name(record), record })
    }

    /// The first entry of that exact name. Looks through the directory: linear in its size.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<Entry<'_>> {
        self.entries().find(|entry| entry.name == name)
    }

    /// A reader of the content of one of this archive's entries.
    #[must_use]
    pub fn content<'a>(&'a self, entry: Entry<'a>) -> Content<'a> {
        Content::new(self.source, entry)
    }
}

impl std::fmt::Debug for Archive<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("size", &self.size()).field("entries", &self.len()).finish()
    }
}

/// One entry, as the directory has it.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    name: &'a [u8],
    pub(super) record: &'a Record,
}

impl<'a> Entry<'a> {
    /// The name as it is in the archive, possibly no UTF-8.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.name
    }

    /// Declared size of the content in bytes; [`Content`] holds the content to it.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.record.unpacked
    }

    /// Size of the compressed content in bytes.
    #[must_use]
    pub fn packed_size(&self) -> u64 {
        self.record.packed
    }

    /// Whether the name is that of a directory: it ends in a slash.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.name.ends_with(b"/")
    }

    /// The Unix mode with its type bits, where the archive was made on a Unix system.
    #[must_use]
    pub fn unix_mode(&self) -> Option<u32> {
        matches!(self.record.creator >> 8, 3 | 19).then_some(self.record.attributes >> 16)
    }

    /// Whether the attributes say neither regular file nor directory, or contradict the name.
    #[must_use]
    pub fn is_irregular(&self) -> bool {
        const TYPE: u32 = 0o170_000;
        match self.unix_mode().unwrap_or_default() & TYPE {
            0 => false,
            0o100_000 => self.is_dir(),
            0o040_000 => !self.is_dir(),
            _ => true,
        }
    }

    pub(super) fn has_descriptor(&self) -> bool {
        self.record.flags & FLAG_DESCRIPTOR != 0
    }
}

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("name", &super::fault::shown(self.name))
            .field("size", &self.size())
            .finish()
    }
}

fn check_record(record: &Record, name: &[u8]) -> Result<(), ZipError> {
    if name.len() > MAX_NAME {
        let size = name.len() as u64;
        return Err(ZipError::TooLarge { what: "name of an entry", size, limit: MAX_NAME as u64 });
    }
    if record.flags & (FLAGS_THAT_MATTER ^ FLAG_DESCRIPTOR) != 0 {
        return Err(corrupt(name, Fault::Encrypted));
    }
    match record.method {
        STORED if record.packed != record.unpacked => Err(corrupt(name, Fault::Size)),
        STORED | DEFLATED => Ok(()),
        method => Err(corrupt(name, Fault::Method(method))),
    }
}

/// Holds the local header against the record and notes where the data starts.
fn read_local_header(
    source: &dyn ReadAt,
    limit: u64,
    record: &mut Record,
    name: &[u8],
) -> Result<(), ZipError> {
    let missing = || corrupt(name, Fault::NoLocalHeader);
    let prefix_len = HEADER_LEN + name.len();
    let extra_at =
        record.header.checked_add(prefix_len as u64).filter(|end| *end <= limit).ok_or_else(missing)?;
    let mut bytes = vec![0; prefix_len];
    read_exact_at(source, record.header, &mut bytes)?;
    let local = Local::read(&bytes).ok_or_else(missing)?;
    if usize::from(local.name_len) != name.len() || bytes.get(HEADER_LEN..) != Some(name) {
        return Err(corrupt(name, Fault::Disagreement("name")));
    }
    record.data = extra_at + u64::from(local.extra_len);
    if record.data > limit {
        return Err(missing());
    }
    let mut extra = vec![0; local.extra_len.into()];
    read_exact_at(source, extra_at, &mut extra)?;
    local.agrees_with(record, name, &extra).map_err(|fault| corrupt(name, fault))
}

/// A local header without its name and extra field. Sizes in bytes.
struct Local {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    unpacked: u32,
    name_len: u16,
    extra_len: u16,
}

impl Local {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.array()? != HEADER_SIGNATURE {
            return None;
        }
        let _needed = fields.u16()?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        let _time_and_date = fields.u32()?;
        let (crc, packed, unpacked) = (fields.u32()?, fields.u32()?, fields.u32()?);
        Some(Self { flags, method, crc, packed, unpacked, name_len: fields.u16()?, extra_len: fields.u16()? })
    }

    fn agrees_with(&self, record: &Record, name: &[u8], extra: &[u8]) -> Result<(), Fault> {
        if (self.flags ^ record.flags) & FLAGS_THAT_MATTER != 0 {
            return Err(Fault::Disagreement("flags"));
        }
        if self.method != record.method {
            return Err(Fault::Disagreement("method"));
        }
        let (mut packed, mut unpacked) = (self.packed.into(), self.unpacked.into());
        widen(extra, name, [&mut unpacked, &mut packed])?;
        // A writer that streams learns sizes and checksum too late for the header, and leaves them zero.
        let streamed = record.flags & FLAG_DESCRIPTOR != 0;
        let differ = |here: u64, there: u64| here != there && !(streamed && here == 0);
        if differ(packed, record.packed) || differ(unpacked, record.unpacked) {
            return Err(Fault::Disagreement("size"));
        }
        if differ(self.crc.into(), record.crc.into()) {
            return Err(Fault::Disagreement("checksum"));
        }
        Ok(())
    }
}

/// Gives each entry the bytes up to the next one, and refuses the archive when some entry needs more.
fn assign_room(directory: &Directory, records: &mut [Record]) -> Result<(), ZipError> {
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by_key(|index| records[*index].header);
    let mut room_end = directory.start;
    for index in order.into_iter().rev() {
        let record = &mut records[index];
        let descriptor = if record.flags & FLAG_DESCRIPTOR == 0 { 0 } else { DESCRIPTOR_MIN };
        let end = record.data.checked_add(record.packed).and_then(|end| end.checked_add(descriptor));
        if end.is_none_or(|end| end > room_end) {
            return Err(corrupt(directory.name(record), Fault::Overlap));
        }
        record.room_end = room_end;
        room_end = record.header;
    }
    Ok(())
}
