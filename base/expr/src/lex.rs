//! Text to tokens, after the lexical rules of Go (go.dev/ref/spec, "Lexical elements").
//!
//! A line break after an operand becomes a [`Kind::Newline`] token, as Go's automatic semicolon; anywhere else it is
//! white space.

use std::ops::Range;

use crate::{Error, Operator, Value};

/// A token and its byte range.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Name,
    Literal(Value),
    And,
    Or,
    Not,
    Compare(Operator),
    Open,
    Close,
    Comma,
    Newline,
    /// Something that has been reported already.
    Bad,
    End,
}

/// Splits `text` into tokens; the last one is [`Kind::End`]. Errors are put into `errors`.
pub(crate) fn lex(text: &str, errors: &mut Vec<Error>) -> Vec<Token> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new(), errors };
    while let Some(c) = lexer.rest().chars().next() {
        lexer.token(c);
    }
    lexer.line_break(text.len()..text.len());
    if matches!(lexer.tokens.last(), Some(Token { kind: Kind::Newline, .. })) {
        lexer.tokens.pop();
    }
    lexer.push(Kind::End, text.len()..text.len());
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    errors: &'a mut Vec<Error>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, span: Range<usize>) {
        self.tokens.push(Token { kind, span });
    }

    fn token(&mut self, first: char) {
        match first {
            ' ' | '\t' | '\r' => self.at += 1,
            '\n' => {
                self.line_break(self.at..self.at + 1);
                self.at += 1;
            }
            '`' => self.raw_string(),
            '"' => self.quoted_string(),
            '/' if self.rest().starts_with("/*") || self.rest().starts_with("//") => self.comment(),
            c if c == '_' || c.is_alphabetic() => self.name(),
            c if c.is_ascii_digit() || (c == '.' && self.followed_by_digit()) => self.number(),
            _ => self.operator(first),
        }
    }

    /// Go ends a statement at a line break after an operand.
    fn line_break(&mut self, span: Range<usize>) {
        let after_operand = matches!(
            self.tokens.last(),
            Some(Token { kind: Kind::Name | Kind::Literal(_) | Kind::Close, .. })
        );
        if after_operand {
            self.push(Kind::Newline, span);
        }
    }

    fn followed_by_digit(&self) -> bool {
        self.rest().as_bytes().get(1).is_some_and(u8::is_ascii_digit)
    }

    fn operator(&mut self, first: char) {
        let two = self.rest().as_bytes().get(..2);
        let (kind, length) = match (first, two) {
            (_, Some(b"&&")) => (Kind::And, 2),
            (_, Some(b"||")) => (Kind::Or, 2),
            (_, Some(b">=")) => (Kind::Compare(Operator::GreaterOrEqual), 2),
            (_, Some(b"<=")) => (Kind::Compare(Operator::LessOrEqual), 2),
            (_, Some(b"==")) => (Kind::Compare(Operator::Equal), 2),
            (_, Some(b"!=")) => (Kind::Compare(Operator::NotEqual), 2),
            ('>', _) => (Kind::Compare(Operator::Greater), 1),
            ('<', _) => (Kind::Compare(Operator::Less), 1),
            ('!', _) => (Kind::Not, 1),
            ('(', _) => (Kind::Open, 1),
            (')', _) => (Kind::Close, 1),
            (',', _) => (Kind::Comma, 1),
            _ => return self.stray(first),
        };
        self.push(kind, self.at..self.at + length);
        self.at += length;
    }

    fn stray(&mut self, c: char) {
        let span = self.at..self.at + c.len_utf8();
        let error = match c {
            '&' => Error::new(span.clone(), "unsupported operator '&'").help("write `&&`"),
            '|' => Error::new(span.clone(), "unsupported operator '|'").help("write `||`"),
            '\'' => Error::new(span.clone(), "single quotes do not make a string")
                .help("put strings into back-ticks or double quotes"),
            '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => {
                Error::new(span.clone(), format!("illegal character {c:?}"))
                    .help("this is a typographic quote; put strings into back-ticks or double quotes")
            }
            c => Error::new(span.clone(), format!("illegal character {c:?}")),
        };
        self.errors.push(error);
        self.at = span.end;
        if c == '\'' {
            self.skip_single_quoted();
        }
        self.push(Kind::Bad, span);
    }

    /// Passes over the rest of a `'…'` on this line, so that its content is not reported word by word.
    fn skip_single_quoted(&mut self) {
        let line = self.rest().split('\n').next().unwrap_or_default();
        if let Some(end) = line.find('\'') {
            self.at += end + 1;
        }
    }

    fn name(&mut self) {
        let rest = self.rest();
        let length = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
        self.push(Kind::Name, self.at..self.at + length);
        self.at += length;
    }

    fn comment(&mut self) {
        let rest = self.rest();
        if rest.starts_with("//") {
            self.at += rest.find('\n').unwrap_or(rest.len());
            return;
        }
        match rest[2..].find("*/") {
            Some(end) => {
                let length = end + 4;
                if rest[..length].contains('\n') {
                    self.line_break(self.at..self.at + length);
                }
                self.at += length;
            }
            None => {
                self.errors.push(
                    Error::new(self.at..self.text.len(), "comment not terminated").help("close it with `*/`"),
                );
                self.at = self.text.len();
            }
        }
    }

    fn number(&mut self) {
        let rest = self.rest();
        let length = number_length(rest.as_bytes());
        let span = self.at..self.at + length;
        self.at = span.end;
        let text = &rest[..length];
        let value = match text.parse::<i64>() {
            Ok(number) => Some(Value::Int(number)),
            Err(_) => text
                .parse::<f64>()
                .ok()
                .filter(|n| n.is_finite() && text.contains(['.', 'e', 'E']))
                .map(Value::Float),
        };
        match value {
            Some(value) => self.push(Kind::Literal(value), span),
            None => {
                self.errors.push(Error::new(span.clone(), format!("invalid number {}", shortened(text))));
                self.push(Kind::Bad, span);
            }
        }
    }

    fn raw_string(&mut self) {
        let start = self.at;
        let Some(length) = self.rest()[1..].find('`') else {
            return self.unterminated("raw string literal not terminated", "close it with a back-tick");
        };
        let text = self.rest()[1..=length].replace('\r', "");
        self.at = start + length + 2;
        self.push(Kind::Literal(Value::Text(text)), start..self.at);
    }

    fn quoted_string(&mut self) {
        let start = self.at;
        let Some(length) = quoted_length(self.rest()) else {
            return self.unterminated(
                "string literal not terminated",
                "close it with a double quote on the same line",
            );
        };
        self.at = start + length;
        let body = start + 1..self.at - 1;
        let kind = match unescape(&self.text[body.clone()]) {
            Ok(text) => Kind::Literal(Value::Text(text)),
            Err(mut error) => {
                error.span = body.start + error.span.start..body.start + error.span.end;
                self.errors.push(error);
                Kind::Bad
            }
        };
        self.push(kind, start..self.at);
    }

    fn unterminated(&mut self, message: &str, help: &str) {
        let span = self.at..self.text.len();
        self.errors.push(Error::new(span.clone(), message).help(help));
        self.push(Kind::Bad, span);
        self.at = self.text.len();
    }
}

