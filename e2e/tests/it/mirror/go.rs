//! The go command with an environment of its own.

#![expect(clippy::panic, reason = "what cannot be run fails the test that needs it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fairlead_testkit::Dir;
use fairlead_testkit::goproxy::sumdb_key;

/// One user of the go command: a home, a module cache, and a project.
pub(crate) struct Go {
    dir: Dir,
    proxy: String,
    /// Further variables.
    variables: Vec<(&'static str, String)>,
}

impl Go {
    /// One without anything in the module cache, who gets modules from `proxy`.
    pub(crate) fn new(proxy: &str) -> Go {
        let dir = Dir::new();
        dir.write("home/.keep", "");
        Go { dir, proxy: proxy.to_owned(), variables: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Go {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, text: &str) {
        self.dir.write(&format!("project/{name}"), text);
    }

    /// Reads a file of the project.
    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.dir.join("project").join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join("project").join(name)
    }

    /// Runs a command that must succeed, and gives what it wrote to standard output.
    pub(crate) fn run(&self, arguments: &str) -> String {
        let output = self.try_run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "go {arguments} with GOPROXY={}: {errors}", self.proxy);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must fail, and gives what it wrote to standard error.
    pub(crate) fn fail(&self, arguments: &str) -> String {
        let output = self.try_run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "go {arguments} succeeded: {errors}");
        errors
    }

    fn try_run(&self, arguments: &str) -> Output {
        let mut command = Command::new(tool());
        command.args(arguments.split_whitespace()).current_dir(self.dir.join("project")).env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.join("home"))
            .env("GOPATH", self.dir.join("home/go"))
            // What is compiled does not depend on the test, and compiling is slow.
            .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-build"))
            .envs([
                ("GOENV", "off"),
                ("GOTOOLCHAIN", "local"),
                ("GOFLAGS", "-modcacherw"),
                ("GOTELEMETRY", "off"),
            ])
            .env("GOPROXY", &self.proxy)
            .env("GOSUMDB", sumdb_key())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }
}

/// The go command: that of the path, or of Go's own place, or the one that `make test` fetched.
fn tool() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let known = std::env::split_paths(&path).map(|folder| folder.join("go"));
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.peers/go/bin/go");
    let found = known.chain(["/usr/local/go/bin/go".into(), fetched]).find(|tool| tool.is_file());
    found.unwrap_or_else(|| panic!("there is no go command: `make test` fetches one"))
}
