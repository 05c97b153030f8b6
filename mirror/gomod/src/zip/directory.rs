//! The end record and the central directory, read strictly.
//!
//! A zip can be written so that two readers see two different archives. Everything in which readers are known to differ is
//! refused: bytes in front of the archive or behind it, counts and sizes that are not exact, a zip64 record that contradicts
//! the plain one. What remains has one meaning, the one that Go's archive/zip sees.
//! (APPNOTE.TXT 6.3.10, sections 4.3.12 to 4.3.16.)

use super::fault::{Fault, corrupt};
use super::source::{ReadAt, read_exact_at};
use super::{MAX_DIRECTORY, ZipError};

const END_LEN: u64 = 22;
const END_SIGNATURE: [u8; 4] = *b"PK\x05\x06";
const LOCATOR_LEN: u64 = 20;
const LOCATOR_SIGNATURE: [u8; 4] = *b"PK\x06\x07";
const END64_LEN: u64 = 56;
const END64_SIGNATURE: [u8; 4] = *b"PK\x06\x06";
const RECORD_SIGNATURE: [u8; 4] = *b"PK\x01\x02";
const ZIP64_EXTRA: u16 = 0x0001;
const UNICODE_PATH_EXTRA: u16 = 0x7075;

/// The central directory: all its bytes, and one record per entry.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) bytes: Vec<u8>,
    pub(super) records: Vec<Record>,
    /// Where the directory starts, in bytes from the start of the archive.
    pub(super) start: u64,
}

/// What the central directory says of one entry. All sizes and offsets in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    name_at: u32,
    name_len: u16,
    pub(super) creator: u16,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    pub(super) attributes: u32,
    /// Where the local header starts.
    pub(super) header: u64,
    /// Where the data starts; known after the local header was read.
    pub(super) data: u64,
    /// Where the next entry or the directory starts; known after all local headers were read.
    pub(super) room_end: u64,
}

impl Directory {
    pub(super) fn read(source: &dyn ReadAt) -> Result<Self, ZipError> {
        let end = End::find(source)?;
        if end.size > MAX_DIRECTORY {
            return Err(ZipError::TooLarge {
                what: "central directory",
                size: end.size,
                limit: MAX_DIRECTORY,
            });
        }
        let mut bytes =
            vec![0; usize::try_from(end.size).map_err(|_| ZipError::Malformed("directory size"))?];
        read_exact_at(source, end.offset, &mut bytes)?;
        let records = read_records(&bytes, end.count)?;
        Ok(Self { bytes, records, start: end.offset })
    }

    pub(super) fn name(&self, record: &Record) -> &[u8] {
        let at = record.name_at as usize;
        self.bytes.get(at..at + usize::from(record.name_len)).unwrap_or_default()
    }
}

fn read_records(bytes: &[u8], count: u64) -> Result<Vec<Record>, ZipError> {
    const RECORD_LEN: usize = 46;
    // Sized by what is there, not by what the end record claims.
    if count > (bytes.len() / RECORD_LEN) as u64 {
        return Err(ZipError::Malformed("more entries than the directory can hold"));
    }
    let mut records = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    let mut fields = Fields(bytes);
    while !fields.0.is_empty() {
        let record = read_record(bytes.len(), &mut fields)?;
        records.push(record);
        if records.len() as u64 > count {
            break;
        }
    }
    if records.len() as u64 != count {
        return Err(ZipError::Malformed("wrong number of entries"));
    }
    Ok(records)
}

