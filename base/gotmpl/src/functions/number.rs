//! Numbers.

use super::{Function, MANY, row};
use crate::Value;
use crate::call::{Arguments, MAX_LIST, made_list, to_float, to_int, truncated};

pub(super) static ALL: &[Function] = &[
    row("int", "int A", (1, 1), "A as a whole number", |a| Ok(a.int(0).into())),
    row("int64", "int64 A", (1, 1), "A as a whole number", |a| Ok(a.int(0).into())),
    row("float64", "float64 A", (1, 1), "A as a number", |a| Ok(a.float(0).into())),
    row("atoi", "atoi TEXT", (1, 1), "the whole number that is written", |a| Ok(a.int(0).into())),
    row("add", "add A …", (0, MANY), "the sum", |a| Ok(fold(a, 0, i64::wrapping_add).into())),
    row("add1", "add1 A", (1, 1), "one more", |a| Ok(a.int(0).wrapping_add(1).into())),
    row("sub", "sub A B", (2, 2), "A less B", |a| Ok(a.int(0).wrapping_sub(a.int(1)).into())),
    row("mul", "mul A …", (1, MANY), "the product", |a| Ok(fold(a, 1, i64::wrapping_mul).into())),
    row("div", "div A B", (2, 2), "A by B, towards zero", |a| {
        a.int(0).checked_div(a.int(1)).map(Value::Int).ok_or_else(|| "division by zero".to_owned())
    }),
    row("mod", "mod A B", (2, 2), "what is left of A by B", |a| {
        if a.int(1) == 0 {
            Err("division by zero".to_owned())
        } else {
            Ok(a.int(0).wrapping_rem(a.int(1)).into())
        }
    }),
    row("max", "max A …", (1, MANY), "the largest", |a| {
        Ok(a.values.iter().map(to_int).max().unwrap_or(0).into())
    }),
    row("min", "min A …", (1, MANY), "the smallest", |a| {
        Ok(a.values.iter().map(to_int).min().unwrap_or(0).into())
    }),
    row("floor", "floor A", (1, 1), "the next whole number below", |a| Ok(a.float(0).floor().into())),
    row("ceil", "ceil A", (1, 1), "the next whole number above", |a| Ok(a.float(0).ceil().into())),
    row("round", "round A DIGITS", (2, 2), "A with so many digits after the point", |a| {
        let scale = 10_f64.powi(i32::try_from(a.int(1).clamp(0, 15)).unwrap_or(0));
        Ok(((a.float(0) * scale).round() / scale).into())
    }),
    row("addf", "addf A …", (0, MANY), "the sum of numbers", |a| {
        Ok(a.values.iter().map(to_float).sum::<f64>().into())
    }),
    row("mulf", "mulf A …", (0, MANY), "the product of numbers", |a| {
        Ok(a.values.iter().map(to_float).product::<f64>().into())
    }),
    row("until", "until N", (1, 1), "the numbers from 0 to below N", |a| {
        let end = a.int(0);
        steps(0, end, if end < 0 { -1 } else { 1 })
    }),
    row("untilStep", "untilStep A B STEP", (3, 3), "the numbers from A to below B", |a| {
        steps(a.int(0), a.int(1), a.int(2))
    }),
    row("seq", "seq A B | seq A STEP B | seq N", (1, 3), "the numbers from A to B as text", |a| {
        let (first, step, last) = match a.values.len() {
            1 => (1, if a.int(0) < 1 { -1 } else { 1 }, a.int(0)),
            2 => (a.int(0), if a.int(1) < a.int(0) { -1 } else { 1 }, a.int(1)),
            _ => (a.int(0), a.int(1), a.int(2)),
        };
        let Value::List(list) = steps(first, last.saturating_add(step.signum()), step)? else {
            return Ok(Value::Nil);
        };
        let words: Vec<String> =
            list.items.iter().map(|number| truncated(to_float(number)).to_string()).collect();
        a.made(words.join(" "))
    }),
];

fn fold(a: &Arguments<'_>, start: i64, combine: fn(i64, i64) -> i64) -> i64 {
    a.values.iter().map(to_int).fold(start, combine)
}

fn steps(start: i64, end: i64, step: i64) -> Result<Value, String> {
    let mut items = Vec::new();
    let mut at = start;
    while (step > 0 && at < end) || (step < 0 && at > end) {
        if items.len() >= MAX_LIST {
            return Err(format!("more than {MAX_LIST} numbers"));
        }
        items.push(Value::Int(at));
        at = match at.checked_add(step) {
            Some(next) => next,
            None => break,
        };
    }
    made_list(items)
}
