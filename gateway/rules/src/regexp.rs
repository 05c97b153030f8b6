//! Go's regular expressions on the `regex` crate.
//!
//! Both are of the RE2 family and take linear time. They differ in spelling and in what the Perl classes cover, so a
//! pattern is rewritten first (`\d`, `\w`, `\s`, `\b` are ASCII in Go; `\Q…\E` quotes; a `{` that starts no
//! repetition and a `[`, `&` or `~` inside a class are plain characters). Syntax: pkg.go.dev/regexp/syntax.

use std::iter::Peekable;
use std::str::CharIndices;

use regex::bytes::{Regex, RegexBuilder};

/// The most memory that one compiled pattern may take, in bytes.
const SIZE_LIMIT: usize = 2 << 20;
/// The deepest nesting of groups.
const NEST_LIMIT: u32 = 100;

/// A pattern in Go's syntax, unanchored as Go's `MatchString`.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    kind: Kind,
}

/// Patterns without any operator are compared as strings, which is several times faster and far smaller.
#[derive(Debug, Clone)]
enum Kind {
    Contains(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Exact(Box<str>),
    Regex(Regex),
}

impl Pattern {
    /// Compiles `go`.
    ///
    /// # Errors
    /// What is wrong with the pattern, in one line.
    pub(crate) fn new(go: &str) -> Result<Self, String> {
        let kind = match literal(go) {
            Some(kind) => kind,
            None => Kind::Regex(compile(&regex_from_go(go)?)?),
        };
        Ok(Self { kind })
    }

    /// Whether the pattern matches anywhere in `text`.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        match &self.kind {
            Kind::Contains(part) => memchr::memmem::find(text, part.as_bytes()).is_some(),
            Kind::Prefix(part) => text.starts_with(part.as_bytes()),
            Kind::Suffix(part) => text.ends_with(part.as_bytes()),
            Kind::Exact(part) => text == part.as_bytes(),
            Kind::Regex(regex) => regex.is_match(text),
        }
    }

    /// A text that everything the pattern matches starts with; empty if there is none.
    pub(crate) fn required_prefix(&self) -> &str {
        match &self.kind {
            Kind::Prefix(part) | Kind::Exact(part) => part,
            _ => "",
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .nest_limit(NEST_LIMIT)
        .build()
        .map_err(|error| describe(&error))
}

/// The last line of the crate's report, which is the message without the drawing.
fn describe(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(limit) = error {
        return format!("pattern compiles to more than {limit} bytes");
    }
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

fn literal(go: &str) -> Option<Kind> {
    let (anchored, rest) = go.strip_prefix('^').map_or((false, go), |rest| (true, rest));
    let (ended, body) = rest.strip_suffix('$').map_or((false, rest), |rest| (true, rest));
    let mut text = String::with_capacity(body.len());
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next().filter(char::is_ascii_punctuation)?),
            '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            c => text.push(c),
        }
    }
    let text = text.into_boxed_str();
    Some(match (anchored, ended) {
        (false, false) => Kind::Contains(text),
        (true, false) => Kind::Prefix(text),
        (false, true) => Kind::Suffix(text),
        (true, true) => Kind::Exact(text),
    })
}

/// A pattern in Go's spelling (RE2) as the `regex` crate spells it.
///
/// # Errors
/// What the crate cannot do, such as `\C`.
pub fn regex_from_go(go: &str) -> Result<String, String> {
    let mut out = String::with_capacity(go.len() + 16);
    let mut chars = go.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => escape(go, &mut chars, &mut out, false)?,
            '[' => class(go, &mut chars, &mut out)?,
            '{' if !is_repetition(&go[at..]) => out.push_str("\\{"),
            c => out.push(c),
        }
    }
    Ok(out)
}

fn escape(
    go: &str,
    chars: &mut Peekable<CharIndices<'_>>,
    out: &mut String,
    in_class: bool,
) -> Result<(), String> {
    let Some((at, c)) = chars.next() else {
        return Err("trailing backslash at end of expression".to_owned());
    };
    match c {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' => out.push_str("[\\t\\n\\f\\r ]"),
        'S' => out.push_str("[^\\t\\n\\f\\r ]"),
        'b' if !in_class => out.push_str("(?-u:\\b)"),
        'B' if !in_class => out.push_str("(?-u:\\B)"),
        'Q' if !in_class => {
            let body = &go[at + 1..];
            let (quoted, length) =
                body.split_once("\\E").map_or((body, body.len()), |(q, _)| (q, q.len() + 2));
            out.push_str(&regex::escape(quoted));
            while chars.next_if(|(i, _)| *i < at + 1 + length).is_some() {}
        }
        'C' => return Err("`\\C` (a single byte) is not supported".to_owned()),
        c if c.is_ascii_punctuation() => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        c => out.extend(['\\', c]),
    }
    Ok(())
}

