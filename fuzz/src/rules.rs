//! Rules: the parser on any text, and the index against a scan.
//!
//! The first line is a request, `METHOD HOST PATH[?QUERY]`. Each line after it is a rule, with an optional priority and
//! a space before it.

use std::cmp::Reverse;
use std::sync::Arc;

use fairlead_rules::{Entry, Rank, Rule, Syntax, Table, View, canonical_host, routing_path};
use http::{HeaderMap, HeaderValue, Method};

/// More rules than this add time and no new ways.
const MAX_RULES: usize = 40;

/// Reads the rules and asks table, scan and explanation for the request.
///
/// # Panics
/// When an error points outside the text of its rule, or the three answers differ.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let mut words = lines.next().unwrap_or_default().splitn(3, ' ');
    let method = words.next().and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    let host = words.next().unwrap_or_default();
    let target = words.next().unwrap_or("/");
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let entries: Vec<Entry> =
        lines.take(MAX_RULES).enumerate().filter_map(|(i, line)| entry(i, line)).collect();
    let (host, path) = (canonical_host(host), routing_path(path));
    let mut headers = HeaderMap::new();
    headers.insert("k", HeaderValue::from_static("v"));
    let method = method.unwrap_or(Method::GET);
    let view = View {
        method: &method,
        host: &host,
        path: &path,
        query,
        headers: &headers,
        peer: [10, 0, 0, 1].into(),
    };
    let expected = scan(&entries, &view);
    let table = Table::build(entries);
    assert_eq!(table.find(&view), expected, "the index differs from a scan");
    let told = table.explain(&view).into_iter().find(|verdict| verdict.matched).map(|verdict| verdict.index);
    assert_eq!(told, expected, "the explanation differs from a scan");
}

fn entry(place: usize, line: &str) -> Option<Entry> {
    let prioritised = line.split_once(' ').and_then(|(number, rule)| Some((number.parse().ok()?, rule)));
    let (priority, text) = prioritised.map_or((None, line), |(priority, rule)| (Some(priority), rule));
    let rule = parse(text, Syntax::V3).or_else(|| parse(text, Syntax::V2))?;
    let priority = priority.unwrap_or_else(|| rule.default_priority());
    let name = ["a", "b", "c"][place % 3].into();
    Some(Entry { rule: Arc::new(rule), rank: Rank { priority, precedence: 0, name } })
}

fn parse(text: &str, syntax: Syntax) -> Option<Rule> {
    match Rule::parse(text, syntax) {
        Ok(rule) => Some(rule),
        Err(errors) => {
            assert!(!errors.is_empty(), "a refusal without a reason");
            for error in errors {
                assert!(text.get(error.span.clone()).is_some(), "{:?} is no place in {text:?}", error.span);
            }
            None
        }
    }
}

/// The answer of a scan in the documented order.
fn scan(entries: &[Entry], view: &View<'_>) -> Option<usize> {
    let taking = entries.iter().enumerate().filter(|(_, entry)| entry.rule.matches(view));
    let first = taking
        .min_by_key(|(index, entry)| (Reverse(entry.rank.priority), Arc::clone(&entry.rank.name), *index));
    first.map(|(index, _)| index)
}
