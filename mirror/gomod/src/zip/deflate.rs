//! Compressing a content while it is checked and hashed.

use std::io::{self, Read, Write};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use sha2::{Digest as _, Sha256};

const BUFFER_LEN: usize = 64 << 10;
/// What zlib takes by default.
const LEVEL: u32 = 6;

/// Compresses one content after another with the same buffers.
pub(super) struct Deflate {
    compress: Compress,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// Why a content could not be compressed.
pub(super) enum Failure {
    /// It is not as long as was said.
    Size,
    /// It could not be read, or the outcome not be written.
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Deflate {
    pub(super) fn new() -> Self {
        let compress = Compress::new(Compression::new(LEVEL), false);
        Self { compress, input: vec![0; BUFFER_LEN], output: vec![0; BUFFER_LEN] }
    }

    /// Compresses exactly `size` bytes and gives their CRC-32 and SHA-256.
    pub(super) fn run(
        &mut self,
        content: &mut dyn Read,
        size: u64,
        out: &mut dyn Write,
    ) -> Result<(u32, [u8; 32]), Failure> {
        self.compress.reset();
        let (mut crc, mut sha, mut seen) = (Crc::new(), Sha256::new(), 0);
        // The input pieces have to be the same for every reader, or the compressed bytes could differ.
        loop {
            let n = fill(content, &mut self.input)?;
            let piece = self.input.get(..n).unwrap_or_default();
            seen += n as u64;
            if seen > size {
                return Err(Failure::Size);
            }
            crc.update(piece);
            sha.update(piece);
            let last = n < BUFFER_LEN;
            deflate(&mut self.compress, piece, last, &mut self.output, out)?;
            if last {
                break;
            }
        }
        if seen == size { Ok((crc.sum(), sha.finalize().into())) } else { Err(Failure::Size) }
    }
}

fn deflate(
    compress: &mut Compress,
    mut piece: &[u8],
    last: bool,
    buffer: &mut [u8],
    out: &mut dyn Write,
) -> io::Result<()> {
    let flush = if last { FlushCompress::Finish } else { FlushCompress::None };
    loop {
        let (in_before, out_before) = (compress.total_in(), compress.total_out());
        let status = compress.compress(piece, buffer, flush).map_err(io::Error::other)?;
        let consumed = (compress.total_in() - in_before) as usize;
        let produced = (compress.total_out() - out_before) as usize;
        piece = piece.get(consumed..).unwrap_or_default();
        out.write_all(buffer.get(..produced).unwrap_or_default())?;
        let drained = piece.is_empty() && produced < buffer.len();
        if status == Status::StreamEnd || (!last && drained) {
            return Ok(());
        }
        if consumed == 0 && produced == 0 {
            return Err(io::Error::other("compression makes no progress"));
        }
    }
}

/// Reads until the buffer is full or the content ends.
fn fill(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match content.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
