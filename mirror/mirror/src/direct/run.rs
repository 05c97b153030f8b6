//! Running git: no prompts, no hooks, no foreign settings where they would change a result, a limit on time, output and disk.
//!
//! Every command has a process group of its own, so that its helpers (ssh, remote-https, index-pack) end with it.

use std::ffi::OsStr;
use std::io::PipeWriter;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, MissedTickBehavior};

use super::fault::GitError;

/// Most of the error output that is kept, in bytes.
const MAX_STDERR: u64 = 16 << 10;
/// How often the size of a repository is looked at while it grows.
const WATCH: Duration = Duration::from_millis(500);
/// Variables that would lead git elsewhere than to the repository that is meant.
const FOREIGN: [&str; 17] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_COMMON_DIR",
    "GIT_DEFAULT_HASH",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_TEMPLATE_DIR",
    "GIT_TRACE",
    "GIT_TRACE2",
    "GIT_TRACE_CURL",
    "GIT_WORK_TREE",
];
/// Settings of every command: nothing in the background, nothing that a server could choose.
const SETTINGS: [&str; 10] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "advice.detachedHead=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "fetch.unpackLimit=1",
    "log.showSignature=false",
    "transfer.bundleURI=false",
];

/// The git program with its limits.
#[derive(Clone, Debug)]
pub(super) struct Git {
    /// How long one command may take.
    pub(super) timeout: Duration,
    /// Largest repository, in bytes on disk.
    pub(super) max_bytes: u64,
}

/// One command.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The repository.
    pub(super) folder: &'a Path,
    /// Arguments behind `git -c …`.
    pub(super) args: Vec<&'a OsStr>,
    /// Protocols that may be spoken, colon-separated; `None` for a command that stays within the repository.
    pub(super) remote: Option<&'a str>,
    /// Most bytes of output.
    pub(super) limit: u64,
}

impl<'a> Call<'a> {
    /// A command that reads the repository and nothing else. The user's settings have no say in it.
    pub(super) fn local(folder: &'a Path, args: &'a [&'a str], limit: u64) -> Self {
        Call { folder, args: args.iter().map(OsStr::new).collect(), remote: None, limit }
    }

    /// A command that talks to a server, with the user's credential helpers and keys.
    pub(super) fn remote(folder: &'a Path, args: &'a [&'a str], protocols: &'a str, limit: u64) -> Self {
        Call { remote: Some(protocols), ..Call::local(folder, args, limit) }
    }
}

impl Git {
    /// Runs a command and gives its output.
    ///
    /// # Errors
    /// When it cannot be started, fails, or goes over a limit.
    pub(super) async fn run(&self, call: Call<'_>) -> Result<Vec<u8>, GitError> {
        let limit = call.limit;
        let mut running = self.start(&call, Stdio::piped())?;
        let stdout = running.child.stdout.take();
        let (output, stderr, status) = self.wait(&mut running, &call, stdout, limit).await?;
        if output.len() as u64 > limit {
            return Err(GitError::TooMuchOutput);
        }
        finished(status, &stderr).map(|()| output)
    }

    /// Runs a command whose output goes into a pipe that somebody else reads.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) async fn run_into(&self, call: Call<'_>, stdout: PipeWriter) -> Result<(), GitError> {
        let mut running = self.start(&call, Stdio::from(stdout))?;
        let (_, stderr, status) = self.wait(&mut running, &call, None::<ChildStdout>, 0).await?;
        finished(status, &stderr)
    }

    fn start(&self, call: &Call<'_>, stdout: Stdio) -> Result<Running, GitError> {
        let mut command = Command::new("git");
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        if call.remote.is_some() {
            // Large files are unpacked in pieces. What reads them later must not do so, or it would not convert line endings.
            command.arg("-c").arg("core.bigFileThreshold=32m");
        }
        command.args(&call.args).current_dir(call.folder).env("GIT_DIR", call.folder);
        environment(&mut command, call.remote);
        command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().map_err(|error| GitError::Start(error.to_string()))?;
        // The pipe's writing end must not stay open here, or its reader would never see the end.
        drop(command);
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        Ok(Running { group, child })
    }

    async fn wait(
        &self,
        running: &mut Running,
        call: &Call<'_>,
        stdout: Option<impl AsyncRead + Unpin>,
        limit: u64,
    ) -> Result<(Vec<u8>, Vec<u8>, ExitStatus), GitError> {
        let stderr = running.child.stderr.take();
        let child = &mut running.child;
        let ended = async {
            let (output, errors) = tokio::join!(read(stdout, limit + 1), read_and_drain(stderr));
            child.wait().await.map(|status| (output, errors, status))
        };
        let result = tokio::select! {
            ended = ended => ended.map_err(|error| GitError::Start(error.to_string())),
            () = tokio::time::sleep(self.timeout) => Err(GitError::TimedOut(self.timeout)),
            () = self.outgrown(call.folder, call.remote.is_some()) => Err(GitError::TooLarge(self.max_bytes)),
        };
        match result {
            Ok(_) => running.group.disarm(),
            Err(_) => running.group.kill(),
        }
        result
    }

    /// Ready when the repository is too large; never for a command that does not make it grow.
    async fn outgrown(&self, folder: &Path, grows: bool) {
        if !grows {
            return std::future::pending().await;
        }
        let mut ticks = tokio::time::interval_at(Instant::now() + WATCH, WATCH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if disk_size(folder.to_owned()).await > self.max_bytes {
                return;
            }
        }
    }
}

/// Bytes on disk below a folder.
pub(super) async fn disk_size(folder: PathBuf) -> u64 {
    tokio::task::spawn_blocking(move || folder_size(folder)).await.unwrap_or(0)
}

fn folder_size(folder: PathBuf) -> u64 {
    let mut size = 0;
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) => size += entry.metadata().map_or(0, |meta| meta.len()),
                Err(_) => {}
            }
        }
    }
    size
}

