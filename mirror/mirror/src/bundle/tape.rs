//! The tar format, as little of it as a bundle needs: plain files in ustar headers (POSIX.1-2017, `pax`, "ustar Interchange
//! Format"), and GNU's `L` records for names that do not fit. Everything else is refused, links above all.

use std::io::{self, Read, Write};

use super::{BundleError, failed, refused};

const BLOCK: usize = 512;
/// Longest name, in bytes, as for keys of a store.
const MAX_NAME: usize = fairlead_store::MAX_KEY;
const NAME: std::ops::Range<usize> = 0..100;
const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const KIND: usize = 156;
const MAGIC: std::ops::Range<usize> = 257..265;
const PREFIX: std::ops::Range<usize> = 345..500;
const USTAR: &[u8; 8] = b"ustar\x0000";
const GNU: &[u8; 8] = b"ustar  \0";

/// Writes a tar.
pub(super) struct Writer<W: Write> {
    out: W,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W) -> Self {
        Writer { out }
    }

    /// Begins a file; exactly `len` bytes are to follow by [`Writer::data`], then [`Writer::end`].
    pub(super) fn begin(&mut self, name: &str, len: u64) -> io::Result<()> {
        if name.len() > NAME.len() {
            let mut long = name.as_bytes().to_vec();
            long.push(0);
            self.out.write_all(&header(b"././@LongLink", long.len() as u64, b'L')?)?;
            self.out.write_all(&long)?;
            self.end(long.len() as u64)?;
        }
        let short = &name.as_bytes()[..name.len().min(NAME.len())];
        self.out.write_all(&header(short, len, b'0')?)
    }

    pub(super) fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Fills the last block of a file of `len` bytes.
    pub(super) fn end(&mut self, len: u64) -> io::Result<()> {
        self.out.write_all(&[0; BLOCK][..padding(len)])
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Reads a tar, one file after the other.
pub(super) struct Reader<R: Read> {
    source: R,
    /// Bytes of the file that are not read yet.
    left: u64,
    padding: usize,
}

/// A file of a tar; its bytes come from [`Reader::read`].
pub(super) struct TapeFile {
    pub(super) name: String,
    pub(super) len: u64,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(source: R) -> Self {
        Reader { source, left: 0, padding: 0 }
    }

    /// The next file; `None` at the proper end. What was not read of the last one is an error.
    pub(super) fn next(&mut self) -> Result<Option<TapeFile>, BundleError> {
        let mut long = None;
        loop {
            self.skip_padding()?;
            let mut block = [0; BLOCK];
            self.fill(&mut block)?;
            if block.iter().all(|byte| *byte == 0) {
                return if long.is_some() { Err(refused("a name without a file")) } else { self.finish() };
            }
            let len = check(&block)?;
            (self.left, self.padding) = (len, padding(len));
            match (block[KIND], long.take()) {
                (b'L', None) => long = Some(self.long_name(len)?),
                (b'0' | 0, long) => return Ok(Some(TapeFile { name: name(&block, long)?, len })),
                (kind, _) => {
                    return Err(refused(format!("the tar has a record of kind {:?}", char::from(kind))));
                }
            }
        }
    }

    /// More of the file; nothing at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BundleError> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        self.fill(&mut buffer[..most])?;
        self.left -= most as u64;
        Ok(most)
    }

    fn long_name(&mut self, len: u64) -> Result<String, BundleError> {
        if len > MAX_NAME as u64 + 1 {
            return Err(refused("the tar has a name of more than 1024 bytes"));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        self.read(&mut bytes)?;
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes).to_vec();
        String::from_utf8(bytes).map_err(|_| refused("the tar has a name that is not UTF-8"))
    }

    fn skip_padding(&mut self) -> Result<(), BundleError> {
        if self.left > 0 {
            return Err(refused("a file was not read to its end"));
        }
        let mut rest = [0; BLOCK];
        let padding = std::mem::take(&mut self.padding);
        self.fill(&mut rest[..padding])
    }

    /// A second empty block, and then nothing but fill: what hides behind the end would be read by other programs.
    fn finish(&mut self) -> Result<Option<TapeFile>, BundleError> {
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        for _ in 0..=256 {
            if block.iter().any(|byte| *byte != 0) {
                return Err(refused("there is something behind the end of the tar"));
            }
            match self.source.read(&mut block) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("read the bundle")(error)),
            }
        }
        Err(refused("there is something behind the end of the tar"))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), BundleError> {
        self.source.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                refused("it ends in the middle: the file is truncated, or no bundle")
            }
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                refused(format!("it is damaged: {error}"))
            }
            _ => failed("read the bundle")(error),
        })
    }
}