/// Copies a bracket class up to its end. In Go only `\`, `]`, `-`, `^` and `[:name:]` are special in it.
fn class(go: &str, chars: &mut Peekable<CharIndices<'_>>, out: &mut String) -> Result<(), String> {
    out.push('[');
    if chars.next_if(|(_, c)| *c == '^').is_some() {
        out.push('^');
    }
    // A bracket that comes first is a member.
    if chars.next_if(|(_, c)| *c == ']').is_some() {
        out.push_str("\\]");
    }
    while let Some((at, c)) = chars.next() {
        match c {
            ']' => {
                out.push(']');
                return Ok(());
            }
            '\\' => escape(go, chars, out, true)?,
            '[' => match named_class(&go[at..]) {
                Some(name) => {
                    out.push_str(name);
                    while chars.next_if(|(i, _)| *i < at + name.len()).is_some() {}
                }
                None => out.push_str("\\["),
            },
            '&' | '~' | '#' | ' ' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    Err("missing closing ]".to_owned())
}

fn named_class(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("[:")?;
    let end = inner.find(":]")?;
    inner[..end].chars().all(|c| c == '^' || c.is_ascii_lowercase()).then_some(&text[..end + 4])
}

/// Whether `text` starts with `{n}`, `{n,}` or `{n,m}`.
fn is_repetition(text: &str) -> bool {
    let Some((bounds, _)) = text[1..].split_once('}') else { return false };
    let (low, high) = bounds.split_once(',').unwrap_or((bounds, ""));
    !low.is_empty() && [low, high].iter().all(|n| n.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(go: &str, text: &str) -> bool {
        Pattern::new(go).unwrap_or_else(|e| panic!("{go}: {e}")).is_match(text.as_bytes())
    }

    #[test]
    fn literals_need_no_automaton() {
        for (go, hit, miss) in [
            ("api", "/x/api/y", "/ap"),
            ("^/api", "/apis", "/x/api"),
            (r"\.com$", "a.com", "acom"),
            (r"^a\.b$", "a.b", "a.b.c"),
        ] {
            assert!(!matches!(Pattern::new(go).unwrap().kind, Kind::Regex(_)), "{go}");
            assert!(matches(go, hit) && !matches(go, miss), "{go}");
            assert_eq!(compile(go).unwrap().is_match(miss.as_bytes()), matches(go, miss));
        }
        assert_eq!(Pattern::new("^/api/").unwrap().required_prefix(), "/api/");
        assert_eq!(Pattern::new("^/a|/b").unwrap().required_prefix(), "");
    }

    #[test]
    fn perl_classes_are_ascii() {
        assert!(matches(r"^\d+$", "12") && !matches(r"^\d+$", "١٢"));
        assert!(matches(r"^[\w.]+$", "a_1.") && !matches(r"^\w$", "é"));
        assert!(matches(r"^[^\D]$", "7") && matches(r"^[\D]$", "x"));
        assert!(matches(r"\bfoo\b", "a foo") && matches(r"é\b", "éx"));
        assert!(matches("^.$", "é"));
    }

    #[test]
    fn spellings_that_differ() {
        assert!(matches(r"^\Qa.b*\E+$", "a.b**") && !matches(r"^\Qa.b\E$", "axb"));
        assert!(matches(r"^/{id}$", "/{id}"));
        assert!(matches("^a{,2}$", "a{,2}"));
        assert!(matches("^a{2,}$", "aaa"));
        assert!(matches("^[[a]$", "[") && matches("^[a&&b]+$", "a&b"));
        assert!(matches("^[]a]+$", "]a") && matches("^[^]a]$", "b"));
        assert!(matches("^[[:alpha:]-]+$", "a-"));
        assert!(matches(r"^\<a\>$", "<a>"));
        assert!(matches("(?i)^ABC$", "abc"));
        assert!(matches(r"^(?P<x>a)\/$", "a/"));
    }

    #[test]
    fn bad_patterns_say_why() {
        for go in ["(", "[", "a**b(", r"\C", "(?=x)", r"\1", "a\\", "*a"] {
            let error = Pattern::new(go).unwrap_err();
            assert!(!error.is_empty() && !error.contains('\n'), "{go}: {error}");
        }
        assert!(Pattern::new("((a{100}){100}){100}").unwrap_err().contains("more than"));
        assert!(Pattern::new(&"(".repeat(5000)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_gives_an_answer(go in "[\\\\\\[\\](){}^$.*+?|&~:a-zA-Z0-9, é-]{0,30}") {
            if let Ok(pattern) = Pattern::new(&go) {
                pattern.is_match(b"a/b");
            }
        }
    }
}
