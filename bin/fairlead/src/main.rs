//! The binary: subcommands, the allocator, and the wiring of the systems. Nothing else lives here.

mod check;
mod codes;
mod command;
mod explain;
mod healthcheck;
mod help;
mod load;
mod run;
mod up;

use std::process::ExitCode;

use clap::Parser;

use command::{Cli, Command};

#[cfg(not(debug_assertions))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    fairlead_rt::limits::keep_small_pages();
    let done = match Cli::parse().command {
        Command::Up(options) => up::run(&options),
        Command::Gateway(options) => run::gateway(&options.arguments),
        Command::Healthcheck(options) => healthcheck::run(&options.arguments),
        Command::Check(options) => check::run(&options),
        Command::Explain(options) => codes::explain(&options),
        Command::ExplainRequest(options) => explain::run(&options),
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

/// Whether nobody reads our output any more, as behind `| head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn tell_error(error: &anyhow::Error) {
    anstream::eprintln!("fairlead: {error:#}");
}
