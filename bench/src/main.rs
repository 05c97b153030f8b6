//! Compares the gateway with nginx, HAProxy and Traefik on one machine: CPU time for each request, latency, memory,
//! start and reload. `make bench` runs it and keeps the numbers of `docs/benchmarks.md`.
//!
//! The proxy under test has a processor to itself with one worker; wrk or h2load and the backend share another. The
//! peers take turns within each round, so that ratios of one round compare like with like on a noisy machine. A
//! [`session`] holds who takes part on what ground; each of the [`cases`] starts proxies, puts load on them and adds
//! samples to the results; [`report`] turns those into the tables of the [`page`].

mod backend;
mod cases;
mod check;
mod client;
mod load;
mod machine;
mod options;
mod page;
mod peers;
mod process;
mod progress;
mod report;
mod session;
mod statistics;
mod targets;
mod usage;
mod workload;

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::json;

use cases::{Case, Results, idle, reload, start, throughput};
use machine::Processors;
use options::Options;
use progress::tell;
use report::Heading;
use session::Session;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    process::end_children_on_signals()?;
    let busy = machine::load_average();
    let mut results = Results::default();
    let session = Session::new(options, &mut results)?;
    let machine = machine_line(&session, busy)?;
    tell(&machine);
    let cases = options.cases();
    for &case in &cases {
        tell(case.title());
        measure(&session, case, &mut results)?;
    }
    let heading = Heading {
        machine,
        contenders: &session.contenders,
        rounds: session.rounds,
        seconds: session.seconds,
        cases: &cases,
    };
    let text = report::render(&heading, &results);
    progress::print(&text);
    if let Some(path) = &options.json {
        let all = json!({"machine": heading.machine, "contenders": heading.contenders, "results": results});
        fs::write(path, serde_json::to_string_pretty(&all)?).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &options.write {
        page::replace(path, &text)?;
        tell(&format!("wrote {}", path.display()));
    }
    Ok(())
}

fn measure(session: &Session, case: Case, results: &mut Results) -> Result<()> {
    match (case, case.load()) {
        (_, Some(load)) => throughput::measure(session, case, load, results),
        (Case::Start, None) => start::measure(session, results),
        (Case::Reload, None) => reload::measure(session, results),
        (_, None) => idle::measure(session, results),
    }
}

/// Machine, load generators, and how busy the machine was before.
fn machine_line(session: &Session, busy: f64) -> Result<String> {
    let wrk = machine::version(Command::new("wrk").arg("-v"))?;
    let h2load = machine::version(Command::new("h2load").arg("--version"))?;
    let Processors { proxy, load } = session.processors;
    Ok(format!(
        "{}; proxy on CPU {proxy}, load and backend on CPU {load}; load average before the run {busy:.1}; \
         wrk {wrk}, h2load {h2load}",
        machine::describe()
    ))
}
