//! GitHub's runner: commands in the log (`::name properties::data`) and the files that it reads after a step.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>
//!
//! No value can end the place that it is written to: commands are escaped, and blocks of a file end with a mark that nobody can
//! guess.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::super::WrongUsage;

/// The runner, as seen by a step.
#[derive(Debug)]
pub(super) struct Runner<W> {
    /// The step's standard output, where commands are looked for.
    pub log: W,
    /// Ends a block of a file, and the time in which commands do not count.
    mark: String,
    files: Files,
}

/// The files.
#[derive(Clone, Debug)]
pub(super) struct Files {
    output: PathBuf,
    env: PathBuf,
    summary: Option<PathBuf>,
}

impl Files {
    /// Those that variables name.
    ///
    /// # Errors
    /// There is none for outputs or none for variables, so that this is no step of a workflow.
    pub(super) fn read(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<Self, WrongUsage> {
        let file = |name: &str| {
            let missing = || WrongUsage(format!("{name} is not set: this is a step of a GitHub workflow"));
            variable(name).ok_or_else(missing)
        };
        Ok(Files {
            output: file("GITHUB_OUTPUT")?,
            env: file("GITHUB_ENV")?,
            summary: variable("GITHUB_STEP_SUMMARY"),
        })
    }
}

impl<W: Write> Runner<W> {
    /// A runner that reads `log`.
    pub(super) fn new(log: W, files: Files) -> Self {
        Runner { log, mark: format!("{:032x}", rand::random::<u128>()), files }
    }

    /// From now on a secret is not shown.
    pub(super) fn mask(&mut self, secret: &str) -> std::io::Result<()> {
        if secret.trim().is_empty() {
            return Ok(());
        }
        writeln!(self.log, "::add-mask::{}", data(secret))
    }

    /// Says something at the place where people look first; `level` is `error` or `warning`.
    pub(super) fn annotate(&mut self, level: &str, title: &str, text: &str) -> std::io::Result<()> {
        writeln!(self.log, "::{level} title={}::{}", property(title), data(text))?;
        self.log.flush()
    }

    /// Does what writes other people's words to the log: meanwhile nothing in it is a command.
    pub(super) fn without_commands<T>(
        &mut self,
        act: impl FnOnce(&mut W) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        writeln!(self.log, "::stop-commands::{}", self.mark)?;
        self.log.flush()?;
        let done = act(&mut self.log);
        // What came before may not have ended its line.
        writeln!(self.log, "\n::{}::", self.mark)?;
        self.log.flush()?;
        done
    }

    /// Sets an output of the step.
    pub(super) fn output(&self, name: &str, value: &str) -> std::io::Result<()> {
        append(&self.files.output, &self.block(name, value))
    }

    /// Sets a variable of the steps that follow.
    pub(super) fn export(&self, name: &str, value: &str) -> std::io::Result<()> {
        append(&self.files.env, &self.block(name, value))
    }

    /// Adds Markdown to the summary of the job.
    pub(super) fn summary(&self, markdown: &str) -> std::io::Result<()> {
        self.files.summary.as_ref().map_or(Ok(()), |file| append(file, markdown))
    }

    fn block(&self, name: &str, value: &str) -> String {
        format!("{name}<<{mark}\n{value}\n{mark}\n", mark = self.mark)
    }
}

fn append(file: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).open(file)?.write_all(text.as_bytes())
}

/// Escapes the data of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use fairlead_testkit::Dir;

    use super::*;

    fn runner(dir: &Dir) -> Runner<Vec<u8>> {
        Runner::new(Vec::new(), Files::read(|name| Some(dir.join(name))).unwrap())
    }

    #[test]
    fn a_command_ends_with_its_line() {
        let dir = Dir::new();
        let mut runner = runner(&dir);
        runner.mask("a%0A\r\n::error::owned").unwrap();
        runner.mask(" \n").unwrap();
        runner.annotate("error", "a: b,c::d\n", "50 %\n::warning::e").unwrap();
        let said = String::from_utf8(runner.log).unwrap();
        assert_eq!(
            said,
            "::add-mask::a%250A%0D%0A::error::owned\n::error title=a%3A b%2Cc%3A%3Ad%0A::50 %25%0A::warning::e\n"
        );
    }

    #[test]
    fn a_block_has_its_value_and_no_more() {
        let dir = Dir::new();
        let runner = runner(&dir);
        runner.output("report", "a=b\nverdict=valid\nverdict<<EOF").unwrap();
        runner.export("GOPROXY", "").unwrap();
        runner.summary("# one\n").unwrap();
        runner.summary("two\n").unwrap();
        let mark = runner.mark;
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
        assert_eq!(
            read("GITHUB_OUTPUT"),
            format!("report<<{mark}\na=b\nverdict=valid\nverdict<<EOF\n{mark}\n")
        );
        assert_eq!(read("GITHUB_ENV"), format!("GOPROXY<<{mark}\n\n{mark}\n"));
        assert_eq!(read("GITHUB_STEP_SUMMARY"), "# one\ntwo\n");
        assert_eq!(mark.len(), 32);
    }

    #[test]
    fn commands_count_again_after_a_failure() {
        let dir = Dir::new();
        let mut runner = runner(&dir);
        let done: anyhow::Result<()> = runner.without_commands(|log| {
            log.write_all(b"::error::owned")?;
            anyhow::bail!("no")
        });
        assert!(done.is_err());
        let mark = runner.mark;
        let said = String::from_utf8(runner.log).unwrap();
        assert_eq!(said, format!("::stop-commands::{mark}\n::error::owned\n::{mark}::\n"));
    }

    #[test]
    fn without_its_files_this_is_no_step() {
        let error = Files::read(|name| (name == "GITHUB_OUTPUT").then(PathBuf::new)).unwrap_err();
        assert!(error.to_string().starts_with("GITHUB_ENV is not set"), "{error}");
        assert!(Files::read(|name| (name != "GITHUB_STEP_SUMMARY").then(PathBuf::new)).is_ok());
    }
}
