//! The content of an entry, inflated piece by piece and held to its declared size and checksum.

use std::io;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::ZipError;
use super::archive::{Entry, STORED};
use super::directory::Fields;
use super::fault::{Fault, corrupt};
use super::source::{ReadAt, read_exact_at};

const CHUNK_LEN: usize = 64 << 10;
const DESCRIPTOR_SIGNATURE: [u8; 4] = *b"PK\x07\x08";

/// Reads the content of one entry after another; buffers are kept between entries.
///
/// Never hands out more than the declared size, and reports the end only when size, checksum and data descriptor are right:
/// what was read before an error is not to be trusted.
pub struct Content<'a> {
    source: &'a dyn ReadAt,
    entry: Entry<'a>,
    /// Offset of the first compressed byte that is not in `chunk` yet, and how many follow it.
    next: u64,
    left: u64,
    chunk: Vec<u8>,
    /// The part of `chunk` that was not inflated yet.
    pending: std::ops::Range<usize>,
    inflate: Decompress,
    inflated_all: bool,
    crc: Crc,
    produced: u64,
    done: bool,
}

impl<'a> Content<'a> {
    pub(super) fn new(source: &'a dyn ReadAt, entry: Entry<'a>) -> Self {
        let mut content = Self {
            source,
            entry,
            next: 0,
            left: 0,
            chunk: Vec::new(),
            pending: 0..0,
            inflate: Decompress::new(false),
            inflated_all: false,
            crc: Crc::new(),
            produced: 0,
            done: false,
        };
        content.turn_to(entry);
        content
    }

    /// Starts over with another entry of the same archive.
    pub fn turn_to(&mut self, entry: Entry<'a>) {
        self.entry = entry;
        self.next = entry.record.data;
        self.left = entry.record.packed;
        self.pending = 0..0;
        self.inflate.reset(false);
        self.inflated_all = false;
        self.crc.reset();
        self.produced = 0;
        self.done = false;
    }

    /// Fills the front of `out` and returns how much, 0 at the end of the content.
    ///
    /// # Errors
    /// When the content is not what the headers declare, or the medium fails.
    pub fn fill(&mut self, out: &mut [u8]) -> Result<usize, ZipError> {
        if self.done || out.is_empty() {
            return Ok(0);
        }
        if self.entry.is_dir() {
            return self.close_directory();
        }
        let stored = self.entry.record.method == STORED;
        let n = if stored { self.copy(out)? } else { self.inflate(out)? };
        self.produced += n as u64;
        if self.produced > self.entry.size() {
            return Err(self.corrupt(Fault::Size));
        }
        self.crc.update(out.get(..n).unwrap_or_default());
        if n == 0 {
            self.close()?;
        }
        Ok(n)
    }

    fn corrupt(&self, fault: Fault) -> ZipError {
        corrupt(self.entry.name(), fault)
    }

    fn copy(&mut self, out: &mut [u8]) -> Result<usize, ZipError> {
        let n = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
        read_exact_at(self.source, self.next, out.get_mut(..n).unwrap_or_default())?;
        self.next += n as u64;
        self.left -= n as u64;
        Ok(n)
    }

    fn inflate(&mut self, out: &mut [u8]) -> Result<usize, ZipError> {
        while !self.inflated_all {
            if self.pending.is_empty() && self.left > 0 {
                self.refill()?;
            }
            let input = self.chunk.get(self.pending.clone()).unwrap_or_default();
            let (in_before, out_before) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(input, out, FlushDecompress::None);
            let status = status.map_err(|_| self.corrupt(Fault::Deflate))?;
            let consumed = (self.inflate.total_in() - in_before) as usize;
            let n = (self.inflate.total_out() - out_before) as usize;
            self.pending.start += consumed;
            self.inflated_all = status == Status::StreamEnd;
            if n > 0 {
                return Ok(n);
            }
            if consumed == 0 && !self.inflated_all {
                return Err(self.corrupt(Fault::Deflate));
            }
        }
        Ok(0)
    }

    fn refill(&mut self) -> Result<(), ZipError> {
        let n = usize::try_from(self.left).unwrap_or(usize::MAX).min(CHUNK_LEN);
        if self.chunk.len() < n {
            self.chunk.resize(n, 0);
        }
        read_exact_at(self.source, self.next, self.chunk.get_mut(..n).unwrap_or_default())?;
        self.next += n as u64;
        self.left -= n as u64;
        self.pending = 0..n;
        Ok(())
    }

    /// A directory has no content. Some writers leave an empty deflate stream, which nobody reads.
    fn close_directory(&mut self) -> Result<usize, ZipError> {
        if self.entry.size() != 0 {
            return Err(self.corrupt(Fault::DirectoryContent));
        }
        self.done = true;
        Ok(0)
    }

    fn close(&mut self) -> Result<(), ZipError> {
        if self.left > 0 || !self.pending.is_empty() {
            return Err(self.corrupt(Fault::Deflate));
        }
        if self.produced != self.entry.size() {
            return Err(self.corrupt(Fault::Size));
        }
        if self.crc.sum() != self.entry.record.crc {
            return Err(self.corrupt(Fault::Checksum));
        }
        if self.entry.has_descriptor() {
            self.check_descriptor()?;
        }
        self.done = true;
        Ok(())
    }

    /// The descriptor comes with or without a signature, and with sizes of 32 or 64 bits; nothing says which.
    fn check_descriptor(&self) -> Result<(), ZipError> {
        let record = self.entry.record;
        let room = usize::try_from(record.room_end - self.next).unwrap_or(usize::MAX);
        let mut bytes = [0; 24];
        let bytes = bytes.get_mut(..room.min(24)).unwrap_or_default();
        read_exact_at(self.source, self.next, bytes)?;
        let bytes = bytes.strip_prefix(&DESCRIPTOR_SIGNATURE).unwrap_or(bytes);
        let narrow =
            |mut fields: Fields<'_>| Some((fields.u32()?, fields.u32()?.into(), fields.u32()?.into()));
        let wide = |mut fields: Fields<'_>| Some((fields.u32()?, fields.u64()?, fields.u64()?));
        let expected = Some((record.crc, record.packed, record.unpacked));
        if narrow(Fields(bytes)) == expected || wide(Fields(bytes)) == expected {
            return Ok(());
        }
        Err(self.corrupt(Fault::Descriptor))
    }
}

impl io::Read for Content<'_> {
    /// As [`Content::fill`]; faults of the archive come as [`io::ErrorKind::InvalidData`] with the [`ZipError`] inside.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.fill(buf).map_err(|error| match error {
            ZipError::Io(error) => error,
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        })
    }
}

impl std::fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content")
            .field("entry", &self.entry)
            .field("produced", &self.produced)
            .finish_non_exhaustive()
    }
}
