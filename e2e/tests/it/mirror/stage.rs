//! A running `fairlead mirror serve`.

use std::process::{Command, Output};

use fairlead_e2e::{Kind, Subject, binary, eventually};
use fairlead_testkit::Dir;
use fairlead_testkit::goproxy::sumdb_key;

/// Patience for tests: nothing here needs long, and what is broken is broken at once.
const CONFIG: &str = "client: {retries: 0, hedgeAfter: 0s, firstByteTimeout: 900ms, idleTimeout: 700ms}\nprefetch: {enabled: false}\n";

/// The process with its folder.
pub(crate) struct Mirror {
    subject: Subject,
    pub(crate) url: String,
}

impl Mirror {
    /// One with a cache in `dir`; `None` when another binary is under test.
    pub(crate) async fn start(dir: &Dir, upstreams: &str, more: &[&str]) -> Option<Mirror> {
        let config = dir.write("mirror.yml", CONFIG);
        let mut command = fairlead(dir)?;
        command.args(["mirror", "serve", "--listen", "127.0.0.1:0", "--upstreams", upstreams]);
        command.arg("--cache").arg(dir.join("cache")).arg("--config").arg(config);
        command.args(["--sumdb", &sumdb_key()]).args(more);
        let mut subject = Subject::spawn(command, &dir.join("mirror.log")).unwrap();
        let url = eventually(async || {
            let log = subject.log();
            anyhow::ensure!(subject.ended()?.is_none(), "it ended: {log}");
            let line = log.lines().find(|line| line.starts_with("listening") && line.ends_with("GOPROXY"));
            let line = line.ok_or_else(|| anyhow::anyhow!("it does not listen: {log}"))?;
            let address = line.split_whitespace().nth(1).unwrap_or_default();
            Ok(format!("http://{address}"))
        });
        let url = url.await.unwrap();
        Some(Mirror { subject, url })
    }

    pub(crate) fn log(&self) -> String {
        self.subject.log()
    }
}

/// Runs one of our commands; `None` when another binary is under test.
pub(crate) fn run(dir: &Dir, arguments: &[&str]) -> Option<Output> {
    Some(fairlead(dir)?.args(arguments).output().unwrap())
}

fn fairlead(dir: &Dir) -> Option<Command> {
    let (kind, path) = binary().unwrap();
    let mut command = Command::new(path);
    command.env_clear().env("HOME", dir.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    (kind == Kind::Fairlead).then_some(command)
}
