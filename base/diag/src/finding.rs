//! The finding itself, and the list that collects them.

use serde::Serialize;

use crate::{Code, Origin, Severity};

/// A place that a finding points at, with what is to be seen there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Label {
    /// Where.
    pub origin: Origin,
    /// What is there; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// One thing found: what, where, why, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its kind.
    pub code: &'static Code,
    /// Severity, normally the one of the code.
    pub severity: Severity,
    /// What is wrong, in one sentence, naming the values at hand.
    pub message: String,
    /// The object it is about, such as `router api@file`; empty when it is about no object.
    pub subject: Box<str>,
    /// Places, the first one being the place to mend.
    pub labels: Vec<Label>,
    /// Facts that prove it, as name and value.
    pub evidence: Vec<(String, String)>,
    /// What to do.
    pub help: Option<Box<str>>,
}

impl Finding {
    /// A finding of `code` that says `message`.
    #[must_use]
    pub fn new(code: &'static Code, message: impl Into<String>) -> Self {
        Finding {
            code,
            severity: code.severity,
            message: message.into(),
            subject: Box::default(),
            labels: Vec::new(),
            evidence: Vec::new(),
            help: None,
        }
    }

    /// Points at a place. The first call names the place to mend.
    #[must_use]
    pub fn at(self, origin: &Origin) -> Self {
        self.label(origin, "")
    }

    /// Points at a place and says what is there.
    #[must_use]
    pub fn label(mut self, origin: &Origin, text: impl Into<String>) -> Self {
        self.labels.push(Label { origin: origin.clone(), text: text.into() });
        self
    }

    /// Names the object that the finding is about.
    #[must_use]
    pub fn about(mut self, subject: impl Into<Box<str>>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn evidence(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.evidence.push((name.into(), value.into()));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<Box<str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Changes the severity that the code gives.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The place to mend, if one is known.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.labels.first().map(|label| &label.origin)
    }
}

impl Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", self.code.id)?;
        map.serialize_entry("severity", &self.severity)?;
        map.serialize_entry("title", self.code.title)?;
        map.serialize_entry("message", &self.message)?;
        if !self.subject.is_empty() {
            map.serialize_entry("subject", &self.subject)?;
        }
        map.serialize_entry("origins", &self.labels)?;
        if !self.evidence.is_empty() {
            let evidence: serde_json::Map<String, serde_json::Value> =
                self.evidence.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
            map.serialize_entry("evidence", &evidence)?;
        }
        if let Some(help) = &self.help {
            map.serialize_entry("help", help)?;
        }
        map.end()
    }
}

/// Findings in the order they were made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Adds all of another list.
    pub fn extend(&mut self, other: impl IntoIterator<Item = Finding>) {
        self.0.extend(other);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<I: IntoIterator<Item = Finding>>(iter: I) -> Self {
        Findings(iter.into_iter().collect())
    }
}
