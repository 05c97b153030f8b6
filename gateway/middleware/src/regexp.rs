//! Regular expressions of options, and the replacement texts that go with them, as Go reads both.

use regex::{Captures, Regex, RegexBuilder};

use crate::codes;
use crate::options::Problem;

/// The most memory that one compiled expression may take, in bytes.
const SIZE_LIMIT: usize = 2 << 20;

/// Compiles an expression.
///
/// # Errors
/// What is wrong with it, in one line.
pub(crate) fn compile(expression: &str) -> Result<Regex, String> {
    let invalid = |why: String| format!("invalid regular expression `{expression}`: {why}");
    let pattern = fairlead_rules::regex_from_go(expression).map_err(invalid)?;
    RegexBuilder::new(&pattern)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .nest_limit(100)
        .build()
        .map_err(|error| invalid(one_line(&error)))
}

/// The problem with an expression, if there is one.
pub(crate) fn problem(expression: &str) -> Option<Problem> {
    compile(expression).err().map(|message| Problem::new(&codes::BAD_REGEX, message))
}

/// The last line of the crate's report: the message without the drawing.
fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// A replacement text, split once: `$1`, `${1}`, `$name`, `${name}` and `$$` as in Go's `Regexp.Expand`.
#[derive(Debug)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Template {
    /// Splits a text for an expression. A group that the expression does not have stands for nothing.
    pub(crate) fn new(text: &str, regex: &Regex) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            push_text(&mut pieces, before);
            if let Some(after) = after.strip_prefix('$') {
                push_text(&mut pieces, "$");
                rest = after;
            } else if let Some((name, after)) = reference(after) {
                pieces.extend(group(name, regex).map(Piece::Group));
                rest = after;
            } else {
                push_text(&mut pieces, "$");
                rest = after;
            }
        }
        push_text(&mut pieces, rest);
        Template { pieces }
    }

    /// `text` with every match replaced; `None` when nothing matches.
    pub(crate) fn replace_all(&self, regex: &Regex, text: &str) -> Option<String> {
        let mut matches = regex.captures_iter(text).peekable();
        matches.peek()?;
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for captures in matches {
            let whole = captures.get_match();
            out.push_str(&text[end..whole.start()]);
            self.expand(&captures, &mut out);
            end = whole.end();
        }
        out.push_str(&text[end..]);
        Some(out)
    }

    fn expand(&self, captures: &Captures<'_>, out: &mut String) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(index) => out.push_str(captures.get(*index).map_or("", |group| group.as_str())),
            }
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// The name after a `$`, and what follows it; `None` when the `$` stands for itself.
fn reference(text: &str) -> Option<(&str, &str)> {
    let braced = text.strip_prefix('{');
    let body = braced.unwrap_or(text);
    let end = body.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(body.len());
    let (name, rest) = body.split_at(end);
    let rest = if braced.is_some() { rest.strip_prefix('}')? } else { rest };
    (!name.is_empty()).then_some((name, rest))
}

fn group(name: &str, regex: &Regex) -> Option<usize> {
    let number = name.bytes().all(|b| b.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if number {
        return name.parse().ok().filter(|index| *index < regex.captures_len());
    }
    regex.capture_names().position(|known| known == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(expression: &str, replacement: &str, text: &str) -> Option<String> {
        let regex = compile(expression).unwrap();
        Template::new(replacement, &regex).replace_all(&regex, text)
    }

    #[test]
    fn replaces_as_go_does() {
        for (expression, replacement, text, expected) in [
            ("^/rx2/(?P<n>[a-z]+)(.*)$", "/${n}-${2}-$n_x-$$-$z-${bad", "/rx2/abcDEF", "/abc-DEF--$--${bad"),
            ("(a)(b)", "$2$1", "abab", "baba"),
            ("(a)", "$1x", "a", ""),
            ("(a)", "${1}x", "a", "ax"),
            ("(a)", "$01|$0|$9|$", "a", "|a||$"),
            ("a*", "-", "baaac", "-b-c-"),
            ("(a)", "${a-b}", "a", "${a-b}"),
            ("x(y)?", "[$1]", "x", "[]"),
        ] {
            assert_eq!(replace(expression, replacement, text).as_deref(), Some(expected), "{replacement}");
        }
        assert_eq!(replace("z", "y", "abc"), None);
    }

    #[test]
    fn bad_expressions_are_told_in_one_line() {
        for expression in ["(", "[a", "(?=x)", "((a{1000}){1000}){1000}"] {
            let error = compile(expression).unwrap_err();
            assert!(error.contains(expression) && !error.contains('\n'), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_replacement_gives_an_answer(replacement in "[${}a-c0-9_é]{0,12}", text in "[abc]{0,8}") {
            replace("(?P<b>a)|(c)", &replacement, &text);
        }
    }

    #[test]
    fn go_spellings_are_understood() {
        assert!(compile(r"^\Qa.b\E$").unwrap().is_match("a.b"));
        assert!(!compile(r"^\d$").unwrap().is_match("٣"));
    }
}