/// Fields are dropped in order: the group is killed while its leader is not reaped yet, so its number is still ours.
struct Running {
    group: Group,
    child: Child,
}

/// A process group that does not outlive whoever waits for it.
struct Group(Option<Pid>);

impl Group {
    fn disarm(&mut self) {
        self.0 = None;
    }

    fn kill(&mut self) {
        if let Some(pid) = self.0.take() {
            // It may have ended by itself.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

fn environment(command: &mut Command, remote: Option<&str>) {
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "")
        .env("SSH_ASKPASS", "")
        .env("SSH_ASKPASS_REQUIRE", "never")
        .env("GCM_INTERACTIVE", "never")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_LITERAL_PATHSPECS", "1")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_OPTIONAL_LOCKS", "0")
        // Nothing but this list, whatever the user's settings say.
        .env("GIT_ALLOW_PROTOCOL", remote.unwrap_or("none"));
    if remote.is_none() {
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command.env_remove("GIT_CONFIG_COUNT").env_remove("GIT_CONFIG_PARAMETERS");
    } else if std::env::var_os("GIT_SSH_COMMAND").is_none() && std::env::var_os("GIT_SSH").is_none() {
        command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ControlMaster=no -o ConnectTimeout=30");
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What is lost with an error is missed by whoever parses the output.
        let _ = from.take(limit).read_to_end(&mut bytes).await;
    }
    bytes
}

/// The beginning; the rest is read so that the writer does not stall.
async fn read_and_drain(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        let _ = (&mut from).take(MAX_STDERR).read_to_end(&mut bytes).await;
        let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    }
    bytes
}

fn finished(status: ExitStatus, stderr: &[u8]) -> Result<(), GitError> {
    if status.success() {
        return Ok(());
    }
    Err(GitError::Failed { code: status.code(), stderr: String::from_utf8_lossy(stderr).into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(timeout: Duration) -> Git {
        Git { timeout, max_bytes: 1 << 30 }
    }

    #[tokio::test]
    async fn output_and_status_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let git = git(Duration::from_secs(60));
        let output = git.run(Call::local(folder.path(), &["version"], 100)).await.unwrap();
        assert!(output.starts_with(b"git version"));
        let error = git.run(Call::local(folder.path(), &["version"], 3)).await.unwrap_err();
        assert!(matches!(error, GitError::TooMuchOutput), "{error:?}");
        let error = git.run(Call::local(folder.path(), &["rev-parse", "HEAD"], 100)).await.unwrap_err();
        assert!(matches!(error, GitError::Failed { code: Some(128), .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_command_that_hangs_ends_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let alias = "alias.hang=!sleep 600 & echo $! > grandchild; wait";
        let args = ["-c", alias, "hang"];
        let error =
            git(Duration::from_secs(2)).run(Call::local(folder.path(), &args, 100)).await.unwrap_err();
        assert!(matches!(error, GitError::TimedOut(_)), "{error:?}");
        let pid: i32 =
            std::fs::read_to_string(folder.path().join("grandchild")).unwrap().trim().parse().unwrap();
        let pid = Pid::from_raw(pid).unwrap();
        let until = std::time::Instant::now() + Duration::from_secs(30);
        while is_alive(pid) {
            assert!(std::time::Instant::now() < until, "the grandchild still runs");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A process that nobody reaped yet does not count.
    fn is_alive(pid: Pid) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        status.is_ok_and(|status| !status.contains(") Z"))
    }
}
