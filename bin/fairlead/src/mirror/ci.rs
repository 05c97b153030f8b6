//! `fairlead mirror ci …`: what the CI pieces of this repository do, so that their scripts need only find the program.
//!
//! A step reads its settings from variables ([`inputs`], [`arguments`]), runs this program again for each command of its own
//! ([`child`]), so that a failure of that one is a verdict like any other, and tells the runner how it went ([`workflow`]).

mod arguments;
mod child;
mod github;
mod gitlab;
mod inputs;
mod list;
mod workflow;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

/// `fairlead mirror ci`
#[derive(Debug, Args)]
pub(super) struct Ci {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The step of action.yml: reads FAIRLEAD_INPUT_… and writes to the runner's files and log
    Github,
    /// The job fairlead-mirror-env of the include for GitLab: writes fairlead-mirror.env
    Gitlab,
}

/// Runs a step.
pub(super) fn run(options: &Ci) -> anyhow::Result<ExitCode> {
    match options.command {
        Command::Github => github::run(),
        Command::Gitlab => gitlab::run(),
    }
}

/// A variable and its value.
type Variable = (String, String);

/// Reads `NAME=value` lines, as `fairlead mirror env` writes them.
fn variables(text: &str) -> Vec<Variable> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Makes a folder in `place` that nobody else can look into.
fn own_folder(place: &Path) -> anyhow::Result<PathBuf> {
    let path = place.join(format!("fairlead-mirror-{:016x}", rand::random::<u64>()));
    let mut folder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(path)
}
