//! A runner of composite GitHub Actions, small and to the letter where `action.yml` depends on it: defaults of inputs,
//! conditions, variables of steps, the command lines of shells, the runner's files, and workflow commands in the log.

#![expect(clippy::panic, reason = "a job that cannot run must fail the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fairlead_conf::Node;
use fairlead_testkit::Dir;

use crate::ci_expression::{Contexts, fill, holds};

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// An `action.yml`.
pub(crate) struct Action {
    /// Inputs with their defaults.
    pub inputs: BTreeMap<String, String>,
    outputs: BTreeMap<String, String>,
    /// What it does.
    pub steps: Vec<Step>,
}

/// One of `runs.steps`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    pub id: String,
    pub condition: String,
    pub shell: String,
    pub run: String,
    pub env: BTreeMap<String, String>,
}

impl Action {
    /// Ours.
    pub(crate) fn read() -> Action {
        let path = root().join("action.yml");
        let file = fairlead_conf::yaml::parse(&std::fs::read_to_string(path).unwrap(), "action.yml").unwrap();
        assert_eq!(text(&file, &["runs", "using"]), "composite");
        let steps = items(file.at(&["runs", "steps"]).unwrap());
        Action {
            inputs: each(&file, "inputs", "default"),
            outputs: each(&file, "outputs", "value"),
            steps: steps.iter().map(step).collect(),
        }
    }

    /// The steps that a system runs while nothing fails.
    pub(crate) fn steps_on(&self, system: &str) -> Vec<&Step> {
        let contexts = Contexts::from([("runner.os".to_owned(), system.to_owned())]);
        self.steps.iter().filter(|step| holds(&step.condition, &contexts, true)).collect()
    }
}

fn step(node: &Node) -> Step {
    Step {
        id: text(node, &["id"]),
        condition: text(node, &["if"]),
        shell: text(node, &["shell"]),
        run: text(node, &["run"]),
        env: node.at(&["env"]).map(pairs).unwrap_or_default(),
    }
}

/// The text at a path, or nothing.
pub(crate) fn text(node: &Node, path: &[&str]) -> String {
    node.at(path).and_then(Node::text).unwrap_or_default().to_owned()
}

/// The items of a list.
pub(crate) fn items(node: &Node) -> Vec<Node> {
    match &node.value {
        fairlead_conf::Value::List(items) => items.clone(),
        _ => Vec::new(),
    }
}

/// A map of texts.
pub(crate) fn pairs(node: &Node) -> BTreeMap<String, String> {
    node.entries().iter().map(|entry| (entry.key.to_string(), text(&entry.node, &[]))).collect()
}

fn each(file: &Node, section: &str, key: &str) -> BTreeMap<String, String> {
    let entries = file.at(&[section]).unwrap().entries();
    entries.iter().map(|entry| (entry.key.to_string(), text(&entry.node, &[key]))).collect()
}

/// A job on a machine of its own: a workspace, the runner's folders and files, and variables.
pub(crate) struct Job {
    dir: Dir,
    system: &'static str,
    variables: BTreeMap<String, String>,
}

/// How a use of an action ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Exit code of the step that failed, or 0.
    pub status: i32,
    /// Outputs of the action.
    pub outputs: BTreeMap<String, String>,
    /// What `GITHUB_ENV` sets.
    pub env: BTreeMap<String, String>,
    /// `GITHUB_STEP_SUMMARY`.
    pub summary: String,
    /// What people see, secrets masked.
    pub log: String,
    /// Annotations: level, properties, text.
    pub annotations: Vec<(String, String, String)>,
    /// What is masked.
    pub masks: Vec<String>,
    /// Workflow commands of other names.
    pub others: Vec<String>,
}

impl Job {
    pub(crate) fn new(system: &'static str) -> Job {
        let dir = Dir::new();
        for folder in ["workspace", "temp", "home"] {
            std::fs::create_dir(dir.join(folder)).unwrap();
        }
        let path = std::env::var("PATH").unwrap();
        let variables = [
            ("PATH", path),
            ("HOME", dir.join("home").display().to_string()),
            ("CI", "true".to_owned()),
            ("RUNNER_OS", system.to_owned()),
            ("RUNNER_TEMP", dir.join("temp").display().to_string()),
            ("GITHUB_ACTION_PATH", root().display().to_string()),
            ("GITHUB_WORKSPACE", dir.join("workspace").display().to_string()),
        ];
        Job { system, variables: variables.map(|(name, value)| (name.to_owned(), value)).into(), dir }
    }

    /// Sets a variable of the job.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    /// Something in the workspace.
    pub(crate) fn workspace(&self, name: &str) -> PathBuf {
        self.dir.join("workspace").join(name)
    }

    /// Writes a file of the workspace.
    pub(crate) fn write(&self, name: &str, text: &str) {
        self.dir.write(&format!("workspace/{name}"), text);
    }

