//! Reading the tar stream that `git archive` writes: ustar headers with pax extensions (POSIX.1-2001, `pax`).

use std::io::{self, Read};

const BLOCK: usize = 512;
/// Longest pax header, in bytes. Git writes a path, a link target and a size.
const MAX_PAX: u64 = 64 << 10;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Path, without a leading slash.
    pub(super) name: Vec<u8>,
    /// Whether it is a file: no directory, no link.
    pub(super) is_file: bool,
    /// Bytes that follow.
    pub(super) size: u64,
}

/// A stream of entries. Memory is bounded; an entry's bytes are read through [`Read`].
pub(super) struct Tar<R> {
    from: R,
    /// Bytes of the current entry that are not read yet.
    left: u64,
    /// Bytes behind it, up to a full block.
    padding: u64,
}

impl<R: Read> Tar<R> {
    pub(super) fn new(from: R) -> Self {
        Tar { from, left: 0, padding: 0 }
    }

    /// The next entry; none at the end of the archive. What was not read of the last one is skipped.
    ///
    /// # Errors
    /// When the stream breaks off or is no tar.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut pax = Pax::default();
        loop {
            self.skip()?;
            let mut block = [0; BLOCK];
            self.from.read_exact(&mut block)?;
            if block.iter().all(|byte| *byte == 0) {
                // The rest is more of it; the writer must be able to finish.
                io::copy(&mut self.from, &mut io::sink())?;
                return Ok(None);
            }
            check_sum(&block)?;
            let size = number(&block[124..136])?;
            match block[156] {
                b'g' => self.enter(size),
                b'x' => {
                    self.enter(size);
                    pax = self.pax(size)?;
                }
                kind => {
                    let size = pax.size.unwrap_or(size);
                    self.enter(size);
                    let name = pax.path.unwrap_or_else(|| name(&block));
                    return Ok(Some(Entry { name, is_file: matches!(kind, b'0' | 0), size }));
                }
            }
        }
    }

    fn enter(&mut self, size: u64) {
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
    }

    fn skip(&mut self) -> io::Result<()> {
        let rest = self.left + self.padding;
        let skipped = io::copy(&mut (&mut self.from).take(rest), &mut io::sink())?;
        (self.left, self.padding) = (0, 0);
        if skipped < rest { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn pax(&mut self, size: u64) -> io::Result<Pax> {
        if size > MAX_PAX {
            return Err(bad("a pax header is too long"));
        }
        let mut text = Vec::new();
        self.read_to_end(&mut text)?;
        Pax::parse(&text).ok_or_else(|| bad("a pax header is malformed"))
    }
}

/// The bytes of the current entry.
impl<R: Read> Read for Tar<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buf.len(), |left| left.min(buf.len()));
        let count = self.from.read(&mut buf[..most])?;
        if count == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

#[derive(Default)]
struct Pax {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Pax {
    /// Records are `LENGTH KEY=VALUE\n`, where the length counts itself.
    fn parse(mut text: &[u8]) -> Option<Self> {
        let mut pax = Pax::default();
        while !text.is_empty() {
            let space = text.iter().position(|byte| *byte == b' ')?;
            let len: usize = str::from_utf8(&text[..space]).ok()?.parse().ok()?;
            let (record, rest) = text.split_at_checked(len)?;
            let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            let value = &record[equals + 1..];
            match &record[..equals] {
                b"path" => pax.path = Some(value.to_vec()),
                b"size" => pax.size = Some(bounded(str::from_utf8(value).ok()?.parse().ok()?)?),
                _ => {}
            }
            text = rest;
        }
        Some(pax)
    }
}

fn name(block: &[u8; BLOCK]) -> Vec<u8> {
    let text = |field: &[u8]| field.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
    let (name, prefix) = (text(&block[..100]), text(&block[345..500]));
    if prefix.is_empty() { name } else { [prefix, name].join(&b'/') }
}

fn number(field: &[u8]) -> io::Result<u64> {
    let digits = field.trim_ascii().split(|byte| *byte == 0).next().unwrap_or_default();
    let number = str::from_utf8(digits).ok().and_then(|text| u64::from_str_radix(text.trim(), 8).ok());
    number.and_then(bounded).ok_or_else(|| bad("a number is malformed"))
}

/// So that sums cannot overflow.
fn bounded(size: u64) -> Option<u64> {
    (size < 1 << 48).then_some(size)
}

fn check_sum(block: &[u8; BLOCK]) -> io::Result<()> {
    let blank = |index: usize| (148..156).contains(&index);
    let sum: u64 =
        block.iter().enumerate().map(|(index, byte)| if blank(index) { 32 } else { u64::from(*byte) }).sum();
    if number(&block[148..156])? == sum { Ok(()) } else { Err(bad("a header's sum is wrong")) }
}

fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("tar stream: {text}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(kind: u8, name: &str, prefix: &str, content: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        block[148..156].fill(b' ');
        block[156] = kind;
        block[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        block.extend_from_slice(content);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<(String, bool, Vec<u8>)>> {
        let mut tar = Tar::new(bytes);
        let mut entries = Vec::new();
        while let Some(entry) = tar.next()? {
            let mut content = Vec::new();
            if entry.is_file && !entry.name.starts_with(b"skip") {
                tar.read_to_end(&mut content)?;
            }
            entries.push((String::from_utf8_lossy(&entry.name).into_owned(), entry.is_file, content));
        }
        Ok(entries)
    }

    fn archive() -> Vec<u8> {
        let long = "d/".repeat(100) + "f";
        let record = format!(" path={long}\n");
        let pax = format!("{}{record}", record.len() + 3);
        [
            entry(b'g', "pax_global_header", "", b"52 comment=0123456789012345678901234567890123456789\n"),
            entry(b'5', "a/", "", b""),
            entry(b'0', "b", "a", b"content"),
            entry(b'0', "skipped", "", &[7; 1000]),
            entry(b'2', "link", "", b""),
            entry(b'x', "0.paxheader", "", pax.as_bytes()),
            entry(b'0', "0.data", "", &[1; 512]),
            vec![0; 1024],
        ]
        .concat()
    }

    #[test]
    fn what_git_writes_is_read() {
        let entries = read(&archive()).unwrap();
        let names: Vec<_> = entries.iter().map(|(name, is_file, _)| (name.as_str(), *is_file)).collect();
        let long = "d/".repeat(100) + "f";
        assert_eq!(names, [("a/", false), ("a/b", true), ("skipped", true), ("link", false), (&long, true)]);
        assert_eq!((&entries[1].2[..], &entries[4].2[..]), (&b"content"[..], &[1; 512][..]));
    }

    #[test]
    fn a_stream_that_breaks_off_is_an_error() {
        let bytes = archive();
        let end = bytes.len() - 1024;
        for len in 0..end {
            assert!(read(&bytes[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn a_wrong_header_is_an_error() {
        let mut bytes = archive();
        bytes[BLOCK * 2 + 3] ^= 1;
        assert!(read(&bytes).is_err());
    }

    proptest! {
        #[test]
        fn no_input_breaks_it(bytes in proptest::collection::vec(any::<u8>(), 0..2048), pax in "[ -~\n]{0,200}") {
            let _ = read(&bytes);
            let _ = read(&[entry(b'x', "x", "", pax.as_bytes()), entry(b'0', "y", "", &bytes)].concat());
        }
    }
}
