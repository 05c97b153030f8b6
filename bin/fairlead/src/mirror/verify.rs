//! `fairlead mirror verify`

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use fairlead_diag::render::{self, TextStyle};
use fairlead_diag::{Findings, Severity};
use fairlead_gomod::pattern::Patterns;
use fairlead_http::fetch::{FetchOptions, Fetcher, RetryPolicy};
use fairlead_mirror::goenv::GoEnv;
use fairlead_mirror::gosum::{self, Checked, Source, Verdict};
use fairlead_mirror::list::{List, Place};
use fairlead_mirror::proof::{Guard, SumDb, SumDbSpec};
use fairlead_mirror::report;
use fairlead_store::FileBlobs;

use super::WrongUsage;
use super::progress::Progress;

/// `fairlead mirror verify`
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// go.sum files; `-` is standard input
    #[arg(default_value = "go.sum", value_name = "GO_SUM")]
    files: Vec<PathBuf>,
    /// Checksum database, as GOSUMDB; default: GOSUMDB, else sum.golang.org
    #[arg(long, value_name = "NAME[+KEY][ URL]")]
    sumdb: Option<String>,
    /// Upstream list through which the database is reached, as GOPROXY; default: GOPROXY
    #[arg(long, value_name = "LIST")]
    upstreams: Option<String>,
    /// Modules that the database is not asked about, as GONOSUMDB; default: GONOSUMDB, else GOPRIVATE
    #[arg(long, value_name = "PATTERNS")]
    private: Option<String>,
    /// Lookups at a time
    #[arg(long, default_value_t = 16, value_parser = super::jobs, value_name = "N")]
    jobs: usize,
    /// Where the newest tree is remembered, so that a fork is found in the next run; default: the user's cache folder
    #[arg(long, value_name = "FOLDER")]
    memory: Option<PathBuf>,
    /// Output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write the report here, and the text to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show proved lines too
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON array
    Json,
    /// One JSON object for each line of go.sum
    Jsonl,
    /// For code scanning (SARIF 2.1.0)
    Sarif,
    /// For test reports
    Junit,
}

/// Proves the files; the exit code is that of the worst line.
pub(super) fn run(options: &Verify) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::new();
    let sources =
        options.files.iter().map(|file| read(file, &mut findings)).collect::<Result<Vec<_>, _>>()?;
    let guard = guard(options)?;
    let name = guard.sumdb.as_ref().map(|database| database.name().to_string());
    let progress = Progress::new("proving", false);
    let checked = super::runtime()?.block_on(async {
        gosum::verify(&sources, &guard, options.jobs, &|done, total| progress.tell(done, total)).await
    });
    drop(progress);
    findings.extend(gosum::findings(&checked));
    let broken = findings.iter().any(|finding| *finding.code == fairlead_mirror::codes::BAD_GO_SUM);
    print(options, &checked, &findings, name.as_deref())?;
    let worst = checked.iter().map(|checked| checked.verdict.exit_code()).max().unwrap_or(0);
    Ok(ExitCode::from(if broken { worst.max(2) } else { worst }))
}

fn read(file: &PathBuf, findings: &mut Findings) -> anyhow::Result<Source> {
    let text = if file.as_os_str() == "-" {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut text)?;
        text
    } else {
        std::fs::read(file).map_err(|error| WrongUsage(format!("cannot read {}: {error}", file.display())))?
    };
    Ok(Source::parse(&file.display().to_string(), &text, findings))
}

fn guard(options: &Verify) -> anyhow::Result<Guard> {
    let env = GoEnv::read();
    let or_env =
        |given: &Option<String>, name: &str| given.clone().unwrap_or_else(|| env.effective(name).value);
    let usage = |what: &str, error: &dyn std::fmt::Display| WrongUsage(format!("{what}: {error}"));
    let spec =
        SumDbSpec::parse(&or_env(&options.sumdb, "GOSUMDB")).map_err(|e| usage("checksum database", &e))?;
    let no_sumdb = match &options.private {
        Some(patterns) => Patterns::parse(patterns),
        None => env.patterns("GONOSUMDB"),
    };
    let Some(spec) = spec else { return Ok(Guard { sumdb: None, no_sumdb }) };
    let list = List::parse(&or_env(&options.upstreams, "GOPROXY")).map_err(|e| usage("upstreams", &e))?;
    let proxies: Vec<_> = list
        .entries
        .into_iter()
        .filter_map(|entry| match entry.place {
            Place::Proxy(url) => Some(url),
            Place::Direct | Place::Off => None,
        })
        .collect();
    let folder = match &options.memory {
        Some(folder) => folder.clone(),
        None => super::cache_folder("sumdb")?,
    };
    let blobs = FileBlobs::open(&folder).map_err(|error| {
        anyhow!("cannot remember trees in {}: {error}; name another folder with --memory", folder.display())
    })?;
    let fetcher = Fetcher::new(FetchOptions::default())?;
    let database = SumDb::new(spec, &proxies, fetcher, RetryPolicy::default(), Arc::new(blobs), false)?;
    Ok(Guard { sumdb: Some(Arc::new(database)), no_sumdb })
}