fn header(name: &[u8], len: u64, kind: u8) -> io::Result<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name);
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    let size = format!("{len:011o}\0");
    if size.len() != SIZE.len() {
        return Err(io::Error::other("a file is too large for a tar"));
    }
    block[SIZE].copy_from_slice(size.as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[KIND] = kind;
    block[MAGIC].copy_from_slice(if kind == b'L' { GNU } else { USTAR });
    let sum = checksum(&block);
    block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(block)
}

/// The length that a header says, if it is one.
fn check(block: &[u8; BLOCK]) -> Result<u64, BundleError> {
    let is_known = block[MAGIC] == USTAR[..] || block[MAGIC] == GNU[..];
    if !is_known || octal(&block[CHECKSUM]) != Some(u64::from(checksum(block))) {
        return Err(refused("it is no tar, or a header of it is damaged"));
    }
    octal(&block[SIZE]).ok_or_else(|| refused("the tar has a file without a length"))
}

fn name(block: &[u8; BLOCK], long: Option<String>) -> Result<String, BundleError> {
    if let Some(long) = long {
        return Ok(long);
    }
    let text = |range: std::ops::Range<usize>| {
        let bytes = block[range].split(|byte| *byte == 0).next().unwrap_or_default();
        str::from_utf8(bytes).map_err(|_| refused("the tar has a name that is not UTF-8"))
    };
    let (prefix, name) = (if block[MAGIC] == USTAR[..] { text(PREFIX)? } else { "" }, text(NAME)?);
    Ok(if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") })
}

/// The sum of all bytes, with blanks in the place of the sum.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let byte =
        |(at, byte): (usize, &u8)| if CHECKSUM.contains(&at) { u32::from(b' ') } else { u32::from(*byte) };
    block.iter().enumerate().map(byte).sum()
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    let is_octal = !text.is_empty() && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    if is_octal { u64::from_str_radix(text, 8).ok() } else { None }
}

fn padding(len: u64) -> usize {
    let over = usize::try_from(len % BLOCK as u64).unwrap_or_default();
    (BLOCK - over) % BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tape = Writer::new(Vec::new());
        for (name, bytes) in files {
            tape.begin(name, bytes.len() as u64).unwrap();
            tape.data(bytes).unwrap();
            tape.end(bytes.len() as u64).unwrap();
        }
        tape.finish().unwrap()
    }

    fn read(tar: &[u8]) -> Result<Vec<(String, Vec<u8>)>, BundleError> {
        let mut tape = Reader::new(tar);
        let mut files = Vec::new();
        while let Some(file) = tape.next()? {
            if file.len > tar.len() as u64 {
                return Err(refused("too long"));
            }
            let mut bytes = vec![0; file.len as usize];
            assert_eq!(tape.read(&mut bytes)?, bytes.len());
            files.push((file.name, bytes));
        }
        Ok(files)
    }

    #[test]
    fn what_is_written_reads_back() {
        let long = "n/".repeat(200) + "x";
        let files = [("a", &b"1"[..]), (&long, &[7; 512]), ("empty", b""), (&"y".repeat(100), &[1; 513])];
        let tar = written(&files);
        assert_eq!(tar.len() % BLOCK, 0);
        let back = read(&tar).unwrap();
        assert!(back.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).eq(files));
    }

    #[test]
    fn nothing_but_a_whole_tar_is_read() {
        let tar = written(&[("a", b"12"), (&"n".repeat(150), b"34")]);
        for len in (0..tar.len()).step_by(64) {
            assert!(read(&tar[..len]).is_err(), "{len}");
        }
        for at in (0..BLOCK).chain(1024..1024 + BLOCK) {
            for bit in [1, 0x80] {
                let mut other = tar.clone();
                other[at] ^= bit;
                // A flipped bit is an error or, in a part that means nothing, at least nothing else.
                if let Ok(files) = read(&other) {
                    assert_eq!(files, read(&tar).unwrap(), "{at}");
                }
            }
        }
        let mut more = tar.clone();
        more.extend(written(&[("b", b"5")]));
        assert!(read(&more).is_err());
        let mut filled = tar;
        filled.extend([0; 8 * BLOCK]);
        assert_eq!(read(&filled).unwrap().len(), 2, "other programs fill up to their record size");
    }

    #[test]
    fn links_and_folders_are_refused() {
        for kind in [b'1', b'2', b'5', b'x', b'g', b'S', b'K'] {
            let mut tar = header(b"a", 0, kind).unwrap().to_vec();
            tar.extend([0; 2 * BLOCK]);
            assert!(read(&tar).is_err(), "{kind}");
        }
    }
}
