//! Tokens of a go.mod file.
//!
//! Blanks and tabs separate; a line's end is a token, since lines are what directives are made of. A comment takes its line's end
//! with it. Quoted strings keep their quotes; what stands in them is for [`super::quote`].

use super::{ModError, Position};
use crate::unicode::is_print;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The text's end.
    End,
    /// A line's end.
    Newline,
    /// A comment with nothing but blanks before it, and its line's end.
    Comment,
    /// A comment behind something, and its line's end.
    SuffixComment,
    /// One of `( ) [ ] { } ,`.
    Punctuation,
    /// Everything else, quoted or not.
    Word,
}

impl Kind {
    /// True when nothing more can stand in the token's line.
    pub(super) fn ends_line(self) -> bool {
        matches!(self, Kind::End | Kind::Newline | Kind::SuffixComment)
    }
}

/// One token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// The token as written; a comment without its line's end.
    pub(super) text: &'a str,
    start: Place,
}

impl Token<'_> {
    pub(super) fn is(&self, punctuation: &str) -> bool {
        self.kind == Kind::Punctuation && self.text == punctuation
    }
}

/// A byte of the text, and the line that it stands in.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: usize,
    line: u32,
    line_start: usize,
}

/// Reads tokens off a text, one after the other.
pub(super) struct Lexer<'a> {
    text: &'a str,
    place: Place,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, place: Place { at: 0, line: 1, line_start: 0 } }
    }

    /// Where a token begins. Counts the characters of its line, so ask at most once a line.
    pub(super) fn position(&self, token: &Token<'_>) -> Position {
        self.position_of(token.start)
    }

    /// The next token; the end again and again once the text is used up.
    pub(super) fn read(&mut self) -> Result<Token<'a>, ModError> {
        self.skip_blanks();
        let start = self.place;
        let rest = self.rest();
        if rest.starts_with("//") {
            return Ok(self.comment());
        }
        let Some(c) = rest.chars().next() else {
            return Ok(self.token(Kind::End, start));
        };
        match c {
            '\n' => {
                self.advance(1);
                Ok(self.token(Kind::Newline, start))
            }
            '(' | ')' | '[' | ']' | '{' | '}' | ',' => {
                self.advance(1);
                Ok(self.token(Kind::Punctuation, start))
            }
            '"' | '`' => self.string(c),
            _ => self.word(c),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.place.at..]
    }

    fn position_of(&self, place: Place) -> Position {
        let column = self.text[place.line_start..place.at].chars().count() + 1;
        Position { line: place.line, column: u32::try_from(column).unwrap_or(u32::MAX) }
    }

    fn error(&self, place: Place, message: impl Into<String>) -> ModError {
        ModError::new(self.position_of(place), message)
    }

    fn token(&self, kind: Kind, start: Place) -> Token<'a> {
        Token { kind, text: &self.text[start.at..self.place.at], start }
    }

    /// Moves on by `len` bytes, across line ends.
    fn advance(&mut self, len: usize) {
        let passed = &self.text[self.place.at..self.place.at + len];
        for (at, _) in passed.match_indices('\n') {
            self.place.line += 1;
            self.place.line_start = self.place.at + at + 1;
        }
        self.place.at += len;
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.place.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
    }

    fn comment(&mut self) -> Token<'a> {
        let start = self.place;
        let alone = self.text[start.line_start..start.at].trim().is_empty();
        let kind = if alone { Kind::Comment } else { Kind::SuffixComment };
        let rest = self.rest();
        let line = rest.find('\n').map_or(rest, |end| &rest[..=end]);
        self.advance(line.len());
        let text = line.strip_suffix("\r\n").or_else(|| line.strip_suffix('\n')).unwrap_or(line);
        Token { kind, text, start }
    }

    fn string(&mut self, quote: char) -> Result<Token<'a>, ModError> {
        let start = self.place;
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.advance(at + 1);
                return Ok(self.token(Kind::Word, start));
            }
            if c == '\n' {
                self.advance(at);
                return Err(self.error(self.place, "unexpected newline in string"));
            }
            if c == '\\' && quote == '"' {
                chars.next();
            }
        }
        Err(self.error(start, "unexpected end of file in string"))
    }

    fn word(&mut self, first: char) -> Result<Token<'a>, ModError> {
        let start = self.place;
        let rest = self.rest();
        let mut len = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        // A word ends before a comment, and no other comment may follow it.
        let slash = rest[..len]
            .match_indices('/')
            .find(|&(at, _)| matches!(rest.as_bytes().get(at + 1), Some(b'/' | b'*')));
        if let Some((at, _)) = slash {
            len = at;
        }
        self.advance(len);
        if self.rest().starts_with("/*") {
            return Err(self.error(self.place, "comments must begin with //, not with /*"));
        }
        if len == 0 {
            return Err(self.error(start, format!("unexpected character {first:?}")));
        }
        Ok(self.token(Kind::Word, start))
    }
}

fn in_word(c: char) -> bool {
    !matches!(c, ' ' | '(' | ')' | '[' | ']' | '{' | '}' | ',') && is_print(c)
}
