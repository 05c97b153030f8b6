//! `fairlead mirror …`: checking mirrors, proving a go.sum, explaining Go's variables, and serving.
//!
//! Exit codes of these commands: 0 valid, 1 unreachable, 2 protocol, TLS or HTTP, 3 integrity, 4 stale or degraded with
//! `--strict`, 64 wrong usage, 70 anything that should not happen.

mod bundle;
mod check;
mod ci;
mod env;
mod progress;
mod serve;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

/// Exit code of a wrong command line (`sysexits.h`, `EX_USAGE`).
pub(crate) const USAGE: u8 = 64;
/// Exit code of what should not happen (`EX_SOFTWARE`).
const INTERNAL: u8 = 70;

/// `fairlead mirror`
#[derive(Debug, Args)]
#[command(after_help = "\
Check a mirror:        fairlead mirror check https://proxy.golang.org
Prove a go.sum:        fairlead mirror verify go.sum
Where does it go?      fairlead mirror env github.com/you/module
Serve your own:        fairlead mirror serve   then   GOPROXY=http://localhost:3000 go mod download
Exit codes: 0 valid, 1 unreachable, 2 protocol/TLS/HTTP, 3 integrity, 4 stale or degraded (--strict), 64 usage, 70 internal")]
pub(crate) struct Mirror {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Probe mirrors layer by layer and say what state each is in, and why
    Check(Box<check::Check>),
    /// Prove every line of a go.sum by the checksum database, without downloading modules
    Verify(verify::Verify),
    /// Explain GOPROXY, GOPRIVATE, GOSUMDB and the others as they work together, or write those of a tenant
    Env(env::Env),
    /// Serve a verified, caching GOPROXY
    Serve(serve::Serve),
    /// Carry a verified cache to a place without a network
    Bundle(bundle::Bundle),
    /// Steps of CI systems, for the scripts below ci/
    #[command(hide = true)]
    Ci(ci::Ci),
}

/// Runs a command; an error is one of ours, not the mirror's.
pub(crate) fn run(options: &Mirror) -> ExitCode {
    let done = match &options.command {
        Command::Check(options) => check::run(options),
        Command::Verify(options) => verify::run(options),
        Command::Env(options) => env::run(options),
        Command::Serve(options) => serve::run(options),
        Command::Bundle(options) => bundle::run(options),
        Command::Ci(options) => ci::run(options),
    };
    done.unwrap_or_else(|error| {
        if crate::is_closed_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        crate::tell_error(&error);
        let usage = error.downcast_ref::<WrongUsage>().is_some();
        ExitCode::from(if usage { USAGE } else { INTERNAL })
    })
}

/// An option whose value makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongUsage(pub String);

/// The runtime of a command that asks others and waits.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// A number of things side by side.
fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed to do anything".to_owned()),
        Ok(jobs) => Ok(jobs),
        Err(error) => Err(format!("{error}")),
    }
}

/// `fairlead/NAME` in the user's cache folder.
fn cache_folder(name: &str) -> anyhow::Result<PathBuf> {
    fairlead_mirror::settings::cache_folder(name)
        .context("neither XDG_CACHE_HOME nor HOME is set: there is no place for a cache")
}
