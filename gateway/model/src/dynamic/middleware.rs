//! Middlewares: here only their kind. What a kind means is known to the catalogue of middlewares.

use std::sync::Arc;

use fairlead_conf::{Node, Value};
use fairlead_diag::{Finding, Findings};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::object::Declared;
use crate::codes;

/// A middleware: one kind with its options.
#[derive(Clone, Debug, PartialEq)]
pub struct Middleware {
    /// The kind as written, such as `stripPrefix`. Kinds compare without case.
    pub kind: Box<str>,
    /// The options of the kind.
    pub options: Arc<Node>,
}

impl Middleware {
    /// Whether it is of this kind.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// The texts of a list among the options, with where each stands; a comma separates them in a scalar.
    pub fn names<'a>(&'a self, option: &str) -> Vec<(&'a str, &'a Node)> {
        let Some(entry) = self.options.entry(option) else { return Vec::new() };
        match &entry.node.value {
            Value::List(items) => items.iter().filter_map(|item| Some((item.text()?.trim(), item))).collect(),
            Value::Map(entries) => {
                entries.iter().filter_map(|entry| Some((entry.node.text()?.trim(), &entry.node))).collect()
            }
            Value::Scalar { text, .. } => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(|part| (part, &entry.node)).collect()
            }
            Value::Null => Vec::new(),
        }
    }
}

impl Declared for Middleware {
    fn read(name: &str, node: &Node, path: &[&str], findings: &mut Findings) -> Option<Self> {
        match node.entries() {
            [only] => Some(Middleware { kind: only.key.clone(), options: Arc::new(only.node.clone()) }),
            [] => {
                let message = format!("`{}` declares no middleware", path.join("."));
                let finding = Finding::new(&codes::NO_TYPE, message)
                    .at(&node.origin)
                    .about(format!("middleware {name}"));
                findings.push(finding.help("give it one type with its options, such as `stripPrefix`"));
                None
            }
            several => {
                findings.push(multi_type(name, several));
                None
            }
        }
    }

    fn move_lines(&mut self, by: i64) {
        Arc::make_mut(&mut self.options).move_lines(by);
    }
}

fn multi_type(name: &str, entries: &[fairlead_conf::Entry]) -> Finding {
    let message = "cannot create middleware: multi-types middleware not supported, consider declaring two different \
                   pieces of middleware instead";
    let finding = Finding::new(&codes::MULTI_TYPE, message).about(format!("middleware {name}"));
    let finding = entries
        .iter()
        .rev()
        .fold(finding, |finding, entry| finding.label(&entry.key_origin, format!("type `{}`", entry.key)));
    finding.help("declare one middleware for each type and combine them with `chain`")
}

impl Serialize for Middleware {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&*self.kind, &self.options.to_json())?;
        map.end()
    }
}
