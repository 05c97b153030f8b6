//! What is wrong with a text, and where.

use std::ops::Range;

/// One syntax error: a lower-case message, the byte range it is about, and a hint if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What is wrong, in the words of Go's parser where it has them.
    pub message: String,
    /// Byte range in the text; empty at the end of the text.
    pub span: Range<usize>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Error {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), span, help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
