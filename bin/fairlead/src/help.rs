//! `fairlead gateway --help`: how options are given, and the list of all of them with their defaults.

use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "\
Run the gateway on a Traefik v3 configuration.

Usage: fairlead gateway [--configFile=FILE] [--OPTION=VALUE]…

Where the static configuration comes from (the first that has something wins; a finding tells what is ignored):
  1. a file: --configFile=FILE, else /etc/traefik/, $XDG_CONFIG_HOME/, $HOME/.config/ or ./ traefik.{toml,yaml,yml}
  2. flags: --entryPoints.web.address=:80 --providers.file.directory=dynamic/ (names without case; `--api.insecure` alone means true)
  3. environment: TRAEFIK_ENTRYPOINTS_WEB_ADDRESS=:80

Signals: SIGTERM and SIGINT stop gracefully (twice: at once), SIGHUP reads the file provider's files again, SIGUSR1 reopens the access log.
Environment: FAIRLEAD_WORKERS sets the number of worker threads (default: one for each core).

Options (default in brackets; _name_ is a name of yours):
";

const HEALTHCHECK: &str = "\
Ask the ping page of a running gateway: exit 0 when it answers 200 within five seconds, else 1.

Usage: fairlead healthcheck [--configFile=FILE] [--OPTION=VALUE]…

Give it the static configuration that the gateway runs with; it needs `ping` and the address of ping's entry point.
";

/// Prints the help of `healthcheck`.
pub(crate) fn print_healthcheck() -> anyhow::Result<ExitCode> {
    write!(anstream::stdout().lock(), "{HEALTHCHECK}")?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the help of `gateway`.
pub(crate) fn print() -> anyhow::Result<ExitCode> {
    let mut out = anstream::stdout().lock();
    write!(out, "{USAGE}")?;
    write!(out, "{}", fairlead_model::statics::OPTION_LIST)?;
    Ok(ExitCode::SUCCESS)
}
