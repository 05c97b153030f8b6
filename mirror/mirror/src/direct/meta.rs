//! `<meta name="go-import" content="PREFIX VCS ROOT [SUBFOLDER]">` in the head of a web page.
//!
//! A small scanner, not a browser: it knows tags, attributes, comments and the contents of scripts, and stops where the head does.
//! Its work is linear in the page, which is bounded. See <https://go.dev/ref/mod#vcs-find>.

/// Most of a page that is looked at, in bytes.
pub(super) const MAX_PAGE: usize = 1 << 20;
/// Most tags of one page that count, and most bytes of one.
const MAX_IMPORTS: usize = 64;
const MAX_CONTENT: usize = 2048;
/// Most bytes of an attribute as it is written: a letter may be a reference of ten.
const MAX_VALUE: usize = 10 * MAX_CONTENT;

/// One `go-import` tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Module path that the root of the repository stands for.
    pub prefix: String,
    /// `git`, `hg`, `svn`, `bzr`, `fossil`, or `mod` for a GOPROXY.
    pub vcs: String,
    /// URL of the repository.
    pub root: String,
    /// The module's folder in the repository; empty for its root.
    pub subfolder: String,
}

/// Reads the `go-import` tags of a page, those of a GOPROXY first: for the same prefix no others count.
#[must_use]
pub fn imports(page: &[u8]) -> Vec<Import> {
    let page = String::from_utf8_lossy(&page[..page.len().min(MAX_PAGE)]);
    let mut all = Vec::new();
    let mut scanner = Scanner { rest: &page };
    while let Some(tag) = scanner.tag() {
        let is = |name: &str| tag.name.eq_ignore_ascii_case(name);
        if is("body") || is("/head") || all.len() == MAX_IMPORTS {
            break;
        }
        if is("script") || is("style") {
            scanner.skip_to_end_of(tag.name);
        } else if is("meta") && tag.attribute("name").as_deref() == Some("go-import") {
            all.extend(tag.attribute("content").and_then(|content| import(&content)));
        }
    }
    let (mut list, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|import| import.vcs == "mod");
    let proxies = list.len();
    let is_new = |import: &Import| !list[..proxies].iter().any(|proxy| proxy.prefix == import.prefix);
    let others: Vec<_> = others.into_iter().filter(is_new).collect();
    list.extend(others);
    list
}

fn import(content: &str) -> Option<Import> {
    if content.len() > MAX_CONTENT {
        return None;
    }
    let fields: Vec<_> = content.split_whitespace().map(str::to_owned).collect();
    match <[String; 4]>::try_from(fields) {
        Ok([prefix, vcs, root, subfolder]) => Some(Import { prefix, vcs, root, subfolder }),
        Err(fields) => {
            let [prefix, vcs, root] = <[String; 3]>::try_from(fields).ok()?;
            Some(Import { prefix, vcs, root, subfolder: String::new() })
        }
    }
}

struct Scanner<'a> {
    rest: &'a str,
}

/// A tag: its name, with the slash of an end tag, and the text up to its `>`.
struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
}

impl<'a> Scanner<'a> {
    fn tag(&mut self) -> Option<Tag<'a>> {
        loop {
            let inside = &self.rest[self.rest.find('<')? + 1..];
            if let Some(comment) = inside.strip_prefix("!--") {
                self.rest = &comment[comment.find("-->")? + 3..];
                continue;
            }
            let end = end_of_tag(inside)?;
            let (text, rest) = (&inside[..end], &inside[end + 1..]);
            self.rest = rest;
            if text.starts_with(['!', '?']) {
                continue;
            }
            let name_end = text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len());
            let (name, attributes) = text.split_at(name_end);
            return Some(Tag { name: name.strip_suffix('/').unwrap_or(name), attributes });
        }
    }

    /// What is in a script is no tag, whatever it looks like.
    fn skip_to_end_of(&mut self, name: &str) {
        let bytes = self.rest.as_bytes();
        let ends = |at: &usize| {
            let tail = &bytes[*at..];
            tail.starts_with(b"</")
                && tail
                    .get(2..2 + name.len())
                    .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
        };
        let end = (0..bytes.len()).find(ends).unwrap_or(bytes.len());
        self.rest = &self.rest[end..];
    }
}

