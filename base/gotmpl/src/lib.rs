//! The subset of Go's `text/template` and sprig that users write in configuration.
//!
//! Text goes in, text comes out: the file provider renders its files and the Docker provider its default rule with
//! [`render`]. A template is parsed whole, its functions are checked, then it is walked over a [`Value`]. It sees
//! nothing of the process but what the [`Environment`] hands in, and is bounded in steps, nesting and size of text.
//!
//! Supported: text, `{{ }}` with trim marks, comments, pipelines, variables, `if`, `with`, `range` (lists, maps,
//! numbers), `else if`, `else with`, `break`, `continue`, `define`, `block`, `template`, fields, literals, and the
//! functions that [`reference`] lists.

mod ast;
mod call;
mod error;
mod execute;
mod format;
mod functions;
mod literal;
mod parse;
mod value;

use std::collections::BTreeMap;

pub use call::Arguments;
pub use error::Error;
pub use value::{List, Map, Value};

use crate::error::Fault;

/// What a template may see and call beyond the functions of this crate.
#[derive(Default)]
pub struct Environment<'a> {
    variable: Option<Lookup<'a>>,
    functions: BTreeMap<String, Extra<'a>>,
}

/// Finds an environment variable.
type Lookup<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;
/// A function from outside.
type Extra<'a> = Box<dyn Fn(&[Value]) -> Result<Value, String> + 'a>;

impl<'a> Environment<'a> {
    /// One in which every environment variable is absent.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `env` and `expandenv` see variables.
    #[must_use]
    pub fn variables(mut self, variable: impl Fn(&str) -> Option<String> + 'a) -> Self {
        self.variable = Some(Box::new(variable));
        self
    }

    /// Adds a function, or takes the place of one. Its error becomes the message of the fault.
    #[must_use]
    pub fn function(
        mut self,
        name: impl Into<String>,
        function: impl Fn(&[Value]) -> Result<Value, String> + 'a,
    ) -> Self {
        self.functions.insert(name.into(), Box::new(function));
        self
    }

    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.variable.as_ref().and_then(|variable| variable(name))
    }

    pub(crate) fn extra(&self, name: &str) -> Option<&Extra<'a>> {
        self.functions.get(name)
    }
}

/// Renders a template over `data`, which is `.` and `$` in it. `name` is shown in errors.
///
/// # Errors
/// The template is malformed, calls an unknown function, fails in a function, or goes beyond the bounds.
pub fn render(
    name: &str,
    template: &str,
    data: &Value,
    environment: &Environment<'_>,
) -> Result<String, Error> {
    let located = |fault: Fault| Error::at(name, template, fault.offset, fault.message);
    if template.len() > call::MAX_TEXT {
        return Err(located(Fault::new(0, "the template is too large")));
    }
    let templates = parse::parse(template).map_err(located)?;
    for (function, offset) in &templates.functions {
        check_function(function, *offset, environment).map_err(located)?;
    }
    execute::execute(&templates, data, environment).map_err(located)
}

/// The functions of this crate as a Markdown table, in order of name.
#[must_use]
pub fn reference() -> String {
    let mut rows: Vec<String> =
        functions::all().map(|function| format!("| `{}` | {} |", function.usage, function.about)).collect();
    rows.extend(
        [
            "| `and A B …` | the first that is not true, or the last |",
            "| `or A B …` | the first that is true, or the last |",
        ]
        .map(str::to_owned),
    );
    rows.sort();
    format!("| Function | Result |\n|---|---|\n{}\n", rows.join("\n"))
}

fn check_function(name: &str, offset: usize, environment: &Environment<'_>) -> Result<(), Fault> {
    if matches!(name, "and" | "or") || functions::find(name).is_some() || environment.extra(name).is_some() {
        return Ok(());
    }
    let known = functions::all()
        .map(|function| function.name)
        .chain(environment.functions.keys().map(String::as_str));
    let nearest = known
        .map(|known| {
            (strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known)
        })
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    Err(Fault::new(
        offset,
        match nearest {
            Some((likeness, nearest)) if likeness > 0.5 => {
                format!("function `{name}` is not known; did you mean `{nearest}`?")
            }
            _ => format!("function `{name}` is not known"),
        },
    ))
}
