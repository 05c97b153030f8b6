//! The records of an archive that is written: headers, descriptors, directory, end.

use super::ZipError;
use super::archive::DEFLATED;
use super::fault::{Rule, broken};

/// 1 January 1980: the first date that the format knows.
const DATE: u16 = 1 << 5 | 1;
/// A data descriptor follows the content.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_UTF8: u16 = 1 << 11;
const VERSION: u16 = 20;
const VERSION_ZIP64: u16 = 45;

/// An entry that is in the archive, as the directory will list it. Sizes and offset in bytes.
pub(super) struct Written {
    pub(super) name: String,
    pub(super) crc: u32,
    pub(super) packed: u32,
    pub(super) unpacked: u32,
    pub(super) header: u32,
}

/// Sizes and checksum follow in the descriptor.
pub(super) fn local_header(name: &str) -> Result<Vec<u8>, ZipError> {
    let mut bytes = Vec::with_capacity(30 + name.len());
    bytes.extend(b"PK\x03\x04");
    put16(&mut bytes, [VERSION, flags(name), DEFLATED, 0, DATE]);
    put32(&mut bytes, [0, 0, 0]);
    put16(&mut bytes, [len16(name)?, 0]);
    bytes.extend(name.as_bytes());
    Ok(bytes)
}

pub(super) fn descriptor(entry: &Written) -> Vec<u8> {
    let mut bytes = b"PK\x07\x08".to_vec();
    put32(&mut bytes, [entry.crc, entry.packed, entry.unpacked]);
    bytes
}

pub(super) fn directory_record(entry: &Written) -> Result<Vec<u8>, ZipError> {
    let mut bytes = Vec::with_capacity(46 + entry.name.len());
    bytes.extend(b"PK\x01\x02");
    put16(&mut bytes, [VERSION, VERSION, flags(&entry.name), DEFLATED, 0, DATE]);
    put32(&mut bytes, [entry.crc, entry.packed, entry.unpacked]);
    put16(&mut bytes, [len16(&entry.name)?, 0, 0, 0, 0]);
    put32(&mut bytes, [0, entry.header]);
    bytes.extend(entry.name.as_bytes());
    Ok(bytes)
}

/// The end record; with its zip64 form in front when the number of entries needs more than 16 bits.
pub(super) fn end_record(count: usize, len: u32, start: u32) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_entries_than_16_bits_count() {
        let mut entries = Vec::new();
        let mut bytes = Vec::new();
        for i in 0..70_000_u32 {
            let name = format!("example.com/m@v1.0.0/{i}");
            let header = bytes.len() as u32;
            bytes.extend(local_header(&name).unwrap());
            bytes.extend(b"\x03\0");
            let entry = Written { name, crc: 0, packed: 2, unpacked: 0, header };
            bytes.extend(descriptor(&entry));
            entries.push(entry);
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
}
