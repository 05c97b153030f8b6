//! Templates in configuration files: any text renders to bounded text or to an error.

use fairlead_gotmpl::{Environment, Value, render};

/// What a template may at most become; far over its own bound, so that only a missing bound is found.
const MAX_OUTPUT: usize = 64 << 20;

/// Renders with a value of each kind at hand.
///
/// # Panics
/// When the result has no bound.
pub fn run(data: &[u8]) {
    let template = String::from_utf8_lossy(data);
    let data = Value::map([
        ("text", Value::text("a,b c")),
        ("number", Value::from(7)),
        ("float", Value::from(0.5)),
        ("no", Value::from(false)),
        ("list", Value::list([Value::text("x"), Value::from(-1), Value::Nil])),
        ("map", Value::map([("k", Value::text("v"))])),
    ]);
    let environment = Environment::new().variables(|name| (name == "HOME").then(|| "/root".to_owned()));
    match render("fuzz.yml", &template, &data, &environment) {
        Ok(text) => assert!(text.len() <= MAX_OUTPUT, "{} bytes", text.len()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
