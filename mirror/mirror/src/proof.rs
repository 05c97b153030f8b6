//! What must hold before a byte is kept or given away whole.
//!
//! A document must be what the protocol says ([`document()`]); a go.mod and a zip must also hash to what a go.sum line or the
//! checksum database says ([`Prover`]). The database itself is proved by [`SumDb`], which remembers the newest tree it
//! has seen. What fails goes to [`Quarantine`] with the reason, never to the cache.

mod document;
mod quarantine;
mod remembered;
mod remote;
mod sumdb;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use fairlead_diag::{Finding, Findings, Origin};
use fairlead_gomod::dirhash::{H1, hash_go_mod};
use fairlead_gomod::gosum::{GoSum, Kind};
use fairlead_gomod::path::Module;
use fairlead_gomod::pattern::Patterns;
use fairlead_gomod::zip::{self, ReadAt, ZipError};

pub(crate) use document::document_apart;
pub use document::{Info, document, info, is_html};
pub use quarantine::{Quarantine, Quarantined};
pub(crate) use remembered::Remembered;
pub use sumdb::{BadSumDb, Passed, SumDb, SumDbSpec};

use crate::{Cause, Failure, codes};

/// Longest go.sum that is read, in bytes.
const MAX_GO_SUM: u64 = 64 << 20;

/// What guards one route.
#[derive(Clone, Default)]
pub struct Guard {
    /// The database that public modules are proved by; `None` when it is off.
    pub sumdb: Option<Arc<SumDb>>,
    /// Modules that the database must not be asked about.
    pub no_sumdb: Patterns,
}

impl Guard {
    /// The database that must know a module, if one must.
    #[must_use]
    pub fn database(&self, path: &str) -> Option<&Arc<SumDb>> {
        self.sumdb.as_ref().filter(|_| self.no_sumdb.matches(path).is_none())
    }
}

/// By what a file is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProvedBy {
    /// A line of a go.sum file of the settings.
    GoSum,
    /// The checksum database of this name.
    SumDb(Arc<str>),
    /// Nothing speaks about it: it is private, or the database is off. The rules of the format hold.
    Rules,
}

/// A file that may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// Its hash as go.sum has it.
    pub h1: H1,
    /// By what.
    pub by: ProvedBy,
}

/// Proves files of module versions.
#[derive(Debug, Default)]
pub struct Prover {
    pins: GoSum,
}

impl Prover {
    /// A prover that also knows these go.sum files. A file that cannot be read, or a broken line, is a finding.
    #[must_use]
    pub fn new(go_sums: &[PathBuf], findings: &mut Findings) -> Self {
        let mut all = Vec::new();
        for path in go_sums {
            match read_bounded(path) {
                Ok(text) => {
                    all.extend_from_slice(&text);
                    all.push(b'\n');
                    for error in GoSum::parse(&text).1 {
                        findings.push(
                            Finding::new(&codes::BAD_SETTING, format!("{}: {error}", path.display()))
                                .at(&Origin::file(path.display().to_string())),
                        );
                    }
                }
                Err(error) => {
                    let message = format!("cannot read {}: {error}", path.display());
                    findings.push(Finding::new(&codes::BAD_SETTING, message).about("mirror.goSums"));
                }
            }
        }
        Prover { pins: GoSum::parse(&all).0 }
    }

    /// Proves the go.mod file of a version.
    ///
    /// # Errors
    /// [`Cause::Untrusted`] when it is another file than the proof is about; what [`SumDb::lookup`] says otherwise.
    pub async fn go_mod(&self, guard: &Guard, module: &Module, bytes: &Bytes) -> Result<Proved, Failure> {
        let h1 = hash_go_mod(bytes);
        let by = self.compare(guard, module, Kind::GoMod, &h1).await?;
        Ok(Proved { h1, by })
    }

    /// Proves the zip of a version: every rule of the format, then its hash. Hashing happens on a blocking thread.
    ///
    /// # Errors
    /// [`Cause::Corrupt`] for what is no whole module zip, [`Cause::Untrusted`] for one that is not that of this version, and what
    /// [`SumDb::lookup`] says.
    pub async fn zip(
        &self,
        guard: &Guard,
        module: &Module,
        file: Arc<dyn ReadAt>,
    ) -> Result<Proved, Failure> {
        let Module { path, version } = module.clone();
        let hashed = tokio::task::spawn_blocking(move || zip::verify(&*file, &path, &version)).await;
        let verified = hashed
            .map_err(|_| Failure::new(Cause::Unavailable, "hashing was interrupted"))?
            .map_err(|error| of_zip(module, &error))?;
        let by = self.compare(guard, module, Kind::Zip, &verified.h1).await?;
        Ok(Proved { h1: verified.h1, by })
    }

