//! The machine: which processors the run uses, how many files it may open, and what the report says of it.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processors {
    /// Where the proxy under test runs alone.
    pub(crate) proxy: usize,
    /// Where the load generator and the backend run.
    pub(crate) load: usize,
}

impl Processors {
    /// Takes the first two processors this process may use and moves it, and what it starts, to the second.
    /// Fails on a machine with one: proxy and load would fight for it and no number would mean anything.
    pub(crate) fn take() -> Result<Processors> {
        let allowed = sched_getaffinity(None).context("cannot read the processor affinity")?;
        let mut usable = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu));
        let (Some(proxy), Some(load)) = (usable.next(), usable.next()) else {
            anyhow::bail!("two processors are needed: one for the proxy, one for load and backend");
        };
        let mut own = CpuSet::new();
        own.set(load);
        sched_setaffinity(None, &own).context("cannot set the processor affinity")?;
        Ok(Processors { proxy, load })
    }
}

/// Raises the limit of open files as far as it goes and returns it.
pub(crate) fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    now.unwrap_or(u64::MAX)
}

/// Processor, cores and kernel in one line.
pub(crate) fn describe() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, name)| name.trim());
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} × {model}, Linux {}", kernel.trim())
}

/// The load average over the last minute: what else the machine was doing.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// The first version number that a program prints when asked so.
pub(crate) fn version(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {program}"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok(version_in(&String::from_utf8_lossy(&text)).unwrap_or_else(|| "unknown version".to_owned()))
}

fn version_in(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || c == '/').map(|word| word.trim_start_matches('v'));
    let mut numbers =
        words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'));
    let number = numbers.next()?;
    Some(number.split(['-', '+', ',']).next().unwrap_or(number).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found() {
        assert_eq!(version_in("nginx version: nginx/1.22.1\n").as_deref(), Some("1.22.1"));
        assert_eq!(version_in("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - x").as_deref(), Some("2.6.12"));
        assert_eq!(version_in("Version:      3.7.9\nCodename: x").as_deref(), Some("3.7.9"));
        assert_eq!(version_in("wrk debian/4.1.0-3+b2 [epoll]").as_deref(), Some("4.1.0"));
        assert_eq!(version_in("none"), None);
    }

    #[test]
    fn the_machine_is_described() {
        assert!(describe().contains("Linux "), "{}", describe());
    }
}
