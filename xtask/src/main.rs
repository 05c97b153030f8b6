//! Checks and generators of the repository: `cargo run -p xtask -- layers`, `… docs [--check]`, `… links`.

mod docs;
mod layers;
mod links;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["layers"] => layers::check(),
        ["links"] => links::check(),
        ["docs"] => docs::generate(false),
        ["docs", "--check"] => docs::generate(true),
        _ => Err(anyhow::anyhow!("usage: xtask layers | xtask links | xtask docs [--check]")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a command-line tool tells its user")]
fn report(error: &anyhow::Error) {
    eprintln!("xtask: {error:#}");
}
