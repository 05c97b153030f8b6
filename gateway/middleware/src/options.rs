//! How options are declared, and how their faults are told.

use fairlead_conf::{Node, Value};
use fairlead_diag::{Code, Finding, Severity};

/// Declares an options struct: `camelCase` keys, defaults after `=`, and a JSON form that leaves zero values out, which is how
/// the API of Traefik prints them (`omitempty`).
macro_rules! options {
    ($(
        $(#[$outer:meta])*
        pub(crate) struct $name:ident {
            $( $(#[$meta:meta])* pub(crate) $field:ident : $type:ty $(= $default:expr)? ),* $(,)?
        }
    )*) => {$(
        $(#[$outer])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub(crate) struct $name {
            $( $(#[$meta])* #[serde(skip_serializing_if = "crate::options::is_zero")] pub(crate) $field: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $( $field: crate::options::default_of!($($default)?), )* }
            }
        }
    )*};
}

macro_rules! default_of {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

pub(crate) use {default_of, options};

/// Whether a value is the one that Go calls zero.
pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Options as the API of Traefik prints them.
pub(crate) fn json(options: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(options).unwrap_or_default()
}

/// A step on the way from the options to the value at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key, matched without case.
    Key(&'static str),
    /// A place in a list, from 0.
    Index(usize),
}

impl From<&'static str> for Step {
    fn from(key: &'static str) -> Self {
        Step::Key(key)
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Step::Index(index)
    }
}

/// Something that is wrong with options that decoded.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Its kind.
    pub code: &'static Code,
    /// Where, from the options downwards.
    pub path: Vec<Step>,
    /// What is wrong, naming the value; never a secret.
    pub message: String,
    /// How much it matters; an error means that the middleware cannot be built.
    pub severity: Severity,
    /// What to do.
    pub help: Option<&'static str>,
}

impl Problem {
    /// A problem of the options as a whole.
    pub(crate) fn new(code: &'static Code, message: impl Into<String>) -> Self {
        Problem { code, path: Vec::new(), message: message.into(), severity: code.severity, help: None }
    }

    /// Says which value is at fault: one more step down.
    pub(crate) fn at(mut self, step: impl Into<Step>) -> Self {
        self.path.push(step.into());
        self
    }

    /// Puts a step in front, for problems found by a part of the options.
    pub(crate) fn under(mut self, step: impl Into<Step>) -> Self {
        self.path.insert(0, step.into());
        self
    }

    /// Changes the severity that the code gives.
    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Says what to do.
    pub(crate) fn help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }

    /// The finding, at the deepest node that the path reaches.
    #[must_use]
    pub fn finding(&self, options: &Node) -> Finding {
        let finding =
            Finding::new(self.code, &self.message).severity(self.severity).at(&self.locate(options).origin);
        match self.help {
            Some(help) => finding.help(help),
            None => finding,
        }
    }

    fn locate<'n>(&self, options: &'n Node) -> &'n Node {
        let mut node = options;
        for step in &self.path {
            let below = match (step, &node.value) {
                (Step::Key(key), _) => node.at(&[key]),
                (Step::Index(index), Value::List(items)) => items.get(*index),
                _ => None,
            };
            match below {
                Some(below) => node = below,
                None => break,
            }
        }
        node
    }
}
