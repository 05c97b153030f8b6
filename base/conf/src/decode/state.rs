//! What one run of `decode` remembers: findings, the way to the current value, and which nodes are left out.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Write;

use fairlead_diag::{Finding, Findings};
use serde::de::Deserialize;

use super::{Error, NodeDeserializer};
use crate::{Entry, Node, codes, nearest};

/// Findings of one run beyond which the rest is not listed.
const MOST: usize = 100;
/// Known keys are listed when there are at most this many.
const FEW: usize = 12;

/// One step on the way from the root.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

pub(super) struct State<'a> {
    prefix: String,
    path: RefCell<Vec<Step<'a>>>,
    findings: RefCell<Findings>,
    left_out: RefCell<HashSet<*const Node>>,
    /// Keys that have their finding.
    reported_keys: RefCell<HashSet<*const Entry>>,
}

impl<'a> State<'a> {
    pub(super) fn new(prefix: &[&str]) -> Self {
        State {
            prefix: prefix.join("."),
            path: RefCell::default(),
            findings: RefCell::default(),
            left_out: RefCell::default(),
            reported_keys: RefCell::default(),
        }
    }

    pub(super) fn into_findings(self) -> Findings {
        self.findings.into_inner()
    }

    pub(super) fn is_left_out(&self, node: &Node) -> bool {
        let left_out = self.left_out.borrow();
        !left_out.is_empty() && left_out.contains(&std::ptr::from_ref(node))
    }

    /// Decodes what is one step further, as often as leaving out something below it lets it go on.
    pub(super) fn step<T: Deserialize<'a>>(
        &self,
        step: Step<'a>,
        node: &'a Node,
        item: Option<&'a str>,
    ) -> Result<T, Error> {
        self.path.borrow_mut().push(step);
        let result = self.attempt(node, item);
        self.path.borrow_mut().pop();
        result
    }

    /// Decodes `node`. A problem below it was reported and left out there, so another attempt gets further; a problem
    /// of its own is reported here, and whoever asked decodes again without it.
    pub(super) fn attempt<T: Deserialize<'a>>(
        &self,
        node: &'a Node,
        item: Option<&'a str>,
    ) -> Result<T, Error> {
        if self.is_left_out(node) {
            return Err(Error::reported_for(node));
        }
        loop {
            let before = self.left_out.borrow().len();
            let mut error = match T::deserialize(NodeDeserializer { node, item, state: self }) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            match error.reported() {
                Some(place) if std::ptr::eq(place, node) => return Err(error),
                // Something new was left out below.
                Some(_) if self.left_out.borrow().len() > before => continue,
                Some(_) => error = Error::reported_for(node),
                // The key is there, but its value has its own finding.
                None if self.has_left_out(node, error.missing()) => error = Error::reported_for(node),
                None => {
                    let finding = error.report(node, &self.path_text(None));
                    self.push(finding);
                }
            }
            self.left_out.borrow_mut().insert(node);
            return Err(error);
        }
    }

    /// Whether the section, or the only variant in it, has the key and its value was left out.
    fn has_left_out(&self, node: &Node, key: Option<&str>) -> bool {
        let Some(key) = key else { return false };
        match (node.entry(key), node.entries()) {
            (Some(entry), _) => self.is_left_out(&entry.node),
            (None, [variant]) => self.has_left_out(&variant.node, Some(key)),
            _ => false,
        }
    }

    /// Reports a key that stands in the section for the second time, in another spelling, once.
    pub(super) fn repeated_key(&self, entry: &'a Entry, field: &str) {
        if !self.reported_keys.borrow_mut().insert(entry) {
            return;
        }
        let path = self.path_text(Some(&entry.key));
        let message =
            format!("`{path}` is given twice: keys compare without case, so it is the same as `{field}`");
        let finding = Finding::new(&codes::DUPLICATE_KEY, message).at(&entry.key_origin);
        self.push(finding.help("remove one of the two; the first one counts"));
    }

    /// Reports a key that is none of `fields`, once.
    pub(super) fn unknown_key(&self, entry: &'a Entry, fields: &[&'static str]) {
        if !self.reported_keys.borrow_mut().insert(entry) {
            return;
        }
        let path = self.path_text(Some(&entry.key));
        let finding =
            Finding::new(&codes::UNKNOWN_KEY, format!("unknown key `{path}`")).at(&entry.key_origin);
        let finding = match nearest(&entry.key, fields.iter().copied()) {
            Some(known) => finding.help(format!("did you mean `{known}`?")),
            None if fields.is_empty() => finding.help("this section has no keys; remove it"),
            None if fields.len() <= FEW => finding.help(format!("known keys here: {}", fields.join(", "))),
            None => finding.help("remove it, or move it to the section it belongs to"),
        };
        self.push(finding);
    }

    fn push(&self, finding: Finding) {
        let mut findings = self.findings.borrow_mut();
        if findings.len() < MOST {
            findings.push(finding);
        } else if findings.len() == MOST {
            let more =
                Finding::new(&codes::TOO_MANY, format!("more than {MOST} problems; the rest is not listed"));
            findings.push(match finding.origin() {
                Some(origin) => more.at(origin),
                None => more,
            });
        }
    }

    /// The way to the current value, or to the key `last` in it: `http.routers.web.rule`, `domains[0].main`.
    fn path_text(&self, last: Option<&str>) -> String {
        let mut text = self.prefix.clone();
        for step in self.path.borrow().iter().copied().chain(last.map(Step::Key)) {
            match step {
                Step::Key(key) if text.is_empty() => text.push_str(key),
                Step::Key(key) => {
                    text.push('.');
                    text.push_str(key);
                }
                Step::Index(index) => {
                    let _ = write!(text, "[{index}]");
                }
            }
        }
        text
    }
}
