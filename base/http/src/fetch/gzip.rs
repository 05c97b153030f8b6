//! Undoing gzip as it comes, with a measure for what it may unfold to.

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;

use super::Inflation;

/// Encoded bytes that are decoded at a time: deflate unfolds at most about 1,032 times, so that a piece stays near 1 MiB.
pub(super) const PIECE: usize = 1024;
/// Decoded bytes whose ratio is not judged.
const FREE: u64 = 1 << 20;

/// A gzip stream of one or more members (RFC 1952). What follows the last member must be a member too.
pub(super) struct Inflater {
    decoder: MultiGzDecoder<Vec<u8>>,
    limits: Inflation,
    encoded: u64,
    decoded: u64,
}

/// Why a body is no gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadGzip {
    #[error("the body is not the gzip it claims to be")]
    Malformed,
    #[error("the gzip stream unfolds without measure")]
    Bomb,
}

impl Inflater {
    pub(super) fn new(limits: Inflation) -> Self {
        Inflater { decoder: MultiGzDecoder::new(Vec::new()), limits, encoded: 0, decoded: 0 }
    }

    /// Decodes at most [`PIECE`] bytes off the front of `data`. What comes out may be empty.
    pub(super) fn decode(&mut self, data: &mut Bytes) -> Result<Bytes, BadGzip> {
        let piece = data.split_to(data.len().min(PIECE));
        self.encoded += piece.len() as u64;
        self.decoder.write_all(&piece).map_err(|_| BadGzip::Malformed)?;
        // The decoder may keep some output back.
        self.decoder.flush().map_err(|_| BadGzip::Malformed)?;
        self.take()
    }

    /// The end of the input: what is left, after sums and lengths were compared. No input at all is an empty body.
    pub(super) fn finish(&mut self) -> Result<Bytes, BadGzip> {
        if self.encoded == 0 {
            return Ok(Bytes::new());
        }
        self.decoder.try_finish().map_err(|_| BadGzip::Malformed)?;
        self.take()
    }

    fn take(&mut self) -> Result<Bytes, BadGzip> {
        let out = std::mem::take(self.decoder.get_mut());
        self.decoded += out.len() as u64;
        let allowed = self.encoded.saturating_mul(self.limits.max_ratio).max(FREE);
        if self.decoded > self.limits.max_bytes || self.decoded > allowed {
            return Err(BadGzip::Bomb);
        }
        Ok(out.into())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Decodes `data`, which comes in pieces of `size` bytes.
    fn decode(data: &[u8], size: usize, limits: Inflation) -> Result<Vec<u8>, BadGzip> {
        let (mut inflater, mut all) = (Inflater::new(limits), Vec::new());
        for part in data.chunks(size) {
            let mut part = Bytes::copy_from_slice(part);
            while !part.is_empty() {
                all.extend(inflater.decode(&mut part)?);
            }
        }
        all.extend(inflater.finish()?);
        Ok(all)
    }

    fn text() -> Vec<u8> {
        (0..20_000_u32).flat_map(|number| format!("v1.{number}.0\n").into_bytes()).collect()
    }

    #[test]
    fn pieces_of_any_size_give_the_same() {
        let text = text();
        for size in [1, 7, 1023, 1024, 1025, 1 << 20] {
            assert_eq!(decode(&gzip(&text), size, Inflation::default()).unwrap(), text, "{size}");
        }
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(decode(&two, 5, Inflation::default()).unwrap(), b"one two");
        assert_eq!(decode(b"", 1, Inflation::default()).unwrap(), b"");
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let good = gzip(b"a small document");
        for cut in 1..good.len() {
            assert_eq!(decode(&good[..cut], 4, Inflation::default()), Err(BadGzip::Malformed), "{cut}");
        }
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            // Time, system and padding mean nothing; nothing else may pass, and never another document.
            let result = decode(&bad, 64, Inflation::default());
            assert!(result.is_err() || result == Ok(b"a small document".to_vec()), "{bit}: {result:?}");
            let of_the_sum = bit / 8 >= good.len() - 8;
            assert!(result.is_err() || !of_the_sum, "{bit}");
        }
    }

    #[test]
    fn what_is_no_gzip_is_refused() {
        for bad in
            [b"<html>".to_vec(), b"\x1f".to_vec(), [gzip(b"fine"), b"garbage at the end".to_vec()].concat()]
        {
            assert_eq!(decode(&bad, 64, Inflation::default()), Err(BadGzip::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn a_bomb_goes_off_early() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100_000);
        assert_eq!(decode(&bomb, 16 << 10, Inflation::default()), Err(BadGzip::Bomb));
        let tight = Inflation { max_bytes: 1000, ..Inflation::default() };
        assert_eq!(decode(&gzip(&text()), 16 << 10, tight), Err(BadGzip::Bomb));
    }
}
