//! TOML 1.1 to a tree. Keys keep the order of the text.

use fairlead_diag::{Finding, Origin};
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::bounds::{Budget, MAX_DEPTH, check_depth};
use crate::places::Places;
use crate::{Entry, Node, Value, codes};

/// Parses `text`; `path` is the name shown in origins.
///
/// # Errors
/// Malformed text, which includes a key given twice, or text beyond the bounds.
pub fn parse(text: &str, path: &str) -> Result<Node, Finding> {
    let budget = Budget::for_text(text, path)?;
    let places = Places::new(text, path);
    refuse_long_keys(text, &places)?;
    let table = DeTable::parse(text).map_err(|error| syntax(&error, &places))?;
    let mut reader = Reader { places, budget };
    reader.table(table.get_ref(), Origin::file(path), 0)
}

fn syntax(error: &toml::de::Error, places: &Places<'_>) -> Finding {
    let origin = places.origin(error.span().unwrap_or(0..0));
    let (code, help) = if error.message().contains("duplicate key") {
        (&codes::DUPLICATE_KEY, "remove or rename one of the two; a table may be opened only once")
    } else {
        (&codes::SYNTAX, "check quotes, brackets and `=` here; TOML text always needs quotes")
    };
    Finding::new(code, format!("not valid TOML: {}", error.message())).at(&origin).help(help)
}

/// Refuses lines that could nest tables beyond the bounds by dotted keys, which the parser itself does not bound.
fn refuse_long_keys(text: &str, places: &Places<'_>) -> Result<(), Finding> {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        // After the keys a value or a comment follows, which may hold any number of dots.
        let (mut dots, mut is_text) = (0, false);
        for (at, byte) in line.bytes().enumerate() {
            match byte {
                b'.' => dots += 1,
                b'=' | b'#' | b'"' | b'\'' => (dots, is_text) = (0, true),
                b',' | b'{' => dots = 0,
                _ => {}
            }
            if dots > MAX_DEPTH && !is_text {
                check_depth(dots, &places.origin(offset + at..offset + at))?;
            }
        }
        offset += line.len();
    }
    Ok(())
}

struct Reader<'t> {
    places: Places<'t>,
    budget: Budget,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, origin: Origin, depth: usize) -> Result<Node, Finding> {
        let mut pairs: Vec<_> = table.iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        let mut entries = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key_origin = self.places.origin(key.span());
            self.budget.spend(0, key.get_ref().len(), &key_origin)?;
            let node = self.node(value, Some(&key_origin), depth + 1)?;
            entries.push(Entry { key: key.get_ref().as_ref().into(), key_origin, node });
        }
        Ok(Node { origin, value: Value::Map(entries) })
    }

    fn node(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        key: Option<&Origin>,
        depth: usize,
    ) -> Result<Node, Finding> {
        // A table opened by a header has the place of its name.
        let origin = match (value.get_ref(), key) {
            (DeValue::Table(_), Some(key)) => key.clone(),
            _ => self.places.origin(value.span()),
        };
        check_depth(depth, &origin)?;
        let bytes = value.get_ref().as_str().map_or(8, str::len);
        self.budget.spend(1, bytes, &origin)?;
        Ok(match value.get_ref() {
            DeValue::String(text) => Node::scalar(text.as_ref(), true, origin),
            DeValue::Integer(number) => Node::scalar(decimal(number), false, origin),
            DeValue::Float(number) => Node::scalar(number.as_str(), false, origin),
            DeValue::Boolean(value) => Node::scalar(if *value { "true" } else { "false" }, false, origin),
            DeValue::Datetime(time) => Node::scalar(time.to_string(), true, origin),
            DeValue::Array(values) => {
                let items =
                    values.iter().map(|item| self.node(item, None, depth + 1)).collect::<Result<_, _>>()?;
                Node { origin, value: Value::List(items) }
            }
            DeValue::Table(table) => self.table(table, origin, depth)?,
        })
    }
}

/// The decimal text of an integer written in any base.
fn decimal(number: &DeInteger<'_>) -> String {
    match number.radix() {
        10 => number.as_str().to_owned(),
        radix => i128::from_str_radix(number.as_str(), radix)
            .map_or_else(|_| number.to_string(), |n| n.to_string()),
    }
}