fn read_record(total: usize, fields: &mut Fields<'_>) -> Result<Record, ZipError> {
    const SHORT: ZipError = ZipError::Malformed("directory record is cut short");
    let mut read = || -> Option<(Record, u16, [u16; 2])> {
        if fields.array()? != RECORD_SIGNATURE {
            return None;
        }
        let creator = fields.u16()?;
        let _needed = fields.u16()?;
        let flags = fields.u16()?;
        let method = fields.u16()?;
        let _time_and_date = fields.u32()?;
        let crc = fields.u32()?;
        let packed = u64::from(fields.u32()?);
        let unpacked = u64::from(fields.u32()?);
        let name_len = fields.u16()?;
        let extra_and_comment = [fields.u16()?, fields.u16()?];
        let disk = fields.u16()?;
        let _internal_attributes = fields.u16()?;
        let attributes = fields.u32()?;
        let header = u64::from(fields.u32()?);
        let name_at = u32::try_from(total - fields.0.len()).ok()?;
        let record = Record {
            name_at,
            name_len,
            creator,
            flags,
            method,
            crc,
            packed,
            unpacked,
            attributes,
            header,
            data: 0,
            room_end: 0,
        };
        Some((record, disk, extra_and_comment))
    };
    let (mut record, disk, [extra_len, comment_len]) = read().ok_or(SHORT)?;
    if disk != 0 {
        return Err(ZipError::Malformed("archive in several parts"));
    }
    let name = fields.bytes(record.name_len).ok_or(SHORT)?;
    let extra = fields.bytes(extra_len).ok_or(SHORT)?;
    fields.bytes(comment_len).ok_or(SHORT)?;
    let Record { unpacked, packed, header, .. } = &mut record;
    widen(extra, name, [unpacked, packed, header]).map_err(|fault| corrupt(name, fault))?;
    Ok(record)
}

/// Replaces the 32-bit fields that are all ones by their 64-bit values from the zip64 extra field,
/// and refuses a Unicode name (Info-ZIP) that differs from the name.
pub(super) fn widen<const N: usize>(extra: &[u8], name: &[u8], values: [&mut u64; N]) -> Result<(), Fault> {
    let mut fields = Fields(extra);
    let mut values = Some(values);
    while let (Some(tag), Some(len)) = (fields.u16(), fields.u16()) {
        // Some writers leave garbage behind the last field; Go ignores it too.
        let Some(body) = fields.bytes(len) else { break };
        match tag {
            ZIP64_EXTRA => {
                let mut body = Fields(body);
                for value in values.take().into_iter().flatten() {
                    if *value == u64::from(u32::MAX) {
                        *value = body.u64().ok_or(Fault::Extra)?;
                    }
                }
            }
            UNICODE_PATH_EXTRA if body.get(5..) != Some(name) => return Err(Fault::Extra),
            _ => {}
        }
    }
    Ok(())
}

/// The end record, its zip64 form merged in. Offset and size of the directory in bytes.
struct End {
    count: u64,
    size: u64,
    offset: u64,
}

impl End {
    fn find(source: &dyn ReadAt) -> Result<Self, ZipError> {
        let len = source.len();
        let at = find_signature(source, len)?;
        let mut bytes = [0; END_LEN as usize];
        read_exact_at(source, at, &mut bytes)?;
        let (plain, comment_len) = Plain::read(&bytes).ok_or(ZipError::Truncated)?;
        if at + END_LEN + u64::from(comment_len) != len {
            return Err(ZipError::Malformed("bytes behind the end record"));
        }
        let (end, directory_end) = match find_locator(source, at)? {
            Some(record_at) => (read_end64(source, record_at, at - LOCATOR_LEN, &plain)?, record_at),
            None => (plain.into_end()?, at),
        };
        if end.offset.checked_add(end.size) != Some(directory_end) {
            return Err(ZipError::Malformed("the directory is not where the end record says"));
        }
        Ok(end)
    }
}

/// The end record without zip64: 16 and 32 bits, all ones where the zip64 record has the value.
struct Plain {
    disks: [u16; 2],
    counts: [u16; 2],
    size: u32,
    offset: u32,
}

impl Plain {
    fn read(bytes: &[u8]) -> Option<(Self, u16)> {
        let mut fields = Fields(bytes);
        fields.array::<4>()?;
        let plain = Self {
            disks: [fields.u16()?, fields.u16()?],
            counts: [fields.u16()?, fields.u16()?],
            size: fields.u32()?,
            offset: fields.u32()?,
        };
        Some((plain, fields.u16()?))
    }

