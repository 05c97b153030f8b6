//! Real peers as Debian packages them, and `fairlead mirror check` in front of them.

use std::path::Path;
use std::process::Command;

use fairlead_e2e::{Kind, Subject, binary, eventually};
use fairlead_testkit::Dir;
use serde_json::Value;

/// A program of a Debian package, which `make test` installs.
pub(crate) fn tool(program: &str, package: &str) -> Command {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.peers/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A user's PATH often lacks the folders of servers.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut candidates = std::iter::once(fetched).chain(folders).map(|folder| folder.join(program));
    let found = candidates.find(|path| path.is_file());
    assert!(
        found.is_some(),
        "the tests need {program} as a peer: run `make test` once, or install the package {package}"
    );
    Command::new(found.unwrap())
}

/// Runs a program that must succeed, and gives what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    output.stdout
}

/// What `mirror check` made of one mirror.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) code: Option<i32>,
    verdict: Value,
}

impl Checked {
    pub(crate) fn state(&self) -> &str {
        self.verdict["state"].as_str().unwrap()
    }

    /// Why it is in its state: the last step that led there.
    pub(crate) fn reason(&self) -> &str {
        self.verdict["path"].as_array().unwrap().last().unwrap()["reason"].as_str().unwrap()
    }

    /// Status of a layer, `absent` when nobody looked.
    pub(crate) fn layer(&self, name: &str) -> &str {
        self.found(name).map_or("absent", |layer| layer["status"].as_str().unwrap())
    }

    /// A piece of evidence of a layer.
    pub(crate) fn evidence(&self, layer: &str, name: &str) -> Option<&str> {
        let pairs = self.found(layer)?["evidence"].as_array()?;
        pairs.iter().find(|pair| pair[0] == name)?[1].as_str()
    }

    /// How a reason for trust is.
    pub(crate) fn leg(&self, name: &str) -> &str {
        let legs = self.verdict["legs"].as_array().unwrap();
        legs.iter().find(|leg| leg[0] == name).map_or("absent", |leg| leg[1].as_str().unwrap())
    }

    fn found(&self, name: &str) -> Option<&Value> {
        self.verdict["layers"].as_array().unwrap().iter().find(|layer| layer["name"] == name)
    }
}

/// The binary under test, in the home `dir`; `None` when that is not ours.
pub(crate) fn fairlead(dir: &Dir) -> Option<Command> {
    let (kind, path) = binary().unwrap();
    let mut command = Command::new(path);
    command.env_clear().env("HOME", dir.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    (kind == Kind::Fairlead).then_some(command)
}

/// Checks one mirror; `None` as [`fairlead`].
pub(crate) fn check(dir: &Dir, variables: &[(&str, &str)], arguments: &[&str]) -> Option<Checked> {
    let mut command = fairlead(dir)?;
    command.envs(variables.iter().copied());
    command.args(["mirror", "check", "--no-cache", "--format=json", "--retries=1"]).args(arguments);
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let verdicts: Result<Value, _> = serde_json::from_slice(&output.stdout);
    assert!(verdicts.is_ok(), "{verdicts:?}: {}\n{told}", String::from_utf8_lossy(&output.stdout));
    Some(Checked { code: output.status.code(), verdict: verdicts.unwrap()[0].clone() })
}

/// Files of a folder over HTTP, as any plain mirror serves them.
pub(crate) struct Site {
    pub(crate) url: String,
    #[expect(dead_code, reason = "held so that it lives, and dropped to stop it")]
    server: Subject,
}

impl Site {
    /// Serves what is and will be in the folder `public` of `dir`.
    pub(crate) async fn start(dir: &Dir) -> Site {
        let folder = dir.join("public");
        std::fs::create_dir_all(&folder).unwrap();
        let mut command = tool("python3", "python3");
        command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]).arg(folder);
        let server = Subject::spawn(command, &dir.join("site.log")).unwrap();
        let url = eventually(async || word_after(&server, "(http://")).await.unwrap();
        Site { url: format!("http://{}", url.trim_end_matches("/)")), server }
    }
}

/// What stands behind `mark` in what a peer wrote, up to the next blank, quotation mark or end.
pub(crate) fn word_after(peer: &Subject, mark: &str) -> anyhow::Result<String> {
    let log = peer.log();
    let rest = log.split_once(mark).map(|(_, rest)| rest);
    let end = |rest: &str| rest.find([' ', '"', '\n']);
    match rest.and_then(|rest| Some(rest[..end(rest)?].to_owned())) {
        Some(word) => Ok(word),
        None => anyhow::bail!("`{mark}` is not in: {log}"),
    }
}
