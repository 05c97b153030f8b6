//! What a request asks for: the GOPROXY paths (<https://go.dev/ref/mod#goproxy-protocol>) and those of a checksum database.

use std::fmt;

use fairlead_gomod::path::{self, Module};
use fairlead_gomod::version;

use crate::{Cause, Failure};

/// Longest path that is looked at, in bytes.
const MAX_PATH: usize = 2048;
/// Longest name, in bytes: what a store takes, less room for a folder before it and an ending behind it.
const MAX_KEY: usize = fairlead_store::MAX_KEY - 224;

/// One thing that a mirror can be asked for. Names are unescaped and checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// `/@v/list`: the tagged versions of a module path.
    List(String),
    /// `/@latest`: the newest version of a module path.
    Latest(String),
    /// `/@v/QUERY.info` where the query is a branch, a tag or a commit.
    Query {
        /// Module path.
        path: String,
        /// The query, unescaped.
        query: String,
    },
    /// `/@v/VERSION.info` of a canonical version.
    Info(Module),
    /// `/@v/VERSION.mod`.
    GoMod(Module),
    /// `/@v/VERSION.zip`.
    Zip(Module),
    /// `/sumdb/NAME/…` of a database that is passed through.
    Sumdb {
        /// Its name, which may contain slashes.
        name: String,
        /// What follows, with the leading slash: `/supported`, `/latest`, `/lookup/…`, `/tile/…`.
        path: String,
    },
}

impl Wanted {
    /// Reads a request path, percent-encoded as it came. `sumdbs` are the names that may be asked for: the longest that fits counts.
    ///
    /// # Errors
    /// A [`Cause::NotFound`] for paths that are not of the protocol, a [`Cause::BadRequest`] for names that break its rules.
    pub fn parse(raw: &str, sumdbs: &[&str]) -> Result<Self, Failure> {
        if raw.len() > MAX_PATH {
            return Err(Failure::new(Cause::BadRequest, "bad request: path is too long"));
        }
        let text = percent_encoding::percent_decode_str(raw)
            .decode_utf8()
            .map_err(|_| Failure::new(Cause::BadRequest, "bad request: path is not UTF-8"))?;
        let text = text.strip_prefix('/').unwrap_or(&text);
        if text.len() > MAX_KEY {
            return Err(Failure::new(Cause::NotFound, "not found: the name is too long for a file"));
        }
        if let Some(rest) = text.strip_prefix("sumdb/") {
            return sumdb(rest, sumdbs);
        }
        if let Some(escaped) = text.strip_suffix("/@latest") {
            return Ok(Wanted::Latest(module_path(escaped)?));
        }
        let Some((escaped, file)) = text.rsplit_once("/@v/") else {
            return Err(Failure::new(Cause::NotFound, "not found: this is no path of the GOPROXY protocol"));
        };
        let path = module_path(escaped)?;
        if file == "list" {
            return Ok(Wanted::List(path));
        }
        of_version(path, file)
    }

    /// The module path, for everything but the checksum database.
    #[must_use]
    pub fn module_path(&self) -> Option<&str> {
        match self {
            Wanted::List(path) | Wanted::Latest(path) | Wanted::Query { path, .. } => Some(path),
            Wanted::Info(module) | Wanted::GoMod(module) | Wanted::Zip(module) => Some(&module.path),
            Wanted::Sumdb { .. } => None,
        }
    }

    /// The module, where a canonical version is asked for.
    #[must_use]
    pub fn module(&self) -> Option<&Module> {
        match self {
            Wanted::Info(module) | Wanted::GoMod(module) | Wanted::Zip(module) => Some(module),
            _ => None,
        }
    }

    /// Whether the answer never changes once it is known.
    #[must_use]
    pub fn is_immutable(&self) -> bool {
        self.module().is_some()
    }

    /// The escaped path below a GOPROXY's base, without a leading slash. It is also the key of the answer in a cache.
    ///
    #[must_use]
    pub fn key(&self) -> String {
        let file = |path: &str, version: &str, ending: &str| {
            format!("{}/@v/{}.{ending}", escaped_path(path), escaped_version(version))
        };
        match self {
            Wanted::List(path) => format!("{}/@v/list", escaped_path(path)),
            Wanted::Latest(path) => format!("{}/@latest", escaped_path(path)),
            Wanted::Query { path, query } => file(path, query, "info"),
            Wanted::Info(module) => file(&module.path, &module.version, "info"),
            Wanted::GoMod(module) => file(&module.path, &module.version, "mod"),
            Wanted::Zip(module) => file(&module.path, &module.version, "zip"),
            Wanted::Sumdb { name, path } => format!("sumdb/{name}{path}"),
        }
    }