    fn into_end(self) -> Result<End, ZipError> {
        if self.disks != [0, 0] || self.counts[0] != self.counts[1] {
            return Err(ZipError::Malformed("archive in several parts"));
        }
        Ok(End { count: self.counts[1].into(), size: self.size.into(), offset: self.offset.into() })
    }
}

/// The offset of the last end signature, the one that Go and most readers use.
fn find_signature(source: &dyn ReadAt, len: u64) -> Result<u64, ZipError> {
    let tail_len = len.min(END_LEN + u64::from(u16::MAX));
    let mut tail = vec![0; usize::try_from(tail_len).map_err(|_| ZipError::NotAZip)?];
    read_exact_at(source, len - tail_len, &mut tail)?;
    let found = tail.windows(END_LEN as usize).rposition(|window| window.starts_with(&END_SIGNATURE));
    if let Some(at) = found {
        return Ok(len - tail_len + at as u64);
    }
    let mut head = [0; 4];
    if len >= 4 {
        read_exact_at(source, 0, &mut head)?;
    }
    Err(if head.starts_with(b"PK") { ZipError::Truncated } else { ZipError::NotAZip })
}

/// The offset of the zip64 end record, when a locator stands in front of the end record.
fn find_locator(source: &dyn ReadAt, end_at: u64) -> Result<Option<u64>, ZipError> {
    let Some(at) = end_at.checked_sub(LOCATOR_LEN) else { return Ok(None) };
    let mut bytes = [0; LOCATOR_LEN as usize];
    read_exact_at(source, at, &mut bytes)?;
    let mut fields = Fields(&bytes);
    if fields.array() != Some(LOCATOR_SIGNATURE) {
        return Ok(None);
    }
    match (fields.u32(), fields.u64(), fields.u32()) {
        (Some(0), Some(record_at), Some(1)) => Ok(Some(record_at)),
        _ => Err(ZipError::Malformed("zip64 locator")),
    }
}

/// The zip64 end record at `at`, which has to reach up to its locator and agree with the plain record.
fn read_end64(source: &dyn ReadAt, at: u64, locator_at: u64, plain: &Plain) -> Result<End, ZipError> {
    const BAD: ZipError = ZipError::Malformed("zip64 end record");
    if at.checked_add(END64_LEN).is_none_or(|end| end > locator_at) {
        return Err(BAD);
    }
    let mut bytes = [0; END64_LEN as usize];
    read_exact_at(source, at, &mut bytes)?;
    let mut fields = Fields(&bytes);
    let mut read = || -> Option<(u64, [u32; 2], [u64; 4])> {
        if fields.array()? != END64_SIGNATURE {
            return None;
        }
        let rest_len = fields.u64()?;
        let _made_by_and_needed = fields.u32()?;
        let disks = [fields.u32()?, fields.u32()?];
        Some((rest_len, disks, [fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?]))
    };
    let (rest_len, disks, [count_here, count, size, offset]) = read().ok_or(BAD)?;
    let exact = rest_len.checked_add(at + 12) == Some(locator_at) && disks == [0, 0] && count_here == count;
    let agree = |short: u64, all_ones: u64, long: u64| short == all_ones || short == long;
    let same = plain.disks.iter().all(|disk| agree((*disk).into(), 0xffff, 0))
        && plain.counts.iter().all(|short| agree((*short).into(), 0xffff, count))
        && agree(plain.size.into(), 0xffff_ffff, size)
        && agree(plain.offset.into(), 0xffff_ffff, offset);
    // Readers that see nothing saturated never look at the zip64 record: equal values keep them in agreement.
    if exact && same { Ok(End { count, size, offset }) } else { Err(BAD) }
}

/// Little-endian fields, taken one by one off the front; `None` when too few bytes are left.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn bytes(&mut self, len: u16) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len.into())?;
        self.0 = rest;
        Some(head)
    }
}
