//! Numbers of the process itself, from `/proc/self`. What cannot be read is left out.

use std::fs;

use super::exposition::Writer;
use super::family::Family;

/// Ticks of `/proc/self/stat` in a second: fixed at 100 on every Linux architecture we build for.
const TICKS: f64 = 100.0;

/// Writes the `process_…` families.
pub(crate) fn write(out: &mut Writer) {
    if let Some(stat) = Stat::read() {
        out.single(&CPU, stat.cpu_seconds);
    }
    if let Some(max) = open_files_limit() {
        out.single(&MAX_FDS, max);
    }
    if let Ok(fds) = fs::read_dir("/proc/self/fd") {
        // The directory being read is open too, and is not one of ours.
        out.single(&OPEN_FDS, fds.count().saturating_sub(1) as f64);
    }
    if let Some(stat) = Stat::read() {
        out.single(&RESIDENT, stat.resident_bytes);
        if let Some(boot) = boot_time() {
            out.single(&START_TIME, boot + stat.start_seconds);
        }
        out.single(&VIRTUAL, stat.virtual_bytes);
    }
}

static CPU: Family = Family {
    name: "process_cpu_seconds_total",
    help: "Total user and system CPU time spent in seconds.",
    kind: "counter",
};
static MAX_FDS: Family =
    Family { name: "process_max_fds", help: "Maximum number of open file descriptors.", kind: "gauge" };
static OPEN_FDS: Family =
    Family { name: "process_open_fds", help: "Number of open file descriptors.", kind: "gauge" };
static RESIDENT: Family =
    Family { name: "process_resident_memory_bytes", help: "Resident memory size in bytes.", kind: "gauge" };
static START_TIME: Family = Family {
    name: "process_start_time_seconds",
    help: "Start time of the process since unix epoch in seconds.",
    kind: "gauge",
};
static VIRTUAL: Family =
    Family { name: "process_virtual_memory_bytes", help: "Virtual memory size in bytes.", kind: "gauge" };

/// The fields of `/proc/self/stat` that are shown.
struct Stat {
    cpu_seconds: f64,
    /// After boot.
    start_seconds: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Stat {
    fn read() -> Option<Stat> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the command in parentheses and may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<f64>().ok();
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(Stat {
            cpu_seconds: (number(11)? + number(12)?) / TICKS,
            start_seconds: number(19)? / TICKS,
            virtual_bytes: number(20)?,
            resident_bytes: resident.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0,
        })
    }
}

fn boot_time() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn open_files_limit() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
