//! A gateway in a process of its own.
//!
//! The process is this test binary once more, told to run [`process`] only. It ends when its standard input does.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fairlead_diag::Findings;
use fairlead_gateway::{Gateway, Setup};
use fairlead_model::Static;
use fairlead_provider::{FileOptions, FileProvider, Provider};
use fairlead_rt::Shutdown;
use fairlead_testkit::Dir;

use crate::client::{get, status};

/// Tells the process where its files are.
const FOLDER: &str = "FAIRLEAD_TEST_SUBJECT";
/// How long anything may take that should be a matter of moments.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a process may grow under abuse, in bytes: far over what it does, far under what a leak of bodies would be.
const GROWTH: u64 = 64 << 20;

/// Linux counts processor time for user programs in hundredths of a second.
const MILLIS_PER_TICK: u64 = 10;

/// Entry points with the limits that tests want to reach.
const STATIC: &str = r#"
entryPoints:
  web:
    address: "127.0.0.1:0"
    http: {maxHeaderBytes: 8192, encodedCharacters: {allowEncodedSlash: false}}
  quick:
    address: "127.0.0.1:0"
    transport: {respondingTimeouts: {readTimeout: 400ms, writeTimeout: 1500ms, idleTimeout: 700ms}}
  secure: {address: "127.0.0.1:0"}
  proxied: {address: "127.0.0.1:0", proxyProtocol: {insecure: true}}
  traefik: {address: "127.0.0.1:0"}
serversTransport:
  forwardingTimeouts: {dialTimeout: 2s, responseHeaderTimeout: 600ms, idleConnTimeout: 100ms}
metrics: {prometheus: {}}
"#;

/// A running process.
pub(crate) struct Subject {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: Option<JoinHandle<String>>,
    addresses: BTreeMap<String, SocketAddr>,
    descriptors: usize,
    resident: u64,
    _dir: Dir,
}

impl Subject {
    /// Starts one that sends the host `NAME` to the backend `NAME`, and `whoami` to itself.
    pub(crate) fn start(backends: &[(&str, String)]) -> Subject {
        Subject::start_limited(backends, None)
    }

    /// As [`Subject::start`], with a limit of open descriptors.
    pub(crate) fn start_limited(backends: &[(&str, String)], descriptors: Option<usize>) -> Subject {
        let dir = Dir::new();
        let dynamic = dir.write("dynamic.yml", dynamic(backends));
        let file = format!("providers: {{file: {{filename: \"{}\", watch: false}}}}\n", dynamic.display());
        dir.write("static.yml", format!("{STATIC}{file}"));
        let mut child = command(descriptors)
            .env(FOLDER, dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let addresses = read_addresses(&mut stdout);
        let mut subject = Subject {
            child,
            stdout,
            stderr: Some(stderr),
            addresses,
            descriptors: 0,
            resident: 0,
            _dir: dir,
        };
        assert!(!subject.addresses.is_empty(), "it did not start: {}", subject.last_words());
        subject.warm_up();
        subject
    }

    /// The address of an entry point.
    pub(crate) fn at(&self, entry_point: &str) -> SocketAddr {
        self.addresses[entry_point]
    }

    /// The sum of the series of a family that have all these labels.
    pub(crate) fn metric(&self, family: &str, labels: &str) -> f64 {
        let text = String::from_utf8(get(self.at("traefik"), "m", "/metrics")).unwrap();
        let of_family = |line: &&str| {
            line.strip_prefix(family).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && line.contains(labels)
        };
        let values = text.lines().filter(of_family).filter_map(|line| line.rsplit_once(' '));
        values.map(|(_, value)| value.parse::<f64>().unwrap()).sum()
    }

    /// Requests that an entry point refused for this reason.
    pub(crate) fn rejected(&self, entry_point: &str, reason: &str) -> f64 {
        let labels = format!("entrypoint=\"{entry_point}\",reason=\"{reason}\"");
        self.metric("fairlead_rejected_requests_total", &labels)
    }

    /// Open connections of all entry points but the one that is asked for them.
    pub(crate) fn open_connections(&self) -> f64 {
        let of = |name: &String| self.metric("traefik_open_connections", &format!("entrypoint=\"{name}\""));
        self.addresses.keys().filter(|name| *name != "traefik").map(of).sum()
    }

    /// Descriptors that the process has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).unwrap().count()
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Processor time so far.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(self.proc("stat")).unwrap();
        // The name in parentheses may hold anything; user and system time are fields 14 and 15.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * MILLIS_PER_TICK)
    }

    /// How much more memory it has now than when it started.
    pub(crate) fn growth(&self) -> u64 {
        self.resident().saturating_sub(self.resident)
    }

