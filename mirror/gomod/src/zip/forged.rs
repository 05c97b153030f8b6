//! Archives for tests, in which every field of every record may lie.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::{Verified, ZipError, verify};

/// Path and version of the module that the archives here belong to.
pub(super) const MODULE: (&str, &str) = ("example.com/m", "v1.0.0");

/// One entry: what the local header says, what the directory says, and the bytes between.
#[derive(Clone)]
pub(super) struct Forged {
    pub(super) local: Header,
    pub(super) central: Header,
    pub(super) data: Vec<u8>,
    /// Bytes behind the data.
    pub(super) descriptor: Vec<u8>,
    pub(super) creator: u16,
    pub(super) disk: u16,
    pub(super) attributes: u32,
    /// Where the directory says the local header is; `None` tells the truth.
    pub(super) offset: Option<u32>,
}

#[derive(Clone)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u32,
    pub(super) unpacked: u32,
    pub(super) extra: Vec<u8>,
}

pub(super) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn crc(content: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    crc.sum()
}

/// An honest deflated entry below the module's prefix.
pub(super) fn file(path: &str, content: &[u8]) -> Forged {
    entry(&format!("{}@{}/{path}", MODULE.0, MODULE.1), 8, deflate(content), content)
}

/// An honest stored entry below the module's prefix.
pub(super) fn stored(path: &str, content: &[u8]) -> Forged {
    entry(&format!("{}@{}/{path}", MODULE.0, MODULE.1), 0, content.to_vec(), content)
}

fn entry(name: &str, method: u16, data: Vec<u8>, content: &[u8]) -> Forged {
    let header = Header {
        name: name.into(),
        flags: 0,
        method,
        crc: crc(content),
        packed: data.len() as u32,
        unpacked: content.len() as u32,
        extra: Vec::new(),
    };
    let (local, central) = (header.clone(), header);
    Forged { local, central, data, descriptor: Vec::new(), creator: 0, disk: 0, attributes: 0, offset: None }
}

impl Forged {
    /// Applies a change to both headers.
    pub(super) fn both(mut self, change: impl Fn(&mut Header)) -> Self {
        change(&mut self.local);
        change(&mut self.central);
        self
    }

    /// Moves checksum and sizes from the local header into a descriptor, as a writer that streams does.
    pub(super) fn streamed(mut self, signature: bool, wide: bool) -> Self {
        self = self.both(|header| header.flags |= 1 << 3);
        let Header { crc, packed, unpacked, .. } = self.central;
        (self.local.crc, self.local.packed, self.local.unpacked) = (0, 0, 0);
        self.descriptor = if signature { b"PK\x07\x08".to_vec() } else { Vec::new() };
        self.descriptor.extend(crc.to_le_bytes());
        for size in [packed, unpacked] {
            let len = if wide { 8 } else { 4 };
            self.descriptor.extend(&u64::from(size).to_le_bytes()[..len]);
        }
        self
    }
}

impl Header {
    /// Everything from the flags to the extra length; `more` goes between the lengths and the name.
    fn write(&self, out: &mut Vec<u8>, more: &[u8]) {
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0; 4]);
        for value in [self.crc, self.packed, self.unpacked] {
            out.extend(value.to_le_bytes());
        }
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend((self.extra.len() as u16).to_le_bytes());
        out.extend(more);
        out.extend(&self.name);
        out.extend(&self.extra);
    }
}

/// The end record; all fields as given.
#[derive(Clone, Default)]
pub(super) struct End {
    pub(super) disks: [u16; 2],
    pub(super) counts: [u16; 2],
    pub(super) size: u32,
    pub(super) offset: u32,
    pub(super) comment_len: u16,
    pub(super) comment: Vec<u8>,
}

/// Writes the archive; `lie` may change the end record.
pub(super) fn build_with(entries: &[Forged], lie: impl FnOnce(&mut End)) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = entry.offset.unwrap_or(out.len() as u32);
        out.extend(b"PK\x03\x04\x14\0");
        entry.local.write(&mut out, &[]);
        out.extend(&entry.data);
        out.extend(&entry.descriptor);
        directory.extend(b"PK\x01\x02");
        directory.extend(entry.creator.to_le_bytes());
        directory.extend(b"\x14\0");
        let mut more = vec![0; 2];
        more.extend(entry.disk.to_le_bytes());
        more.extend([0; 2]);
        more.extend(entry.attributes.to_le_bytes());
        more.extend(offset.to_le_bytes());
        entry.central.write(&mut directory, &more);
    }
    let mut end = End {
        counts: [entries.len() as u16; 2],
        size: directory.len() as u32,
        offset: out.len() as u32,
        ..End::default()
    };
    lie(&mut end);
    out.extend(directory);
    out.extend(b"PK\x05\x06");
    for value in [end.disks[0], end.disks[1], end.counts[0], end.counts[1]] {
        out.extend(value.to_le_bytes());
    }
    out.extend(end.size.to_le_bytes());
    out.extend(end.offset.to_le_bytes());
    out.extend(end.comment_len.to_le_bytes());
    out.extend(end.comment);
    out
}

pub(super) fn build(entries: &[Forged]) -> Vec<u8> {
    build_with(entries, |_| {})
}

/// Puts a zip64 end record and its locator in front of the end record, whose fields become all ones.
pub(super) fn widen_end(zip: &[u8]) -> Vec<u8> {
    let at = zip.len() - 22;
    let (body, end) = zip.split_at(at);
    let short = |at: usize| u64::from(u16::from_le_bytes([end[at], end[at + 1]]));
    let long = |at: usize| u64::from(u32::from_le_bytes(end[at..at + 4].try_into().unwrap()));
    let mut out = body.to_vec();
    out.extend(b"PK\x06\x06");
    out.extend(44_u64.to_le_bytes());
    out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [short(10), short(10), long(12), long(16)] {
        out.extend(value.to_le_bytes());
    }
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend((at as u64).to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([0xff; 12]);
    out.extend([0, 0]);
    out
}

/// As the module that all archives here belong to.
pub(super) fn verify_bytes(zip: &[u8]) -> Result<Verified, ZipError> {
    verify(&zip, MODULE.0, MODULE.1)
}

/// The message with which an archive is refused.
pub(super) fn refusal(zip: &[u8]) -> String {
    match verify_bytes(zip) {
        Ok(verified) => panic!("accepted as {verified:?}"),
        Err(error) => error.to_string(),
    }
}
