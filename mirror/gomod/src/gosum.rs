//! The go.sum file: one line per hash, `path version hash`, where the version of a go.mod's hash ends in `/go.mod`.
//!
//! Reading keeps what the go command keeps: lines of three fields whatever the hash algorithm, less the hash of an empty go.mod,
//! which early releases wrote by mistake. Lines that it would stop at are told of and left out. See <https://go.dev/ref/mod#go-sum-files>.

use std::cmp::Ordering;
use std::fmt;

use thiserror::Error;

use crate::path::Module;
use crate::unicode::Quoted;
use crate::version;

/// Most bytes of a go.sum that are read; the largest known are below 2 MiB.
pub const MAX_BYTES: usize = 64 << 20;

/// The hash of a tree of one empty go.mod.
pub const EMPTY_GO_MOD_HASH: &str = "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=";

/// A parsed go.sum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GoSum {
    /// By module, then zip before go.mod, then by hash, then by line.
    lines: Vec<Line>,
}

impl GoSum {
    /// Reads a go.sum. Every line that is none is told of, up to [`MAX_ERRORS`]; the others are kept all the same.
    pub fn parse(text: &[u8]) -> (Self, Vec<GoSumError>) {
        if text.len() > MAX_BYTES {
            return (
                Self::default(),
                vec![GoSumError { line: 1, kind: GoSumErrorKind::TooLarge(text.len()) }],
            );
        }
        let mut sum = Self::default();
        let mut errors = Vec::new();
        for (number, line) in (1..).zip(String::from_utf8_lossy(text).split('\n')) {
            match Line::parse(line, number) {
                Ok(line) => sum.lines.extend(line),
                Err(kind) if errors.len() < MAX_ERRORS => errors.push(GoSumError { line: number, kind }),
                Err(_) => {}
            }
        }
        sum.lines.sort_by(Line::order);
        (sum, errors)
    }

    /// All lines, in the order in which go writes them.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The lines of a module at a version, of both kinds: those of the zip first.
    pub fn module(&self, module: &Module) -> &[Line] {
        let order = |line: &Line| line.order_module(&module.path, &module.version);
        let start = self.lines.partition_point(|line| order(line).is_lt());
        let end = self.lines.partition_point(|line| order(line).is_le());
        &self.lines[start..end]
    }

    /// The hashes of one kind that the file has for a module; more than one where it was checked with several algorithms.
    pub fn hashes(&self, module: &Module, kind: Kind) -> impl Iterator<Item = &str> {
        self.module(module).iter().filter(move |line| line.kind == kind).map(|line| line.hash.as_str())
    }

    /// True when the file has no line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The file as go writes it: sorted, each line once.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for (at, line) in self.lines.iter().enumerate() {
            if at == 0 || !self.lines[at - 1].says_the_same(line) {
                text.push_str(&line.to_string());
                text.push('\n');
            }
        }
        text
    }
}

impl FromIterator<Line> for GoSum {
    /// Collects lines in any order.
    fn from_iter<I: IntoIterator<Item = Line>>(lines: I) -> Self {
        let mut lines: Vec<Line> = lines.into_iter().collect();
        lines.sort_by(Line::order);
        Self { lines }
    }
}

/// One hash of one module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Module path, in plain form; not checked.
    pub module: String,
    /// Version, without `/go.mod`; not checked.
    pub version: String,
    /// What was hashed.
    pub kind: Kind,
    /// With its algorithm in front, such as `h1:…=`; any algorithm.
    pub hash: String,
    /// Line in the file, from 1.
    pub number: u32,
}

