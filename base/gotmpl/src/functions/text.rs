//! Text.

use regex::{Regex, RegexBuilder};

use super::{Function, MANY, row};
use crate::Value;
use crate::call::{Arguments, check_len, made_list};
use crate::format::quote;

pub(super) static ALL: &[Function] = &[
    row("upper", "upper TEXT", (1, 1), "the text in capitals", |a| a.made(a.text(0)?.to_uppercase())),
    row("lower", "lower TEXT", (1, 1), "the text in small letters", |a| a.made(a.text(0)?.to_lowercase())),
    row("title", "title TEXT", (1, 1), "each word with a capital", |a| a.made(titled(&a.text(0)?, true))),
    row("untitle", "untitle TEXT", (1, 1), "each word with a small first letter", |a| {
        a.made(titled(&a.text(0)?, false))
    }),
    row("trim", "trim TEXT", (1, 1), "without white space at both ends", |a| {
        a.made(a.text(0)?.trim().to_owned())
    }),
    row("trimAll", "trimAll CHARS TEXT", (2, 2), "without the characters at both ends", |a| {
        let (chars, text) = (a.text(0)?, a.text(1)?);
        a.meter.spend(chars.len().saturating_mul(text.len()) / 64)?;
        a.made(text.trim_matches(|c| chars.contains(c)).to_owned())
    }),
    row("trimPrefix", "trimPrefix PREFIX TEXT", (2, 2), "without the prefix", |a| {
        let (prefix, text) = (a.text(0)?, a.text(1)?);
        a.made(text.strip_prefix(&*prefix).unwrap_or(&text).to_owned())
    }),
    row("trimSuffix", "trimSuffix SUFFIX TEXT", (2, 2), "without the suffix", |a| {
        let (suffix, text) = (a.text(0)?, a.text(1)?);
        a.made(text.strip_suffix(&*suffix).unwrap_or(&text).to_owned())
    }),
    row("replace", "replace OLD NEW TEXT", (3, 3), "the text with every OLD replaced by NEW", |a| {
        let (old, new, text) = (a.text(0)?, a.text(1)?, a.text(2)?);
        let count = if old.is_empty() { text.len() + 1 } else { text.matches(&*old).count() };
        check_len(text.len().saturating_add(count.saturating_mul(new.len())))?;
        a.made(text.replace(&*old, &new))
    }),
    row("split", "split SEPARATOR TEXT", (2, 2), "the parts as a map with the keys _0, _1, …", |a| {
        let parts = split(&a.text(0)?, &a.text(1)?)?;
        Ok(Value::map(parts.into_iter().enumerate().map(|(index, part)| (format!("_{index}"), part))))
    }),
    row("splitList", "splitList SEPARATOR TEXT", (2, 2), "the parts as a list", |a| {
        made_list(split(&a.text(0)?, &a.text(1)?)?)
    }),
    row("join", "join SEPARATOR LIST", (2, 2), "the elements with the separator between", |a| {
        let separator = a.text(0)?;
        let mut out = String::new();
        for (index, item) in a.list(1)?.iter().enumerate() {
            out.push_str(if index > 0 { &separator } else { "" });
            out.push_str(&a.as_text(item)?);
            check_len(out.len())?;
        }
        a.made(out)
    }),
    row("contains", "contains PART TEXT", (2, 2), "whether the text has the part", |a| {
        Ok(a.text(1)?.contains(&*a.text(0)?).into())
    }),
    row("hasPrefix", "hasPrefix PREFIX TEXT", (2, 2), "whether the text begins so", |a| {
        Ok(a.text(1)?.starts_with(&*a.text(0)?).into())
    }),
    row("hasSuffix", "hasSuffix SUFFIX TEXT", (2, 2), "whether the text ends so", |a| {
        Ok(a.text(1)?.ends_with(&*a.text(0)?).into())
    }),
    row("repeat", "repeat N TEXT", (2, 2), "the text N times", |a| {
        let (count, text) = (a.size(0)?, a.text(1)?);
        check_len(count.saturating_mul(text.len().max(1)))?;
        a.made(text.repeat(count))
    }),
    row("nospace", "nospace TEXT", (1, 1), "without white space", |a| {
        a.made(a.text(0)?.chars().filter(|c| !c.is_whitespace()).collect())
    }),
    row("substr", "substr START END TEXT", (3, 3), "the bytes from START to before END", |a| {
        let text = a.text(2)?;
        let end = usize::try_from(a.int(1)).unwrap_or(text.len()).min(text.len());
        let start = usize::try_from(a.int(0)).unwrap_or(0).min(end);
        text.get(start..end).map(Value::text).ok_or_else(|| "the cut goes through a character".to_owned())
    }),
    row("trunc", "trunc N TEXT", (2, 2), "the first N bytes, or the last for a negative N", |a| {
        let text = a.text(1)?;
        let count = usize::try_from(a.int(0).unsigned_abs()).unwrap_or(usize::MAX).min(text.len());
        let part = if a.int(0) < 0 { text.get(text.len() - count..) } else { text.get(..count) };
        part.map(Value::text).ok_or_else(|| "the cut goes through a character".to_owned())
    }),
    row("quote", "quote A …", (0, MANY), "each in double quotes, with spaces between", |a| {
        wrapped(a, quote)
    }),
    row("squote", "squote A …", (0, MANY), "each in single quotes, with spaces between", |a| {
        wrapped(a, |text| format!("'{text}'"))
    }),
    row("indent", "indent N TEXT", (2, 2), "each line indented by N spaces", |a| a.made(indented(a, "")?)),
    row("nindent", "nindent N TEXT", (2, 2), "a line end, then each line indented by N spaces", |a| {
        a.made(indented(a, "\n")?)
    }),
    row("cat", "cat A …", (0, MANY), "the arguments with spaces between", |a| {
        let words: Result<Vec<_>, _> =
            a.values.iter().filter(|v| **v != Value::Nil).map(|v| a.as_text(v)).collect();
        a.made(words?.join(" "))
    }),
    row("toString", "toString A", (1, 1), "A as text", |a| Ok(Value::Text(a.text(0)?))),
    row("regexMatch", "regexMatch PATTERN TEXT", (2, 2), "whether the pattern occurs", |a| {
        Ok(pattern(a, &a.text(0)?)?.is_match(&a.text(1)?).into())
    }),
    row("regexFind", "regexFind PATTERN TEXT", (2, 2), "the first match, or nothing", |a| {
        let text = a.text(1)?;
        Ok(pattern(a, &a.text(0)?)?.find(&text).map_or("", |found| found.as_str()).into())
    }),
    row("regexFindAll", "regexFindAll PATTERN TEXT N", (3, 3), "the first N matches; all for -1", |a| {
        let (text, most) = (a.text(1)?, usize::try_from(a.int(2)).unwrap_or(usize::MAX));
        made_list(
            pattern(a, &a.text(0)?)?.find_iter(&text).take(most).map(|found| found.as_str().into()).collect(),
        )
    }),
    row(
        "regexReplaceAll",
        "regexReplaceAll PATTERN TEXT NEW",
        (3, 3),
        "matches replaced; $1 is a group",
        |a| {
            let (text, new) = (a.text(1)?, a.text(2)?);
            let mut out = String::new();
            let mut end = 0;
            for found in pattern(a, &a.text(0)?)?.captures_iter(&text) {
                let Some(whole) = found.get(0) else { continue };
                out.push_str(&text[end..whole.start()]);
                a.meter.spend(1 + new.len() / 64)?;
                check_len(out.len().saturating_add(new.len().saturating_mul(whole.len().max(1))))?;
                found.expand(&new, &mut out);
                check_len(out.len())?;
                end = whole.end();
            }
            out.push_str(&text[end..]);
            a.made(out)
        },
    ),
    row(
        "regexSplit",
        "regexSplit PATTERN TEXT N",
        (3, 3),
        "at most N parts between matches; all for -1",
        |a| {
            let (text, most) = (a.text(1)?, usize::try_from(a.int(2)).unwrap_or(usize::MAX));
            made_list(pattern(a, &a.text(0)?)?.splitn(&text, most).map(Value::text).collect())
        },
    ),
    row("normalize", "normalize TEXT", (1, 1), "runs of what is no letter or digit as one hyphen", |a| {
        let text = a.text(0)?;
        let words: Vec<&str> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        a.made(words.join("-"))
    }),
];

