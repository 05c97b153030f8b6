//! Why a template gives no text.

/// A fault of a template, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}:{column}: {message}")]
pub struct Error {
    /// Name of the template, as given to [`render`](crate::render).
    pub name: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong, a lower-case fragment.
    pub message: String,
}

impl Error {
    /// At a byte offset of the source.
    pub(crate) fn at(name: &str, source: &str, offset: usize, message: String) -> Self {
        let before = source.get(..offset).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Error { name: name.to_owned(), line: number(line), column: number(column), message }
    }
}

/// A fault whose place is a byte offset.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(offset: usize, message: impl Into<String>) -> Self {
        Fault { offset, message: message.into() }
    }
}
