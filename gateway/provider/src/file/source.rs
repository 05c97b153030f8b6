//! One file: what it said last, and what it said last without error.
//!
//! A text that cannot be decoded is not used at all. One that can, but brings objects that cannot work, is used when there is
//! no earlier version: then those objects are left out. An earlier version stays in force.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use fairlead_diag::{Finding, Findings, Origin, Position, Severity};
use fairlead_gotmpl::{Environment, Value};
use fairlead_model::Dynamic;

use super::Judge;
use super::pieces::Pieces;
use super::scan::origin;
use crate::codes;

/// A file that has been read at least once.
#[derive(Default)]
pub(super) struct Source {
    /// Of the text that was parsed last; `None` when it is to be looked at again.
    text: Option<u64>,
    good: Option<Good>,
    /// What could be read of the last version when it has errors.
    broken: Option<Arc<Dynamic>>,
    /// Why the last version cannot be used; empty when it can.
    errors: Findings,
    pieces: Pieces,
}

/// The version in force.
struct Good {
    dynamic: Arc<Dynamic>,
    findings: Findings,
    since: SystemTime,
}

impl Source {
    /// Takes what was read now. Text that was parsed before is not parsed again.
    pub(super) fn update(
        &mut self,
        path: &Path,
        read: Result<String, Finding>,
        hasher: &impl BuildHasher,
        judge: &Judge,
        now: SystemTime,
    ) {
        let text = match read {
            Ok(text) => text,
            Err(finding) => {
                self.text = None;
                self.broken = None;
                self.errors = [finding].into_iter().collect();
                return;
            }
        };
        let hash = hasher.hash_one(&text);
        if self.text == Some(hash) {
            return;
        }
        self.text = Some(hash);
        let mut findings = Findings::new();
        let decoded = decode(path, &text, &mut self.pieces, hasher, &mut findings);
        let refused = findings.iter().any(|finding| is_error(finding) && !leaves_the_rest(finding));
        let dynamic = match decoded {
            Some(dynamic) if !refused => dynamic,
            unusable => {
                (self.errors, self.broken) = (findings, unusable);
                return;
            }
        };
        if let Some(judged) = self.worse(&dynamic, &findings, judge) {
            // What the judge looked at, such as a file of passwords, may have changed the next time.
            self.text = None;
            findings.extend(judged);
            (self.errors, self.broken) = (findings, Some(dynamic));
            return;
        }
        self.good = Some(Good { dynamic, findings, since: now });
        (self.errors, self.broken) = (Findings::new(), None);
    }

    /// Whether something cannot work in a version that could in the one in force, with what the judge says about it.
    fn worse(&self, dynamic: &Dynamic, findings: &Findings, judge: &Judge) -> Option<Findings> {
        let good = self.good.as_ref()?;
        let known = |finding: &Finding| {
            let told =
                |finding: &Finding| (finding.code.id, finding.subject.clone(), finding.message.clone());
            let same = |other: &Finding| told(other) == told(finding);
            good.findings.iter().any(same)
        };
        let new = findings.iter().any(|finding| is_error(finding) && !known(finding));
        let judged = judge(dynamic, &good.dynamic);
        (new || judged.has_errors()).then_some(judged)
    }

    /// The version in force.
    pub(super) fn dynamic(&self) -> Option<&Arc<Dynamic>> {
        self.good.as_ref().map(|good| &good.dynamic)
    }

    /// For checks: the version in force, or what could be read of one with errors, so that they find what else is wrong.
    pub(super) fn dynamic_for_checks(&self) -> Option<&Arc<Dynamic>> {
        self.broken.as_ref().or_else(|| self.dynamic())
    }

    /// What is to be said about the file.
    pub(super) fn findings(&self, path: &Path) -> Findings {
        let mut findings = self.errors.clone();
        match &self.good {
            Some(good) if self.errors.is_empty() => findings.extend(good.findings.clone()),
            Some(good) => findings.push(kept(path, good.since)),
            None => {}
        }
        findings
    }
}

fn is_error(finding: &Finding) -> bool {
    finding.severity == Severity::Error
}

/// Whether Traefik, too, takes the file and leaves out this alone.
fn leaves_the_rest(finding: &Finding) -> bool {
    use fairlead_model::codes::{MULTI_TYPE, NO_TYPE, UNKNOWN_SECTION};
    [&MULTI_TYPE, &NO_TYPE, &UNKNOWN_SECTION].contains(&finding.code)
}

fn kept(path: &Path, since: SystemTime) -> Finding {
    let since =
        jiff::Timestamp::try_from(since).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let message = format!("{} has errors; its version of {since} stays in force", path.display());
    Finding::new(&codes::KEPT_LAST_GOOD, message).at(&origin(path)).evidence("since", since)
}

/// Renders, parses and decodes. `None` or an error among the findings means that the text cannot be used.
fn decode(
    path: &Path,
    text: &str,
    pieces: &mut Pieces,
    hasher: &impl BuildHasher,
    findings: &mut Findings,
) -> Option<Arc<Dynamic>> {
    let name = path.display().to_string();
    let rendered = match render(&name, text) {
        Ok(rendered) => rendered,
        Err(finding) => {
            findings.push(finding);
            return None;
        }
    };
    if let Some((dynamic, without_effect)) = pieces.decode(&name, &rendered, hasher) {
        findings.extend(without_effect);
        return Some(dynamic);
    }
    match fairlead_conf::parse_file_text(&name, &rendered) {
        Ok(node) => {
            findings.extend(fairlead_model::not_yet::findings_dynamic(&node));
            Some(Arc::new(Dynamic::decode(&node, findings)))
        }
        Err(finding) => {
            findings.push(finding);
            None
        }
    }
}

/// The text, or what it becomes as a template.
fn render<'t>(name: &str, text: &'t str) -> Result<Cow<'t, str>, Finding> {
    if !text.contains("{{") {
        return Ok(Cow::Borrowed(text));
    }
    // As in Traefik the data of these templates is `false`, and they see the environment.
    let environment = Environment::new().variables(|name| std::env::var(name).ok());
    let rendered = fairlead_gotmpl::render(name, text, &Value::from(false), &environment);
    rendered.map(Cow::Owned).map_err(|error| {
        let at = Position { line: error.line, column: error.column, len: 0 };
        let origin = Origin::File { path: name.into(), at };
        Finding::new(&codes::TEMPLATE, format!("cannot render the template: {}", error.message)).at(&origin)
    })
}