    /// A word for labels: `list`, `latest`, `query`, `info`, `mod`, `zip`, `sumdb`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Wanted::List(_) => "list",
            Wanted::Latest(_) => "latest",
            Wanted::Query { .. } => "query",
            Wanted::Info(_) => "info",
            Wanted::GoMod(_) => "mod",
            Wanted::Zip(_) => "zip",
            Wanted::Sumdb { .. } => "sumdb",
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key())
    }
}

fn sumdb(rest: &str, names: &[&str]) -> Result<Wanted, Failure> {
    let fits = |name: &&&str| rest.strip_prefix(**name).is_some_and(|path| path.starts_with('/'));
    let Some(name) = names.iter().filter(fits).max_by_key(|name| name.len()) else {
        return Err(Failure::new(Cause::NotFound, "not found: this checksum database is not passed through"));
    };
    let path = &rest[name.len()..];
    let known = path == "/supported"
        || path == "/latest"
        || path.starts_with("/lookup/")
        || path.starts_with("/tile/");
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'%'));
    if !known || !is_plain || path[1..].split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(Failure::new(Cause::NotFound, "not found: this is no path of a checksum database"));
    }
    Ok(Wanted::Sumdb { name: (*name).to_owned(), path: path.to_owned() })
}

fn module_path(escaped: &str) -> Result<String, Failure> {
    let bad = |error: path::PathError| Failure::new(Cause::NotFound, format!("not found: {error}"));
    path::unescape_path(escaped).map_err(bad)
}

fn of_version(path: String, file: &str) -> Result<Wanted, Failure> {
    let not_found = || Failure::new(Cause::NotFound, "not found: the file ends in none of .info, .mod, .zip");
    let (escaped, ending) = file.rsplit_once('.').ok_or_else(not_found)?;
    let text = path::unescape_version(escaped)
        .map_err(|error| Failure::new(Cause::NotFound, format!("not found: {error}")))?;
    let canonical =
        path::check(&path, &text).is_ok() && version::canonical(&text).is_some_and(|c| is_same(&c, &text));
    let module = Module { path, version: text };
    match ending {
        "info" if canonical => Ok(Wanted::Info(module)),
        "info" => Ok(Wanted::Query { path: module.path, query: module.version }),
        "mod" if canonical => Ok(Wanted::GoMod(module)),
        "zip" if canonical => Ok(Wanted::Zip(module)),
        "mod" | "zip" => Err(Failure::new(
            Cause::NotFound,
            format!("not found: {}@{} is not a canonical version", module.path, module.version),
        )),
        _ => Err(not_found()),
    }
}

/// Whether a version is its own canonical form, `+incompatible` apart.
fn is_same(canonical: &str, version: &str) -> bool {
    version == canonical || version.strip_suffix("+incompatible") == Some(canonical)
}

fn escaped_path(path: &str) -> String {
    path::escape_path(path).unwrap_or_else(|_| path.to_owned())
}

fn escaped_version(version: &str) -> String {
    path::escape_version(version).unwrap_or_else(|_| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_stored_is_not_there() {
        let long = |len: usize| format!("/a.example/{}/@v/list", "x".repeat(len));
        assert!(Wanted::parse(&long(300), &[]).is_ok());
        assert_eq!(Wanted::parse(&long(800), &[]).unwrap_err().cause, Cause::NotFound);
        assert_eq!(Wanted::parse(&long(3000), &[]).unwrap_err().cause, Cause::BadRequest);
    }

    #[test]
    fn paths_of_a_database_are_plain() {
        let parse = |path: &str| Wanted::parse(&format!("/sumdb/sum.example{path}"), &["sum.example"]);
        assert!(parse("/lookup/a.example/!x@v1.0.0").is_ok());
        assert!(parse("/tile/8/0/x001/234.p/5").is_ok());
        for path in [
            "/lookup/../x",
            "/tile//8",
            "/tile/8/%00",
            "/tile/8\\0",
            "/lookup/a%2541",
            "/lookup/a b",
            "/other",
        ] {
            assert_eq!(parse(path).unwrap_err().cause, Cause::NotFound, "{path}");
        }
    }
}
