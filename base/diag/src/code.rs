//! Stable codes: each crate owns one `codes!` table, and `fairlead explain CODE` prints from it.

use serde::{Deserialize, Serialize};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Info,
    /// Works, but not as its author may think.
    Warning,
    /// Rejected, left out or broken.
    Error,
}

impl Severity {
    /// The word shown to people, lower case.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// A kind of finding, known for ever by its `id`.
#[derive(Debug)]
pub struct Code {
    /// Stable identifier such as `FLD-CONF-0001`; never reused.
    pub id: &'static str,
    /// Short title, a lower-case fragment.
    pub title: &'static str,
    /// Severity unless the finding says otherwise.
    pub severity: Severity,
    /// What it means, why it matters and how to mend it: the text of `fairlead explain`.
    pub explain: &'static str,
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// Declares the finding codes of a crate and the slice `ALL` that lists them.
///
/// ```
/// fairlead_diag::codes! {
///     /// an example
///     BAD_THING = "FLD-X-0001", Error, "bad thing", "A thing was bad. Make it good.";
/// }
/// assert_eq!(ALL[0].id, BAD_THING.id);
/// ```
#[macro_export]
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $severity:ident, $title:literal, $explain:expr;)*) => {
        $($(#[$doc])* pub static $name: $crate::Code = $crate::Code {
            id: $id, title: $title, severity: $crate::Severity::$severity, explain: $explain,
        };)*
        /// Every code of this crate, in the order of declaration.
        pub static ALL: &[&$crate::Code] = &[$(&$name),*];
    };
}

/// Codes for the tests of this crate.
#[cfg(test)]
pub(crate) mod samples {
    use super::{Code, Severity};

    pub(crate) static UNKNOWN: Code = Code {
        id: "FLD-T-0001",
        title: "unknown key",
        severity: Severity::Error,
        explain: "No option has this name, so the value would have no effect. Most often it is a misspelling or a wrong \
                  indentation of the line.\n\nMend it.",
    };
    pub(crate) static EMPTY: Code = Code {
        id: "FLD-T-0002",
        title: "key without a value",
        severity: Severity::Warning,
        explain: "Set it.",
    };
}
