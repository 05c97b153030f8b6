//! Progress on standard error; results go to files and standard output.

/// Says one line.
#[expect(clippy::print_stderr, reason = "a command-line tool tells its user")]
pub(crate) fn tell(line: &str) {
    eprintln!("bench: {line}");
}

/// Prints a result.
#[expect(clippy::print_stdout, reason = "the report is the output")]
pub(crate) fn print(text: &str) {
    println!("{text}");
}
