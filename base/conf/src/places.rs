//! From byte offsets to lines and columns.

use std::ops::Range;
use std::sync::Arc;

use fairlead_diag::{Origin, Position};

/// Finds the line and column of a byte offset in constant and logarithmic time, whatever the length of the lines.
pub(crate) struct Places<'t> {
    text: &'t str,
    path: Arc<str>,
    /// Byte offsets at which lines start.
    lines: Vec<usize>,
    /// Characters before every `STRIDE`th byte.
    chars: Vec<u32>,
}

const STRIDE: usize = 256;

impl<'t> Places<'t> {
    pub(crate) fn new(text: &'t str, path: &str) -> Self {
        let mut lines = vec![0];
        let mut chars = Vec::with_capacity(text.len() / STRIDE + 1);
        let mut count = 0;
        for (offset, byte) in text.bytes().enumerate() {
            if offset % STRIDE == 0 {
                chars.push(count);
            }
            count += u32::from(starts_char(byte));
            if byte == b'\n' {
                lines.push(offset + 1);
            }
        }
        chars.push(count);
        Places { text, path: path.into(), lines, chars }
    }

    /// The origin of a range of bytes; its length counts only when it ends on the line it starts on.
    pub(crate) fn origin(&self, span: Range<usize>) -> Origin {
        let start = span.start.min(self.text.len());
        let end = span.end.clamp(start, self.text.len());
        let line = self.lines.partition_point(|line| *line <= start);
        let line_start = self.lines.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        let one_line = self.lines.get(line).is_none_or(|following| end <= *following);
        let at = Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: self.chars_before(start) - self.chars_before(line_start) + 1,
            len: if one_line { self.chars_before(end) - self.chars_before(start) } else { 0 },
        };
        Origin::File { path: self.path.clone(), at }
    }

    fn chars_before(&self, offset: usize) -> u32 {
        let mark = offset / STRIDE;
        let known = self.chars.get(mark).copied().unwrap_or(0);
        let rest = &self.text.as_bytes()[mark * STRIDE..offset];
        known + rest.iter().map(|byte| u32::from(starts_char(*byte))).sum::<u32>()
    }
}

/// Whether the byte is not the continuation of a UTF-8 character.
fn starts_char(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_has_the_place_that_counting_gives() {
        let text = format!("a: 1\nä: \"ö\"\r\n\n{}é\nend", "xü".repeat(300));
        let places = Places::new(&text, "f");
        for (offset, _) in text.char_indices() {
            let before = &text[..offset];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
            assert_eq!(places.origin(offset..offset).to_string(), format!("f:{line}:{column}"));
        }
        assert_eq!(places.origin(9_999..10_000).to_string(), "f:5:4");
        assert_eq!(Places::new("", "f").origin(0..0).to_string(), "f:1:1");
    }
}
