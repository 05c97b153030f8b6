//! Literals of Go: quoted text, characters and numbers.

use crate::Value;

/// The value of the quoted literal at the start of `text`, and its length in bytes.
pub(crate) fn quoted(text: &str) -> Result<(Value, usize), String> {
    let Some(quote @ ('"' | '`' | '\'')) = text.chars().next() else {
        return Err("expected text in double quotes".to_owned());
    };
    let not_closed = || format!("the text is not closed; add the missing {quote}");
    if quote == '`' {
        let end = text[1..].find('`').ok_or_else(not_closed)? + 1;
        return Ok((Value::text(&text[1..end]), end + 1));
    }
    let mut out = String::new();
    let mut at = 1;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '\n' => break,
            c if c == quote => return finish(&out, quote).map(|value| (value, at + 1)),
            '\\' => {
                let (c, len) = escape(&text[at + 1..]).ok_or("unknown escape in a text")?;
                out.push(c);
                at += 1 + len;
            }
            c => {
                out.push(c);
                at += c.len_utf8();
            }
        }
    }
    Err(not_closed())
}

/// Text, or for single quotes the number of the only character.
fn finish(text: &str, quote: char) -> Result<Value, String> {
    if quote == '"' {
        return Ok(Value::text(text));
    }
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(Value::Int(i64::from(u32::from(c)))),
        _ => Err("single quotes hold one character; use double quotes for text".to_owned()),
    }
}

/// The character of the escape after a backslash, and its length in bytes.
fn escape(text: &str) -> Option<(char, usize)> {
    let hex = |digits: usize| {
        let code = text.get(1..=digits)?;
        let valid = code.bytes().all(|b| b.is_ascii_hexdigit());
        let code = valid.then(|| u32::from_str_radix(code, 16).ok()).flatten()?;
        Some((char::from_u32(code)?, digits + 1))
    };
    Some(match text.chars().next()? {
        'n' => ('\n', 1),
        't' => ('\t', 1),
        'r' => ('\r', 1),
        'a' => ('\u{7}', 1),
        'b' => ('\u{8}', 1),
        'f' => ('\u{c}', 1),
        'v' => ('\u{b}', 1),
        c @ ('\\' | '"' | '\'') => (c, 1),
        'x' => hex(2)?,
        'u' => hex(4)?,
        'U' => hex(8)?,
        _ => return None,
    })
}

/// The value of a number: decimal, `0x`, `0o`, `0b`, with `_` between digits, or a float.
pub(crate) fn number(text: &str) -> Option<Value> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (if text.starts_with('-') { -1 } else { 1 }, digits),
        None => (1, text),
    };
    let plain = digits.replace('_', "").to_ascii_lowercase();
    let radix =
        [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(p, r)| Some((plain.strip_prefix(p)?, r)));
    if let Some((digits, radix)) = radix {
        let valid = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let number = valid.then(|| i64::from_str_radix(digits, radix).ok()).flatten()?;
        return Some(Value::Int(sign * number));
    }
    if !plain.bytes().all(|b| b.is_ascii_digit() || b"e.+-".contains(&b)) {
        return None;
    }
    if plain.bytes().all(|b| b.is_ascii_digit()) {
        // With the sign, or the smallest number would not fit.
        return format!("{}{plain}", if sign < 0 { "-" } else { "" }).parse().ok().map(Value::Int);
    }
    let number: f64 = plain.parse().ok()?;
    number.is_finite().then_some(Value::Float(f64::from(sign as i32) * number))
}
