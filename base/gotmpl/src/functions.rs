//! The functions that templates call. One table per subject; the reference comes from the tables.

mod collection;
mod encoding;
mod logic;
mod number;
mod text;

use crate::Value;
use crate::call::Arguments;

/// A function.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// Name and arguments.
    pub(crate) usage: &'static str,
    /// What it gives, a lower-case fragment.
    pub(crate) about: &'static str,
    least: usize,
    most: usize,
    pub(crate) run: fn(&Arguments<'_>) -> Result<Value, String>,
}

/// As many arguments as one likes.
const MANY: usize = usize::MAX;

impl Function {
    /// Refuses a wrong number of arguments.
    pub(crate) fn check(&self, count: usize) -> Result<(), String> {
        if (self.least..=self.most).contains(&count) {
            return Ok(());
        }
        Err(format!("wrong number of arguments ({count}); usage: {}", self.usage))
    }
}

/// A row of a table: usage (whose first word is the name), number of arguments, result.
const fn row(
    name: &'static str,
    usage: &'static str,
    counts: (usize, usize),
    about: &'static str,
    run: fn(&Arguments<'_>) -> Result<Value, String>,
) -> Function {
    Function { name, usage, about, least: counts.0, most: counts.1, run }
}

/// All functions but `and` and `or`, which do not evaluate all their arguments.
pub(crate) fn all() -> impl Iterator<Item = &'static Function> {
    [logic::ALL, text::ALL, number::ALL, collection::ALL, encoding::ALL].into_iter().flatten()
}

pub(crate) fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}