impl Line {
    /// None for a blank line and for the hash of an empty go.mod.
    fn parse(text: &str, number: u32) -> Result<Option<Self>, GoSumErrorKind> {
        let mut fields = text.split_whitespace();
        let (Some(module), version, hash) = (fields.next(), fields.next(), fields.next()) else {
            return Ok(None);
        };
        let (Some(version), Some(hash), None) = (version, hash, fields.next()) else {
            return Err(GoSumErrorKind::Fields(text.split_whitespace().count()));
        };
        if hash == EMPTY_GO_MOD_HASH {
            return Ok(None);
        }
        let (version, kind) = match version.split_once('/') {
            None => (version, Kind::Zip),
            Some((version, "go.mod")) => (version, Kind::GoMod),
            Some((_, file)) => return Err(GoSumErrorKind::File(file.to_owned())),
        };
        Ok(Some(Self {
            module: module.to_owned(),
            version: version.to_owned(),
            kind,
            hash: hash.to_owned(),
            number,
        }))
    }

    /// The algorithm of the hash: `h1`, or what else stands before the first colon; empty without one.
    pub fn algorithm(&self) -> &str {
        self.hash.split_once(':').map_or("", |(algorithm, _)| algorithm)
    }

    /// The module and version, as a pair.
    pub fn pair(&self) -> Module {
        Module::new(&*self.module, &*self.version)
    }

    /// The order of the file, then that of the lines as they came.
    fn order(&self, other: &Self) -> Ordering {
        self.order_module(&other.module, &other.version)
            .then_with(|| self.kind.cmp(&other.kind))
            .then_with(|| self.hash.cmp(&other.hash))
            .then_with(|| self.number.cmp(&other.number))
    }

    fn order_module(&self, module: &str, version: &str) -> Ordering {
        self.module.as_str().cmp(module).then_with(|| version::order(&self.version, version))
    }

    fn says_the_same(&self, other: &Self) -> bool {
        (&self.module, &self.version, self.kind, &self.hash)
            == (&other.module, &other.version, other.kind, &other.hash)
    }
}

impl fmt::Display for Line {
    /// The line as go.sum has it, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = match self.kind {
            Kind::Zip => "",
            Kind::GoMod => "/go.mod",
        };
        write!(f, "{} {}{suffix} {}", self.module, self.version, self.hash)
    }
}

/// What a hash is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The module's files.
    Zip,
    /// Its go.mod alone.
    GoMod,
}

/// A line that is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {kind}")]
pub struct GoSumError {
    /// Line in the file, from 1.
    pub line: u32,
    /// What is wrong with it.
    pub kind: GoSumErrorKind,
}

/// Why a line is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GoSumErrorKind {
    /// Other than three fields; the number of fields.
    #[error("wrong number of fields: {0}, where path, version and hash are three")]
    Fields(usize),
    /// A version with a slash and a file other than go.mod.
    #[error("names the file {} where only go.mod may be", Quoted(.0))]
    File(String),
    /// More than [`MAX_BYTES`]; nothing was read.
    #[error("{0} bytes are more than a go.sum may have")]
    TooLarge(usize),
}

