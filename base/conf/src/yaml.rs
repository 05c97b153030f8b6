//! YAML 1.2 to a tree.
//!
//! Aliases are replaced by what they name and merge keys (`<<`) are merged, both within bounds; the copies keep the
//! origin of the original, which is the place to mend. Of several documents the first counts.

pub mod pieces;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use fairlead_diag::{Finding, Origin, Position};
use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use crate::bounds::{Budget, check_depth};
use crate::duplicates::refuse_duplicates;
use crate::{Entry, Node, Value, codes};

/// Parses the first document of `text`; `path` is the name shown in origins. An empty text is an empty map.
///
/// # Errors
/// Malformed text, a key given twice, a key that is no scalar, or an expansion beyond the bounds.
pub fn parse(text: &str, path: &str) -> Result<Node, Finding> {
    let root = Reader::new(text, path, Budget::for_text(text, path)?).document()?;
    match root.value {
        Value::Null => Ok(Node::empty_map(Origin::file(path))),
        _ => Ok(root),
    }
}

struct Reader<'t> {
    events: Parser<'t, StrInput<'t>>,
    path: Arc<str>,
    budget: Budget,
    anchors: HashMap<usize, Anchored>,
    /// Whether something was met that depends on the rest of a document: what anchors and merge keys mean, and where a
    /// block of text without content is said to stand.
    reaches_out: bool,
    /// Lines and levels of nesting before the text, when it is a piece of a document.
    lines_before: usize,
    levels_above: usize,
}

/// What an anchor names, with its size.
struct Anchored {
    node: Node,
    size: Size,
}

#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, path: &str, budget: Budget) -> Self {
        let options = granit_parser::options! { emit_comments: false };
        Reader {
            events: Parser::new_from_str_with_options(text.strip_prefix('\u{feff}').unwrap_or(text), options),
            path: path.into(),
            budget,
            anchors: HashMap::new(),
            reaches_out: false,
            lines_before: 0,
            levels_above: 0,
        }
    }

    fn document(&mut self) -> Result<Node, Finding> {
        loop {
            match self.next()? {
                Some((Event::StreamStart | Event::DocumentStart(..), _)) => {}
                None | Some((Event::StreamEnd | Event::DocumentEnd, _)) => {
                    return Ok(Node { origin: Origin::file(self.path.clone()), value: Value::Null });
                }
                Some((event, span)) => return self.node(event, span, self.levels_above),
            }
        }
    }

    /// Whether nothing follows the document.
    fn is_complete(&mut self) -> bool {
        matches!(self.next(), Ok(Some((Event::DocumentEnd, _))))
            && matches!(self.next(), Ok(Some((Event::StreamEnd, _))))
    }

    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Finding> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => Err(self.syntax(&error)),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Finding> {
        let origin = self.origin(span);
        check_depth(depth, &origin)?;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.budget.spend(1, text.len(), &origin)?;
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                self.reaches_out |= block && text.trim_end().is_empty();
                (Node { origin, value: scalar(&text, style, tag.as_deref()) }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.list(origin, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(origin, depth)?, anchor),
            Event::Alias(id) => return self.alias(id, &origin, depth),
            _ => return Err(Finding::new(&codes::SYNTAX, "a value was expected here").at(&origin)),
        };
        if anchor != 0 {
            self.reaches_out = true;
            let size = size_of(&node);
            self.budget.spend(size.nodes, size.bytes, &node.origin)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), size });
        }
        Ok(node)
    }

    fn list(&mut self, origin: Origin, depth: usize) -> Result<Node, Finding> {
        self.budget.spend(1, 0, &origin)?;
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            items.push(self.node(event, span, depth + 1)?);
        }
        Ok(Node { origin, value: Value::List(items) })
    }

    fn map(&mut self, origin: Origin, depth: usize) -> Result<Node, Finding> {
        self.budget.spend(1, 0, &origin)?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let (key, key_origin) = self.key(event, span, depth)?;
            let node = self.value_of(&key_origin, depth)?;
            if plain && &*key == "<<" {
                self.reaches_out = true;
                merged.push(node);
            } else {
                entries.push(Entry { key, key_origin, node });
            }
        }
        refuse_duplicates(&entries)?;
        if !merged.is_empty() {
            merge_into(&mut entries, merged)?;
        }
        Ok(Node { origin, value: Value::Map(entries) })
    }

    fn key(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<(Box<str>, Origin), Finding> {
        let origin = self.origin(span);
        if let Event::Scalar(text, _, 0, _) = &event {
            self.budget.spend(0, text.len(), &origin)?;
            return Ok((text.as_ref().into(), origin));
        }
        match self.node(event, span, depth + 1)?.value {
            Value::Scalar { text, .. } => Ok((text, origin)),
            Value::Null => Ok(("".into(), origin)),
            Value::List(_) | Value::Map(_) => {
                Err(Finding::new(&codes::UNSUPPORTED, "a list or a map cannot be a key")
                    .at(&origin)
                    .help("quote it if it is meant as text, for example \"{{ name }}\""))
            }
        }
    }

    /// The value after a key. An empty one has no place of its own, so it gets the place of its key.
    fn value_of(&mut self, key_origin: &Origin, depth: usize) -> Result<Node, Finding> {
        let Some((event, span)) = self.next()? else {
            return Err(
                Finding::new(&codes::SYNTAX, "the text ends where a value was expected").at(key_origin)
            );
        };
        let empty = matches!(&event, Event::Scalar(_, ScalarStyle::Plain, ..))
            && span.start.index() == span.end.index();
        let mut node = self.node(event, span, depth + 1)?;
        if empty {
            node.origin = key_origin.clone();
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, origin: &Origin, depth: usize) -> Result<Node, Finding> {
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(Finding::new(&codes::UNSUPPORTED, "the alias stands inside of what it names")
                .at(origin)
                .help("write the value out"));
        };
        check_depth(depth + anchored.size.depth, origin)?;
        self.budget.spend(anchored.size.nodes, anchored.size.bytes, origin)?;
        Ok(anchored.node.clone())
    }

    fn origin(&self, span: Span) -> Origin {
        let (start, end) = (span.start, span.end);
        let len = if start.line() == end.line() { end.index().saturating_sub(start.index()) } else { 0 };
        self.at(start.line(), start.col() + 1, len)
    }

    fn at(&self, line: usize, column: usize, len: usize) -> Origin {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let at =
            Position { line: number(line + self.lines_before), column: number(column), len: number(len) };
        Origin::File { path: self.path.clone(), at }
    }

    fn syntax(&self, error: &ScanError) -> Finding {
        let mark = error.marker();
        let finding = Finding::new(&codes::SYNTAX, format!("not valid YAML: {}", error.info())).at(&self.at(
            mark.line().max(1),
            mark.col() + 1,
            0,
        ));
        match advice(&error.info()) {
            Some(advice) => finding.help(advice),
            None => {
                finding.help("check indentation, quotes and the space after `:` here and on the line before")
            }
        }
    }
}

