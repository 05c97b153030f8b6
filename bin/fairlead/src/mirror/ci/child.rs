//! This program again, as a process of its own: what it says is handed on as it comes, and its beginning is kept.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use super::super::INTERNAL;

/// Bytes that a [`Log`] keeps.
const KEPT: usize = 60_000;

/// The program and what its runs share.
#[derive(Debug)]
pub(super) struct Fairlead {
    /// The executable.
    pub program: PathBuf,
    /// File with credentials, in place of the user's own.
    pub netrc: Option<PathBuf>,
}

impl Fairlead {
    /// Runs it and gives its exit code; 70 when it was killed. Standard output goes to the file `out` where one is named;
    /// everything else is told piece by piece.
    ///
    /// # Errors
    /// When it cannot be started, or what it says cannot be told.
    pub(super) fn run(
        &self,
        arguments: &[String],
        out: Option<&Path>,
        mut tell: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> anyhow::Result<u8> {
        let (mut said, says) = std::io::pipe()?;
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null());
        if let Some(netrc) = &self.netrc {
            command.env("NETRC", netrc);
        }
        match out {
            Some(path) => {
                let cannot = || format!("cannot write {}", path.display());
                command.stdout(File::create(path).with_context(cannot)?)
            }
            None => command.stdout(says.try_clone()?),
        };
        command.stderr(says);
        let mut child = command.spawn().context("cannot start fairlead again")?;
        // It holds ends of the pipe, which would never be empty.
        drop(command);
        let mut piece = [0; 8192];
        loop {
            match said.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => tell(&piece[..length])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(child.wait()?.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(INTERNAL))
    }
}

/// The beginning of what was said.
#[derive(Debug, Default)]
pub(super) struct Log(Vec<u8>);

impl Log {
    /// Keeps a piece, as far as there is room.
    pub(super) fn keep(&mut self, piece: &[u8]) {
        let room = KEPT - self.0.len();
        self.0.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    /// What is kept.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_bounded_and_may_end_within_a_letter() {
        let mut log = Log::default();
        for _ in 0..KEPT {
            log.keep("aé".as_bytes());
        }
        assert_eq!(log.0.len(), KEPT);
        assert!(log.text().starts_with("aéaé"));
        log.keep(b"");
    }

    #[cfg(unix)]
    #[test]
    fn output_goes_to_the_file_and_errors_are_told() {
        let dir = fairlead_testkit::Dir::new();
        let fairlead = Fairlead { program: "/bin/sh".into(), netrc: Some("/the/netrc".into()) };
        let mut told = Vec::new();
        let script = "echo $NETRC; echo wrong >&2; exit 3";
        let out = dir.join("out");
        let mut run = |out: Option<&Path>, script: &str| {
            let arguments = ["-c".to_owned(), script.to_owned()];
            fairlead.run(&arguments, out, |piece| {
                told.extend_from_slice(piece);
                Ok(())
            })
        };
        assert_eq!(run(Some(&out), script).unwrap(), 3);
        assert_eq!(run(None, "echo both").unwrap(), 0);
        assert_eq!(run(None, "kill -9 $$").unwrap(), INTERNAL);
        assert_eq!(std::fs::read_to_string(out).unwrap(), "/the/netrc\n");
        assert_eq!(String::from_utf8(told).unwrap(), "wrong\nboth\n");
    }
}