/// Most errors that one file gives.
pub const MAX_ERRORS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn parse(text: &str) -> GoSum {
        let (sum, errors) = GoSum::parse(text.as_bytes());
        assert_eq!(errors, []);
        sum
    }

    #[test]
    fn a_line_names_a_module_and_what_was_hashed() {
        let sum = parse(&format!("x.y/z v1.0.0 {SUM}\n\nx.y/z v1.0.0/go.mod {SUM}\r\n"));
        let [zip, go_mod] = sum.lines() else {
            panic!("{sum:?}");
        };
        assert_eq!((zip.kind, zip.number, zip.version.as_str()), (Kind::Zip, 1, "v1.0.0"));
        assert_eq!((go_mod.kind, go_mod.number, go_mod.version.as_str()), (Kind::GoMod, 3, "v1.0.0"));
        assert_eq!(go_mod.pair(), Module::new("x.y/z", "v1.0.0"));
        assert_eq!((go_mod.algorithm(), go_mod.hash.as_str()), ("h1", SUM));
    }

    #[test]
    fn lines_that_are_none_are_told_of_and_left_out() {
        let text = format!(
            "x.y/a v1.0.0\nx.y/b v1.0.0 {SUM} more\n<html>\nx.y/c v1.0.0/go.sum {SUM}\nx.y/d v1.0.0 {SUM}"
        );
        let (sum, errors) = GoSum::parse(text.as_bytes());
        assert_eq!(sum.lines().len(), 1);
        assert_eq!(
            errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "line 1: wrong number of fields: 2, where path, version and hash are three",
                "line 2: wrong number of fields: 4, where path, version and hash are three",
                "line 3: wrong number of fields: 1, where path, version and hash are three",
                "line 4: names the file \"go.sum\" where only go.mod may be",
            ]
        );
    }

    #[test]
    fn the_hash_of_an_empty_go_mod_is_dropped() {
        let sum =
            parse(&format!("x.y/z v1.0.0/go.mod {EMPTY_GO_MOD_HASH}\nx.y/z v1.0.0 {EMPTY_GO_MOD_HASH}\n"));
        assert!(sum.is_empty());
        assert_eq!(sum.render(), "");
    }

    #[test]
    fn other_algorithms_are_kept() {
        let sum = parse(&format!("x.y/z v1.0.0 h2:future\nx.y/z v1.0.0 {SUM}\nx.y/z v1.0.0 nothing\n"));
        let hashes: Vec<&str> = sum.hashes(&Module::new("x.y/z", "v1.0.0"), Kind::Zip).collect();
        assert_eq!(hashes, [SUM, "h2:future", "nothing"]);
        assert_eq!(sum.lines().iter().map(Line::algorithm).collect::<Vec<_>>(), ["h1", "h2", ""]);
    }

    #[test]
    fn a_module_is_found_by_its_exact_version() {
        let text = format!(
            "x.y/a v1.0.0 {SUM}\nx.y/a v1.0.0/go.mod {SUM}\nx.y/a v1.0.0+incompatible {SUM}\nx.y/a/v2 v2.0.0 {SUM}\n"
        );
        let sum = parse(&text);
        assert_eq!(sum.module(&Module::new("x.y/a", "v1.0.0")).len(), 2);
        assert_eq!(sum.module(&Module::new("x.y/a", "v1.0.0+incompatible")).len(), 1);
        assert_eq!(sum.hashes(&Module::new("x.y/a/v2", "v2.0.0"), Kind::Zip).count(), 1);
        assert_eq!(sum.hashes(&Module::new("x.y/a/v2", "v2.0.0"), Kind::GoMod).count(), 0);
        for absent in [("x.y/a", "v1"), ("x.y/a", "v1.0.1"), ("x.y", "v1.0.0"), ("", "")] {
            assert!(sum.module(&Module::new(absent.0, absent.1)).is_empty(), "{absent:?}");
        }
    }

    #[test]
    fn it_is_written_sorted_and_without_repetition() {
        let sorted = [
            format!("x.y/a v1.2.0 {SUM}\n"),
            format!("x.y/a v1.2.0/go.mod {SUM}\n"),
            format!("x.y/a v1.10.0-rc.1/go.mod {SUM}\n"),
            format!("x.y/a v1.10.0 {SUM}\n"),
            "x.y/a v1.10.0 h2:future\n".to_owned(),
            format!("x.y/a/v2 v2.0.0 {SUM}\n"),
            format!("x.y/b v0.0.0-20200101000000-abcdef123456/go.mod {SUM}\n"),
        ];
        let reversed: String = sorted.iter().rev().flat_map(|line| [line.as_str(), line.as_str()]).collect();
        let sum = parse(&reversed);
        assert_eq!(sum.render(), sorted.concat());
        assert_eq!(parse(&sum.render()).render(), sorted.concat());
        assert_eq!(sum.lines().iter().cloned().collect::<GoSum>(), sum);
    }

    #[test]
    fn errors_are_limited() {
        let (sum, errors) = GoSum::parse("x\n".repeat(10_000).as_bytes());
        assert!(sum.is_empty());
        assert_eq!(errors.len(), MAX_ERRORS);
    }
}