/// `text` cut to a length that fits into a message.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// The bytes that look like one number: digits, letters, points, and a sign after an exponent.
fn number_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(&b) = bytes.get(length) {
        let after_exponent = length > 0 && matches!(bytes[length - 1], b'e' | b'E');
        let part = b.is_ascii_alphanumeric()
            || matches!(b, b'.' | b'_')
            || (matches!(b, b'+' | b'-') && after_exponent);
        if !part {
            break;
        }
        length += 1;
    }
    length
}

/// The length of the double-quoted string that `text` starts with, quotes included.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (i, b) in text.bytes().enumerate().skip(1) {
        match b {
            b'\n' => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(i + 1),
            _ => {}
        }
    }
    None
}

/// Resolves Go's escapes in the inside of a double-quoted string.
fn unescape(body: &str) -> Result<String, Error> {
    if !body.contains('\\') {
        return Ok(body.to_owned());
    }
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    while let Some(offset) = body[at..].find('\\') {
        out.extend_from_slice(&body.as_bytes()[at..at + offset]);
        at += offset;
        at += escape(&body[at..], at, &mut out)?;
    }
    out.extend_from_slice(&body.as_bytes()[at..]);
    String::from_utf8(out).map_err(|_| {
        Error::new(0..body.len(), "string is not valid UTF-8")
            .help("write non-ASCII characters as they are, or as \\u escapes")
    })
}

/// Resolves the escape that `text` starts with and says how long it is.
fn escape(text: &str, at: usize, out: &mut Vec<u8>) -> Result<usize, Error> {
    let unknown = |length| {
        Error::new(at..at + length, "unknown escape sequence")
            .help("write a backslash as `\\\\`, or use back-ticks")
    };
    let letter = text[1..].chars().next().ok_or_else(|| unknown(1))?;
    let (digits, radix) = match letter {
        'x' => (2..4, 16),
        'u' => (2..6, 16),
        'U' => (2..10, 16),
        '0'..='7' => (1..4, 8),
        _ => {
            out.push(simple_escape(letter).ok_or_else(|| unknown(1 + letter.len_utf8()))?);
            return Ok(2);
        }
    };
    let invalid = || Error::new(at..at + 2, "invalid escape sequence");
    let number =
        text.get(digits.clone()).filter(|d| d.chars().all(|c| c.is_digit(radix))).ok_or_else(invalid)?;
    let number = u32::from_str_radix(number, radix).map_err(|_| invalid())?;
    if matches!(letter, 'u' | 'U') {
        let c = char::from_u32(number).ok_or_else(|| {
            Error::new(at..at + digits.end, "escape sequence is invalid Unicode code point")
        })?;
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        out.push(u8::try_from(number).map_err(|_| invalid())?);
    }
    Ok(digits.end)
}

fn simple_escape(letter: char) -> Option<u8> {
    Some(match letter {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '"' => b'"',
        _ => return None,
    })
}