fn print(
    options: &Verify,
    checked: &[Checked],
    findings: &Findings,
    name: Option<&str>,
) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    let text = |is_terminal| text(checked, findings, name, options.verbose, is_terminal);
    let report = match options.format {
        Format::Text => text(options.output.is_none() && std::io::stdout().is_terminal()),
        Format::Json => serde_json::to_string_pretty(checked)? + "\n",
        Format::Jsonl => {
            let lines = checked.iter().map(|line| Ok(serde_json::to_string(line)? + "\n"));
            lines.collect::<Result<_, serde_json::Error>>()?
        }
        Format::Sarif => render::sarif(findings, env!("CARGO_PKG_VERSION")) + "\n",
        Format::Junit => report::junit_of_sums(checked, findings),
    };
    let Some(path) = &options.output else { return Ok(write!(out, "{report}")?) };
    std::fs::write(path, report).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(write!(out, "{}", text(std::io::stdout().is_terminal()))?)
}

fn text(
    checked: &[Checked],
    findings: &Findings,
    name: Option<&str>,
    is_verbose: bool,
    is_terminal: bool,
) -> String {
    let mut text = String::new();
    for line in checked.iter().filter(|line| is_verbose && line.verdict == Verdict::Proved) {
        let Checked { file, line, module, version, .. } = line;
        text.push_str(&format!("{file}:{line}: {module} {version} is proved\n"));
    }
    let shown: Findings =
        findings.iter().filter(|finding| finding.severity >= Severity::Warning).cloned().collect();
    if !shown.is_empty() {
        text.push_str(&render::text(&shown, &TextStyle { color: is_terminal }));
    }
    text + &summary(checked, name) + "\n"
}

fn summary(checked: &[Checked], name: Option<&str>) -> String {
    let count = |wanted: fn(&Verdict) -> bool| checked.iter().filter(|line| wanted(&line.verdict)).count();
    let parts = [
        (count(|v| *v == Verdict::Proved), "proved"),
        (count(|v| matches!(v, Verdict::Mismatch { .. })), "MISMATCHED"),
        (count(|v| matches!(v, Verdict::Untrusted { .. })), "not to be trusted"),
        (count(|v| matches!(v, Verdict::Absent { .. })), "absent"),
        (count(|v| matches!(v, Verdict::Unreachable { .. })), "not proved (unreachable)"),
        (count(|v| *v == Verdict::Private), "private, nobody asked"),
        (count(|v| *v == Verdict::OtherAlgorithm), "of another algorithm"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let by = name.map_or_else(|| "the checksum database is off".to_owned(), |name| format!("by {name}"));
    let what = if parts.is_empty() { "nothing to prove".to_owned() } else { parts.join(", ") };
    format!("{} lines: {what} ({by})", checked.len())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use fairlead_testkit::Dir;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        verify: Verify,
    }

    fn line(version: &str, verdict: Verdict) -> Checked {
        Checked {
            file: "go.sum".into(),
            line: 1,
            module: "a.example/m".to_owned(),
            version: version.to_owned(),
            hash: "h1:x".to_owned(),
            verdict,
        }
    }

    #[test]
    fn every_report_goes_into_the_file_that_is_named() {
        let dir = Dir::new();
        let lines = [
            line("v1.0.0", Verdict::Proved),
            line("v1.0.0/go.mod", Verdict::Mismatch { expected: "h1:y".to_owned() }),
        ];
        for (format, begins) in [
            ("text", "error[FLD-MIR-0011]"),
            ("json", "[\n  {\n    \"file\": \"go.sum\""),
            ("jsonl", "{\"file\":\"go.sum\""),
            ("sarif", "{"),
            ("junit", "<?xml"),
        ] {
            let file = dir.join(format);
            let arguments = ["verify", "--format", format, "--output", file.to_str().unwrap()];
            let options = Line::parse_from(arguments).verify;
            print(&options, &lines, &gosum::findings(&lines), Some("sum.example")).unwrap();
            let report = std::fs::read_to_string(&file).unwrap();
            assert!(report.starts_with(begins) && report.ends_with('\n'), "{format}: {report}");
            assert!(report.contains("h1:y"), "{format}: {report}");
        }
    }
}
