//! The step of `action.yml`.
//!
//! No input becomes text of a workflow command or of one of the runner's files without being escaped, and nothing that a mirror
//! says is taken for a command. However the step ends, its outputs, the summary and an annotation tell.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::super::{INTERNAL, USAGE, WrongUsage};
use super::arguments::{self, Mode};
use super::child::{Fairlead, Log};
use super::inputs::Inputs;
use super::list::{Credentials, List};
use super::workflow::{Files, Runner};
use super::{Variable, own_folder, variables};

/// Beginning of the log that an annotation has.
const ANNOTATED: (usize, usize) = (30, 4000);

/// Runs the step that this process is; its exit code is the process's.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let files =
        Files::read(|name| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from))?;
    let inputs = Inputs::read(std::env::vars_os())?;
    let place = std::env::var_os("RUNNER_TEMP").map_or_else(std::env::temp_dir, PathBuf::from);
    let fairlead = Fairlead { program: std::env::current_exe()?, netrc: None };
    let goproxy = std::env::var("GOPROXY").unwrap_or_default();
    let step = Step::new(inputs, goproxy, fairlead, Runner::new(std::io::stdout(), files), &place)?;
    // A runner that has gone must not look like a mirror that is valid.
    let status = step.run().map_err(|error| anyhow::anyhow!("the runner cannot be told: {error:#}"))?;
    Ok(ExitCode::from(status))
}

/// One use of the action.
struct Step<W> {
    inputs: Inputs,
    /// The job's own GOPROXY.
    job: String,
    fairlead: Fairlead,
    runner: Runner<W>,
    /// For what must outlive the step: the report and the credentials.
    folder: PathBuf,
    log: Log,
    mode: Option<Mode>,
    mirrors: usize,
    goproxy: String,
}

/// How it ended.
struct End {
    /// Exit code of fairlead.
    code: u8,
    /// Exit code of the step.
    status: u8,
}

impl From<u8> for End {
    fn from(code: u8) -> Self {
        End { code, status: code }
    }
}

impl<W: Write> Step<W> {
    fn new(
        inputs: Inputs,
        job: String,
        fairlead: Fairlead,
        runner: Runner<W>,
        place: &Path,
    ) -> anyhow::Result<Self> {
        let folder = own_folder(place)?;
        let (log, mode, goproxy) = (Log::default(), None, String::new());
        Ok(Step { inputs, job, fairlead, runner, folder, log, mode, mirrors: 0, goproxy })
    }

    fn run(mut self) -> anyhow::Result<u8> {
        let end = self.play().unwrap_or_else(|error| {
            self.log.keep(format!("{error:#}\n").as_bytes());
            End::from(if error.is::<WrongUsage>() { USAGE } else { INTERNAL })
        });
        self.tell(&end)?;
        Ok(end.status)
    }

    fn play(&mut self) -> anyhow::Result<End> {
        self.hide_secrets()?;
        for switch in ["STRICT", "FOLD_EXIT_CODES"] {
            self.inputs.switch(switch)?;
        }
        let mode = Mode::read(&self.inputs)?;
        self.mode = Some(mode);
        match mode {
            Mode::Check | Mode::Setup => self.check(mode),
            Mode::Verify => self.verify(),
        }
    }

    /// Masks what is secret, and puts credentials where fairlead and go look for them.
    fn hide_secrets(&mut self) -> anyhow::Result<()> {
        self.runner.mask(self.inputs.text("TOKEN"))?;
        let netrc = self.inputs.text("NETRC");
        if netrc.is_empty() {
            return Ok(());
        }
        let words: Vec<&str> = netrc.split_whitespace().collect();
        for pair in words.windows(2).filter(|pair| pair[0] == "password") {
            self.runner.mask(pair[1])?;
        }
        let path = self.folder.join("netrc");
        std::fs::write(&path, format!("{netrc}\n")).context("cannot write the credentials")?;
        self.fairlead.netrc = Some(path);
        Ok(())
    }

