//! Documents of the protocol: whether they are what they should be.

use bytes::Bytes;
use fairlead_gomod::path::{self, Module};
use fairlead_gomod::{modfile, version};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{Cause, Failure, Wanted};

/// How far into a body HTML is looked for.
const SNIFF: usize = 512;

/// Longer documents are checked on a blocking thread, in bytes.
const SHORT: usize = 256 * 1024;
/// Lines of a list among which a version must be.
const MAX_OTHER_LINES: usize = 10_000;

/// What an `.info` document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The canonical version.
    pub version: String,
    /// When it was committed.
    pub time: Option<Timestamp>,
}

/// Checks a document against what was asked for. Zips and databases have proofs of their own.
///
/// # Errors
/// [`Cause::Corrupt`] with what is wrong.
pub fn document(wanted: &Wanted, bytes: &Bytes) -> Result<(), Failure> {
    if is_html(bytes) {
        return Err(corrupt("the answer is an HTML page: a login portal or an error page stands in between"));
    }
    match wanted {
        Wanted::List(path) => list(path, bytes),
        Wanted::Latest(path) | Wanted::Query { path, .. } => {
            let info = info(bytes)?;
            canonical(path, &info.version)
        }
        Wanted::Info(module) => of_version(module, &info(bytes)?),
        Wanted::GoMod(_) => match modfile::module_path(bytes) {
            Some(_) => Ok(()),
            None => Err(corrupt("the go.mod file has no module line")),
        },
        Wanted::Zip(_) | Wanted::Sumdb { .. } => Ok(()),
    }
}

/// [`document`], for those who must not keep a thread: a document may have [megabytes](crate::source::MAX_DOCUMENT).
///
/// # Errors
/// As [`document`].
pub(crate) async fn document_apart(wanted: &Wanted, bytes: &Bytes) -> Result<(), Failure> {
    if bytes.len() <= SHORT {
        return document(wanted, bytes);
    }
    let (wanted, bytes) = (wanted.clone(), bytes.clone());
    let checked = tokio::task::spawn_blocking(move || document(&wanted, &bytes)).await;
    checked.unwrap_or_else(|_| Err(Failure::new(Cause::Unavailable, "the runtime is stopping")))
}

/// Reads an `.info` or `@latest` document. Unknown fields are fine.
///
/// # Errors
/// [`Cause::Corrupt`] when it is not that.
pub fn info(bytes: &[u8]) -> Result<Info, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Raw {
        version: String,
        #[serde(default)]
        time: Option<String>,
    }
    let raw: Raw = serde_json::from_slice(bytes)
        .map_err(|error| corrupt(&format!("the document is not what an .info must be: {error}")))?;
    let time = match raw.time.as_deref() {
        None | Some("") => None,
        Some(text) => match text.parse() {
            Ok(time) => Some(time),
            Err(_) => return Err(corrupt("the document has a Time that is not RFC 3339")),
        },
    };
    Ok(Info { version: raw.version, time })
}

/// Whether a body begins like an HTML page.
#[must_use]
pub fn is_html(bytes: &[u8]) -> bool {
    let head = bytes.get(..SNIFF).unwrap_or(bytes);
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().to_ascii_lowercase();
    [&b"<!doctype"[..], b"<html", b"<head", b"<body", b"<script", b"<?xml", b"<!--"]
        .iter()
        .any(|mark| head.starts_with(mark))
}

/// An empty list is a module without tags; otherwise at least one line must be a version.
fn list(path: &str, bytes: &[u8]) -> Result<(), Failure> {
    let text = str::from_utf8(bytes).map_err(|_| corrupt("the version list is not UTF-8"))?;
    let mut first = text.lines().filter_map(|line| line.split_whitespace().next()).peekable();
    let is_version = |word| path::check(path, word).is_ok() && version::is_valid(word);
    if first.peek().is_none() || first.take(MAX_OTHER_LINES).any(is_version) {
        return Ok(());
    }
    Err(corrupt("the version list has no line that is a version"))
}

fn of_version(module: &Module, info: &Info) -> Result<(), Failure> {
    if info.version == module.version {
        return Ok(());
    }
    let (said, asked) = (info.version.escape_debug(), &module.version);
    Err(corrupt(&format!("proxy returned info for version {said} instead of requested version {asked}")))
}

fn canonical(path: &str, version: &str) -> Result<(), Failure> {
    path::check(path, version)
        .map_err(|error| corrupt(&format!("the document names no version of the module: {error}")))
}

fn corrupt(text: &str) -> Failure {
    Failure::new(Cause::Corrupt, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &str, body: &'static str) -> Result<(), Failure> {
        document(&Wanted::parse(wanted, &[]).unwrap(), &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn pages_are_no_documents() {
        for page in ["<!DOCTYPE html><p>", "  \n<HTML>", "\u{feff}<html>", "<?xml version='1.0'?>"] {
            for wanted in ["/a.example/m/@v/list", "/a.example/m/@latest", "/a.example/m/@v/v1.0.0.mod"] {
                assert_eq!(check(wanted, page).unwrap_err().cause, Cause::Corrupt, "{wanted} {page}");
            }
        }
    }

    #[test]
    fn an_info_is_about_the_version_asked_for() {
        let good = r#"{"Version":"v1.0.0","Time":"2024-01-02T03:04:05Z","Origin":{"VCS":"git"}}"#;
        assert!(check("/a.example/m/@v/v1.0.0.info", good).is_ok());
        assert!(check("/a.example/m/@v/main.info", good).is_ok());
        assert!(check("/a.example/m/@latest", good).is_ok());
        let other = check("/a.example/m/@v/v1.0.1.info", good).unwrap_err();
        assert!(other.text.contains("instead of requested version v1.0.1"), "{}", other.text);
        for bad in ["", "[]", "{}", r#"{"version":1}"#, r#"{"Version":"v1.0.0","Time":"yesterday"}"#] {
            assert!(check("/a.example/m/@v/v1.0.0.info", bad).is_err(), "{bad}");
        }
        assert!(check("/a.example/m/v2/@latest", good).is_err(), "another major version");
    }

    #[test]
    fn a_list_is_empty_or_has_versions() {
        assert!(check("/a.example/m/@v/list", "").is_ok());
        assert!(check("/a.example/m/@v/list", "v1.0.0\nv1.1.0 2024-01-02T03:04:05Z\nodd\n").is_ok());
        assert!(check("/a.example/m/@v/list", "please log in\n").is_err());
        let rubbish = Bytes::from("x\n".repeat(crate::source::MAX_DOCUMENT / 2));
        let wanted = Wanted::parse("/a.example/m/@v/list", &[]).unwrap();
        assert!(document(&wanted, &rubbish).is_err(), "and in no time");
    }

    #[test]
    fn a_go_mod_has_a_module_line() {
        assert!(
            check("/a.example/m/@v/v1.0.0.mod", "module a.example/fork\n").is_ok(),
            "a fork keeps its name"
        );
        assert!(check("/a.example/m/@v/v1.0.0.mod", "go 1.22\n").is_err());
    }
}
