//! Values as text, as Go's `fmt` shows them.

use std::fmt::Write;

use crate::Value;
use crate::call::{check_len, to_float, to_int};

/// What `{{ value }}` shows.
pub(crate) fn to_text(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    match value {
        Value::Nil => out.push_str("<no value>"),
        other => write_value(other, &mut out)?,
    }
    Ok(out)
}

/// What `print` makes of a value (`%v`).
pub(crate) fn write_value(value: &Value, out: &mut String) -> Result<(), String> {
    check_len(out.len())?;
    match value {
        Value::Nil => out.push_str("<nil>"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => out.push_str(&float(*number)),
        Value::Text(text) => out.push_str(text),
        Value::List(list) => {
            out.push('[');
            for (index, item) in list.items.iter().enumerate() {
                out.push_str(if index > 0 { " " } else { "" });
                write_value(item, out)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push_str("map[");
            for (index, (key, item)) in map.entries.iter().enumerate() {
                let _ = write!(out, "{}{key}:", if index > 0 { " " } else { "" });
                write_value(item, out)?;
            }
            out.push(']');
        }
    }
    Ok(())
}

/// The shortest form that reads back, with an exponent below 1e-4 and from 1e6.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number != 0.0 && !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    format!("{number}")
}

/// Go's `Sprintf` for the verbs that make sense here; a bad verb shows as Go shows it.
pub(crate) fn printf(format: &str, args: &[Value]) -> Result<String, String> {
    let mut out = String::new();
    let mut args = args.iter();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        check_len(out.len())?;
        let spec = Spec::read(&rest[at + 1..], &mut args)?;
        rest = &rest[at + 1 + spec.len..];
        if spec.verb == '%' {
            out.push('%');
            continue;
        }
        match args.next() {
            Some(value) => out.push_str(&spec.show(value)?),
            None => {
                let _ = write!(out, "%!{}(MISSING)", spec.verb);
            }
        }
    }
    out.push_str(rest);
    check_len(out.len())?;
    Ok(out)
}

/// One `%-08.3f`.
struct Spec {
    minus: bool,
    plus: bool,
    zero: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
    verb: char,
    len: usize,
}

impl Spec {
    fn read<'v>(text: &str, args: &mut impl Iterator<Item = &'v Value>) -> Result<Spec, String> {
        let flags = text.len() - text.trim_start_matches(['-', '+', '0', '#', ' ']).len();
        let has = |flag| text[..flags].contains(flag);
        let (width, rest) = number(&text[flags..], args)?;
        let (precision, rest) = match rest.strip_prefix('.') {
            Some(rest) => number(rest, args).map(|(precision, rest)| (Some(precision), rest))?,
            None => (None, rest),
        };
        let verb = rest.chars().next().unwrap_or('!');
        let len = text.len() - rest.len() + rest.chars().next().map_or(0, char::len_utf8);
        Ok(Spec {
            minus: has('-'),
            plus: has('+'),
            zero: has('0'),
            sharp: has('#'),
            width,
            precision,
            verb,
            len,
        })
    }

    fn show(&self, value: &Value) -> Result<String, String> {
        let text = match (self.verb, value) {
            ('v', value) => shown(value)?,
            ('s', value @ (Value::Text(_) | Value::List(_) | Value::Map(_) | Value::Nil)) => {
                let text = shown(value)?;
                match self.precision {
                    Some(precision) => text.chars().take(precision).collect(),
                    None => text,
                }
            }
            ('q', Value::Text(text)) => quote(text),
            ('d', Value::Int(number)) => self.signed(number.to_string()),
            ('x', Value::Int(number)) => self.signed(self.based(*number, "0x", |n| format!("{n:x}"))),
            ('X', Value::Int(number)) => self.signed(self.based(*number, "0X", |n| format!("{n:X}"))),
            ('o', Value::Int(number)) => self.signed(self.based(*number, "0", |n| format!("{n:o}"))),
            ('b', Value::Int(number)) => self.signed(self.based(*number, "0b", |n| format!("{n:b}"))),
            ('c', Value::Int(_)) => {
                u32::try_from(to_int(value)).ok().and_then(char::from_u32).unwrap_or('\u{fffd}').into()
            }
            ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ('f' | 'F', Value::Float(_)) => {
                self.signed(format!("{:.*}", self.precision.unwrap_or(6), to_float(value)))
            }
            ('g', Value::Float(number)) => self.signed(float(*number)),
            ('t', Value::Bool(value)) => value.to_string(),
            ('T', value) => go_type(value).to_owned(),
            (verb, value) => format!("%!{verb}({}={})", go_type(value), shown(value)?),
        };
        Ok(self.padded(text, value))
    }

    fn based(&self, number: i64, prefix: &str, digits: impl Fn(u64) -> String) -> String {
        let sign = if number < 0 { "-" } else { "" };
        format!("{sign}{}{}", if self.sharp { prefix } else { "" }, digits(number.unsigned_abs()))
    }

    fn signed(&self, text: String) -> String {
        if self.plus && !text.starts_with('-') { format!("+{text}") } else { text }
    }

    fn padded(&self, text: String, value: &Value) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        if missing == 0 {
            text
        } else if self.minus {
            text + &" ".repeat(missing)
        } else if self.zero && matches!(value, Value::Int(_) | Value::Float(_)) {
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
            format!("{sign}{}{digits}", "0".repeat(missing))
        } else {
            " ".repeat(missing) + &text
        }
    }
}

/// A width or precision at the start of `text`, or the next argument for `*`.
fn number<'t, 'v>(
    text: &'t str,
    args: &mut impl Iterator<Item = &'v Value>,
) -> Result<(usize, &'t str), String> {
    let (number, rest) = match text.strip_prefix('*') {
        Some(rest) => (usize::try_from(to_int(args.next().unwrap_or(&Value::Nil))).unwrap_or(0), rest),
        None => {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            (if end == 0 { 0 } else { text[..end].parse().unwrap_or(usize::MAX) }, &text[end..])
        }
    };
    // Rust's formatter takes widths up to 65,535.
    if number > 10_000 {
        return Err("a width of more than 10000 characters".to_owned());
    }
    Ok((number, rest))
}

fn shown(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    write_value(value, &mut out)?;
    Ok(out)
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Nil => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float64",
        Value::Text(_) => "string",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
    }
}

/// Text in double quotes with Go's escapes.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() && u32::from(c) < 0x80 => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
