//! Walks the sections of a dynamic configuration and reads the objects in them one by one.

use std::borrow::Cow;
use std::sync::Arc;

use fairlead_conf::{Entry, Node, Value, codes, nearest};
use fairlead_diag::{Code, Finding, Findings, Origin};

use super::object::{Declared, Object, Objects, index_of};
use crate::codes as model_codes;
use crate::options::is_extension;

/// A section with fixed keys, or none when it is not declared.
pub(super) struct Section<'a> {
    node: Option<&'a Node>,
    path: Vec<&'a str>,
}

impl<'a> Section<'a> {
    /// The whole configuration, which may hold these keys.
    pub(super) fn root(node: &'a Node, known: &[&str], findings: &mut Findings) -> Self {
        Section::at(Some(node), Vec::new(), known, findings)
    }

    /// A section in this one, which may hold these keys.
    pub(super) fn child(&self, key: &'static str, known: &[&str], findings: &mut Findings) -> Section<'a> {
        let node = self.node.and_then(|node| node.entry(key)).map(|entry| &entry.node);
        Section::at(node, self.below(key), known, findings)
    }

    fn at(node: Option<&'a Node>, path: Vec<&'a str>, known: &[&str], findings: &mut Findings) -> Self {
        let entries = node.map(|node| map_entries(node, &path, findings)).unwrap_or_default();
        for entry in entries {
            if known.iter().any(|key| key.eq_ignore_ascii_case(&entry.key)) {
                continue;
            }
            if !path.is_empty() {
                findings.push(unknown(&codes::UNKNOWN_KEY, entry, &path, known));
            } else if !is_extension(&entry.key) {
                findings.push(unknown(&model_codes::UNKNOWN_SECTION, entry, &path, known));
            }
        }
        Section { node, path }
    }

    /// The objects declared under `key`. Those that cannot be read are left out with findings.
    pub(super) fn objects<T: Declared>(&self, key: &'static str, findings: &mut Findings) -> Objects<T> {
        let Some(entry) = self.node.and_then(|node| node.entry(key)) else { return Objects::default() };
        let path = self.below(key);
        let mut objects = Objects::default();
        for entry in map_entries(&entry.node, &path, findings) {
            let here = [path.as_slice(), &[&*entry.key]].concat();
            if let Some(object) = read(&entry.key, &entry.node, &here, &entry.key_origin, findings) {
                objects.insert((*entry.key).into(), object);
            }
        }
        objects
    }

    /// The objects of the list under `key`.
    pub(super) fn list<T: Declared>(
        &self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Vec<Arc<Object<T>>> {
        let Some(entry) = self.node.and_then(|node| node.entry(key)) else { return Vec::new() };
        let path = self.below(key);
        let mut objects = Vec::new();
        for (index, node) in items(&entry.node, &path, findings).into_iter().enumerate() {
            let index = index.to_string();
            let here = [path.as_slice(), &[index.as_str()]].concat();
            objects.extend(read(&index, node, &here, &node.origin, findings));
        }
        objects
    }

    fn below(&self, key: &'a str) -> Vec<&'a str> {
        [self.path.as_slice(), &[key]].concat()
    }
}

fn read<T: Declared>(
    name: &str,
    node: &Node,
    path: &[&str],
    origin: &Origin,
    findings: &mut Findings,
) -> Option<Arc<Object<T>>> {
    let value = T::read(name, node, path, findings)?;
    Some(Object::new(value, node, origin.clone()))
}

fn map_entries<'a>(node: &'a Node, path: &[&str], findings: &mut Findings) -> &'a [Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        Value::Null => &[],
        _ => {
            findings.push(wrong_type(node, path, "a section"));
            &[]
        }
    }
}

/// The items of a list, whether it is written as one or as a map with the keys `[0]`, `[1]` …, as flags and labels do.
fn items<'a>(node: &'a Node, path: &[&str], findings: &mut Findings) -> Vec<&'a Node> {
    let indexed = |entry: &'a Entry| Some((index_of(&entry.key)?.parse::<u32>().ok()?, &entry.node));
    match &node.value {
        Value::List(items) => return items.iter().collect(),
        Value::Null => return Vec::new(),
        Value::Map(entries) => {
            if let Some(mut items) = entries.iter().map(indexed).collect::<Option<Vec<_>>>() {
                items.sort_by_key(|(index, _)| *index);
                return items.into_iter().map(|(_, node)| node).collect();
            }
        }
        Value::Scalar { .. } => {}
    }
    findings.push(wrong_type(node, path, "a list"));
    Vec::new()
}

fn wrong_type(node: &Node, path: &[&str], expected: &str) -> Finding {
    let place = if path.is_empty() {
        Cow::Borrowed("the configuration")
    } else {
        format!("`{}`", path.join(".")).into()
    };
    Finding::new(&codes::WRONG_TYPE, format!("{place} must be {expected}")).at(&node.origin)
}

fn unknown(code: &'static Code, entry: &Entry, path: &[&str], known: &[&str]) -> Finding {
    let place = [path, &[&*entry.key]].concat().join(".");
    let finding = Finding::new(code, format!("unknown key `{place}`")).at(&entry.key_origin);
    match nearest(&entry.key, known.iter().copied()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help(format!("known keys here: {}", known.join(", "))),
    }
}

/// The one kind that a service declares. Otherwise says so in Traefik's words.
pub(super) fn single_type<K>(
    name: &str,
    node: &Node,
    kinds: impl IntoIterator<Item = Option<K>>,
    word: impl Fn(&K) -> &'static str,
    findings: &mut Findings,
) -> Option<K> {
    let mut kinds: Vec<K> = kinds.into_iter().flatten().collect();
    if kinds.len() == 1 {
        return kinds.pop();
    }
    let subject = format!("service {name}");
    let finding = if kinds.is_empty() {
        let message = format!("the service {name:?} does not have any type defined");
        let finding = Finding::new(&model_codes::NO_TYPE, message).about(subject).at(&node.origin);
        finding.help("give it one type, such as `loadBalancer` with `servers`")
    } else {
        let message = "cannot create service: multi-types service not supported, consider declaring two different \
                       pieces of service instead";
        let finding = Finding::new(&model_codes::MULTI_TYPE, message).about(subject);
        kinds
            .iter()
            .filter_map(|kind| node.entry(word(kind)))
            .fold(finding, |finding, entry| finding.label(&entry.key_origin, format!("type `{}`", entry.key)))
    };
    findings.push(finding);
    None
}
