//! What a scalar's text means, and how to say what was expected and what was found.

use super::Error;
use crate::{Node, Value, nearest};

/// The words of Go's `ParseBool` and of YAML.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    const YES: [&str; 6] = ["true", "1", "t", "yes", "on", "y"];
    const NO: [&str; 6] = ["false", "0", "f", "no", "off", "n"];
    if YES.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        Some(true)
    } else if NO.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        Some(false)
    } else {
        None
    }
}

/// A number type that a scalar can be read as. Digits may be grouped by `_`.
pub(super) trait Number: Sized {
    /// What to say when the text is none.
    const EXPECTED: &'static str;
    fn parse(text: &str) -> Option<Self>;
}

macro_rules! integers {
    ($($type:ty, $expected:literal;)*) => {$(
        impl Number for $type {
            const EXPECTED: &'static str = $expected;
            fn parse(text: &str) -> Option<Self> {
                integer_text(text)?.parse().ok()
            }
        }
    )*};
}

integers! {
    i8, "a whole number from -128 to 127";
    i16, "a whole number from -32768 to 32767";
    i32, "a whole number from -2147483648 to 2147483647";
    i64, "a whole number";
    i128, "a whole number";
    u8, "a whole number from 0 to 255";
    u16, "a whole number from 0 to 65535";
    u32, "a whole number from 0 to 4294967295";
    u64, "a whole number, not negative";
    u128, "a whole number, not negative";
}

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl Number for $type {
            const EXPECTED: &'static str = "a number";
            fn parse(text: &str) -> Option<Self> {
                is_number(text).then(|| text.replace('_', "").parse().ok()).flatten()
            }
        }
    )*};
}

floats!(f32, f64);

/// The text without grouping, if it is that of a whole number.
fn integer_text(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let fits = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    match (fits, digits.contains('_')) {
        (false, _) => None,
        (true, false) => Some(text.into()),
        (true, true) => Some(text.replace('_', "").into()),
    }
}

/// Whether the text is that of a decimal number, whole or not.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().any(|b| b.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'e' | b'E' | b'-' | b'+'))
}

/// What a scalar is when nobody says what it should be.
pub(crate) enum Guess {
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Text,
}

/// The reading of the YAML core schema: `true`, `false`, decimal numbers; all else, and all that is quoted, is text.
pub(crate) fn guess(text: &str, quoted: bool) -> Guess {
    if quoted {
        return Guess::Text;
    }
    match text {
        "true" | "True" | "TRUE" => return Guess::Bool(true),
        "false" | "False" | "FALSE" => return Guess::Bool(false),
        _ => {}
    }
    // A leading zero or a grouping mark: a version, a port with padding, an identifier.
    if text.contains('_') || !is_number(text) {
        return Guess::Text;
    }
    if let Ok(number) = text.parse::<i64>() {
        Guess::Int(number)
    } else if let Ok(number) = text.parse::<u64>() {
        Guess::Unsigned(number)
    } else {
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Guess::Float(number),
            _ => Guess::Text,
        }
    }
}

/// The declared spelling of a variant that equals `text` without case.
pub(super) fn variant(text: &str, variants: &'static [&'static str]) -> Result<&'static str, Error> {
    if let Some(variant) = variants.iter().find(|variant| variant.eq_ignore_ascii_case(text)) {
        return Ok(variant);
    }
    let error = Error::bad_value(format!("expected {}, found `{}`", one_of(variants), shortened(text)));
    Err(match nearest(text, variants.iter().copied()) {
        Some(known) => error.help(format!("did you mean `{known}`?")),
        None => error,
    })
}

/// `one of a, b, c`.
pub(super) fn one_of(variants: &[&str]) -> String {
    match variants {
        [only] => format!("`{only}`"),
        _ => format!("one of {}", variants.join(", ")),
    }
}

/// `a section`, with its keys when they are few.
pub(super) fn section_of(fields: &[&str]) -> String {
    match fields.len() {
        1..=6 => format!("a section with keys such as {}", fields.join(", ")),
        _ => "a section".to_owned(),
    }
}

/// What stands there, for a message.
pub(super) fn describe(node: &Node, item: Option<&str>) -> String {
    match (item, &node.value) {
        (Some(text), _) => format!("`{}`", shortened(text)),
        (None, Value::Null) => "nothing".to_owned(),
        (None, Value::Scalar { text, .. }) if text.is_empty() => "an empty text".to_owned(),
        (None, Value::Scalar { text, .. }) => format!("`{}`", shortened(text)),
        (None, Value::List(items)) => format!("a list of {}", items.len()),
        (None, Value::Map(entries)) => match entries.first() {
            Some(entry) => format!("a section with the key `{}`", shortened(&entry.key)),
            None => "an empty section".to_owned(),
        },
    }
}

/// At most the first 60 characters: what is quoted may be long, or a secret pasted in the wrong place.
fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.len() < text.len() => format!("{line}…"),
        None => line.to_owned(),
    }
}