    /// Checks mirrors; `setup` keeps the healthy ones for the steps that follow.
    fn check(&mut self, mode: Mode) -> anyhow::Result<End> {
        let mut words = arguments::check(&self.inputs, mode, &self.folder)?;
        let variables = match self.tenant()? {
            Ok(variables) => variables,
            Err(code) => return Ok(code.into()),
        };
        let list = self.list(&variables)?;
        let urls = [vec!["--".to_owned()], list.urls].concat();
        let reported = vec![self.format(), format!("--output={}", self.report().display())];
        let code = self.fairlead(&[&words[..], &reported, &urls].concat(), None)?;
        if mode == Mode::Check {
            return Ok(code.into());
        }
        let chosen = self.folder.join("chosen");
        // Wrong usage and failures of fairlead itself are no matter of mirrors.
        if code < USAGE {
            // Answered from what the first run has kept.
            words.push("--pick".to_owned());
            self.fairlead(&[words, urls].concat(), Some(&chosen))?;
        }
        let chosen = std::fs::read_to_string(chosen).unwrap_or_default();
        self.choose(code, chosen.trim(), &list.end, &variables)
    }

    /// Sets GOPROXY for the steps that follow. While one mirror is valid another one is no reason to fail, unless `strict`.
    fn choose(&mut self, code: u8, chosen: &str, end: &str, variables: &[Variable]) -> anyhow::Result<End> {
        if chosen.is_empty() {
            return Ok(End::from(if code == 0 { INTERNAL } else { code }));
        }
        if code != 0 && self.inputs.switch("STRICT")? {
            return Ok(code.into());
        }
        for (name, value) in variables.iter().filter(|(name, _)| name != "GOPROXY") {
            self.runner.export(name, value)?;
        }
        self.goproxy = format!("{chosen}{end}");
        self.runner.export("GOPROXY", &self.goproxy)?;
        if let Some(netrc) = &self.fairlead.netrc {
            self.runner.export("NETRC", &netrc.display().to_string())?;
        }
        Ok(End { code, status: 0 })
    }

    /// Proves files like go.sum.
    fn verify(&mut self) -> anyhow::Result<End> {
        let words = arguments::verify(&self.inputs)?;
        let files = arguments::files(&self.inputs)?;
        let files = [vec!["--".to_owned()], files].concat();
        let code = self.fairlead(&[&words[..], &[self.format()], &files].concat(), Some(&self.report()))?;
        // That report is for programs. People read in the log what is wrong.
        if code != 0 {
            self.fairlead(&[words, files].concat(), None)?;
        }
        Ok(code.into())
    }

    /// Variables of the tenant, none without one; or the exit code when there are none to be had.
    fn tenant(&mut self) -> anyhow::Result<Result<Vec<Variable>, u8>> {
        let Some(words) = arguments::tenant(&self.inputs)? else { return Ok(Ok(Vec::new())) };
        let file = self.folder.join("env");
        match self.fairlead(&words, Some(&file))? {
            0 => Ok(Ok(variables(&std::fs::read_to_string(file)?))),
            code => Ok(Err(code)),
        }
    }

    /// Mirrors of the inputs, else of the tenant, else of the job's GOPROXY.
    fn list(&mut self, variables: &[Variable]) -> anyhow::Result<List> {
        let of_tenant =
            |name| variables.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let given = format!("{} {}", self.inputs.text("URL"), self.inputs.text("URLS"));
        let text = match self.inputs.or("KIND", "goproxy") {
            _ if !given.trim().is_empty() => given,
            "goproxy" => of_tenant("GOPROXY").unwrap_or_else(|| self.job.clone()),
            "oci" => of_tenant("REGISTRY_MIRROR").unwrap_or_default(),
            _ => String::new(),
        };
        let list = match List::parse(&text) {
            Ok(list) => list,
            Err(Credentials(secrets)) => {
                secrets.iter().try_for_each(|secret| self.runner.mask(secret))?;
                let why = "where every process of the machine may read them: give them with the input netrc";
                return Err(WrongUsage(format!("a mirror has credentials in its URL, {why}")).into());
            }
        };
        if list.urls.is_empty() {
            let what = "there is no mirror to check: give the input url, urls or tenant, or set GOPROXY";
            return Err(WrongUsage(what.to_owned()).into());
        }
        self.mirrors = list.urls.len();
        Ok(list)
    }

