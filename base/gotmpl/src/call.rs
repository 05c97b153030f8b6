//! A call of a function: its arguments, converted as sprig converts them, and the meter that bounds all work.

use std::cell::Cell;
use std::sync::Arc;

use crate::format::to_text;
use crate::{Environment, Value};

/// Bytes of any text, and of the output: 4 MiB.
pub(crate) const MAX_TEXT: usize = 4 << 20;
/// Elements of any list.
pub(crate) const MAX_LIST: usize = 100_000;
/// Steps of one rendering: a node, a call, or 64 bytes or 4 elements that a call goes through.
const MAX_STEPS: u64 = 1_000_000;
/// Lists and maps within each other.
const MAX_DEPTH: usize = 128;

/// Bounds the work of one rendering.
pub(crate) struct Meter {
    left: Cell<u64>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Meter { left: Cell::new(MAX_STEPS) }
    }

    pub(crate) fn spend(&self, steps: usize) -> Result<(), String> {
        let left = self.left.get().checked_sub(steps as u64).ok_or("the template does too much work")?;
        self.left.set(left);
        Ok(())
    }

    /// Spends what going through a value once costs, and refuses one beyond the bounds.
    pub(crate) fn spend_on(&self, value: &Value) -> Result<(), String> {
        let cost = match value {
            Value::Text(text) => text.len() / 64,
            Value::List(list) => list.items.len() / 4,
            Value::Map(map) => map.entries.len() / 4,
            _ => 0,
        };
        if value.depth() > MAX_DEPTH {
            return Err("lists and maps are nested too deep".to_owned());
        }
        self.spend(cost)
    }
}

/// The arguments of a call.
pub struct Arguments<'a> {
    pub(crate) values: Vec<Value>,
    pub(crate) meter: &'a Meter,
    pub(crate) environment: &'a Environment<'a>,
}

impl Arguments<'_> {
    pub(crate) fn value(&self, index: usize) -> Value {
        self.values.get(index).cloned().unwrap_or_default()
    }

    pub(crate) fn last(&self) -> Value {
        self.values.last().cloned().unwrap_or_default()
    }

    /// An argument as text; numbers and lists become what printing them shows, nil becomes nothing.
    pub(crate) fn text(&self, index: usize) -> Result<Arc<str>, String> {
        self.as_text(&self.value(index))
    }

    pub(crate) fn as_text(&self, value: &Value) -> Result<Arc<str>, String> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            Value::Nil => Ok("".into()),
            other => to_text(other).map(Into::into),
        }
    }

    /// An argument as a whole number; text that is none counts as 0, as in sprig.
    pub(crate) fn int(&self, index: usize) -> i64 {
        to_int(&self.value(index))
    }

    /// A size, which must not be negative.
    pub(crate) fn size(&self, index: usize) -> Result<usize, String> {
        usize::try_from(self.int(index)).map_err(|_| format!("argument {} must not be negative", index + 1))
    }

    pub(crate) fn float(&self, index: usize) -> f64 {
        to_float(&self.value(index))
    }

    pub(crate) fn list(&self, index: usize) -> Result<Vec<Value>, String> {
        match self.value(index) {
            Value::List(list) => Ok(list.items.clone()),
            Value::Nil => Ok(Vec::new()),
            other => Err(format!("argument {} must be a list, not {}", index + 1, other.kind())),
        }
    }

    pub(crate) fn map(&self, index: usize) -> Result<std::collections::BTreeMap<String, Value>, String> {
        match self.value(index) {
            Value::Map(map) => Ok(map.entries.clone()),
            Value::Nil => Ok(std::collections::BTreeMap::new()),
            other => Err(format!("argument {} must be a map, not {}", index + 1, other.kind())),
        }
    }

    /// Text, if it is within bounds. For lengths that are known before the text is made, see [`check_len`].
    pub(crate) fn made(&self, text: String) -> Result<Value, String> {
        check_len(text.len())?;
        Ok(Value::Text(text.into()))
    }
}

/// Refuses a text of more than [`MAX_TEXT`] bytes.
pub(crate) fn check_len(len: usize) -> Result<(), String> {
    if len > MAX_TEXT { Err(format!("a text of more than {MAX_TEXT} bytes")) } else { Ok(()) }
}

/// A list, if it is within bounds.
pub(crate) fn made_list(items: Vec<Value>) -> Result<Value, String> {
    if items.len() > MAX_LIST {
        return Err(format!("a list of more than {MAX_LIST} elements"));
    }
    Ok(Value::list(items))
}

pub(crate) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        Value::Bool(value) => i64::from(*value),
        other => truncated(to_float_or(other, true)),
    }
}

pub(crate) fn to_float(value: &Value) -> f64 {
    to_float_or(value, false)
}

fn to_float_or(value: &Value, whole: bool) -> f64 {
    match value {
        Value::Int(number) => int_to_float(*number),
        Value::Float(number) => *number,
        Value::Bool(value) => f64::from(*value),
        Value::Text(text) if whole => text.trim().parse::<i64>().map_or_else(|_| 0.0, int_to_float),
        Value::Text(text) => text.trim().parse().unwrap_or(0.0),
        _ => 0.0,
    }
}

/// The nearest float, as Go converts.
#[expect(clippy::cast_precision_loss, reason = "Go's conversion loses it too")]
pub(crate) fn int_to_float(number: i64) -> f64 {
    number as f64
}

/// Towards zero; `as` saturates.
#[expect(clippy::cast_possible_truncation, reason = "saturating is what is wanted")]
pub(crate) fn truncated(number: f64) -> i64 {
    number as i64
}
