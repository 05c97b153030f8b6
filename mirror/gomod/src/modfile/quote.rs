//! Strings as Go quotes them.

/// The text within Go quotes: `"…"` with escapes, or `` `…` `` without any. None where the quoting is wrong.
///
/// Bytes that escapes spell and that are no UTF-8 become U+FFFD: no name may hold them anyway.
pub(super) fn unquote(quoted: &str) -> Option<String> {
    if let Some(rest) = quoted.strip_prefix('`') {
        let raw = rest.strip_suffix('`')?;
        return (!raw.contains('`')).then(|| raw.replace('\r', ""));
    }
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '"' | '\n' => return None,
            '\\' => rest = escape(rest, &mut bytes)?,
            _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads one escape, without its backslash, and gives what follows it.
fn escape<'a>(rest: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let kind = *rest.as_bytes().first()?;
    let simple = match kind {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' | b'"' => kind,
        b'0'..=b'7' => {
            let (code, rest) = digits(rest, 3, 8)?;
            bytes.push(u8::try_from(code).ok()?);
            return Some(rest);
        }
        b'x' => {
            let (code, rest) = digits(&rest[1..], 2, 16)?;
            bytes.push(u8::try_from(code).ok()?);
            return Some(rest);
        }
        b'u' | b'U' => {
            let (code, rest) = digits(&rest[1..], if kind == b'u' { 4 } else { 8 }, 16)?;
            bytes.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    };
    bytes.push(simple);
    Some(&rest[1..])
}

fn digits(rest: &str, len: usize, radix: u32) -> Option<(u32, &str)> {
    let (digits, rest) = rest.split_at_checked(len)?;
    let mut code = 0_u32;
    for c in digits.chars() {
        code = code.checked_mul(radix)?.checked_add(c.to_digit(radix)?)?;
    }
    Some((code, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_unquoted_as_go_does() {
        for (quoted, expected) in [
            (r#""""#, ""),
            (r#""a b""#, "a b"),
            (r#""\a\b\f\n\r\t\v\\\"""#, "\x07\x08\x0c\n\r\t\x0b\\\""),
            (r#""\x41\101\u00e9\U0001F600""#, "AAé😀"),
            (r#""\xc3\xa9 \xff""#, "é \u{fffd}"),
            ("`a\\n\"b\r`", "a\\n\"b"),
            ("``", ""),
        ] {
            assert_eq!(unquote(quoted).as_deref(), Some(expected), "{quoted}");
        }
    }

    #[test]
    fn wrong_quoting_is_refused() {
        for quoted in [
            "",
            "\"",
            "`",
            "a",
            "'a'",
            "\"a",
            "a\"",
            "\"a`",
            "`a`b`",
            "\"a\"b\"",
            "\"a\nb\"",
            "\"\\\"",
            r#""\'""#,
            r#""\q""#,
            r#""\8""#,
            r#""\400""#,
            r#""\18""#,
            r#""\x4""#,
            r#""\xg0""#,
            r#""\x+1""#,
            r#""\u12""#,
            r#""\ud800""#,
            r#""\U00110000""#,
            r#""\UFFFFFFFF""#,
            "\"\\é\"",
            "\"\\xé\"",
        ] {
            assert_eq!(unquote(quoted), None, "{quoted:?}");
        }
    }
}
