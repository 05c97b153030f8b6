//! Lists and maps.

use super::{Function, MANY, row};
use crate::Value;
use crate::call::{Arguments, made_list, to_int};
use crate::execute::same;

pub(super) static ALL: &[Function] = &[
    row("len", "len A", (1, 1), "the number of elements, or of bytes of a text", |a| {
        let len = match a.value(0) {
            Value::Text(text) => text.len(),
            Value::List(list) => list.items.len(),
            Value::Map(map) => map.entries.len(),
            other => return Err(format!("{} has no length", other.kind())),
        };
        Ok(int(len))
    }),
    row("index", "index A KEY …", (1, MANY), "the element of a list or map, and of that the next", |a| {
        a.values[1..].iter().try_fold(a.value(0), |value, key| element(&value, key))
    }),
    row("slice", "slice A FROM TO", (1, 3), "the part of a list or text from FROM to before TO", |a| {
        let len = match a.value(0) {
            Value::Text(text) => text.len(),
            Value::List(list) => list.items.len(),
            other => return Err(format!("cannot slice {}", other.kind())),
        };
        let from = if a.values.len() > 1 { a.size(1)? } else { 0 };
        let to = if a.values.len() > 2 { a.size(2)? } else { len };
        let beyond = || format!("{from} to {to} is beyond the length {len}");
        match a.value(0) {
            Value::Text(text) => text.get(from..to).map(Value::text).ok_or_else(beyond),
            Value::List(list) => made_list(list.items.get(from..to).ok_or_else(beyond)?.to_vec()),
            _ => Err(beyond()),
        }
    }),
    row("list", "list A …", (0, MANY), "a list of the arguments", |a| made_list(a.values.clone())),
    row("dict", "dict KEY VALUE …", (0, MANY), "a map of the arguments", |a| {
        let mut pairs = Vec::new();
        for pair in a.values.chunks(2) {
            pairs.push((a.as_text(&pair[0])?.to_string(), pair.get(1).cloned().unwrap_or_else(|| "".into())));
        }
        Ok(Value::map(pairs))
    }),
    row("get", "get MAP KEY", (2, 2), "the value of the key, or nothing", |a| {
        Ok(a.map(0)?.remove(&*a.text(1)?).unwrap_or_else(|| "".into()))
    }),
    row(
        "set",
        "set MAP KEY VALUE",
        (3, 3),
        "the map with the key set; a variable is changed in place",
        |a| {
            let mut map = a.map(0)?;
            map.insert(a.text(1)?.to_string(), a.value(2));
            Ok(Value::map(map))
        },
    ),
    row("unset", "unset MAP KEY", (2, 2), "the map without the key; a variable is changed in place", |a| {
        let mut map = a.map(0)?;
        map.remove(&*a.text(1)?);
        Ok(Value::map(map))
    }),
    row("hasKey", "hasKey MAP KEY", (2, 2), "whether the map has the key", |a| {
        Ok(a.map(0)?.contains_key(&*a.text(1)?).into())
    }),
    row("keys", "keys MAP …", (1, MANY), "the keys, in order", |a| {
        let mut keys = Vec::new();
        for index in 0..a.values.len() {
            keys.extend(a.map(index)?.into_keys().map(Value::from));
        }
        made_list(keys)
    }),
    row("values", "values MAP …", (1, MANY), "the values, in the order of their keys", |a| {
        let mut values = Vec::new();
        for index in 0..a.values.len() {
            values.extend(a.map(index)?.into_values());
        }
        made_list(values)
    }),
    row(
        "merge",
        "merge MAP MAP …",
        (1, MANY),
        "all keys; the first map that has one gives its value",
        |a| {
            let mut merged = a.map(0)?;
            for index in 1..a.values.len() {
                for (key, value) in a.map(index)? {
                    merged.entry(key).or_insert(value);
                }
            }
            Ok(Value::map(merged))
        },
    ),
    row("first", "first LIST", (1, 1), "the first element, or nothing", |a| {
        Ok(a.list(0)?.first().cloned().unwrap_or_default())
    }),
    row("last", "last LIST", (1, 1), "the last element, or nothing", |a| {
        Ok(a.list(0)?.last().cloned().unwrap_or_default())
    }),
    row("rest", "rest LIST", (1, 1), "all but the first", |a| {
        made_list(a.list(0)?.into_iter().skip(1).collect())
    }),
    row("initial", "initial LIST", (1, 1), "all but the last", |a| {
        let mut items = a.list(0)?;
        items.pop();
        made_list(items)
    }),
    row("append", "append LIST A", (2, 2), "the list with A at the end", |a| {
        let mut items = a.list(0)?;
        items.push(a.value(1));
        made_list(items)
    }),
    row("prepend", "prepend LIST A", (2, 2), "the list with A at the front", |a| {
        let mut items = a.list(0)?;
        items.insert(0, a.value(1));
        made_list(items)
    }),
    row("concat", "concat LIST …", (0, MANY), "all elements in one list", |a| {
        let mut items = Vec::new();
        for index in 0..a.values.len() {
            items.extend(a.list(index)?);
        }
        made_list(items)
    }),
    row("uniq", "uniq LIST", (1, 1), "without repetitions", |a| {
        let mut kept: Vec<Value> = Vec::new();
        for item in a.list(0)? {
            if !has(a, &kept, &item)? {
                kept.push(item);
            }
        }
        made_list(kept)
    }),
    row("has", "has A LIST", (2, 2), "whether A is an element", |a| {
        Ok(has(a, &a.list(1)?, &a.value(0))?.into())
    }),
    row("without", "without LIST A …", (1, MANY), "the list without the others", |a| {
        let mut kept = Vec::new();
        for item in a.list(0)? {
            if !has(a, &a.values[1..], &item)? {
                kept.push(item);
            }
        }
        made_list(kept)
    }),
    row("compact", "compact LIST", (1, 1), "without empty elements", |a| {
        made_list(a.list(0)?.into_iter().filter(Value::is_true).collect())
    }),
    row("reverse", "reverse LIST", (1, 1), "the list from the end", |a| {
        made_list(a.list(0)?.into_iter().rev().collect())
    }),
    row("sortAlpha", "sortAlpha LIST", (1, 1), "the elements as text, in order", |a| {
        let mut texts = a.list(0)?.iter().map(|item| a.as_text(item)).collect::<Result<Vec<_>, _>>()?;
        texts.sort();
        made_list(texts.into_iter().map(Value::Text).collect())
    }),
];

fn element(value: &Value, key: &Value) -> Result<Value, String> {
    match (value, key) {
        (Value::Map(map), Value::Text(key)) => Ok(map.entries.get(&**key).cloned().unwrap_or_default()),
        (Value::Map(_), other) => Err(format!("the key of a map is text, not {}", other.kind())),
        (Value::List(list), Value::Int(_)) => usize::try_from(to_int(key))
            .ok()
            .and_then(|index| list.items.get(index).cloned())
            .ok_or_else(|| format!("index {} is beyond the length {}", to_int(key), list.items.len())),
        (Value::Text(text), Value::Int(_)) => usize::try_from(to_int(key))
            .ok()
            .and_then(|index| text.as_bytes().get(index).map(|byte| Value::Int(i64::from(*byte))))
            .ok_or_else(|| format!("index {} is beyond the length {}", to_int(key), text.len())),
        (value, _) => Err(format!("cannot index {}", value.kind())),
    }
}

fn has(a: &Arguments<'_>, items: &[Value], wanted: &Value) -> Result<bool, String> {
    for item in items {
        if same(item, wanted, a.meter)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn int(len: usize) -> Value {
    Value::Int(i64::try_from(len).unwrap_or(i64::MAX))
}
