//! JSON (RFC 8259) to a tree, strictly: no comments, no trailing commas, no key twice.

use fairlead_diag::{Finding, Origin};

use crate::bounds::{Budget, check_depth};
use crate::duplicates::refuse_duplicates;
use crate::places::Places;
use crate::{Entry, Node, Value, codes};

/// Parses `text`; `path` is the name shown in origins. An empty text is an empty map.
///
/// # Errors
/// Malformed text, a key given twice, or text beyond the bounds.
pub fn parse(text: &str, path: &str) -> Result<Node, Finding> {
    let budget = Budget::for_text(text, path)?;
    let mut reader = Reader { text, at: 0, places: Places::new(text, path), budget };
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    reader.skip_space();
    if reader.at == text.len() {
        return Ok(Node::empty_map(Origin::file(path)));
    }
    let root = reader.value(0)?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.wrong("something follows the end of the value", "a file holds one value"));
    }
    Ok(match root.value {
        Value::Null => Node::empty_map(root.origin),
        _ => root,
    })
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    places: Places<'t>,
    budget: Budget,
}

impl<'t> Reader<'t> {
    fn value(&mut self, depth: usize) -> Result<Node, Finding> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Scalar { text: self.string()?.into(), quoted: true },
            Some(b'-' | b'0'..=b'9') => Value::Scalar { text: self.number()?.into(), quoted: false },
            _ => self.word()?,
        };
        let origin = self.places.origin(start..self.at);
        let bytes = if let Value::Scalar { text, .. } = &value { text.len() } else { 0 };
        self.budget.spend(1, bytes, &origin)?;
        Ok(Node { origin, value })
    }

    fn map(&mut self, depth: usize) -> Result<Value, Finding> {
        self.enter(depth)?;
        let mut entries: Vec<Entry> = Vec::new();
        while !self.closes(b'}', entries.is_empty())? {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.wrong("expected a key in double quotes", "write keys as \"name\""));
            }
            let key = self.string()?.into();
            let key_origin = self.places.origin(start..self.at);
            self.skip_space();
            if !self.take(b':') {
                return Err(self.wrong("expected `:` after the key", "write \"name\": value"));
            }
            self.skip_space();
            let node = self.value(depth + 1)?;
            entries.push(Entry { key, key_origin, node });
        }
        refuse_duplicates(&entries)?;
        Ok(Value::Map(entries))
    }

    fn list(&mut self, depth: usize) -> Result<Value, Finding> {
        self.enter(depth)?;
        let mut items = Vec::new();
        while !self.closes(b']', items.is_empty())? {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::List(items))
    }

    fn enter(&mut self, depth: usize) -> Result<(), Finding> {
        check_depth(depth + 1, &self.places.origin(self.at..self.at + 1))?;
        self.at += 1;
        Ok(())
    }

    /// Goes to the next element: false, or true when the list or map ends here.
    fn closes(&mut self, close: u8, first: bool) -> Result<bool, Finding> {
        self.skip_space();
        if self.take(close) {
            return Ok(true);
        }
        if first {
            return Ok(false);
        }
        if !self.take(b',') {
            let message = format!("expected `,` or `{}`", char::from(close));
            return Err(self.wrong(&message, "separate elements by commas"));
        }
        self.skip_space();
        if self.peek() == Some(close) {
            return Err(self.wrong("a comma before the end", "remove the comma; JSON allows none there"));
        }
        Ok(false)
    }

    fn word(&mut self) -> Result<Value, Finding> {
        for (word, value) in [
            ("true", Value::Scalar { text: "true".into(), quoted: false }),
            ("false", Value::Scalar { text: "false".into(), quoted: false }),
            ("null", Value::Null),
        ] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        let help = "a value is text in double quotes, a number, true, false, null, a list or a map; JSON has no comments";
        Err(self.wrong("expected a value", help))
    }

    fn number(&mut self) -> Result<&'t str, Finding> {
        let rest = &self.text[self.at..];
        let len =
            rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        let number = &rest[..len];
        if !is_number(number) {
            return Err(
                self.wrong("not a number of JSON", "write 0, 12, -3, 1.5 or 2e3; quote anything else")
            );
        }
        self.at += len;
        Ok(number)
    }

    fn string(&mut self) -> Result<String, Finding> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(len) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') else {
                self.at = start;
                return Err(self.wrong("the text is not closed", "add the missing double quote"));
            };
            out.push_str(&rest[..len]);
            self.at += len;
            match rest.as_bytes()[len] {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => out.push(self.escape()?),
                _ => {
                    return Err(self
                        .wrong("a line break or control character in a text", "write it as \\n or \\u00XX"));
                }
            }
        }
    }

    /// The character of the escape at the current place.
    fn escape(&mut self) -> Result<char, Finding> {
        let letter = self.text.as_bytes().get(self.at + 1).copied();
        let plain = match letter {
            Some(b @ (b'"' | b'\\' | b'/')) => Some(char::from(b)),
            Some(b'b') => Some('\u{8}'),
            Some(b'f') => Some('\u{c}'),
            Some(b'n') => Some('\n'),
            Some(b'r') => Some('\r'),
            Some(b't') => Some('\t'),
            _ => None,
        };
        if let Some(plain) = plain {
            self.at += 2;
            return Ok(plain);
        }
        self.unicode().ok_or_else(|| self.wrong("not an escape of JSON", "write \\\\ for a backslash"))
    }

    /// `\uXXXX`, or two of them for a character beyond the first 65,536.
    fn unicode(&mut self) -> Option<char> {
        let first = self.unit(self.at)?;
        if let Some(single) = char::from_u32(first) {
            self.at += 6;
            return Some(single);
        }
        let second = self.unit(self.at + 6)?;
        let pair =
            char::decode_utf16([u16::try_from(first).ok()?, u16::try_from(second).ok()?]).next()?.ok()?;
        self.at += 12;
        Some(pair)
    }

    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn wrong(&self, message: &str, help: &str) -> Finding {
        let message = match self.text[self.at..].chars().next() {
            Some(found) => format!("not valid JSON: {message}, found `{}`", found.escape_default()),
            None => format!("not valid JSON: {message}, but the text ends"),
        };
        Finding::new(&codes::SYNTAX, message).at(&self.places.origin(self.at..self.at)).help(help)
    }
}

/// The grammar of RFC 8259, section 6.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (integer, fraction) = match mantissa.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(integer)
        && (integer == "0" || !integer.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}
