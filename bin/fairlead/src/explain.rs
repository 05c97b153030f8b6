//! `fairlead explain-request`: what a configuration would do with a request, and why.

use std::io::Write;
use std::process::ExitCode;

use anyhow::anyhow;
use fairlead_diag::Findings;
use fairlead_gateway::explain::{Explanation, Question, explain};

use crate::check;
use crate::command::ExplainRequest;
use crate::load;

/// Explains; exit 0 when a router takes the request, 1 when none does.
pub(crate) fn run(options: &ExplainRequest) -> anyhow::Result<ExitCode> {
    let loaded = match &options.config_file {
        Some(file) => load::from_file(file, Findings::new()),
        None if !options.dynamic.is_empty() => check::any_entry_point(&options.dynamic),
        None => load::load(&[], std::env::vars()),
    };
    if crate::run::refuse(&loaded.findings) {
        return Ok(ExitCode::FAILURE);
    }
    let (statics, snapshot) = check::snapshot(loaded, &options.dynamic)?;
    let question = Question::new(
        &options.method,
        &options.url,
        &options.headers,
        options.entry_point.as_deref(),
        options.client.as_deref(),
    )
    .map_err(|why| anyhow!(why))?;
    if let Some(wanted) = &options.entry_point
        && !statics.entry_points.contains_key(wanted.as_str())
    {
        let names: Vec<&str> = statics.entry_points.keys().map(|name| &**name).collect();
        anyhow::bail!("there is no entry point `{wanted}`; there are: {}", names.join(", "));
    }
    crate::run::refuse(&snapshot.findings);
    let explanation = explain(&statics, &snapshot, &question);
    let mut out = anstream::stdout().lock();
    if options.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&explanation)?)?;
    } else {
        write_text(&mut out, &explanation)?;
    }
    let taken = explanation.entry_points.iter().any(|entry| entry.router.is_some());
    Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_text(out: &mut impl Write, explanation: &Explanation) -> std::io::Result<()> {
    for entry in &explanation.entry_points {
        writeln!(out, "entry point {}: {}", entry.name, entry.verdict)?;
        if !entry.middlewares.is_empty() {
            writeln!(out, "  through {}", entry.middlewares.join(" → "))?;
        }
        for miss in &entry.near_misses {
            writeln!(out, "  near miss: {miss}")?;
        }
        for router in &entry.routers {
            let mark = if router.matched { "✓" } else { "✗" };
            writeln!(out, "  {mark} {} (priority {})  {}", router.name, router.priority, router.rule)?;
            if let Some(failed) = &router.failed {
                writeln!(out, "      {} does not hold: {}", failed.predicate, failed.actual)?;
            }
        }
    }
    Ok(())
}
