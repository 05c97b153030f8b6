//! Archives that no honest tool writes.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// An entry as it stands in the archive, whatever it says of itself.
pub(super) struct Forged {
    pub(super) name: String,
    /// Deflated.
    pub(super) packed: Vec<u8>,
    pub(super) crc: u32,
    /// As declared.
    pub(super) unpacked: u32,
}

impl Forged {
    /// An honest entry.
    pub(super) fn new(name: impl Into<String>, content: &[u8]) -> Forged {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        let mut crc = Crc::new();
        crc.update(content);
        Forged {
            name: name.into(),
            packed: encoder.finish().unwrap(),
            crc: crc.sum(),
            unpacked: u32::try_from(content.len()).unwrap(),
        }
    }

    /// Declares another size.
    pub(super) fn declaring(mut self, unpacked: u32) -> Forged {
        self.unpacked = unpacked;
        self
    }
}

/// The archive (APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16).
pub(super) fn forge(entries: &[Forged]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = u32::try_from(out.len()).unwrap();
        let common = common(entry);
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(entry.name.as_bytes());
        out.extend_from_slice(&entry.packed);
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&common);
        // No comment, first disk, no attributes.
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(entry.name.as_bytes());
    }
    let (start, count) = (u32::try_from(out.len()).unwrap(), u16::try_from(entries.len()).unwrap());
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&u32::try_from(directory.len()).unwrap().to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}

/// What both headers have: version, flags, method, time, date, sums, sizes, lengths of name and extra field.
fn common(entry: &Forged) -> Vec<u8> {
    let mut out = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];
    out.extend_from_slice(&entry.crc.to_le_bytes());
    out.extend_from_slice(&u32::try_from(entry.packed.len()).unwrap().to_le_bytes());
    out.extend_from_slice(&entry.unpacked.to_le_bytes());
    out.extend_from_slice(&u16::try_from(entry.name.len()).unwrap().to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}
