//! A large document in pieces, so that reading it again costs no more than what changed in it.
//!
//! [`cut`] takes the entries of some sections out of a text by their indentation: whole lines become pieces, and empty
//! lines take their place in the rest, so that it keeps its line numbers. Whether every cut fell between two entries is
//! for the parser to say, not for the indentation: a piece must be a complete map with nothing open at its end, and the
//! rest must hold each section as an empty key in its place. Nor may a piece hold anchors or merge keys, which reach
//! beyond it. Where any of this is not so there is no result, and the text is to be read as a whole.

use std::iter::Peekable;

use fairlead_diag::Origin;

use super::Reader;
use crate::bounds::{Budget, Spent};
use crate::{Entry, Node, Value};

/// A section whose entries may be taken out: a key of the document and a key below it, such as `http` and `routers`.
pub type Section = [&'static str; 2];

/// Entries in a piece, on average.
const ENTRIES: u32 = 32;

/// A text in pieces.
pub struct Pieces<'t> {
    /// The pieces, in order.
    pub pieces: Vec<Piece<'t>>,
    /// The text with empty lines in place of the pieces.
    pub rest: String,
    /// Sections that were cut, with the lines of their keys.
    cuts: Vec<(Section, u32)>,
}

/// Some entries of a section, as whole lines.
pub struct Piece<'t> {
    /// Where they belong.
    pub section: Section,
    /// Their text.
    pub text: &'t str,
    /// The number of its first line, from 1.
    pub line: u32,
}

/// Cuts a text; `None` when there is nothing to cut or something speaks against it.
#[must_use]
pub fn cut<'t>(text: &'t str, sections: &[Section]) -> Option<Pieces<'t>> {
    // Line breaks, ends and indentation in disguise. All bytes are looked at, which is faster than to stop at the first.
    if text.bytes().fold(false, |odd, byte| odd | (byte < b' ' && byte != b'\n')) {
        return None;
    }
    let mut done =
        Pieces { pieces: Vec::new(), rest: String::with_capacity(text.len() / 4), cuts: Vec::new() };
    let mut lines = Lines { text, start: 0, number: 0 }.peekable();
    let mut top = "";
    while let Some(line) = lines.next() {
        done.rest.push_str(line.text);
        // A directive, which may change what tags mean.
        if line.text.starts_with('%') {
            return None;
        }
        let heading = line.key().filter(|_| line.is_heading());
        match (line.indent, heading) {
            _ if line.is_silent() => {}
            (0, heading) => top = heading.unwrap_or_default(),
            (_, heading) => {
                let section =
                    sections.iter().find(|section| section[0] == top && Some(section[1]) == heading);
                if let Some(section) = section {
                    done.cuts.push((*section, line.number));
                    done.take_entries(text, &mut lines, line.indent, *section);
                }
            }
        }
    }
    (!done.pieces.is_empty()).then_some(done)
}

impl<'t> Pieces<'t> {
    /// Takes what is indented deeper than `above`, if it begins with a key.
    fn take_entries(
        &mut self,
        text: &'t str,
        lines: &mut Peekable<Lines<'t>>,
        above: usize,
        section: Section,
    ) {
        while let Some(line) = lines.next_if(Line::is_silent) {
            self.rest.push_str(line.text);
        }
        let Some(first) = lines.next_if(|line| line.indent > above && line.key().is_some()) else { return };
        self.rest.push('\n');
        let (mut start, mut end, mut number) = (first.start, first.end(), first.number);
        while let Some(line) = lines.next_if(|line| line.indent > above || line.is_silent()) {
            self.rest.push('\n');
            if line.indent == first.indent && line.key().is_some_and(begins_piece) {
                self.pieces.push(Piece { section, text: &text[start..end], line: number });
                (start, number) = (line.start, line.number);
            }
            end = line.end();
        }
        self.pieces.push(Piece { section, text: &text[start..end], line: number });
    }

    /// Parses the rest, in which the sections that were cut are empty. `None` when the cuts cannot be trusted.
    #[must_use]
    pub fn parse_rest(&self, path: &str) -> Option<(Node, Spent)> {
        let mut reader = Reader::new(&self.rest, path, Budget::for_text(&self.rest, path).ok()?);
        let root = reader.document().ok()?;
        let in_place = |([top, key], line): &(Section, u32)| {
            let entry = root.entry(top).and_then(|entry| entry.node.entry(key));
            entry.is_some_and(|entry| {
                let at = matches!(&entry.key_origin, Origin::File { at, .. } if at.line == *line);
                at && entry.node.value == Value::Null
            })
        };
        let trusted = self.cuts.iter().all(in_place);
        trusted.then(|| (root, reader.budget.spent()))
    }
}

impl Piece<'_> {
    /// Parses the entries, as a document that holds nothing else. `None` when the cuts cannot be trusted.
    #[must_use]
    pub fn parse(&self, path: &str) -> Option<(Node, Spent)> {
        let mut reader = Reader::new(self.text, path, Budget::for_text(self.text, path).ok()?);
        reader.lines_before = self.line as usize - 1;
        reader.levels_above = self.section.len();
        let entries = reader.document().ok()?;
        if !reader.is_complete() || reader.reaches_out || !matches!(entries.value, Value::Map(_)) {
            return None;
        }
        let node = self.section.iter().rev().fold(entries, |node, key| {
            let origin = node.origin.clone();
            let entry = Entry { key: (*key).into(), key_origin: origin.clone(), node };
            Node { origin, value: Value::Map(vec![entry]) }
        });
        Some((node, reader.budget.spent()))
    }
}

/// Whether a piece begins at this key. That depends on the key alone: counting would move all cuts when one entry is added.
fn begins_piece(key: &str) -> bool {
    let hash =
        key.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash >> 8).is_multiple_of(ENTRIES)
}

/// The lines of a text.
struct Lines<'t> {
    text: &'t str,
    start: usize,
    number: u32,
}

/// A line, with its break.
struct Line<'t> {
    text: &'t str,
    /// Bytes before it.
    start: usize,
    /// Its number, from 1.
    number: u32,
    /// Spaces at its begin.
    indent: usize,
}

impl<'t> Iterator for Lines<'t> {
    type Item = Line<'t>;

    fn next(&mut self) -> Option<Line<'t>> {
        let start = self.start;
        let text = self.text[start..].split_inclusive('\n').next()?;
        self.start += text.len();
        self.number += 1;
        let indent = text.bytes().take_while(|byte| *byte == b' ').count();
        Some(Line { text, start, number: self.number, indent })
    }
}

impl<'t> Line<'t> {
    fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is empty or a comment.
    fn is_silent(&self) -> bool {
        matches!(self.text.as_bytes().get(self.indent), None | Some(b'\n' | b'#'))
    }

    /// The plain key that it begins with.
    fn key(&self) -> Option<&'t str> {
        let content = &self.text[self.indent..];
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.@/".contains(byte);
        let length = content.bytes().take_while(|byte| plain(byte)).count();
        let begins = content.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let ends = matches!(content.as_bytes().get(length..), Some([b':'] | [b':', b' ' | b'\n', ..]));
        (begins && ends).then(|| &content[..length])
    }

    /// Whether it is nothing but a key and perhaps a comment.
    fn is_heading(&self) -> bool {
        self.text.split_once(':').is_some_and(|(_, value)| {
            let value = value.trim_end();
            value.is_empty() || value.trim_start().starts_with('#') && value.starts_with(' ')
        })
    }
}

#[cfg(test)]
mod tests;
