//! What goes wrong with git, and what it means to a client of the mirror.

use std::time::Duration;

use crate::failure::MAX_TEXT;
use crate::{Cause, Failure};

/// Why a git command gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GitError {
    /// It could not be started.
    Start(String),
    /// It took longer than allowed.
    TimedOut(Duration),
    /// It said more than allowed.
    TooMuchOutput,
    /// The repository is larger than allowed, in bytes.
    TooLarge(u64),
    /// It failed.
    Failed {
        /// Exit code; none for a signal.
        code: Option<i32>,
        /// What it said, at most some kilobytes.
        stderr: String,
    },
}

impl GitError {
    /// The failure of something that was wanted from a repository; `url` is redacted.
    pub(super) fn failure(&self, url: &str) -> Failure {
        let (cause, text) = match self {
            GitError::Start(why) => (Cause::Unavailable, format!("{url}: cannot run git: {why}")),
            GitError::TimedOut(limit) => {
                (Cause::Timeout, format!("{url}: git took longer than {} s", limit.as_secs()))
            }
            GitError::TooMuchOutput => (Cause::Corrupt, format!("{url}: git said more than it may")),
            GitError::TooLarge(limit) => {
                (Cause::Denied, format!("{url}: the repository is larger than the limit of {limit} bytes"))
            }
            GitError::Failed { stderr, .. } => {
                let hint = if needs_credentials(stderr) { CREDENTIALS } else { "" };
                (cause(stderr), format!("{url}: {}{hint}", said(stderr)))
            }
        };
        Failure::new(cause, shortened(&text))
    }
}

/// Told beside git's own words, which speak of a terminal that is not there.
const CREDENTIALS: &str =
    "\n\tThe repository does not exist, or it is private and the mirror has no credentials for it.";

/// What ssh, git and servers say, in lower case, and what it means. The first that occurs counts.
const MEANINGS: [(&str, Cause); 28] = [
    ("could not read username", Cause::Denied),
    ("could not read password", Cause::Denied),
    ("terminal prompts disabled", Cause::Denied),
    ("authentication failed", Cause::Denied),
    ("permission denied", Cause::Denied),
    ("access denied", Cause::Denied),
    ("host key verification failed", Cause::Denied),
    // What GitHub and GitLab say over ssh, whether it is private or not there.
    ("error: repository not found", Cause::Denied),
    ("don't have permission", Cause::Denied),
    ("returned error: 401", Cause::Denied),
    ("returned error: 403", Cause::Denied),
    ("transport '", Cause::Denied),
    ("returned error: 404", Cause::NotFound),
    ("returned error: 410", Cause::NotFound),
    ("repository not found", Cause::NotFound),
    ("does not appear to be a git repository", Cause::NotFound),
    ("not found", Cause::NotFound),
    ("could not be found", Cause::NotFound),
    ("timed out", Cause::Timeout),
    ("timeout", Cause::Timeout),
    ("could not resolve host", Cause::Unavailable),
    ("connection refused", Cause::Unavailable),
    ("returned error: 5", Cause::Unavailable),
    ("returned error: 429", Cause::Unavailable),
    ("early eof", Cause::Unavailable),
    ("hung up unexpectedly", Cause::Unavailable),
    ("bad object", Cause::Corrupt),
    ("index-pack failed", Cause::Corrupt),
];

fn cause(stderr: &str) -> Cause {
    let lower = stderr.to_ascii_lowercase();
    MEANINGS.iter().find(|(words, _)| lower.contains(words)).map_or(Cause::Unavailable, |(_, cause)| *cause)
}

fn needs_credentials(stderr: &str) -> bool {
    cause(stderr) == Cause::Denied && !stderr.contains("transport '")
}

/// Git's words on one line each, without secrets.
fn said(stderr: &str) -> String {
    let lines: Vec<String> =
        stderr.lines().map(|line| redacted(line.trim())).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { "git failed without a word".to_owned() } else { lines.join("\n\t") }
}

/// A text without what stands between `://` and `@`, without queries of URLs, and without control characters.
pub(super) fn redacted(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        safe.push_str(head);
        let end = tail
            .find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>'))
            .unwrap_or(tail.len());
        let (url, behind) = tail.split_at(end);
        let url = url.split(['?', '#']).next().unwrap_or_default();
        match url.rsplit_once('@') {
            Some((_, shown)) => safe.extend(["…@", shown]),
            None => safe.push_str(url),
        }
        rest = behind;
    }
    safe.push_str(rest);
    safe.retain(|c| !c.is_control());
    safe
}

/// At most [`MAX_TEXT`] bytes.
pub(super) fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(stderr: &str) -> Failure {
        GitError::Failed { code: Some(128), stderr: stderr.to_owned() }.failure("https://git.example/x")
    }

    #[test]
    fn what_git_says_decides_what_the_client_is_told() {
        let cases = [
            (
                "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
                Cause::Denied,
            ),
            (
                "git@git.example: Permission denied (publickey).\nfatal: Could not read from remote",
                Cause::Denied,
            ),
            ("fatal: transport 'ext' not allowed", Cause::Denied),
            ("fatal: repository 'https://git.example/x/' not found", Cause::NotFound),
            (
                "fatal: unable to access 'https://a/': The requested URL returned error: 503",
                Cause::Unavailable,
            ),
            ("fatal: unable to access 'https://a/': Could not resolve host: a", Cause::Unavailable),
            ("fatal: unable to access 'https://a/': Operation timed out", Cause::Timeout),
            ("", Cause::Unavailable),
        ];
        for (stderr, cause) in cases {
            assert_eq!(failed(stderr).cause, cause, "{stderr}");
        }
        assert!(failed(cases[0].0).text.contains("no credentials"));
        assert_eq!(GitError::TimedOut(Duration::from_secs(1)).failure("x").cause, Cause::Timeout);
    }

    #[test]
    fn secrets_and_floods_are_left_out() {
        let failure =
            failed("fatal: unable to access 'https://me:hunter2@a.example/x?token=hunter2': x\u{1b}[2J\n");
        assert!(!failure.text.contains("hunter2"), "{}", failure.text);
        assert!(failure.text.contains("https://…@a.example/x'"), "{}", failure.text);
        assert!(!failure.text.contains('\u{1b}'));
        assert_eq!(redacted("ssh://u:a/b@h/x no@secret"), "ssh://…@h/x no@secret");
        assert!(failed(&"ä".repeat(10_000)).text.len() <= MAX_TEXT);
    }
}
