//! The command line, as clap sees it. Static options of the gateway are not described here: the configuration front end reads them.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

/// An edge gateway that runs Traefik v3 configurations and explains what it does
#[derive(Debug, Parser)]
#[command(
    name = "fairlead",
    version,
    about = "An edge gateway that runs Traefik v3 configurations and explains what it does",
    max_term_width = 110,
    after_help = "\
Try it:  fairlead up                     then  curl -H 'Host: localhost' http://127.0.0.1:8000/
Check:   fairlead check --configFile traefik.yml
Why?     fairlead explain-request --configFile traefik.yml http://app.example/path"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start with everything on: no configuration needed
    Up(Up),
    /// Run the gateway as `traefik` runs: --configFile=, --entryPoints.web.address=:80, TRAEFIK_…
    Gateway(Raw),
    /// Ask a running gateway's ping page; exit 0 when it is well
    Healthcheck(Raw),
    /// Check configuration without running it: all findings at once; exit 1 when there is an error
    Check(Check),
    /// Say what a finding code means and what to do about it
    Explain(Explain),
    /// Say for each router whether a request would match, and which predicate fails first
    #[command(name = "explain-request")]
    ExplainRequest(ExplainRequest),
    /// Check Go module mirrors, prove a go.sum, and serve a verified, caching GOPROXY
    Mirror(crate::mirror::Mirror),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the version
    Version,
}

/// `fairlead up`
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// A static configuration (YAML, TOML or JSON) in place of the embedded one
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Static options exactly as Traefik takes them.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Raw {
    /// --configFile=FILE, --entryPoints.web.address=:80, --api.insecure … (names without case); --help lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    pub arguments: Vec<String>,
}

/// `fairlead check`
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Static configuration; its file provider's files are checked too
    #[arg(long = "configFile", alias = "configfile", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// Files to check, static or dynamic (recognised by their keys)
    #[arg(value_name = "FILES")]
    pub files: Vec<PathBuf>,
    /// Output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Exit 1 on warnings too
    #[arg(long)]
    pub strict: bool,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, ValueEnum, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For code scanning (SARIF 2.1.0)
    Sarif,
}

/// `fairlead explain`
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A code such as FLD-CONF-0002; without one, all codes are listed
    pub code: Option<String>,
}

/// `fairlead explain-request`
#[derive(Debug, Args)]
pub(crate) struct ExplainRequest {
    /// Static configuration, with the file provider's files it names
    #[arg(long = "configFile", alias = "configfile", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// Dynamic configuration files, when there is no static one
    #[arg(long = "dynamic", value_name = "FILE")]
    pub dynamic: Vec<PathBuf>,
    /// Method
    #[arg(short = 'X', long, default_value = "GET")]
    pub method: String,
    /// A header, `Name: value`; may come several times
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub headers: Vec<String>,
    /// Entry point; chosen by the URL's port when absent
    #[arg(long, value_name = "NAME")]
    pub entry_point: Option<String>,
    /// Address of the client
    #[arg(long, value_name = "IP")]
    pub client: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// http://host[:port]/path?query
    pub url: String,
}

/// `fairlead completions`
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// The options of `fairlead gateway …`, which are not ours to read. To describe all other commands to clap first would touch
/// a megabyte that a gateway never needs again. What clap would say something about is `None`.
pub(crate) fn gateway_options(mut arguments: impl Iterator<Item = OsString>) -> Option<Vec<String>> {
    if arguments.nth(1)? != "gateway" {
        return None;
    }
    arguments.map(|argument| argument.into_string().ok().filter(|text| text != "--")).collect()
}

/// Prints a completion script.
pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    clap_complete::generate(shell, &mut Cli::command(), "fairlead", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}

/// Prints the version as Traefik prints its own.
pub(crate) fn version() -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Version:      {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "Compatible:   Traefik v3 configuration (3.7)")?;
    writeln!(out, "OS/Arch:      {}/{}", std::env::consts::OS, std::env::consts::ARCH)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_gateway_are_what_clap_would_make_of_them() {
        for line in [
            "gateway",
            "gateway --configFile=a.yml --api.insecure",
            "gateway -h --help --log.level debug x",
            "gateway --configFile a.yml gateway -- --x",
            "gateway -- --x",
        ] {
            let words = || std::iter::once("fairlead").chain(line.split(' '));
            let Command::Gateway(Raw { arguments }) = Cli::try_parse_from(words()).unwrap().command else {
                panic!("{line}");
            };
            let ours = gateway_options(words().map(OsString::from));
            assert_eq!(ours, (!line.contains("-- ")).then_some(arguments), "{line}");
        }
        for line in ["", "check", "--version", "--help gateway", "mirror gateway"] {
            let words = std::iter::once("fairlead").chain(line.split(' '));
            assert_eq!(gateway_options(words.map(OsString::from)), None, "{line}");
        }
        use std::os::unix::ffi::OsStringExt as _;
        let words = ["fairlead".into(), "gateway".into(), OsString::from_vec(vec![0xff])];
        assert_eq!(gateway_options(words.into_iter()), None, "not a text");
    }
}