/// The `>` that is in no quotes.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

impl Tag<'_> {
    /// The value of an attribute with its character references resolved.
    fn attribute(&self, wanted: &str) -> Option<String> {
        let mut rest = self.attributes.trim_ascii_start();
        while !rest.is_empty() {
            let end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            let (value, behind) = value(behind.trim_ascii_start());
            if name.eq_ignore_ascii_case(wanted) {
                return (value.len() <= MAX_VALUE).then(|| unescape(value));
            }
            rest = behind.trim_ascii_start();
        }
        None
    }
}

/// The value that follows an attribute's name, and what follows that.
fn value(text: &str) -> (&str, &str) {
    let Some(text) = text.strip_prefix('=').map(str::trim_ascii_start) else { return ("", text) };
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len()))
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        let reference = &rest[at + 1..];
        let known = reference.split_once(';').and_then(|(name, behind)| Some((character(name)?, behind)));
        match known {
            Some((c, behind)) => {
                plain.push(c);
                rest = behind;
            }
            None => {
                plain.push('&');
                rest = reference;
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn character(name: &str) -> Option<char> {
    let code = name.strip_prefix('#');
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => char::from_u32(match code?.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => code?.parse().ok()?,
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn roots(page: &str) -> Vec<String> {
        imports(page.as_bytes()).into_iter().map(|import| import.root).collect()
    }

    #[test]
    fn tags_of_all_spellings() {
        for page in [
            r#"<html><head><meta name="go-import" content="a.example/x git https://g/x"></head>"#,
            r"<META content='a.example/x  git https://g/x' NAME=go-import />",
            r#"<!DOCTYPE html><!-- <meta name="go-import" content="a b c"> --><meta name = "go-import" content = "a.example/x git https://g/x"/>"#,
            r#"<script>if (a < b) "<meta name='go-import' content='a b c'>"</script><meta name="go-import" content="a.example/x&#32;git https:&#x2f;/g/x">"#,
            r#"<meta name="description" content="1 > 0"><meta name="go-import" content="a.example/x git https://g/x"><body><meta name="go-import" content="a b c">"#,
        ] {
            assert_eq!(roots(page), ["https://g/x"], "{page}");
        }
        let page = r#"<meta name="go-import" content="a.example/x git https://g/x?a=1&amp;b go/sub">"#;
        let [import] = &imports(page.as_bytes())[..] else { panic!("one tag") };
        assert_eq!((&*import.root, &*import.subfolder), ("https://g/x?a=1&b", "go/sub"));
    }

    #[test]
    fn what_is_no_import_is_skipped() {
        for page in [
            "",
            "<",
            "<meta",
            r#"<meta name="go-import">"#,
            r#"<meta name="go-import" content="a git">"#,
            r#"<meta name="go-import" content="a git b c d">"#,
            r#"<meta name="go-source" content="a git b">"#,
            r#"<meta property="go-import" content="a git b">"#,
            r#"<body><meta name="go-import" content="a git b">"#,
            r#"</head><meta name="go-import" content="a git b">"#,
            r#"<!-- <meta name="go-import" content="a git b">"#,
        ] {
            assert!(roots(page).is_empty(), "{page}");
        }
    }

    #[test]
    fn a_proxy_comes_before_the_repository() {
        let tag = |content: &str| format!(r#"<meta name="go-import" content="{content}">"#);
        let page = tag("a.example/x git g") + &tag("a.example/y git h") + &tag("a.example/x mod p");
        assert_eq!(roots(&page), ["p", "h"]);
    }

    proptest! {
        #[test]
        fn no_page_breaks_it(page in "(<|>|meta|name=go-import|content=|\"|'|&#?x?[0-9a-f]{0,9};?|!--|--|/?head|script| |é){0,60}") {
            let _ = imports(page.as_bytes());
        }
    }
}
