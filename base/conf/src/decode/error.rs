//! Why a value was not taken, until it is a finding.

use std::fmt;

use fairlead_diag::{Code, Finding};
use serde::de;

use crate::{Node, codes};

/// A problem with one node. It becomes a finding where the node and its path are known.
#[derive(Debug)]
pub(crate) struct Error(Box<Problem>);

#[derive(Debug)]
struct Problem {
    code: &'static Code,
    message: String,
    help: Option<String>,
    /// The key that is missing, if that is the problem.
    missing: Option<&'static str>,
    /// The node it was reported for, once it was.
    reported: Option<*const Node>,
}

impl Error {
    fn new(code: &'static Code, message: String) -> Self {
        Error(Box::new(Problem { code, message, help: None, missing: None, reported: None }))
    }

    /// Stands for a problem of `node` that has its finding.
    pub(super) fn reported_for(node: &Node) -> Self {
        let mut error = Error::new(&codes::BAD_VALUE, String::new());
        error.0.reported = Some(node);
        error
    }

    pub(super) fn wrong_type(expected: &str, found: &str) -> Self {
        Error::new(&codes::WRONG_TYPE, format!("expected {expected}, found {found}"))
    }

    pub(super) fn bad_value(message: String) -> Self {
        Error::new(&codes::BAD_VALUE, message)
    }

    pub(super) fn empty(expected: &str) -> Self {
        Error::new(&codes::EMPTY_VALUE, format!("has no value; expected {expected}"))
    }

    pub(super) fn help(mut self, help: String) -> Self {
        self.0.help = Some(help);
        self
    }

    /// The node this error was reported for; `None` while it is new.
    pub(super) fn reported(&self) -> Option<*const Node> {
        self.0.reported
    }

    /// The key that is missing, if that is the problem.
    pub(super) fn missing(&self) -> Option<&'static str> {
        self.0.missing
    }

    /// The finding for `node`, reached by `path`; afterwards the error counts as reported.
    pub(super) fn report(&mut self, node: &Node, path: &str) -> Finding {
        self.0.reported = Some(node);
        let message = match path {
            "" => self.0.message.clone(),
            _ => format!("`{path}`: {}", self.0.message),
        };
        let finding = Finding::new(self.0.code, message).at(&node.origin);
        match self.0.help.take() {
            Some(help) => finding.help(help),
            None => finding,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error::bad_value(message.to_string())
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Error::wrong_type(&expected.to_string(), &found.to_string())
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Error::bad_value(format!("expected {expected}, found {found}"))
    }

    fn missing_field(field: &'static str) -> Self {
        let message = format!("the key `{field}` is missing");
        let mut error = Error::new(&codes::MISSING_KEY, message).help(format!("add `{field}`"));
        error.0.missing = Some(field);
        error
    }

    fn duplicate_field(field: &'static str) -> Self {
        Error::new(&codes::DUPLICATE_KEY, format!("the key `{field}` is given twice"))
            .help("remove one".to_owned())
    }
}