/// What helps against the mistakes made most often.
fn advice(info: &str) -> Option<&'static str> {
    let info = info.to_ascii_lowercase();
    if info.contains("tab") {
        Some("indent with spaces; YAML forbids tabs there")
    } else if info.contains("anchor") && info.contains("unknown") {
        Some("define the anchor with `&name` before it is used, or quote text that begins with `*`")
    } else if info.contains("cannot start any token") || info.contains("unexpected character") {
        Some("quote text that begins with `@`, `%` or a backtick")
    } else if info.contains("mapping values are not allowed") {
        Some("quote text that contains `: `, or check the indentation of this line")
    } else {
        None
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let plain = matches!(style, ScalarStyle::Plain);
    let text_tag = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
    if plain && !text_tag && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    let other_tag = tag.is_some_and(Tag::is_yaml_core_schema) && !text_tag;
    Value::Scalar { text: text.into(), quoted: (!plain || text_tag) && !other_tag }
}

/// Adds the entries of merge keys whose names are not given; earlier merges win over later ones.
fn merge_into(entries: &mut Vec<Entry>, merged: Vec<Node>) -> Result<(), Finding> {
    let mut known: HashSet<Box<str>> = entries.iter().map(|entry| entry.key.clone()).collect();
    let mut add = |node: Node| match node.value {
        Value::Map(added) => {
            entries.extend(added.into_iter().filter(|entry| known.insert(entry.key.clone())));
            Ok(())
        }
        Value::Null => Ok(()),
        _ => Err(Finding::new(&codes::UNSUPPORTED, "`<<` merges maps only")
            .at(&node.origin)
            .help("name a map: `<<: *anchor` or `<<: [*one, *two]`")),
    };
    for node in merged {
        match node.value {
            Value::List(nodes) => nodes.into_iter().try_for_each(&mut add)?,
            _ => add(node)?,
        }
    }
    Ok(())
}

fn size_of(node: &Node) -> Size {
    let mut size = Size { nodes: 1, ..Size::default() };
    let mut add = |part: Size, key: usize| {
        size.nodes += part.nodes;
        size.bytes += part.bytes + key;
        size.depth = size.depth.max(part.depth + 1);
    };
    match &node.value {
        Value::Null => {}
        Value::Scalar { text, .. } => size.bytes = text.len(),
        Value::List(items) => items.iter().for_each(|item| add(size_of(item), 0)),
        Value::Map(entries) => entries.iter().for_each(|entry| add(size_of(&entry.node), entry.key.len())),
    }
    size
}
