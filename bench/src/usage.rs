//! What a process tree has used, as the kernel accounts for it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

/// CPU time since the processes started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuTime {
    /// In user mode.
    pub(crate) user: Duration,
    /// In the kernel.
    pub(crate) system: Duration,
}

impl CpuTime {
    /// What was used since an earlier reading.
    pub(crate) fn since(self, earlier: CpuTime) -> CpuTime {
        CpuTime {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// Memory of a process tree, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Memory {
    /// Resident, pages shared between the processes counted once for each.
    pub(crate) rss_kib: u64,
    /// Resident, shared pages divided among those that share them.
    pub(crate) pss_kib: u64,
}

/// User and system time of a process and its descendants from `/proc/PID/stat`, in the kernel's clock ticks
/// (usually 10 ms): right for windows of seconds.
pub(crate) fn cpu_time(root: u32) -> Result<CpuTime> {
    let tick = Duration::from_secs(1) / u32::try_from(rustix::param::clock_ticks_per_second())?.max(1);
    let mut sum = CpuTime::default();
    for stat in tree(root)?.values() {
        sum.user += tick * stat.user;
        sum.system += tick * stat.system;
    }
    Ok(sum)
}

/// CPU time of all living threads of a process and its descendants from `/proc/PID/task/TID/schedstat`, in
/// nanoseconds: right for windows of milliseconds. Threads that ended in the window are not in it.
pub(crate) fn precise_cpu_time(root: u32) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for pid in tree(root)?.into_keys() {
        // A descendant may have ended since the tree was read.
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for task in tasks.flatten() {
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let nanos = text.split_whitespace().next().and_then(|word| word.parse().ok());
            sum += Duration::from_nanos(nanos.unwrap_or(0));
        }
    }
    Ok(sum)
}

/// Memory of a process and its descendants from `smaps_rollup`.
pub(crate) fn memory(root: u32) -> Result<Memory> {
    let mut sum = Memory::default();
    for pid in tree(root)?.into_keys() {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { continue };
        let one = rollup(&text);
        sum.rss_kib += one.rss_kib;
        sum.pss_kib += one.pss_kib;
    }
    ensure!(sum.pss_kib > 0, "the memory of process {root} cannot be read");
    Ok(sum)
}

/// Begins to watch anew for the most memory a process has, and returns what it has now, in KiB (RSS).
pub(crate) fn reset_peak(pid: u32) -> Result<u64> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("cannot reset the peak of memory")?;
    status_line(pid, "VmRSS:")
}

/// The most memory that a process had since [`reset_peak`], in KiB (RSS).
pub(crate) fn peak_kib(pid: u32) -> Result<u64> {
    status_line(pid, "VmHWM:")
}

fn status_line(pid: u32, name: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = rest.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.with_context(|| format!("the memory of process {pid} cannot be read"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    user: u32,
    system: u32,
}

fn tree(root: u32) -> Result<BTreeMap<u32, Stat>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let text = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(stat) = stat(&text) {
            all.insert(pid, stat);
        }
    }
    ensure!(all.contains_key(&root), "process {root} is gone");
    let descends = |pid: u32| {
        let mut at = Some(pid);
        // Bounded by the number of processes: the table is no snapshot and might hold a cycle.
        for _ in 0..all.len() {
            match at {
                Some(pid) if pid == root => return true,
                Some(pid) => at = all.get(&pid).map(|stat| stat.parent),
                None => return false,
            }
        }
        false
    };
    Ok(all.iter().filter(|&(&pid, _)| descends(pid)).map(|(&pid, &stat)| (pid, stat)).collect())
}

/// `proc_pid_stat(5)`; the program's name may hold blanks and brackets, so fields count from its last bracket.
fn stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let user = fields.nth(9)?.parse().ok()?;
    let system = fields.next()?.parse().ok()?;
    Some(Stat { parent, user, system })
}

fn rollup(text: &str) -> Memory {
    let line = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        rest.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    Memory { rss_kib: line("Rss:").unwrap_or(0), pss_kib: line("Pss:").unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;
    use crate::process::Group;

    #[test]
    fn the_kernels_lines_are_understood() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194560 900 0 0 0 31 12 0 0 20 0 3 0 100 9 8";
        assert_eq!(stat(line), Some(Stat { parent: 7, user: 31, system: 12 }));
        assert_eq!(stat("42 (cut"), None);
        let text = "00-ff ---p 0 00:00 0 [rollup]\nRss:     2048 kB\nPss:    1000 kB\nPss_Dirty:  3 kB\n";
        assert_eq!(rollup(text), Memory { rss_kib: 2048, pss_kib: 1000 });
    }

    #[test]
    fn what_a_child_and_its_child_use_is_seen() {
        let mut command = Command::new("sh");
        let group = Group::spawn(command.args(["-c", "sh -c 'while :; do :; done' & wait"])).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        // The outer shell only waits: so much comes from the inner one.
        while precise_cpu_time(group.pid()).unwrap() < Duration::from_millis(60)
            || cpu_time(group.pid()).unwrap().user < Duration::from_millis(20)
        {
            assert!(Instant::now() < deadline, "no CPU time is seen");
        }
        assert!(memory(group.pid()).unwrap().rss_kib > 100);
        assert!(cpu_time(u32::MAX).is_err());
        let now = reset_peak(group.pid()).unwrap();
        assert!(now > 0 && peak_kib(group.pid()).unwrap() > 0);
    }
}
