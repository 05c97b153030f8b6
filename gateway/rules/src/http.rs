//! The catalogue of HTTP matchers: one file per matcher, one line in a slice per syntax.
//!
//! A matcher is built once from the arguments of a call and asked with a [`View`] for every candidate request. What it
//! tells of itself as [`Hint`] is what the table indexes by.

mod client_ip;
mod header;
mod header_regexp;
mod host;
mod host_regexp;
mod method;
mod path;
mod path_prefix;
mod path_regexp;
mod query;
mod query_regexp;

use std::fmt::Debug;
use std::sync::Arc;

use crate::View;

pub(crate) use self::host::parent_domain;

/// All matchers of the v3 syntax.
pub(crate) const V3: &[Spec] = &[
    client_ip::V3,
    header::V3,
    header_regexp::V3,
    host::V3,
    host_regexp::V3,
    method::V3,
    path::V3,
    path_prefix::V3,
    path_regexp::V3,
    query::V3,
    query_regexp::V3,
];

/// All matchers of the v2 syntax.
pub(crate) const V2: &[Spec] = &[
    client_ip::V2,
    header::V2,
    header_regexp::V2,
    host::V2,
    host::V2_HEADER,
    host_regexp::V2,
    method::V2,
    path::V2,
    path_prefix::V2,
    query::V2,
];

/// A predicate on a request.
pub(crate) trait Matcher: Debug + Send + Sync {
    /// Whether the request has what the matcher asks for.
    fn matches(&self, view: &View<'_>) -> bool;

    /// What the request has in its place, as a phrase: "request host is `a.b`".
    fn actual(&self, view: &View<'_>) -> String;

    /// What every matching request has in common, for the index.
    fn hint(&self) -> Hint {
        Hint::None
    }
}

/// A condition that the index can decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Nothing that can be looked up.
    None,
    /// Matches every request.
    Always,
    /// Matches exactly the requests with this host.
    Host(HostKey),
    /// Matches exactly the requests with this path.
    Path(PathKey),
    /// Matches only, but not all, requests with this path.
    Within(PathKey),
}

/// A set of hosts that can be looked up by hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum HostKey {
    /// This host.
    Exact(Arc<str>),
    /// One label in front of this suffix; the suffix has no leading dot.
    Wildcard(Arc<str>),
}

/// A set of paths that can be looked up in a sorted list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathKey {
    /// This path.
    Exact(Arc<str>),
    /// All paths that start with this text.
    Prefix(Arc<str>),
}

/// A line of the catalogue.
#[derive(Debug)]
pub(crate) struct Spec {
    /// The name in its documented spelling.
    pub(crate) name: &'static str,
    /// How many arguments it takes.
    pub(crate) params: Params,
    /// Makes the matcher.
    pub(crate) build: fn(&[&str]) -> Result<Box<dyn Matcher>, Fault>,
}

/// How many arguments a matcher takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Params {
    /// One of these numbers.
    OneOf(&'static [usize]),
    /// One or more, each a predicate of its own; one that holds is enough.
    Each,
    /// One or more, together one predicate.
    Some,
    /// Pairs of name and value, each a predicate of its own; all must hold.
    Pairs,
}

/// Why a matcher cannot be built.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Which argument is to blame.
    pub(crate) arg: usize,
    pub(crate) message: String,
    pub(crate) help: Option<&'static str>,
}

impl Fault {
    fn new(arg: usize, message: impl Into<String>) -> Self {
        Self { arg, message: message.into(), help: None }
    }

    fn help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }
}

/// A value of a request as it goes into a message: bounded, in back-ticks.
fn shown(value: &str) -> String {
    const LIMIT: usize = 120;
    match value.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("`{}…`", &value[..end]),
        None => format!("`{value}`"),
    }
}

/// As [`shown`], for some values of one name.
fn shown_all<T: AsRef<[u8]>>(what: &str, values: impl Iterator<Item = T>) -> String {
    const LIMIT: usize = 4;
    let mut texts: Vec<_> =
        values.take(LIMIT + 1).map(|v| shown(&String::from_utf8_lossy(v.as_ref()))).collect();
    if texts.is_empty() {
        return format!("request has no {what}");
    }
    if texts.len() > LIMIT {
        texts[LIMIT] = "…".to_owned();
    }
    format!("request {what} is {}", texts.join(", "))
}
