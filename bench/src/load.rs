//! One window of load: wrk or h2load runs, the proxy's CPU time is read before and after.

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::peers::Proxy;
use crate::process::Group;
use crate::statistics::quantile;
use crate::usage::{self, CpuTime};
use crate::workload::{self, PREFIXES};

/// What load is put on a proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// wrk, HTTP/1.1 over this many connections.
    Http1 {
        /// Over TLS.
        tls: bool,
        /// Open connections.
        connections: u32,
        /// What the query asks the backend for.
        query: &'static str,
        /// Further header lines.
        extra: &'static str,
    },
    /// h2load, HTTP/2 over TLS.
    Http2 {
        /// Open connections.
        connections: u32,
        /// Streams at a time on each.
        streams: u32,
    },
}

/// What one window gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Window {
    /// Completed requests.
    pub(crate) requests: u64,
    /// Completed requests for each second.
    pub(crate) rate: f64,
    /// Half of the requests took less, in microseconds.
    pub(crate) p50: f64,
    /// 99 % of the requests took less, in microseconds.
    pub(crate) p99: f64,
    /// Connections that failed, timed out or were cut.
    pub(crate) socket_errors: u64,
    /// Answers that were no success.
    pub(crate) failures: u64,
}

/// Loads a proxy for some seconds. Returns what the generator saw and the CPU time of the proxy's processes.
pub(crate) fn run(load: Load, proxy: &Proxy, seconds: u64) -> Result<(Window, CpuTime)> {
    // The proxies watch their own folder: a line for each request there would wake them.
    let apart = proxy.folder.join("load");
    fs::create_dir_all(&apart)?;
    let log = apart.join("h2load.log");
    let mut command = match load {
        Load::Http1 { tls, connections, query, extra } => {
            let script = apart.join("load.lua");
            fs::write(&script, workload::wrk_script(query, extra))?;
            wrk(if tls { proxy.tls } else { proxy.plain }, tls, connections, seconds, &script)
        }
        Load::Http2 { connections, streams } => {
            // h2load appends.
            let _ = fs::remove_file(&log);
            h2load(proxy, connections, streams, seconds, &log)
        }
    };
    let (text, used) = measured(&mut command, proxy.pid(), seconds)?;
    let window = match load {
        Load::Http1 { .. } => wrk_window(&text),
        Load::Http2 { .. } => h2load_window(&text, &fs::read_to_string(&log)?),
    };
    let window = window.with_context(|| format!("the load generator's output is not understood:\n{text}"))?;
    ensure!(window.requests > 0, "no request was answered:\n{text}");
    Ok((window, used))
}

/// Runs a load generator for its seconds. Returns what it printed and the CPU time of a process and its descendants.
pub(crate) fn measured(command: &mut Command, pid: u32, seconds: u64) -> Result<(String, CpuTime)> {
    let before = usage::cpu_time(pid)?;
    let text = output(command, Duration::from_secs(seconds + 30))?;
    Ok((text, usage::cpu_time(pid)?.since(before)))
}

fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let mut group = Group::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()))?;
    // Both generators print a page at most, which the pipe holds.
    group.wait(limit).context("the load generator")?;
    let mut text = String::new();
    group.child().stdout.take().context("no output")?.read_to_string(&mut text)?;
    Ok(text)
}

/// wrk with one thread, and a script that makes its requests.
pub(crate) fn wrk(address: SocketAddr, tls: bool, connections: u32, seconds: u64, script: &Path) -> Command {
    let url = format!("{}://{address}/", if tls { "https" } else { "http" });
    let mut command = Command::new("wrk");
    command.args(["-t1", "--latency", "--timeout", "10s"]);
    command.args([format!("-c{connections}"), format!("-d{seconds}s")]).arg("-s").arg(script).arg(url);
    command
}

/// The host is in the address, so that authority and SNI are right; `--connect-to` leads to the proxy. All requests
/// of one run go to one host: its two routes take turns.
fn h2load(proxy: &Proxy, connections: u32, streams: u32, seconds: u64, log: &Path) -> Command {
    let mut command = Command::new("h2load");
    command.args([
        "-t1".to_owned(),
        format!("-c{connections}"),
        format!("-m{streams}"),
        format!("-D{seconds}"),
    ]);
    command.arg(format!("--connect-to={}", proxy.tls)).arg(format!("--log-file={}", log.display()));
    for (name, value) in workload::HEADERS {
        command.arg("-H").arg(format!("{}: {value}", name.to_ascii_lowercase()));
    }
    for route in workload::routes().iter().take(PREFIXES.len()) {
        command.arg(format!("https://{}{}", route.host, route.path("")));
    }
    command
}