    /// Names of what is in the workspace.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.workspace("")).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Uses the action with these inputs.
    pub(crate) fn uses(&self, action: &Action, with: &[(&str, &str)]) -> Outcome {
        for (name, _) in with {
            assert!(action.inputs.contains_key(*name), "there is no input {name}");
        }
        let mut contexts = Contexts::from([("runner.os".to_owned(), self.system.to_owned())]);
        let given = with.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        for (name, value) in action.inputs.clone().into_iter().chain(given) {
            contexts.insert(format!("inputs.{name}"), value);
        }
        let mut outcome = Outcome::default();
        for step in &action.steps {
            if holds(&step.condition, &contexts, outcome.status == 0) {
                let outputs = self.run(step, &contexts, &mut outcome);
                let named = outputs
                    .into_iter()
                    .map(|(name, value)| (format!("steps.{}.outputs.{name}", step.id), value));
                contexts.extend(named);
            }
        }
        let outputs = action.outputs.iter().map(|(name, value)| (name.clone(), fill(value, &contexts)));
        outcome.outputs = outputs.collect();
        outcome
    }

    fn run(&self, step: &Step, contexts: &Contexts, outcome: &mut Outcome) -> BTreeMap<String, String> {
        let names = ["output", "env", "summary"].map(|name| format!("github_{}_{name}", step.id));
        let [output, env, summary] = names.map(|name| self.dir.write(&name, ""));
        let ending = if step.shell == "pwsh" { "ps1" } else { "sh" };
        let script = self.dir.write(&format!("{}.{ending}", step.id), script(step, contexts));
        let mut command = shell(&step.shell, &script);
        command.env_clear().envs(&self.variables).current_dir(self.workspace("")).stdin(Stdio::null());
        command.envs(step.env.iter().map(|(name, value)| (name, fill(value, contexts))));
        command.env("GITHUB_OUTPUT", &output).env("GITHUB_ENV", &env).env("GITHUB_STEP_SUMMARY", &summary);
        let done = command.output().unwrap_or_else(|error| panic!("{}: {error}", step.shell));
        read_log(&String::from_utf8(done.stdout).unwrap(), outcome);
        outcome.log += &String::from_utf8_lossy(&done.stderr);
        if !done.status.success() && outcome.status == 0 {
            outcome.status = done.status.code().unwrap_or(-1);
        }
        outcome.env.extend(read_values(&std::fs::read_to_string(env).unwrap()));
        outcome.summary += &std::fs::read_to_string(summary).unwrap();
        read_values(&std::fs::read_to_string(output).unwrap())
    }
}

fn script(step: &Step, contexts: &Contexts) -> String {
    let run = fill(&step.run, contexts);
    match step.shell.as_str() {
        "pwsh" => format!(
            "$ErrorActionPreference = 'stop'\n{run}\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) {{ exit $LASTEXITCODE }}\n"
        ),
        _ => run,
    }
}

fn shell(name: &str, script: &Path) -> Command {
    let mut command = Command::new(name);
    match name {
        "bash" => command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(script),
        "pwsh" => command.arg("-command").arg(format!(". '{}'", script.display())),
        other => panic!("{other} is not a shell that the action may use"),
    };
    command
}

/// Reads `NAME=VALUE` lines and `NAME<<END` blocks.
fn read_values(file: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut lines = file.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let equals = line.find('=').unwrap_or(usize::MAX);
        let block = line.find("<<").unwrap_or(usize::MAX);
        assert_ne!(equals, block, "neither a value nor a block: {line}");
        if equals < block {
            values.insert(line[..equals].to_owned(), line[equals + 1..].to_owned());
        } else {
            let end = &line[block + 2..];
            let value: Vec<&str> = lines.by_ref().take_while(|line| line != &end).collect();
            values.insert(line[..block].to_owned(), value.join("\n"));
        }
    }
    values
}

/// Takes commands out of the log and masks what they say is secret.
fn read_log(log: &str, outcome: &mut Outcome) {
    let mut stopped: Option<String> = None;
    for line in log.lines() {
        match (&stopped, command(line)) {
            (Some(token), Some((name, _, _))) if name == token => stopped = None,
            (None, Some(("stop-commands", _, token))) => stopped = Some(token.to_owned()),
            (None, Some(("add-mask", _, secret))) => outcome.masks.push(unescaped(secret)),
            (None, Some((level @ ("error" | "warning" | "notice"), properties, text))) => {
                let (text, properties) =
                    (mask(&unescaped(text), outcome), mask(&unescaped(properties), outcome));
                outcome.annotations.push((level.to_owned(), properties, text));
            }
            (None, Some((name, _, _))) => outcome.others.push(name.to_owned()),
            _ => {
                outcome.log += &mask(line, outcome);
                outcome.log.push('\n');
            }
        }
    }
    assert!(stopped.is_none(), "commands are still stopped at the end of the step");
}

/// `::NAME PROPERTIES::DATA`
fn command(line: &str) -> Option<(&str, &str, &str)> {
    let (head, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    Some((name, properties, data))
}

fn unescaped(text: &str) -> String {
    let signs = [("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")];
    signs.into_iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn mask(text: &str, outcome: &Outcome) -> String {
    outcome.masks.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
}
