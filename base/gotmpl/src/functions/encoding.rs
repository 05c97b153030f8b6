//! Encodings and digests.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{Function, MANY, row};
use crate::Value;
use crate::call::{Arguments, check_len, int_to_float};
use crate::format::write_value;

pub(super) static ALL: &[Function] = &[
    row("b64enc", "b64enc TEXT", (1, 1), "the text in base64", |a| {
        a.made(STANDARD.encode(a.text(0)?.as_bytes()))
    }),
    row("b64dec", "b64dec TEXT", (1, 1), "the text that base64 stands for", |a| {
        let bytes = STANDARD.decode(a.text(0)?.as_bytes()).map_err(|error| format!("not base64: {error}"))?;
        a.made(String::from_utf8(bytes).map_err(|_| "what it stands for is not UTF-8 text")?)
    }),
    row("sha256sum", "sha256sum TEXT", (1, 1), "the SHA-256 digest in hexadecimal", |a| {
        let mut out = String::with_capacity(64);
        for byte in Sha256::digest(a.text(0)?.as_bytes()) {
            let _ = write!(out, "{byte:02x}");
        }
        Ok(out.into())
    }),
    row("toJson", "toJson A", (1, 1), "A as JSON", |a| {
        let mut out = String::new();
        write_json(&a.value(0), &mut out)?;
        a.made(out)
    }),
    row("fromJson", "fromJson TEXT", (1, 1), "what the JSON says", |a| {
        let json = serde_json::from_str(&a.text(0)?).map_err(|error| format!("not JSON: {error}"))?;
        Ok(from_json(json))
    }),
    row("html", "html A …", (0, MANY), "text with the characters of HTML escaped", |a| {
        escaped(a, |c, out| match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        })
    }),
    row("js", "js A …", (0, MANY), "text with the characters of JavaScript escaped", |a| {
        escaped(a, |c, out| match c {
            '\\' | '\'' | '"' => out.extend(['\\', c]),
            '<' | '>' | '&' | '=' => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        })
    }),
    row("urlquery", "urlquery A …", (0, MANY), "text as a part of a query", |a| {
        escaped(a, |c, out| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' | '~' => out.push(c),
            ' ' => out.push('+'),
            c => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(out, "%{byte:02X}");
                }
            }
        })
    }),
];

fn escaped(a: &Arguments<'_>, escape: fn(char, &mut String)) -> Result<Value, String> {
    let mut text = String::new();
    for value in &a.values {
        write_value(value, &mut text)?;
    }
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| escape(c, &mut out));
    a.made(out)
}

/// Go's form: no spaces, keys in order, `<`, `>` and `&` escaped.
fn write_json(value: &Value, out: &mut String) -> Result<(), String> {
    check_len(out.len())?;
    match value {
        Value::Nil => out.push_str("null"),
        Value::Text(text) => write_json_text(text, out),
        Value::List(list) => {
            out.push('[');
            for (index, item) in list.items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write_json(item, out)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (index, (key, item)) in map.entries.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write_json_text(key, out);
                out.push(':');
                write_json(item, out)?;
            }
            out.push('}');
        }
        Value::Float(number) if !number.is_finite() => return Err("JSON has no such number".to_owned()),
        Value::Float(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Int(_) | Value::Bool(_) => write_value(value, out)?,
    }
    Ok(())
}

fn write_json_text(text: &str, out: &mut String) {
    let plain = serde_json::Value::from(text).to_string();
    out.push_str(&plain.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"));
}

/// Numbers become floats, as in Go.
fn from_json(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(number) => {
            Value::Float(number.as_f64().or_else(|| number.as_i64().map(int_to_float)).unwrap_or(0.0))
        }
        serde_json::Value::String(text) => Value::from(text),
        serde_json::Value::Array(items) => Value::list(items.into_iter().map(from_json)),
        serde_json::Value::Object(entries) => {
            Value::map(entries.into_iter().map(|(key, value)| (key, from_json(value))))
        }
    }
}
