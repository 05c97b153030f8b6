//! Bodies: how they are framed, and the decoder that takes them off the input.

use bytes::{Buf, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName};

use super::head::{self, Found, HeadScan, Lines};
use super::take_front;

/// How a body is framed (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// So many bytes, more than none.
    Length(u64),
    /// Chunks, then trailers.
    Chunked,
    /// Everything until the connection ends; responses only.
    UntilClose,
}

/// What one step of decoding gave.
#[derive(Debug)]
pub enum Decoded {
    /// Bytes of the body, never none.
    Data(Bytes),
    /// Trailer fields; the end follows.
    Trailers(HeaderMap),
    /// The body is complete. Every further step gives the same.
    End,
    /// More input is needed.
    Partial,
}

/// The framing of a body is broken; where the next message begins is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed chunked body")]
pub struct BrokenBody;

/// Longest chunk line, with its extensions.
const LONGEST_LINE: usize = 1024;
/// Bytes of extensions in one body.
const EXTENSIONS: usize = 16 * 1024;
/// Bytes of a trailer section.
const TRAILERS: usize = 16 * 1024;
/// Fields of a trailer section.
const TRAILER_FIELDS: usize = 100;

/// Takes a body off the input, as far as it is there.
#[derive(Debug)]
pub struct BodyDecoder {
    state: State,
    extensions: usize,
    scan: HeadScan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    UntilClose,
    ChunkLine,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    Done,
}

impl BodyDecoder {
    /// A decoder at the beginning of a body.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkLine,
            Framing::UntilClose => State::UntilClose,
        };
        BodyDecoder { state, extensions: 0, scan: HeadScan::default() }
    }

    /// Whether the whole body has been taken.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the end of the connection is the end of this body.
    #[must_use]
    pub fn ends_at_close(&self) -> bool {
        self.state == State::UntilClose
    }

    /// Bytes that are certainly still to come; a bound for how much to read at once.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        match self.state {
            State::Length(left) | State::Chunk(left) => left,
            State::UntilClose => u64::MAX,
            _ => 0,
        }
    }

    /// Bytes still to come when the length was declared, for size hints.
    #[must_use]
    pub fn exact_remaining(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// Takes the next piece off `input`.
    ///
    /// # Errors
    /// When chunks are not exactly as RFC 9112 section 7.1 has them, or over our bounds.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Decoded, BrokenBody> {
        loop {
            match self.state {
                State::Done => return Ok(Decoded::End),
                _ if input.is_empty() => return Ok(Decoded::Partial),
                State::UntilClose => return Ok(Decoded::Data(take_front(input, input.len()))),
                State::Length(left) => {
                    let (data, left) = take_up_to(input, left);
                    self.state = if left == 0 { State::Done } else { State::Length(left) };
                    return Ok(Decoded::Data(data));
                }
                State::Chunk(left) => {
                    let (data, left) = take_up_to(input, left);
                    self.state = if left == 0 { State::ChunkEnd } else { State::Chunk(left) };
                    return Ok(Decoded::Data(data));
                }
                State::ChunkLine => match self.chunk_line(input)? {
                    Some(0) => self.state = State::Trailers,
                    Some(size) => self.state = State::Chunk(size),
                    None => return Ok(Decoded::Partial),
                },
                State::ChunkEnd => match **input {
                    [b'\r', b'\n', ..] => {
                        input.advance(2);
                        self.state = State::ChunkLine;
                    }
                    [b'\r'] => return Ok(Decoded::Partial),
                    _ => return Err(BrokenBody),
                },
                State::Trailers => return self.trailers(input),
            }
        }
    }

    /// Takes a chunk-size line, once it is complete.
    fn chunk_line(&mut self, input: &mut BytesMut) -> Result<Option<u64>, BrokenBody> {
        let window = &input[..input.len().min(LONGEST_LINE)];
        let Some(end) = memchr::memchr(b'\n', window) else {
            return if window.len() == LONGEST_LINE { Err(BrokenBody) } else { Ok(None) };
        };
        let line = window[..end].strip_suffix(b"\r").ok_or(BrokenBody)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let extension = &line[digits..];
        // 15 digits keep the size under `i64::MAX`, as all readers of 64 bits agree on.
        if digits == 0 || digits > 15 || !(extension.is_empty() || is_extension(extension)) {
            return Err(BrokenBody);
        }
        self.extensions += extension.len();
        if self.extensions > EXTENSIONS {
            return Err(BrokenBody);
        }
        let size = line[..digits].iter().fold(0u64, |size, digit| size << 4 | u64::from(hex(*digit)));
        input.advance(end + 1);
        Ok(Some(size))
    }

    fn trailers(&mut self, input: &mut BytesMut) -> Result<Decoded, BrokenBody> {
        match self.scan.find(input) {
            Found::BareLineFeed => Err(BrokenBody),
            Found::Partial if input.len() > TRAILERS => Err(BrokenBody),
            Found::Partial => Ok(Decoded::Partial),
            Found::End(len) => {
                if len > TRAILERS {
                    return Err(BrokenBody);
                }
                let fields = trailer_fields(&take_front(input, len))?;
                self.state = State::Done;
                Ok(if fields.is_empty() { Decoded::End } else { Decoded::Trailers(fields) })
            }
        }
    }
}

