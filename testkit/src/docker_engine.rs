//! Docker's engine, a real one, as processes of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

/// How long the engine may take to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(50);

/// An engine with images and containers of its own. It leaves the network of the machine alone, so that containers have none
/// but the machine's (`--network host`), and ends when dropped.
#[derive(Debug)]
pub struct DockerEngine {
    child: Child,
    folder: TempDir,
}

impl DockerEngine {
    /// Starts one with a `daemon.json`.
    ///
    /// # Errors
    /// Why an engine cannot run in this place: it needs root, and a kernel that lets root mount.
    ///
    /// # Panics
    /// When the engine is not installed, or does not start for another reason.
    pub fn start(daemon_json: &Path) -> Result<Self, String> {
        let programs = programs();
        if !rustix::process::geteuid().is_root() {
            return Err("a docker engine needs root".to_owned());
        }
        let mounts = Command::new("unshare").args(["--mount", "true"]).output();
        if !mounts.is_ok_and(|done| done.status.success()) {
            return Err("a docker engine needs to mount, which root may not here".to_owned());
        }
        // Its sockets have long names, and a socket's path ends at 108 bytes.
        let folder = tempfile::Builder::new().prefix("fl-").tempdir_in("/tmp").unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(programs.join("dockerd"));
        command.arg("--config-file").arg(daemon_json);
        for (option, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
            command.arg(option).arg(folder.path().join(name));
        }
        command.arg("--host").arg(socket(&folder));
        command.args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]);
        command.env("PATH", path(&programs)).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut engine = DockerEngine { child: command.spawn().unwrap(), folder };
        engine.ready()?;
        Ok(engine)
    }

    /// The client, as its user runs it; a build is BuildKit's.
    #[must_use]
    pub fn docker(&self) -> Command {
        let mut command = Command::new(programs().join("docker"));
        for (name, value) in self.variables() {
            command.env(name, value);
        }
        command
    }

    /// Variables with which any `docker` speaks to this engine; the client is on its `PATH`.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("PATH", path(&programs())),
            ("DOCKER_HOST", socket(&self.folder)),
            ("DOCKER_BUILDKIT", "1".to_owned()),
            ("DOCKER_CONFIG", self.folder.path().join("client").display().to_string()),
        ]
    }

    /// What the engine wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn ready(&mut self) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let answers = self.docker().arg("version").output().unwrap();
            if answers.status.success() {
                return Ok(());
            }
            let ended = self.child.try_wait().unwrap();
            let log = self.log();
            let refused = ["operation not permitted", "permission denied", "Operation not permitted"];
            if ended.is_some() && refused.iter().any(|why| log.contains(why)) {
                return Err(format!(
                    "a docker engine may not run here: {}",
                    log.lines().last().unwrap_or("")
                ));
            }
            assert!(ended.is_none() && Instant::now() < end, "the docker engine does not start:\n{log}");
            std::thread::sleep(LOOK);
        }
    }

    fn end(&mut self) {
        // It takes its containers and its containerd with it; killed, it would leave them.
        let _ = rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM);
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for DockerEngine {
    fn drop(&mut self) {
        self.end();
        // What is mounted cannot be removed.
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let mut points: Vec<&Path> =
            points.map(Path::new).filter(|point| point.starts_with(self.folder.path())).collect();
        points.sort();
        for point in points.into_iter().rev() {
            let _ = Command::new("umount").arg("--lazy").arg(point).status();
        }
    }
}

fn socket(folder: &TempDir) -> String {
    format!("unix://{}/sock", folder.path().display())
}

/// Its programs call each other by name.
fn path(programs: &Path) -> String {
    let rest = std::env::var("PATH").unwrap_or_default();
    format!("{}:{rest}:/usr/sbin:/sbin", programs.display())
}

/// Where `make` puts them. Those of the machine may be of any version, and their client without BuildKit.
fn programs() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = root.join(".peers/docker");
    assert!(
        folder.join("dockerd").exists(),
        "the tests need docker as a peer: run `make test`, or `make .peers/docker/dockerd` once"
    );
    folder
}
