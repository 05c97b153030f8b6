//! The running binary.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal};

use crate::client::{Ask, ask};
use crate::{Kind, binary};

/// How long a subject may take to serve, and a polled condition to come true.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks at a polled condition.
const LOOK: Duration = Duration::from_millis(15);

/// A process that is killed when this is dropped.
pub struct Subject {
    child: Child,
    log: PathBuf,
}

impl Subject {
    /// Starts the binary under test with a static configuration; its output goes to `log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(config: &Path, log: &Path) -> anyhow::Result<Subject> {
        let (kind, path) = binary()?;
        let mut command = Command::new(&path);
        if kind == Kind::Fairlead {
            command.arg("gateway");
        }
        command.arg(format!("--configFile={}", config.display()));
        Subject::spawn(command, log)
    }

    /// Starts any command in the same way.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(mut command: Command, log: &Path) -> anyhow::Result<Subject> {
        let out = std::fs::File::create(log)?;
        let err = out.try_clone()?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Subject { child, log: log.to_owned() })
    }

    /// Waits until `url` on `addr` answers 200 and `done` likes the body.
    ///
    /// # Errors
    /// It ends or does not become ready in time.
    pub async fn ready(
        &mut self,
        addr: SocketAddr,
        url: &str,
        done: impl Fn(&str) -> bool,
    ) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = ask(addr, &Ask::parse(url)?).await;
            if answer.is_ok_and(|answer| answer.status == 200 && done(&answer.text())) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the subject ended with {status}\n{}", self.log());
            }
            if Instant::now() > end {
                bail!("the subject was not ready in time: {url}\n{}", self.log());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What it wrote so far, the last 4000 characters at most.
    #[must_use]
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let start = text.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
        text[start..].to_owned()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// It has ended already.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).context("cannot signal the subject")
    }

    /// Whether it has ended, and how.
    ///
    /// # Errors
    /// As [`Child::try_wait`].
    pub fn ended(&mut self) -> anyhow::Result<Option<std::process::ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Resident memory in bytes, from `/proc`.
    ///
    /// # Errors
    /// It has ended already.
    pub fn resident(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib << 10)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls until `look` gives a value; the last error is told when it never does.
///
/// # Errors
/// What `look` said last.
pub async fn eventually<T>(mut look: impl AsyncFnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() > end => return Err(error.context("it never came")),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
