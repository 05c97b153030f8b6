//! Every case file is a test of its own. Takes the usual arguments: filters, `--list`, `--exact`, `--skip`, `--test-threads`.

#![expect(clippy::print_stdout, reason = "a test harness prints")]

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use fairlead_e2e::{binary, case_files, differences, play};

/// Cases at a time: each has a gateway and its peers.
const AT_ONCE: usize = 3;
/// The test that holds the page of differences against the cases.
const PAGE: &str = "the compatibility page lists every difference";

fn main() -> ExitCode {
    let arguments = Arguments::parse(std::env::args().skip(1));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let files = match case_files(&folder) {
        Ok(files) => files,
        Err(error) => return broken(&error),
    };
    let mut tests: Vec<(String, Option<PathBuf>)> = vec![(PAGE.to_owned(), None)];
    tests.extend(files.into_iter().map(|path| (name(&folder, &path), Some(path))));
    let all = tests.len();
    tests.retain(|(name, _)| arguments.wants(name));
    if arguments.list {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    // Built once, before the clock of any case runs.
    if let Err(error) = binary() {
        return broken(&error);
    }
    println!("\nrunning {} tests", tests.len());
    let report = run(tests, arguments.threads, &folder);
    report.print(all)
}

fn broken(error: &anyhow::Error) -> ExitCode {
    println!("{error:#}");
    ExitCode::FAILURE
}

fn name(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).with_extension("").display().to_string()
}

#[derive(Default)]
struct Arguments {
    filters: Vec<String>,
    skip: Vec<String>,
    exact: bool,
    list: bool,
    threads: usize,
}

impl Arguments {
    fn parse(mut given: impl Iterator<Item = String>) -> Arguments {
        let mut arguments = Arguments { threads: AT_ONCE, ..Arguments::default() };
        while let Some(argument) = given.next() {
            let (flag, value) = argument.split_once('=').unwrap_or((&argument, ""));
            let mut value =
                || if value.is_empty() { given.next().unwrap_or_default() } else { value.to_owned() };
            match flag {
                "--list" => arguments.list = true,
                "--exact" => arguments.exact = true,
                "--skip" => arguments.skip.push(value()),
                "--test-threads" => arguments.threads = value().parse().unwrap_or(AT_ONCE).max(1),
                "--format" | "--color" | "--logfile" => drop(value()),
                flag if flag.starts_with('-') => {}
                filter => arguments.filters.push(filter.to_owned()),
            }
        }
        arguments
    }

    fn wants(&self, name: &str) -> bool {
        let fits = |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        (self.filters.is_empty() || self.filters.iter().any(fits)) && !self.skip.iter().any(fits)
    }
}

#[derive(Default)]
struct Report {
    passed: usize,
    ignored: usize,
    failures: Vec<(String, String)>,
    started: Option<Instant>,
}

impl Report {
    fn print(&self, all: usize) -> ExitCode {
        let failed = self.failures.len();
        if failed > 0 {
            println!("\nfailures:");
            self.failures.iter().for_each(|(name, why)| println!("\n---- {name} ----\n{why}"));
            println!("\nfailures:");
            self.failures.iter().for_each(|(name, _)| println!("    {name}"));
        }
        let word = if failed == 0 { "ok" } else { "FAILED" };
        let filtered = all - self.passed - self.ignored - failed;
        let seconds = self.started.map(|started| started.elapsed().as_secs_f32()).unwrap_or_default();
        println!(
            "\ntest result: {word}. {} passed; {failed} failed; {} ignored; 0 measured; {filtered} filtered out; finished in {seconds:.2}s\n",
            self.passed, self.ignored
        );
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
    }

    fn add(&mut self, name: String, result: anyhow::Result<Option<String>>) {
        match result {
            Ok(None) => {
                println!("test {name} ... ok");
                self.passed += 1;
            }
            Ok(Some(reason)) => {
                println!("test {name} ... ignored, {reason}");
                self.ignored += 1;
            }
            Err(error) => {
                println!("test {name} ... FAILED");
                let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
                self.failures.push((name, chain.join("\n\n")));
            }
        }
    }
}

fn run(tests: Vec<(String, Option<PathBuf>)>, threads: usize, folder: &Path) -> Report {
    let queue = Mutex::new(VecDeque::from(tests));
    let report = Mutex::new(Report { started: Some(Instant::now()), ..Report::default() });
    let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((name, path)) = next() {
                    let result = match &path {
                        Some(path) => play_alone(path),
                        None => page(folder),
                    };
                    report.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(name, result);
                }
            });
        }
    });
    report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn play_alone(path: &Path) -> anyhow::Result<Option<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // A peer that cannot start panics.
    std::panic::catch_unwind(|| runtime.block_on(play(path)))
        .unwrap_or_else(|_| Err(anyhow::anyhow!("panicked")))
}

/// Every reason for a difference is on the page that users read.
fn page(folder: &Path) -> anyhow::Result<Option<String>> {
    let path = folder.join("../../docs/reference/compatibility.md");
    let page = words(&std::fs::read_to_string(path)?);
    let all = differences(folder)?;
    let missing: Vec<String> = all
        .into_iter()
        .map(|difference| difference.reason)
        .filter(|reason| !page.contains(&words(reason)))
        .collect();
    anyhow::ensure!(
        missing.is_empty(),
        "docs/reference/compatibility.md does not say:\n- {}",
        missing.join("\n- ")
    );
    Ok(None)
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
