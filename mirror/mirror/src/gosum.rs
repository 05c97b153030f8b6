//! `mirror verify`: every line of a go.sum against the checksum database, without downloading a module.
//!
//! Lines are grouped by version, since one lookup answers for the zip and the go.mod. Lookups run side by side, bounded; the
//! answer is proved by inclusion in the newest tree before a line is compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use fairlead_diag::{Finding, Findings, Origin, Position};
use fairlead_gomod::gosum::{GoSum, Line};
use fairlead_gomod::path::Module;
use futures_util::StreamExt;
use serde::Serialize;

use crate::proof::{Guard, hash_of};
use crate::{Cause, codes};

/// What is known of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "verdict")]
pub enum Verdict {
    /// The database has just this line, proved by inclusion.
    Proved,
    /// The database has another hash.
    Mismatch {
        /// The hash of the database.
        expected: String,
    },
    /// The database does not know the version.
    Absent {
        /// Its words.
        why: String,
    },
    /// The module is private, or the database is off: nobody was asked.
    Private,
    /// The line uses an algorithm that the database does not.
    OtherAlgorithm,
    /// The database could not be asked.
    Unreachable {
        /// Why.
        why: String,
    },
    /// The database said something that does not hold.
    Untrusted {
        /// What.
        why: String,
    },
}

impl Verdict {
    /// The exit code that a line with this verdict asks for: 0, 1 unreachable, 3 integrity.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Verdict::Proved | Verdict::Private | Verdict::OtherAlgorithm => 0,
            Verdict::Unreachable { .. } => 1,
            Verdict::Mismatch { .. } | Verdict::Absent { .. } | Verdict::Untrusted { .. } => 3,
        }
    }
}

/// One line with its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// The file.
    pub file: Arc<str>,
    /// The line number, from 1.
    pub line: u32,
    /// Module path.
    pub module: String,
    /// Version, with `/go.mod` where the line is about that file.
    pub version: String,
    /// The hash of the line.
    pub hash: String,
    /// What is known.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// A go.sum as read.
pub struct Source {
    /// Its name for findings.
    pub file: Arc<str>,
    /// Its lines.
    pub sums: GoSum,
}

impl Source {
    /// Reads the text of a file; lines that cannot be read are findings.
    #[must_use]
    pub fn parse(file: &str, text: &[u8], findings: &mut Findings) -> Self {
        let (sums, errors) = GoSum::parse(text);
        for error in errors {
            let origin = at(file, error.line);
            findings.push(Finding::new(&codes::BAD_GO_SUM, error.to_string()).at(&origin));
        }
        Source { file: file.into(), sums }
    }
}

/// Checks every line; `progress` hears of each version that is done, with how many there are in all. Results come in the order of the files.
pub async fn verify(
    sources: &[Source],
    guard: &Guard,
    jobs: usize,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Vec<Checked> {
    let mut versions: BTreeMap<Module, Vec<(usize, &Line)>> = BTreeMap::new();
    for (place, source) in sources.iter().enumerate() {
        for line in source.sums.lines() {
            versions.entry(line.pair()).or_default().push((place, line));
        }
    }
    let total = versions.len();
    let mut done = 0;
    let mut all: Vec<(usize, Checked)> = Vec::new();
    let lookups = versions.into_iter().map(|(module, lines)| async move {
        let verdicts = verdicts(&module, &lines, guard).await;
        (lines, verdicts)
    });
    let mut lookups = futures_util::stream::iter(lookups).buffer_unordered(jobs.max(1));
    while let Some((lines, verdicts)) = lookups.next().await {
        for ((place, line), verdict) in lines.into_iter().zip(verdicts) {
            all.push((place, checked(&sources[place].file, line, verdict)));
        }
        done += 1;
        progress(done, total);
    }
    all.sort_by_key(|(place, checked)| (*place, checked.line));
    all.into_iter().map(|(_, checked)| checked).collect()
}

/// Findings of everything that is not as it should be. Lines for which nobody answered share one: it is one failure.
#[must_use]
pub fn findings(checked: &[Checked]) -> Findings {
    let mut findings: Findings = checked.iter().filter_map(finding).collect();
    let unreachable = |checked: &&Checked| matches!(checked.verdict, Verdict::Unreachable { .. });
    let mut lines = checked.iter().filter(unreachable);
    if let Some(first) = lines.next() {
        let Verdict::Unreachable { why } = &first.verdict else { return findings };
        let others = lines.count();
        let message = match others {
            0 => why.clone(),
            others => format!("{why} (and {others} more lines)"),
        };
        findings.push(Finding::new(&codes::SUM_UNREACHABLE, message).at(&at(&first.file, first.line)));
    }
    findings
}

fn finding(checked: &Checked) -> Option<Finding> {
    let Checked { file, line, module, version, hash, verdict } = checked;
    let (code, message) = match verdict {
        Verdict::Proved | Verdict::Private | Verdict::Unreachable { .. } => return None,
        Verdict::Mismatch { expected } => (
            &codes::SUM_MISMATCH,
            format!("{module} {version}: go.sum has {hash}, the checksum database has {expected}"),
        ),
        Verdict::Absent { why } => (&codes::SUM_ABSENT, why.clone()),
        Verdict::OtherAlgorithm => {
            (&codes::SUM_ALGORITHM, format!("{module} {version}: {hash} cannot be compared"))
        }
        Verdict::Untrusted { why } => (&codes::SUMDB_UNTRUSTED, why.clone()),
    };
    Some(Finding::new(code, message).at(&at(file, *line)).about(format!("{module} {version}")))
}

async fn verdicts(module: &Module, lines: &[(usize, &Line)], guard: &Guard) -> Vec<Verdict> {
    let all = |verdict: Verdict| vec![verdict; lines.len()];
    let Some(database) = guard.database(&module.path) else { return all(Verdict::Private) };
    let sums = match database.lookup(module).await {
        Ok(sums) => sums,
        Err(failure) => {
            let why = failure.text.into();
            return all(match failure.cause {
                Cause::NotFound | Cause::Gone | Cause::BadRequest => Verdict::Absent { why },
                Cause::Untrusted | Cause::Corrupt => Verdict::Untrusted { why },
                Cause::Denied | Cause::Unavailable | Cause::Timeout => Verdict::Unreachable { why },
            });
        }
    };
    let verdict = |line: &Line| match hash_of(&sums, module, line.kind) {
        _ if line.algorithm() != "h1" => Verdict::OtherAlgorithm,
        Some(expected) if expected == line.hash => Verdict::Proved,
        Some(expected) => Verdict::Mismatch { expected: expected.to_owned() },
        None => Verdict::Absent { why: format!("{module}: {} has no line about this file", database.name()) },
    };
    lines.iter().map(|(_, line)| verdict(line)).collect()
}

fn checked(file: &Arc<str>, line: &Line, verdict: Verdict) -> Checked {
    let ending = if line.kind == fairlead_gomod::gosum::Kind::GoMod { "/go.mod" } else { "" };
    Checked {
        file: Arc::clone(file),
        line: line.number,
        module: line.module.clone(),
        version: format!("{}{ending}", line.version),
        hash: line.hash.clone(),
        verdict,
    }
}

fn at(file: &str, line: u32) -> Origin {
    Origin::File { path: file.into(), at: Position { line, column: 1, len: 0 } }
}
