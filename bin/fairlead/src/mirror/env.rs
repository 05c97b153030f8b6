//! `fairlead mirror env`

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use fairlead_diag::render::{self, TextStyle};
use fairlead_diag::{Findings, Severity};
use fairlead_gomod::path;
use fairlead_mirror::environment::{self, Report};
use fairlead_mirror::goenv::GoEnv;
use fairlead_mirror::tenants::{self, Syntax, TenantMap};

use super::WrongUsage;

/// `fairlead mirror env`
#[derive(Debug, Args)]
pub(super) struct Env {
    /// Modules to explain: which way each goes, who learns its name, what verifies it
    #[arg(value_name = "MODULE")]
    modules: Vec<String>,
    /// Write the variables of this tenant instead
    #[arg(long, requires = "tenants", value_name = "NAME")]
    tenant: Option<String>,
    /// Environment of the tenant
    #[arg(long, default_value = "default", value_name = "NAME")]
    env: String,
    /// File of tenants (YAML, TOML or JSON)
    #[arg(long, value_name = "FILE")]
    tenants: Option<PathBuf>,
    /// Output; the last four are for --tenant
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Exit 4 when there is a warning
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// `export NAME='value'` lines
    Shell,
    /// Lines for $GITHUB_ENV
    Github,
    /// Lines for a dotenv report
    GitlabDotenv,
}

/// Explains, or writes a tenant's variables.
pub(super) fn run(options: &Env) -> anyhow::Result<ExitCode> {
    if let (Some(tenant), Some(file)) = (&options.tenant, &options.tenants) {
        return of_tenant(options, tenant, file);
    }
    for module in &options.modules {
        path::check_path(module)
            .map_err(|error| WrongUsage(format!("{error}: a module is named like git.example/team/lib")))?;
    }
    let report = environment::explain(&GoEnv::read(), &options.modules);
    let mut out = anstream::stdout().lock();
    match options.format {
        Format::Text => write!(out, "{}", text(&report))?,
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        _ => return Err(WrongUsage("this --format needs --tenant".to_owned()).into()),
    }
    let worst = report.findings.iter().map(|finding| finding.severity).max();
    Ok(match worst {
        Some(Severity::Error) => ExitCode::from(2),
        Some(Severity::Warning) if options.strict => ExitCode::from(4),
        _ => ExitCode::SUCCESS,
    })
}

fn of_tenant(options: &Env, tenant: &str, file: &std::path::Path) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::new();
    let map = match fairlead_conf::read_file(&file.display().to_string()) {
        Ok(node) => TenantMap::decode(&node, &mut findings),
        Err(finding) => {
            findings.push(finding);
            None
        }
    };
    let mirrors =
        map.filter(|_| !findings.has_errors()).and_then(|map| match map.mirrors(tenant, &options.env) {
            Ok((mirrors, warning)) => {
                findings.extend(warning);
                Some(mirrors)
            }
            Err(error) => {
                findings.push(error);
                None
            }
        });
    crate::run::refuse(&findings);
    let Some(mirrors) = mirrors else { return Ok(ExitCode::from(2)) };
    let syntax = match options.format {
        Format::Text | Format::Shell => Syntax::Shell,
        Format::Json => Syntax::Json,
        Format::Github => Syntax::GitHub,
        Format::GitlabDotenv => Syntax::GitLabDotenv,
    };
    let text = tenants::write(&mirrors.variables(), syntax).map_err(WrongUsage)?;
    write!(anstream::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

fn text(report: &Report) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for variable in report.variables.iter().filter(|variable| !variable.value.is_empty()) {
        let _ = writeln!(out, "{:<12} {}   ({})", variable.name, variable.value, variable.found);
    }
    for way in &report.modules {
        let _ = writeln!(out, "\n{}", way.module);
        let asks = match &way.no_proxy_by {
            Some(pattern) => format!("{}   (GONOPROXY has {pattern})", way.asks.join("\n              ")),
            None => way.asks.join("\n              "),
        };
        let _ = writeln!(out, "  asked of    {asks}");
        let _ = writeln!(out, "  verified by {}", way.verified);
        let _ = writeln!(out, "  told to     {}", way.told.join("; "));
        if way.insecure {
            let _ = writeln!(out, "  without TLS allowed for version control (GOINSECURE)");
        }
    }
    if !report.findings.is_empty() {
        let style = TextStyle { color: std::io::stdout().is_terminal() };
        let _ = write!(out, "\n{}", render::text(&report.findings, &style));
    }
    out
}