fn split(separator: &str, text: &str) -> Result<Vec<Value>, String> {
    let parts: Vec<Value> = if separator.is_empty() {
        text.chars()
            .take(crate::call::MAX_LIST + 1)
            .map(|c| Value::text(c.encode_utf8(&mut [0; 4])))
            .collect()
    } else {
        text.split(separator).take(crate::call::MAX_LIST + 1).map(Value::text).collect()
    };
    if parts.len() > crate::call::MAX_LIST {
        return Err("too many parts".to_owned());
    }
    Ok(parts)
}

fn titled(text: &str, upper: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut first = true;
    for c in text.chars() {
        match (first, upper) {
            (true, true) => out.extend(c.to_uppercase()),
            (true, false) => out.extend(c.to_lowercase()),
            (false, _) => out.push(c),
        }
        first = c.is_whitespace();
    }
    out
}

fn wrapped(a: &Arguments<'_>, wrap: fn(&str) -> String) -> Result<Value, String> {
    let mut out = String::new();
    for value in a.values.iter().filter(|value| **value != Value::Nil) {
        out.push_str(if out.is_empty() { "" } else { " " });
        out.push_str(&wrap(&a.as_text(value)?));
        check_len(out.len())?;
    }
    a.made(out)
}

fn indented(a: &Arguments<'_>, before: &str) -> Result<String, String> {
    let (width, text) = (a.size(0)?, a.text(1)?);
    let lines = text.matches('\n').count() + 1;
    check_len(width.saturating_mul(lines).saturating_add(text.len()))?;
    let pad = " ".repeat(width);
    Ok(format!("{before}{pad}{}", text.replace('\n', &format!("\n{pad}"))))
}

/// A compiled pattern of bounded size. Matching takes time in proportion to the text.
fn pattern(a: &Arguments<'_>, pattern: &str) -> Result<Regex, String> {
    a.meter.spend(500 + pattern.len() / 4)?;
    RegexBuilder::new(pattern).size_limit(256 << 10).dfa_size_limit(1 << 20).build().map_err(|error| {
        format!("not a regular expression: {}", error.to_string().lines().last().unwrap_or_default())
    })
}