    /// Holds a hash against what is known of it.
    async fn compare(
        &self,
        guard: &Guard,
        module: &Module,
        kind: Kind,
        h1: &H1,
    ) -> Result<ProvedBy, Failure> {
        let text = h1.to_string();
        let expected: Vec<&str> =
            self.pins.hashes(module, kind).filter(|hash| hash.starts_with("h1:")).collect();
        if !expected.is_empty() {
            return match expected.contains(&text.as_str()) {
                true => Ok(ProvedBy::GoSum),
                false => Err(mismatch(module, kind, &text, &expected.join(", "), "go.sum")),
            };
        }
        let Some(database) = guard.database(&module.path) else { return Ok(ProvedBy::Rules) };
        let lines = database.lookup(module).await.map_err(|failure| failure.of(database.name()))?;
        let expected = hash_of(&lines, module, kind);
        match expected {
            Some(expected) if expected == text => Ok(ProvedBy::SumDb(Arc::clone(database.name()))),
            Some(expected) => Err(mismatch(module, kind, &text, expected, database.name())),
            None => Err(Failure::new(
                Cause::Untrusted,
                format!("verifying {module}: {} has no line about its {}", database.name(), word(kind)),
            )),
        }
    }
}

/// The `h1:` hash that go.sum lines have for a file of a version.
#[must_use]
pub fn hash_of<'a>(lines: &'a [String], module: &Module, kind: Kind) -> Option<&'a str> {
    let ending = if kind == Kind::GoMod { "/go.mod" } else { "" };
    let wanted = format!("{} {}{ending} ", module.path, module.version);
    lines.iter().find_map(|line| line.strip_prefix(&wanted)).filter(|hash| hash.starts_with("h1:"))
}

/// The message in the go command's words, so that people find it.
fn mismatch(module: &Module, kind: Kind, got: &str, expected: &str, by: &str) -> Failure {
    let what = if kind == Kind::GoMod { "/go.mod" } else { "" };
    Failure::new(
        Cause::Untrusted,
        format!("verifying {module}{what}: checksum mismatch\n\tdownloaded: {got}\n\t{by}: {expected}"),
    )
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::GoMod => "go.mod",
        Kind::Zip => "zip",
    }
}

fn of_zip(module: &Module, error: &ZipError) -> Failure {
    let cause = match error {
        ZipError::NotAZip | ZipError::Truncated => Cause::Corrupt,
        ZipError::Io(_) => Cause::Unavailable,
        _ => Cause::Untrusted,
    };
    Failure::new(cause, format!("zip for {module}: {error}"))
}

fn read_bounded(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.len() > MAX_GO_SUM {
        return Err(std::io::Error::other("file is larger than 64 MiB"));
    }
    std::fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module() -> Module {
        Module { path: "example.com/m".into(), version: "v1.0.0".into() }
    }

    fn prover(go_sum: &str) -> Prover {
        Prover { pins: GoSum::parse(go_sum.as_bytes()).0 }
    }

    #[tokio::test]
    async fn a_pin_is_a_proof_and_a_refusal() {
        let bytes = Bytes::from_static(b"module example.com/m\n");
        let pin = |text: &[u8]| format!("example.com/m v1.0.0/go.mod {}\n", hash_go_mod(text));
        let proved = prover(&pin(&bytes)).go_mod(&Guard::default(), &module(), &bytes).await.unwrap();
        assert_eq!(proved.by, ProvedBy::GoSum);
        let refused = prover(&pin(b"module other\n")).go_mod(&Guard::default(), &module(), &bytes).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.cause, Cause::Untrusted);
        assert!(refused.text.contains("checksum mismatch"), "{}", refused.text);
    }

    #[tokio::test]
    async fn without_anybody_who_knows_the_rules_are_all() {
        let bytes = Bytes::from_static(b"module example.com/m\n");
        let proved = prover("").go_mod(&Guard::default(), &module(), &bytes).await.unwrap();
        assert_eq!(proved.by, ProvedBy::Rules);
        let html: Arc<dyn ReadAt> = Arc::new(b"<html>".to_vec());
        let refused = prover("").zip(&Guard::default(), &module(), html).await.unwrap_err();
        assert_eq!(refused.cause, Cause::Corrupt);
    }

    #[test]
    fn lines_are_told_apart_by_file() {
        let lines =
            ["example.com/m v1.0.0 h1:zip".to_owned(), "example.com/m v1.0.0/go.mod h1:mod".to_owned()];
        assert_eq!(hash_of(&lines, &module(), Kind::Zip), Some("h1:zip"));
        assert_eq!(hash_of(&lines, &module(), Kind::GoMod), Some("h1:mod"));
    }
}