/// What wrk's page says.
pub(crate) fn wrk_window(text: &str) -> Option<Window> {
    let field =
        |name: &str| text.lines().find_map(|line| line.trim_start().strip_prefix(name)).map(str::trim);
    let requests = text.lines().find_map(|line| line.trim().split_once(" requests in "))?.0;
    let errors = field("Socket errors:").unwrap_or_default();
    let errors =
        errors.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse::<u64>().ok()).sum();
    Some(Window {
        requests: requests.parse().ok()?,
        rate: field("Requests/sec:")?.parse().ok()?,
        p50: microseconds(field("50%")?)?,
        p99: microseconds(field("99%")?)?,
        socket_errors: errors,
        failures: field("Non-2xx or 3xx responses:").map_or(Some(0), |number| number.parse().ok())?,
    })
}

/// Bytes that wrk read for each second, those of answers that were not complete too.
pub(crate) fn wrk_bytes_for_each_second(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Transfer/sec:"))?.trim();
    let units = [("GB", 3), ("MB", 2), ("KB", 1), ("B", 0)];
    units
        .iter()
        .find_map(|&(unit, power)| Some(line.strip_suffix(unit)?.parse::<f64>().ok()? * 1024_f64.powi(power)))
}

fn microseconds(text: &str) -> Option<f64> {
    let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6), ("m", 6e7)];
    units.iter().find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
}

fn h2load_window(text: &str, log: &str) -> Option<Window> {
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let counts: Vec<u64> = line("requests: ")?
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect();
    let &[_, _, done, succeeded, _failed, errored, timeout] = counts.as_slice() else { return None };
    let rate = line("finished in ")?.split(", ").nth(1)?.strip_suffix(" req/s")?.parse().ok()?;
    let mut times: Vec<f64> = log.lines().filter_map(|line| line.split('\t').nth(2)?.parse().ok()).collect();
    times.sort_by(f64::total_cmp);
    Some(Window {
        requests: done,
        rate,
        p50: quantile(&times, 0.5)?,
        p99: quantile(&times, 0.99)?,
        socket_errors: errored + timeout,
        failures: done.saturating_sub(succeeded),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrks_page_is_read() {
        let page = "Running 2s test @ http://127.0.0.1:1/\n  1 threads and 128 connections\n  \
                    Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency     2.85ms  950.00us  24.08ms   50%\n\
                    \x20   Req/Sec    48.72k     1.10k   50.41k    65.00%\n  Latency Distribution\n     50%    2.62ms\n\
                    \x20    75%    3.02ms\n     90%    3.66ms\n     99%    1.19s \n  97310 requests in 2.00s, 34.43MB read\n\
                    \x20 Socket errors: connect 0, read 3, write 1, timeout 2\n  Non-2xx or 3xx responses: 12\n\
                    Requests/sec:  48523.21\nTransfer/sec:     17.17MB\n";
        let window = wrk_window(page).unwrap();
        let expected = Window {
            requests: 97_310,
            rate: 48_523.21,
            p50: 2620.0,
            p99: 1_190_000.0,
            socket_errors: 6,
            failures: 12,
        };
        assert_eq!(window, expected);
        assert_eq!(wrk_bytes_for_each_second(page), Some(17.17 * 1024.0 * 1024.0));
        assert_eq!(wrk_window("unable to connect"), None);
    }

    #[test]
    fn h2loads_page_and_log_are_read() {
        let page = "starting benchmark...\n\nfinished in 2.00s, 31000.50 req/s, 9.00MB/s\n\
                    requests: 62001 total, 62321 started, 62001 done, 62000 succeeded, 1 failed, 0 errored, 0 timeout\n\
                    status codes: 62000 2xx, 0 3xx, 0 4xx, 1 5xx\n";
        let window = h2load_window(page, "1\t200\t100\n2\t200\t300\n3\t200\t200\n").unwrap();
        assert_eq!((window.requests, window.failures, window.socket_errors), (62_001, 1, 0));
        assert_eq!((window.rate, window.p50), (31_000.5, 200.0));
    }
}