fn trailer_fields(section: &Bytes) -> Result<HeaderMap, BrokenBody> {
    let mut fields = HeaderMap::new();
    let mut ranges = Lines::new(section, TRAILER_FIELDS);
    while let Some(range) = ranges.next_range().map_err(|_| BrokenBody)? {
        let (name, value) = head::field(section, range).ok_or(BrokenBody)?;
        if is_trailer_name(&name) {
            fields.try_append(name, value).map_err(|_| BrokenBody)?;
        }
    }
    Ok(fields)
}

/// Whether a field may stand in a trailer section: not what decides about framing, routing or the connection
/// (RFC 9110 section 6.5.1).
pub(super) fn is_trailer_name(name: &HeaderName) -> bool {
    !matches!(
        *name,
        header::CONTENT_LENGTH
            | header::TRANSFER_ENCODING
            | header::TRAILER
            | header::TE
            | header::HOST
            | header::CONNECTION
            | header::UPGRADE
            | header::EXPECT
            | header::AUTHORIZATION
            | header::CONTENT_ENCODING
            | header::CONTENT_TYPE
            | header::CONTENT_RANGE
    )
}

fn take_up_to(input: &mut BytesMut, left: u64) -> (Bytes, u64) {
    let count = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    (take_front(input, count), left - count as u64)
}

fn is_extension(text: &[u8]) -> bool {
    text.starts_with(b";") && text.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f))
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that a body decodes to: data, trailers, and what is left of the input; `None` when it is incomplete.
    type Whole = Option<(Vec<u8>, HeaderMap, Vec<u8>)>;

    fn decode_pieces(framing: Framing, pieces: &[&[u8]]) -> Result<Whole, BrokenBody> {
        let mut decoder = BodyDecoder::new(framing);
        let (mut data, mut trailers, mut input) = (Vec::new(), HeaderMap::new(), BytesMut::new());
        for piece in pieces {
            input.extend_from_slice(piece);
            loop {
                match decoder.decode(&mut input)? {
                    Decoded::Data(bytes) => data.extend_from_slice(&bytes),
                    Decoded::Trailers(fields) => trailers = fields,
                    Decoded::End | Decoded::Partial => break,
                }
            }
        }
        Ok(decoder.is_done().then(|| (data, trailers, input.to_vec())))
    }

    fn chunked(text: &str) -> Result<Whole, BrokenBody> {
        decode_pieces(Framing::Chunked, &[text.as_bytes()])
    }

    #[test]
    fn chunks_are_exact() {
        for text in [
            "0\r\n\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "003\r\nabc\r\n000\r\n\r\n",
            "3;a=b\r\nabc\r\n0;c=\"d e\"\r\n\r\n",
            "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
        ] {
            assert!(matches!(chunked(text), Ok(Some(_))), "{text:?}");
        }
        for text in [
            "\r\n",
            "g\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            " 3\r\nabc",
            "3 \r\nabc",
            "3\t;a\r\nabc",
            "3\nabc",
            "3\rabc\r\n",
            "3\r\nabcd\r\n",
            "3\r\nabc\n",
            "3\r\nabc0\r\n",
            "3;a\nb\r\nabc",
            "3;a\0\r\nabc",
            "3;a\rb\r\nabc",
            "3,\r\nabc",
            "1000000000000000\r\n",
            "fffffffffffffffff\r\n",
            "0\r\nX: y\n\r\n",
            "0\r\n X: y\r\n\r\n",
            "0\r\nX : y\r\n\r\n",
            "0\r\nX\r\n\r\n",
            "0\r\nabc\r\n\r\n",
        ] {
            assert_eq!(chunked(text), Err(BrokenBody), "{text:?}");
        }
    }

    #[test]
    fn chunk_overhead_is_bounded() {
        assert_eq!(chunked(&format!("3;{}", "a".repeat(LONGEST_LINE))), Err(BrokenBody));
        let wasteful = format!("1;{}\r\na\r\n", "e".repeat(1000));
        assert_eq!(chunked(&wasteful.repeat(EXTENSIONS / 1000 + 1)), Err(BrokenBody));
        assert_eq!(chunked(&format!("0\r\nX: {}", "a".repeat(TRAILERS))), Err(BrokenBody));
        assert_eq!(chunked(&format!("0\r\n{}\r\n", "X: a\r\n".repeat(TRAILER_FIELDS + 1))), Err(BrokenBody));
    }

    #[test]
    fn trailers_cannot_change_framing_or_routing() {
        let text =
            "0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX-Sum: 2\r\n\r\n";
        let (_, trailers, _) = chunked(text).unwrap().unwrap();
        assert_eq!(trailers.len(), 2);
        assert_eq!(trailers.get_all("x-sum").iter().count(), 2);
    }

    #[test]
    fn every_split_gives_the_same() {
        let cases: [(Framing, &[u8]); 3] = [
            (
                Framing::Chunked,
                b"5;x=y\r\nhello\r\n1\r\n,\r\n06\r\n world\r\n0\r\nX-Sum: 1\r\nY: z\r\n\r\nGET /",
            ),
            (Framing::Chunked, b"3\r\na\r\n\r\n0\r\n\r\nrest"),
            (Framing::Length(7), b"1234567rest"),
        ];
        for (framing, bytes) in cases {
            let whole = decode_pieces(framing, &[bytes]).unwrap();
            assert!(whole.is_some());
            for at in 0..=bytes.len() {
                for then in at..=bytes.len() {
                    let pieces = [&bytes[..at], &bytes[at..then], &bytes[then..]];
                    assert_eq!(decode_pieces(framing, &pieces).unwrap(), whole, "split at {at} and {then}");
                }
            }
            let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(decode_pieces(framing, &one_by_one).unwrap(), whole);
        }
    }
}
