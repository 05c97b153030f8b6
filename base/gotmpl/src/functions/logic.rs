//! Comparison, choice and printing.

use super::{Function, MANY, row};
use crate::Value;
use crate::execute::{compare, same};
use crate::format::{printf, write_value};

pub(super) static ALL: &[Function] = &[
    row("not", "not A", (1, 1), "whether A is false, 0 or empty", |a| Ok((!a.value(0).is_true()).into())),
    row("eq", "eq A B …", (2, MANY), "whether A equals any of the others", |a| {
        for other in &a.values[1..] {
            if same(&a.values[0], other, a.meter)? {
                return Ok(true.into());
            }
        }
        Ok(false.into())
    }),
    row("ne", "ne A B", (2, 2), "whether A and B differ", |a| {
        Ok((!same(&a.value(0), &a.value(1), a.meter)?).into())
    }),
    row("lt", "lt A B", (2, 2), "whether A is less than B", |a| {
        Ok(compare(&a.value(0), &a.value(1))?.is_lt().into())
    }),
    row("le", "le A B", (2, 2), "whether A is at most B", |a| {
        Ok(compare(&a.value(0), &a.value(1))?.is_le().into())
    }),
    row("gt", "gt A B", (2, 2), "whether A is more than B", |a| {
        Ok(compare(&a.value(0), &a.value(1))?.is_gt().into())
    }),
    row("ge", "ge A B", (2, 2), "whether A is at least B", |a| {
        Ok(compare(&a.value(0), &a.value(1))?.is_ge().into())
    }),
    row(
        "print",
        "print A …",
        (0, MANY),
        "the arguments as text, with spaces between those that are no text",
        |a| {
            let mut out = String::new();
            for (index, value) in a.values.iter().enumerate() {
                let spaced =
                    index > 0 && ![&a.values[index - 1], value].iter().any(|v| matches!(v, Value::Text(_)));
                out.push_str(if spaced { " " } else { "" });
                write_value(value, &mut out)?;
            }
            a.made(out)
        },
    ),
    row(
        "println",
        "println A …",
        (0, MANY),
        "the arguments as text, with spaces between and a line end",
        |a| {
            let mut out = String::new();
            for (index, value) in a.values.iter().enumerate() {
                out.push_str(if index > 0 { " " } else { "" });
                write_value(value, &mut out)?;
            }
            out.push('\n');
            a.made(out)
        },
    ),
    row("printf", "printf FORMAT A …", (1, MANY), "the arguments as the format says", |a| {
        a.made(printf(&a.text(0)?, &a.values[1..])?)
    }),
    row("default", "default A B", (1, 2), "B, or A when B is empty", |a| {
        Ok(if a.values.len() == 2 && a.last().is_true() { a.last() } else { a.value(0) })
    }),
    row("empty", "empty A", (1, 1), "whether A is false, 0 or empty", |a| Ok((!a.value(0).is_true()).into())),
    row("coalesce", "coalesce A …", (0, MANY), "the first that is not empty", |a| {
        Ok(a.values.iter().find(|value| value.is_true()).cloned().unwrap_or_default())
    }),
    row("all", "all A …", (0, MANY), "whether none is empty", |a| {
        Ok(a.values.iter().all(Value::is_true).into())
    }),
    row("any", "any A …", (0, MANY), "whether one is not empty", |a| {
        Ok(a.values.iter().any(Value::is_true).into())
    }),
    row("ternary", "ternary A B C", (3, 3), "A if C is true, else B", |a| {
        Ok(if a.value(2).is_true() { a.value(0) } else { a.value(1) })
    }),
    row("fail", "fail TEXT", (1, 1), "nothing: rendering fails with the text", |a| {
        Err(a.text(0)?.to_string())
    }),
    row("env", "env NAME", (1, 1), "an environment variable, or nothing", |a| {
        Ok(a.environment.variable(&a.text(0)?).unwrap_or_default().into())
    }),
    row("expandenv", "expandenv TEXT", (1, 1), "the text with $NAME and ${NAME} replaced", |a| {
        let text = a.text(0)?;
        let mut out = String::new();
        let mut rest = &*text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let (name, tail) = match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
                Some(found) => found,
                None => after.split_at(
                    after.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(after.len()),
                ),
            };
            out.push_str(&a.environment.variable(name).unwrap_or_default());
            crate::call::check_len(out.len())?;
            rest = tail;
        }
        out.push_str(rest);
        a.made(out)
    }),
    row("kindOf", "kindOf A", (1, 1), "the kind of A as Go names it", |a| {
        Ok(match a.value(0) {
            Value::Nil => "invalid",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float64",
            Value::Text(_) => "string",
            Value::List(_) => "slice",
            Value::Map(_) => "map",
        }
        .into())
    }),
];
