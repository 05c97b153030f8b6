//! Heads: finding the end, and the field lines.

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use memchr::memmem;

use super::names;

/// How a head of at least one line ends.
static END: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\r\n\r\n"));

/// Looks for the empty line that ends a head, remembering how far it came.
#[derive(Debug, Default)]
pub struct HeadScan {
    seen: usize,
}

/// A head ends somewhere, or cannot be one.
pub(super) enum Found {
    /// Length of the head with its empty line.
    End(usize),
    /// More bytes are needed.
    Partial,
    /// A line does not end in CRLF.
    BareLineFeed,
}

/// Why the lines of a head cannot be accepted.
pub(super) enum BadLines {
    /// One does not end in CRLF.
    BareLineFeed,
    /// There are more than allowed.
    TooMany,
}

impl HeadScan {
    /// Whether nothing of the head has been looked at.
    pub(super) fn is_new(&self) -> bool {
        self.seen == 0
    }

    /// Looks at what `input` has gained since the last call; it must only have grown. A line feed without its carriage
    /// return is noticed here at the latest when the head ends, else by [`Lines`].
    pub(super) fn find(&mut self, input: &[u8]) -> Found {
        // A head nearly always comes in one piece.
        if self.seen == 0
            && let Some(end) = END.find(input)
            && !input.starts_with(b"\r\n")
        {
            return Found::End(end + 4);
        }
        self.find_by_line(input)
    }

    fn find_by_line(&mut self, input: &[u8]) -> Found {
        for offset in memchr::memchr_iter(b'\n', &input[self.seen..]) {
            let at = self.seen + offset;
            if at == 0 || input[at - 1] != b'\r' {
                return Found::BareLineFeed;
            }
            if at == 1 || input[at - 2] == b'\n' {
                self.seen = 0;
                return Found::End(at + 1);
            }
        }
        self.seen = input.len();
        Found::Partial
    }
}

/// The lines of a head that [`HeadScan`] has found, without their CRLF and without the empty one.
pub(super) struct Lines<'a> {
    head: &'a Bytes,
    at: usize,
    /// How many more may come.
    left: usize,
}

impl<'a> Lines<'a> {
    /// At most `most` lines.
    pub(super) fn new(head: &'a Bytes, most: usize) -> Self {
        Lines { head, at: 0, left: most }
    }

    /// The next line as a range of the head.
    pub(super) fn next_range(&mut self) -> Result<Option<std::ops::Range<usize>>, BadLines> {
        let Some(length) = memchr::memchr(b'\n', &self.head[self.at..]) else {
            return Ok(None);
        };
        let feed = self.at + length;
        if length == 0 || self.head[feed - 1] != b'\r' {
            return Err(BadLines::BareLineFeed);
        }
        let range = self.at..feed - 1;
        self.at = feed + 1;
        if range.is_empty() {
            return Ok(None);
        }
        self.left = self.left.checked_sub(1).ok_or(BadLines::TooMany)?;
        Ok(Some(range))
    }
}

/// A field line split into name and value. `None` for anything that is not exactly `token ":" OWS value OWS` with a
/// value of visible characters, spaces and tabs: folded lines, spaces before the colon, control characters.
#[inline]
pub(super) fn field(head: &Bytes, line: std::ops::Range<usize>) -> Option<(HeaderName, HeaderValue)> {
    let text = &head[line.clone()];
    let colon = memchr::memchr(b':', text)?;
    let name = &text[..colon];
    let name = names::recognised(name).or_else(|| HeaderName::from_bytes(name).ok())?;
    let (mut start, mut end) = (line.start + colon + 1, line.end);
    while start < end && is_space(head[start]) {
        start += 1;
    }
    while start < end && is_space(head[end - 1]) {
        end -= 1;
    }
    let value = HeaderValue::from_maybe_shared(head.slice(start..end)).ok()?;
    Some((name, value))
}

/// Whether a comma-separated list names `token`, in any case.
pub(super) fn lists(value: &HeaderValue, token: &[u8]) -> bool {
    value.as_bytes().split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// Reads a length as RFC 9110 writes it: digits and nothing else, at most `i64::MAX`.
pub(super) fn content_length(value: &HeaderValue) -> Option<u64> {
    let digits = value.as_bytes();
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut length = 0u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        length = length * 10 + u64::from(digit - b'0');
    }
    i64::try_from(length).ok().map(|_| length)
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}
