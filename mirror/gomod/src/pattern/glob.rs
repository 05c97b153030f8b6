//! One glob against one name, as Go's `path.Match` compares them.
//!
//! `*` is any run of characters but `/`, `?` any one but `/`, `[a-z]` and `[^a-z]` a class (which may match `/`), and `\` takes the
//! next character as it is. The whole name must match. Work is at most the product of both lengths.

use thiserror::Error;

/// A glob whose syntax is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// True when the glob matches the whole name.
///
/// A malformed glob is an error whatever the name.
pub fn path_match(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    let (mut pattern, mut name) = (pattern.as_bytes(), name.as_bytes());
    'pieces: while !pattern.is_empty() {
        let piece = Piece::split(pattern);
        pattern = piece.rest;
        if piece.star && piece.chunk.is_empty() {
            return Ok(!name.contains(&b'/'));
        }
        let last = pattern.is_empty();
        let steps = if piece.star { name.iter().take_while(|&&b| b != b'/').count() } else { 0 };
        for skipped in 0..=steps {
            match match_chunk(piece.chunk, &name[skipped..])? {
                // The last chunk must reach the end; a star before it may reach further.
                Some(left) if left.is_empty() || !last => {
                    name = left;
                    continue 'pieces;
                }
                _ => {}
            }
        }
        while !pattern.is_empty() {
            let piece = Piece::split(pattern);
            match_chunk(piece.chunk, b"")?;
            pattern = piece.rest;
        }
        return Ok(false);
    }
    Ok(name.is_empty())
}

/// The characters that a well-formed glob demands as they are, slashes included, and how many of them stand before the first slash.
pub(super) fn literals(glob: &str) -> (Vec<char>, usize) {
    let mut literals = Vec::new();
    let mut host = None;
    let mut chars = glob.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' => {}
            '[' => skip_class(&mut chars),
            '\\' => literals.extend(chars.next()),
            _ => literals.push(c),
        }
        if c == '/' && host.is_none() {
            host = Some(literals.len());
        }
    }
    let host = host.unwrap_or(literals.len());
    (literals, host)
}

fn skip_class(chars: &mut std::str::Chars<'_>) {
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            ']' => return,
            _ => {}
        }
    }
}

/// The next part of a glob: perhaps a star, then what one character of the name each must match.
struct Piece<'a> {
    star: bool,
    chunk: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Piece<'a> {
    fn split(pattern: &'a [u8]) -> Self {
        let stars = pattern.iter().take_while(|&&b| b == b'*').count();
        let pattern = &pattern[stars..];
        let (mut at, mut in_class) = (0, false);
        while let Some(&b) = pattern.get(at) {
            match b {
                b'\\' => at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'*' if !in_class => break,
                _ => {}
            }
            at += 1;
        }
        let (chunk, rest) = pattern.split_at(at.min(pattern.len()));
        Self { star: stars > 0, chunk, rest }
    }
}

/// Matches a chunk against the start of the name and gives what is left of the name.
/// Reads the chunk to its end even after a mismatch, so that a malformed one never goes unnoticed.
fn match_chunk<'n>(mut chunk: &[u8], name: &'n [u8]) -> Result<Option<&'n [u8]>, BadPattern> {
    // None once the match has failed.
    let mut left = Some(name);
    while let Some((&b, after)) = chunk.split_first() {
        left = left.filter(|name| !name.is_empty());
        chunk = after;
        match b {
            b'[' => {
                let (c, rest) = decode(left.unwrap_or_default());
                let matched;
                (matched, chunk) = match_class(chunk, c)?;
                left = left.and(matched.then_some(rest));
            }
            b'?' => left = left.filter(|name| name[0] != b'/').map(|name| decode(name).1),
            b'\\' => {
                let (&literal, after) = chunk.split_first().ok_or(BadPattern)?;
                chunk = after;
                left = left.and_then(|name| name.strip_prefix(&[literal]));
            }
            literal => left = left.and_then(|name| name.strip_prefix(&[literal])),
        }
    }
    Ok(left)
}

