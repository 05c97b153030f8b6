//! Child processes that never outlive the run.
//!
//! Every child leads its own process group, so that a master's workers end with it. The groups are asked to end, and then
//! killed, when their [`Group`] drops; when the run is interrupted or terminated they are killed at once.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// How long a child may take to end by itself: one that counts which way its code goes writes that down at its end.
const LEAVE: Duration = Duration::from_secs(2);

/// A child and everything it started.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    reaped: bool,
}

impl Group {
    /// Starts a command as the leader of a new process group.
    pub(crate) fn spawn(command: &mut Command) -> Result<Group> {
        go_on()?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn().with_context(|| format!("cannot start {program}"))?;
        let group = Group { child, reaped: false };
        registered(|groups| groups.insert(group.id()));
        go_on()?;
        Ok(group)
    }

    /// The process id of the leader.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The leader, for its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// How the leader ended, when it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        self.reaped |= status.is_some();
        Ok(status)
    }

    /// Waits for the leader to end by itself; an error when it has not within `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended()? {
                go_on()?;
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("still running after {limit:?}");
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn id(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or_default()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        registered(|groups| groups.remove(&self.id()));
        // A reaped leader's number may already belong to someone else.
        if !self.reaped {
            signal_group(self.id(), Signal::TERM);
            let deadline = Instant::now() + LEAVE;
            while !matches!(self.child.try_wait(), Ok(Some(_))) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(2));
            }
            // Whatever is left of it.
            kill(self.id());
            let _ = self.child.wait();
        }
    }
}

/// Fails once the run was interrupted, so that loops end and destructors run.
pub(crate) fn go_on() -> Result<()> {
    if INTERRUPTED.load(Ordering::SeqCst) { bail!("interrupted") } else { Ok(()) }
}

/// From here on an interrupt or a termination kills all children and makes [`go_on`] fail.
pub(crate) fn end_children_on_signals() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate, mut hangup) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?)
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                INTERRUPTED.store(true, Ordering::SeqCst);
                registered(|groups| groups.iter().copied().for_each(kill));
            }
        });
    })?;
    Ok(())
}

fn registered<T>(with: impl FnOnce(&mut BTreeSet<i32>) -> T) -> T {
    with(&mut GROUPS.lock().unwrap_or_else(PoisonError::into_inner))
}

fn kill(group: i32) {
    signal_group(group, Signal::KILL);
}

fn signal_group(group: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(group) {
        let _ = kill_process_group(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_dropped_group_ends_with_what_it_started() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!; wait"]).stdout(Stdio::piped());
        let mut group = Group::spawn(&mut command).unwrap();
        let mut line = String::new();
        let out = group.child().stdout.take().unwrap();
        io::BufRead::read_line(&mut io::BufReader::new(out), &mut line).unwrap();
        let state = format!("/proc/{}/stat", line.trim());
        assert!(Path::new(&state).exists());
        drop(group);
        // Killed at once; a zombie stays until its new parent reaps it.
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::fs::read_to_string(&state).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(Instant::now() < deadline, "the grandchild lives on");
            thread::yield_now();
        }
    }

    #[test]
    fn waiting_has_an_end() {
        let mut group = Group::spawn(Command::new("sleep").arg("600")).unwrap();
        assert!(group.wait(Duration::from_millis(20)).is_err());
        let mut short = Group::spawn(&mut Command::new("true")).unwrap();
        assert!(short.wait(Duration::from_secs(20)).unwrap().success());
    }
}
