//! The binary: subcommands, the allocator, and the wiring of the systems. Nothing else lives here.

mod check;
mod codes;
mod command;
mod embedded;
mod explain;
mod healthcheck;
mod help;
mod load;
mod mirror;
mod run;
mod up;

use std::process::ExitCode;

use clap::Parser;

use command::{Cli, Command, Raw};

#[cfg(not(debug_assertions))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    fairlead_rt::limits::keep_small_pages();
    let command = match command::gateway_options(std::env::args_os()) {
        Some(arguments) => Command::Gateway(Raw { arguments }),
        None => match Cli::try_parse() {
            Ok(cli) => cli.command,
            Err(error) => return usage(&error),
        },
    };
    let done = match command {
        Command::Up(options) => up::run(&options),
        Command::Gateway(options) => run::gateway(&options.arguments),
        Command::Healthcheck(options) => healthcheck::run(&options.arguments),
        Command::Check(options) => check::run(&options),
        Command::Explain(options) => codes::explain(&options),
        Command::ExplainRequest(options) => explain::run(&options),
        Command::Mirror(options) => return mirror::run(&options),
        Command::Completions(options) => command::completions(options.shell),
        Command::Version => command::version(),
    };
    done.unwrap_or_else(|error| {
        if !is_closed_pipe(&error) {
            tell_error(&error);
        }
        ExitCode::FAILURE
    })
}

/// Prints help or what is wrong with the command line. Wrong usage is 2, as with most programs, but 64 for `mirror`, whose 2 has
/// another meaning.
fn usage(error: &clap::Error) -> ExitCode {
    // A closed output is no reason to fail.
    let _ = error.print();
    match error.exit_code() {
        2 if std::env::args().nth(1).is_some_and(|word| word == "mirror") => ExitCode::from(mirror::USAGE),
        code => u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

/// Whether nobody reads our output any more, as behind `| head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn tell_error(error: &anyhow::Error) {
    // Some errors say what their cause says: nobody needs to read it twice.
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    anstream::eprintln!("fairlead: {text}");
}