/// Matches a class, given without its `[`, and gives what follows it.
fn match_class(chunk: &[u8], c: u32) -> Result<(bool, &[u8]), BadPattern> {
    let (negated, mut chunk) = match chunk.strip_prefix(b"^") {
        Some(rest) => (true, rest),
        None => (false, chunk),
    };
    let mut matched = false;
    let mut first = true;
    loop {
        if let Some(rest) = chunk.strip_prefix(b"]")
            && !first
        {
            return Ok((matched != negated, rest));
        }
        first = false;
        let low;
        (low, chunk) = class_character(chunk)?;
        let mut high = low;
        if let Some(rest) = chunk.strip_prefix(b"-") {
            (high, chunk) = class_character(rest)?;
        }
        matched |= (low..=high).contains(&c);
    }
}

/// One character of a class, perhaps behind a `\`. Something must follow it: at the least the class's `]`.
fn class_character(chunk: &[u8]) -> Result<(u32, &[u8]), BadPattern> {
    let chunk = match chunk.first() {
        None | Some(b'-' | b']') => return Err(BadPattern),
        Some(b'\\') => &chunk[1..],
        Some(_) => chunk,
    };
    let (c, rest) = decode(chunk);
    if rest.is_empty() { Err(BadPattern) } else { Ok((c, rest)) }
}

/// The first character, and what follows; U+FFFD for each byte that is no part of one (a star may stop inside a character).
fn decode(bytes: &[u8]) -> (u32, &[u8]) {
    let head = &bytes[..bytes.len().min(4)];
    match head.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next()) {
        Some(c) => (u32::from(c), &bytes[c.len_utf8()..]),
        None => (0xfffd, bytes.get(1..).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        let cases = [
            ("", "", true),
            ("", "a", false),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("abc", "ab", false),
            ("*", "", true),
            ("*", "abc", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("**", "ab", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*/b", "a/b", true),
            ("a*/b", "axx/b", true),
            ("a*/b", "a/c/b", false),
            ("*c", "abc", true),
            ("*b", "abb", true),
            ("*b*b", "abcb", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("*ab", "aab", true),
            ("*.com", ".com", true),
            ("?", "a", true),
            ("?", "/", false),
            ("?", "", false),
            ("?", "é", true),
            ("??", "é", false),
            ("a?b", "a世b", true),
            ("[a-c]", "b", true),
            ("[a-c]", "d", false),
            ("[^a-c]", "d", true),
            ("[^a-c]", "b", false),
            ("[c-a]", "b", false),
            ("[ac]", "c", true),
            ("[a-cx-z]", "y", true),
            ("[α-ω]", "λ", true),
            ("[^a]", "é", true),
            ("[^a]", "", false),
            ("[a^]", "^", true),
            ("[\\]]", "]", true),
            ("[\\-]", "-", true),
            ("[a\\-z]", "-", true),
            ("[a\\-z]", "m", false),
            ("[*]", "*", true),
            ("[*]", "x", false),
            ("[^x]", "/", true),
            ("[.-0]", "/", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("\\a", "a", true),
            ("\\é", "é", true),
            ("a]", "a]", true),
            ("]", "]", true),
            ("a-b", "a-b", true),
            ("*\u{ff}", "\u{ff}", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(path_match(pattern, name), Ok(expected), "{pattern:?} {name:?}");
        }
    }

    #[test]
    fn malformed_globs_are_errors_whatever_the_name() {
        for pattern in [
            "[", "[]", "[]a]", "[^", "[^]", "[^]a]", "[a", "[a-", "[a-]", "[-]", "[-a]", "[a-b-c]", "[x-]",
            "\\", "a\\", "[\\", "[a\\", "*[", "a*b[c", "?[", "a/[z",
        ] {
            for name in ["", "a", "ab", "zzz", "a/b"] {
                assert_eq!(path_match(pattern, name), Err(BadPattern), "{pattern:?} {name:?}");
            }
        }
    }

    #[test]
    fn stars_do_not_multiply_the_work() {
        let name = "a".repeat(4_000);
        let pattern = "a*".repeat(500) + "b";
        assert_eq!(path_match(&pattern, &name), Ok(false));
    }

    #[test]
    fn literals_leave_out_what_stands_for_others() {
        assert_eq!(literals("a*.[x-z]b/?\\*c"), (vec!['a', '.', 'b', '/', '*', 'c'], 4));
        assert_eq!(literals("[\\]]*"), (vec![], 0));
    }
}
