//! Compares the gateway with nginx, HAProxy and Traefik on one machine: CPU time for each request, latency, memory,
//! start and reload; and the [`mirror`] with goproxy. `make bench` runs it and keeps the numbers of `docs/benchmarks.md`.
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
mod mirror;
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
use page::Part;
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
    let open_files = machine::raise_open_files();
    let processors = Processors::take()?;
    let machine = machine_line(processors, busy)?;
    tell(&machine);
    let gateway = gateway(options, processors, open_files, &machine)?;
    let mirror = mirror(options, processors, &machine)?;
    if let Some(path) = &options.json {
        let of = |part: &Option<Measured>| part.as_ref().map(|part| part.samples.clone());
        let all = json!({"machine": machine, "gateway": of(&gateway), "mirror": of(&mirror)});
        fs::write(path, serde_json::to_string_pretty(&all)?).with_context(|| path.display().to_string())?;
    }
    for (part, measured) in [(Part::Gateway, gateway), (Part::Mirror, mirror)] {
        let Some(measured) = measured else { continue };
        progress::print(&measured.text);
        if let Some(path) = &options.write {
            page::replace(path, part, &measured.text)?;
            tell(&format!("wrote {}", path.display()));
        }
    }
    Ok(())
}

/// What a group of cases gave.
struct Measured {
    text: String,
    samples: serde_json::Value,
}

/// Runs the cases of the gateway; `None` when there are none to run.
fn gateway(
    options: &Options,
    processors: Processors,
    open_files: u64,
    machine: &str,
) -> Result<Option<Measured>> {
    let cases = options.cases();
    if cases.is_empty() {
        return Ok(None);
    }
    let mut results = Results::default();
    let session = Session::new(options, processors, open_files, &mut results)?;
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
    Ok(Some(Measured { text, samples: json!({"contenders": session.contenders, "results": results}) }))
}

/// Runs the cases of the mirror; `None` when there are none to run.
fn mirror(options: &Options, processors: Processors, machine: &str) -> Result<Option<Measured>> {
    let cases = options.mirror_cases();
    if cases.is_empty() {
        return Ok(None);
    }
    let mut results = mirror::Results::default();
    let field = mirror::field::Field::new(options, processors, &mut results)?;
    for &case in &cases {
        tell(case.title());
        mirror::measure(&field, case, &mut results)?;
    }
    let heading = mirror::report::Heading {
        machine,
        contenders: &field.contenders,
        rounds: field.rounds,
        seconds: field.seconds,
        cases: &cases,
    };
    let text = mirror::report::render(&heading, &results);
    Ok(Some(Measured { text, samples: json!({"contenders": field.contenders, "results": results}) }))
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
fn machine_line(processors: Processors, busy: f64) -> Result<String> {
    let wrk = machine::version(Command::new("wrk").arg("-v"))?;
    let h2load = machine::version(Command::new("h2load").arg("--version"))?;
    let Processors { proxy, load } = processors;
    Ok(format!(
        "{}; proxy on CPU {proxy}, load and backend on CPU {load}; load average before the run {busy:.1}; \
         wrk {wrk}, h2load {h2load}",
        machine::describe()
    ))
}