    /// Asserts that it serves, and that nothing is left of what clients and backends did.
    pub(crate) fn assert_unharmed(&self) {
        assert_eq!(status(&get(self.at("web"), "whoami", "/")), Some(200), "it serves no more");
        eventually("open connections", || self.open_connections() as usize, 0);
        eventually("descriptors", || self.descriptors().saturating_sub(self.descriptors), 0);
        let growth = self.growth();
        assert!(growth < GROWTH, "memory grew by {growth} bytes");
    }

    /// Ends it; asserts that no task panicked.
    pub(crate) fn stop(mut self) {
        drop(self.child.stdin.take());
        let said = self.last_words();
        assert!(self.child.wait().unwrap().success(), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }

    fn warm_up(&mut self) {
        for _ in 0..4 {
            assert_eq!(status(&get(self.at("web"), "whoami", "/")), Some(200));
        }
        eventually("open connections", || self.open_connections() as usize, 0);
        self.descriptors = self.descriptors();
        self.resident = self.resident();
    }

    /// All that it writes until it ends.
    fn last_words(&mut self) -> String {
        drop(self.child.stdin.take());
        let mut text = String::new();
        let _ = self.stdout.read_to_string(&mut text);
        let errors = self.stderr.take().and_then(|thread| thread.join().ok());
        text + &errors.unwrap_or_default()
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Only a failed test leaves it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a measure is as expected.
pub(crate) fn eventually<T: PartialEq + std::fmt::Debug>(what: &str, measure: impl Fn() -> T, expected: T) {
    let deadline = Instant::now() + PATIENCE;
    let (mut now, mut pause) = (measure(), Duration::from_millis(1));
    while now != expected {
        assert!(Instant::now() < deadline, "{what}: {now:?} instead of {expected:?}");
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
        now = measure();
    }
}

fn command(descriptors: Option<usize>) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match descriptors {
        None => Command::new(program),
        Some(limit) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\"")]).arg(program);
            shell
        }
    };
    command.args(["--exact", "subject::process", "--ignored", "--nocapture", "--test-threads=1"]);
    command
}

fn dynamic(backends: &[(&str, String)]) -> String {
    let mut text = "http:\n  routers:\n".to_owned();
    let services = backends.iter().map(|(name, _)| (*name, *name)).chain([("whoami", "whoami@internal")]);
    for (host, service) in services {
        let rule = format!("rule: \"Host(`{host}`)\", service: \"{service}\"");
        text += &format!("    {host}: {{{rule}, entryPoints: [web, quick, proxied]}}\n");
        text += &format!("    {host}-tls: {{{rule}, entryPoints: [secure], tls: {{}}}}\n");
    }
    if !backends.is_empty() {
        text += "  services:\n";
    }
    for (name, url) in backends {
        text += &format!("    {name}: {{loadBalancer: {{servers: [{{url: \"{url}\"}}]}}}}\n");
    }
    text
}

fn read_addresses(stdout: &mut impl BufRead) -> BTreeMap<String, SocketAddr> {
    let mut addresses = BTreeMap::new();
    for line in stdout.lines() {
        let line = line.unwrap();
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("LISTENING"), Some(name), Some(address)) => {
                addresses.insert(name.to_owned(), address.parse().unwrap());
            }
            (Some("READY"), ..) => return addresses,
            _ => {}
        }
    }
    BTreeMap::new()
}

#[test]
#[ignore = "the process behind other tests"]
fn process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let mut findings = Findings::new();
    let node = fairlead_conf::read_file(folder.join("static.yml").to_str().unwrap()).unwrap();
    let statics = Static::decode(&node, &mut findings).unwrap();
    assert!(!findings.has_errors(), "{findings:?}");
    let file = FileOptions { filename: Some(folder.join("dynamic.yml")), directory: None, watch: false };
    let providers: Vec<Box<dyn Provider>> = vec![Box::new(FileProvider::new(file))];
    let shutdown = Shutdown::new();
    let metrics = fairlead_gateway::metrics(&statics);
    let setup = Setup {
        statics,
        findings,
        providers,
        systems: Vec::new(),
        metrics,
        workers: 2,
        shutdown: shutdown.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let Ok(gateway) = Gateway::start(setup).await else { panic!("it does not start") };
        let findings = Arc::clone(&gateway.shared().current.load().findings);
        assert!(!findings.has_errors(), "{findings:?}");
        // The test harness has begun a line.
        println!();
        for (name, address) in gateway.listening() {
            println!("LISTENING {name} {address}");
        }
        println!("READY");
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            shutdown.stop();
        });
        gateway.run().await;
    });
    for task in fairlead_rt::tasks().into_iter().filter(|task| task.panicked > 0) {
        println!("{} panicked {} times", task.name, task.panicked);
    }
}
