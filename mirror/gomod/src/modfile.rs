//! The go.mod file, read.
//!
//! [`ModFile::parse`] reads the file of a main module, where every line counts; [`ModFile::parse_lax`] that of a dependency, where
//! the go command skips what only a main module may say and what later releases may add. Text becomes tokens (`lex`), tokens
//! lines and blocks with their comments (`statement`), those the directives below (`directive`). Memory is in proportion to the
//! text, and the text is limited. See <https://go.dev/ref/mod#go-mod-file>.

mod comment;
mod directive;
mod go_version;
mod lex;
mod module_line;
mod quote;
mod statement;

pub use module_line::module_path;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::path::Module;
use crate::version;

/// Most bytes of a go.mod file; the go command has the same limit.
pub const MAX_BYTES: usize = 16 << 20;

/// Most lines of a go.mod file that are neither blank nor comments alone; the go command has no limit.
pub const MAX_LINES: usize = 200_000;

/// Most errors that one file gives.
pub const MAX_ERRORS: usize = 50;

/// A go.mod file. Paths are as written: [`crate::path::check_path`] tells whether they are valid.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModFile {
    /// The module itself.
    pub module: Option<ModuleLine>,
    /// Language version.
    pub go: Option<GoLine>,
    /// Suggested toolchain.
    pub toolchain: Option<Toolchain>,
    /// Settings for the runtime of main packages.
    pub godebug: Vec<Godebug>,
    /// Minimum versions of dependencies.
    pub require: Vec<Require>,
    /// Versions not to be used.
    pub exclude: Vec<Exclude>,
    /// Modules to be taken from elsewhere.
    pub replace: Vec<Replace>,
    /// Versions of this module that should not be used.
    pub retract: Vec<Retract>,
    /// Packages that `go tool` runs.
    pub tool: Vec<Tool>,
    /// Folders that package patterns leave out.
    pub ignore: Vec<Ignore>,
}

impl ModFile {
    /// Reads the go.mod of a main module: what is not known is an error.
    ///
    /// Versions come out canonical (`v1` as `v1.0.0`); a version that is none, such as a branch, is an error.
    /// A syntax error is the only error of a file that has one.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<ModError>> {
        directive::read(text, true)
    }

    /// Reads the go.mod of a dependency: takes `module`, `go`, `require`, `retract` and `ignore`, and skips all else,
    /// retractions that it cannot read included.
    pub fn parse_lax(text: &[u8]) -> Result<Self, Vec<ModError>> {
        directive::read(text, false)
    }

    /// The module path; none where the file has no `module` line.
    pub fn path(&self) -> Option<&str> {
        self.module.as_ref().map(|module| module.path.as_str())
    }
}

/// Where something stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What makes a file unreadable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{line}:{column}: {message}")]
pub struct ModError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1: that of the directive, or of the character that breaks the syntax.
    pub column: u32,
    /// What is wrong.
    pub message: String,
}

impl ModError {
    fn new(at: Position, message: impl Into<String>) -> Self {
        Self { line: at.line, column: at.column, message: message.into() }
    }
}

/// `module path`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleLine {
    /// Module path.
    pub path: String,
    /// The paragraph of the comment that begins with `Deprecated:`, less that word.
    pub deprecated: Option<String>,
    /// Start of the line.
    pub at: Position,
}

/// `go 1.23.0`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoLine {
    /// `1.23.0`, without `go` in front.
    pub version: String,
    /// Start of the line.
    pub at: Position,
}

/// `toolchain go1.23.0`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// `go1.23.0` or `default`.
    pub name: String,
    /// Start of the line.
    pub at: Position,
}

/// `godebug key=value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Godebug {
    /// Before the first `=`.
    pub key: String,
    /// Behind it.
    pub value: String,
    /// Start of the line.
    pub at: Position,
}

/// `require path version`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Require {
    /// What is required, at the least.
    pub module: Module,
    /// Commented as `// indirect`: no package of this module imports it.
    pub indirect: bool,
    /// Start of the line.
    pub at: Position,
}

/// `exclude path version`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclude {
    /// What is not to be used.
    pub module: Module,
    /// Start of the line.
    pub at: Position,
}

/// `replace path [version] => path version`, or `=> ./folder`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replace {
    /// What is replaced; without a version, all versions are.
    pub old: Module,
    /// What takes its place; without a version, the path is a folder's.
    pub new: Module,
    /// Start of the line.
    pub at: Position,
}

/// `retract version` or `retract [low, high]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retract {
    /// First retracted version, as written.
    pub low: String,
    /// Last retracted version, as written; `low` where there is only one.
    pub high: String,
    /// The comment of the line or, where it has none, that of its block; lines of one block share the text.
    pub rationale: Arc<str>,
    /// Start of the line.
    pub at: Position,
}

impl Retract {
    /// True when `version` is in the interval, its ends included.
    pub fn contains(&self, version: &str) -> bool {
        version::compare(&self.low, version).is_le() && version::compare(version, &self.high).is_le()
    }
}

/// `tool package`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Package path.
    pub path: String,
    /// Start of the line.
    pub at: Position,
}

/// `ignore folder`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    /// Folder, slash-separated.
    pub path: String,
    /// Start of the line.
    pub at: Position,
}