    /// Runs fairlead; what it says is shown and kept.
    fn fairlead(&mut self, words: &[String], out: Option<&Path>) -> anyhow::Result<u8> {
        let (fairlead, log) = (&self.fairlead, &mut self.log);
        self.runner.without_commands(|shown| {
            fairlead.run(words, out, |piece| {
                log.keep(piece);
                shown.write_all(piece)?;
                shown.flush()
            })
        })
    }

    fn format(&self) -> String {
        let format = if self.inputs.text("SARIF").is_empty() { "jsonl" } else { "sarif" };
        format!("--format={format}")
    }

    fn report(&self) -> PathBuf {
        match self.inputs.text("SARIF") {
            "" => self.folder.join("report.jsonl"),
            file => file.into(),
        }
    }

    /// Tells how it went, to the runner and to people.
    fn tell(&mut self, end: &End) -> anyhow::Result<()> {
        let word = word(end.code, self.inputs.switch("FOLD_EXIT_CODES").unwrap_or(false));
        let report = self.report();
        let has_report = report.metadata().is_ok_and(|file| file.len() > 0);
        let report = if has_report { report.display().to_string() } else { String::new() };
        let outputs = [
            ("verdict", word),
            ("exit-code", &end.code.to_string()),
            ("report", &report),
            ("goproxy", &self.goproxy),
        ];
        for (name, value) in outputs {
            self.runner.output(name, value)?;
        }
        let text = self.log.text();
        self.runner.summary(&self.summary(word, end.code, &text))?;
        let title = format!("mirror {}: {word}", self.mode.map_or("?", Mode::word));
        let (level, title) = match end {
            End { status: 1.., .. } => ("error", title),
            End { code: 1.., .. } => ("warning", format!("{title}; mirrors were left out")),
            _ if text.lines().any(|line| line.starts_with("warning")) => {
                ("warning", format!("{title}, with warnings"))
            }
            _ => return Ok(()),
        };
        let text = beginning(&text);
        self.runner.annotate(level, &title, if text.is_empty() { &title } else { text })?;
        Ok(())
    }

    /// Markdown. What fairlead says is indented, so that nothing in it ends the block.
    fn summary(&self, word: &str, code: u8, text: &str) -> String {
        let mode = self.mode.map_or("?", Mode::word);
        let mut markdown = format!(
            "### Fairlead mirror\n\n| mode | verdict | exit code | mirrors |\n| --- | --- | --- | --- |\n\
             | {mode} | **{word}** | {code} | {} |\n\n",
            self.mirrors
        );
        if !self.goproxy.is_empty() {
            markdown += &format!("    GOPROXY={}\n", self.goproxy);
        }
        for line in text.lines() {
            markdown += &format!("    {}\n", line.replace('\r', " "));
        }
        markdown.push('\n');
        markdown
    }
}

/// The first lines of a text, as far as an annotation is read.
fn beginning(text: &str) -> &str {
    let (lines, bytes) = ANNOTATED;
    let end = text.split_inclusive('\n').take(lines).map(str::len).sum::<usize>().min(bytes);
    text[..text.floor_char_boundary(end)].trim_end()
}

fn word(code: u8, folded: bool) -> &'static str {
    match code {
        0 => "valid",
        1 => "unreachable",
        2 if folded => "invalid",
        2 => "protocol",
        3 => "integrity",
        4 => "degraded",
        USAGE => "usage",
        _ => "internal",
    }
}

#[cfg(test)]
mod tests;
