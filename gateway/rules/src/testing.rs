//! Requests and rules for the tests of this crate.

use std::net::IpAddr;
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::{Entry, Rank, Rule, Syntax, View, canonical_host, routing_path};

/// A request that a [`View`] can borrow from.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: Method,
    host: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    peer: IpAddr,
}

impl Request {
    pub(crate) fn new() -> Self {
        Self {
            method: Method::GET,
            host: "localhost".into(),
            path: "/".into(),
            query: None,
            headers: HeaderMap::new(),
            peer: [127, 0, 0, 1].into(),
        }
    }

    pub(crate) fn method(self, method: &str) -> Self {
        Self { method: method.parse().unwrap(), ..self }
    }

    pub(crate) fn host(self, host: &str) -> Self {
        Self { host: canonical_host(host).into_owned(), ..self }
    }

    pub(crate) fn path(self, path: &str) -> Self {
        Self { path: routing_path(path).into_owned(), ..self }
    }

    pub(crate) fn query(self, query: &str) -> Self {
        Self { query: Some(query.to_owned()), ..self }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers.append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn peer(self, peer: &str) -> Self {
        Self { peer: peer.parse().unwrap(), ..self }
    }

    pub(crate) fn view(&self) -> View<'_> {
        View {
            method: &self.method,
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            peer: self.peer,
        }
    }
}

pub(crate) fn rule(text: &str) -> Rule {
    Rule::parse(text, Syntax::V3).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

pub(crate) fn rule_v2(text: &str) -> Rule {
    Rule::parse(text, Syntax::V2).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

pub(crate) fn entry(text: &str, priority: i64, name: &str) -> Entry {
    Entry { rule: Arc::new(rule(text)), rank: Rank { priority, precedence: 0, name: name.into() } }
}

/// Whether a rule takes a request, in the table as by itself.
pub(crate) fn matches(text: &str, with: impl FnOnce(Request) -> Request) -> bool {
    check(rule(text), with)
}

pub(crate) fn matches_v2(text: &str, with: impl FnOnce(Request) -> Request) -> bool {
    check(rule_v2(text), with)
}

pub(crate) fn errors(text: &str) -> Vec<String> {
    messages(text, Syntax::V3)
}

pub(crate) fn errors_v2(text: &str) -> Vec<String> {
    messages(text, Syntax::V2)
}

fn messages(text: &str, syntax: Syntax) -> Vec<String> {
    Rule::parse(text, syntax).expect_err(text).into_iter().map(|e| e.message).collect()
}

fn check(rule: Rule, with: impl FnOnce(Request) -> Request) -> bool {
    let request = with(Request::new());
    let expected = rule.matches(&request.view());
    let rank = Rank { priority: 0, precedence: 0, name: "r".into() };
    let table = crate::Table::build(vec![Entry { rule: Arc::new(rule), rank }]);
    assert_eq!(table.find(&request.view()), expected.then_some(0));
    assert_eq!(table.explain(&request.view())[0].matched, expected);
    expected
}

thread_local! {
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts a predicate evaluated or a link followed.
pub(crate) fn count_step() {
    STEPS.with(|steps| steps.set(steps.get() + 1));
}

/// How many steps `work` took on this thread, and its result.
pub(crate) fn steps_of<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = STEPS.with(std::cell::Cell::get);
    let result = work();
    (STEPS.with(std::cell::Cell::get) - before, result)
}
