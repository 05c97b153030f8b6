//! What an upstream answers, before anybody thinks of a wire.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use fairlead_sumdb::log::{AnswerError, Log};

use super::fault::Fault;
use super::modules::{Modules, SUMDB};

/// The hash in the first record of the log, and in that of a fork.
const FIRST: &str = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const FORKED: &str = "h1:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    pub(super) manner: Manner,
}

/// How it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Whole,
    Close,
    Reset,
    Silence,
    Truncated,
    ChunkedCut,
    SlowHead,
    SlowBody,
    NoLength,
    GoAway,
    ResetStream,
}

impl Answer {
    pub(super) fn new(status: u16, kind: &str, body: impl Into<Bytes>) -> Answer {
        Answer {
            status,
            headers: vec![("Content-Type", kind.to_owned())],
            body: body.into(),
            manner: Manner::Whole,
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Answer {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same with another body, and the status of success.
    pub(super) fn with_body(self, body: impl Into<Bytes>) -> Answer {
        Answer { body: body.into(), status: 200, ..self }
    }
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// As sent.
    pub(super) path: String,
    pub(super) is_head: bool,
    /// The first byte of `Range: bytes=N-`.
    pub(super) from: Option<usize>,
    pub(super) if_none_match: Option<String>,
}

/// What is served, and how it misbehaves now.
pub(super) struct Site {
    state: Mutex<State>,
    pub(super) in_flight: AtomicUsize,
    pub(super) peak: AtomicUsize,
}

struct State {
    modules: Modules,
    /// Made when it is asked for.
    log: OnceLock<Log>,
    faults: Vec<Rule>,
    latency: Duration,
    seen: Vec<String>,
}

struct Rule {
    pattern: String,
    fault: Fault,
    /// `None` is for ever.
    left: Option<usize>,
}

impl Site {
    pub(super) fn new(modules: &Modules) -> Site {
        let state = State {
            modules: modules.clone(),
            log: OnceLock::new(),
            faults: Vec::new(),
            latency: Duration::ZERO,
            seen: Vec::new(),
        };
        Site { state: Mutex::new(state), in_flight: AtomicUsize::new(0), peak: AtomicUsize::new(0) }
    }

    pub(super) fn set(&self, pattern: &str, fault: Fault, left: Option<usize>) {
        self.state().faults.push(Rule { pattern: pattern.to_owned(), fault, left });
    }

    pub(super) fn heal(&self) {
        self.state().faults.clear();
    }

    pub(super) fn delay(&self, latency: Duration) {
        self.state().latency = latency;
    }

    pub(super) fn publish(&self, modules: &Modules) {
        let mut state = self.state();
        state.log = OnceLock::new();
        state.modules = modules.clone();
    }

    pub(super) fn seen(&self) -> Vec<String> {
        self.state().seen.clone()
    }

    /// The answer, and how long it takes.
    pub(super) fn answer(&self, asked: &Asked) -> (Answer, Duration) {
        let mut state = self.state();
        state.seen.push(asked.path.clone());
        let path = asked.path.replace("%21", "!");
        let fault = state.fault(&path);
        let (latency, modules) = (state.latency, &state.modules);
        let answer = match fault {
            None => conditional(asked, state.good(&path, None)),
            Some(fault) => fault.apply(&path, modules, state.good(&path, Some(fault))),
        };
        (answer, latency)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    /// The fault that a path meets; it is used up by that.
    fn fault(&mut self, path: &str) -> Option<Fault> {
        let rule =
            self.faults.iter_mut().rfind(|rule| rule.left != Some(0) && matches(&rule.pattern, path))?;
        rule.left = rule.left.map(|left| left - 1);
        Some(rule.fault)
    }

    fn good(&self, path: &str, fault: Option<Fault>) -> Answer {
        let proxied = format!("/sumdb/{SUMDB}");
        if let Some(path) = path.strip_prefix(&proxied).or_else(|| path.strip_prefix("/db")) {
            return self.of_sumdb(path, fault);
        }
        match self.modules.get(path) {
            Some(body) => Answer::new(200, kind(path), body.clone()).header("ETag", &etag(body)),
            None => absent("no such module or version"),
        }
    }

    fn of_sumdb(&self, path: &str, fault: Option<Fault>) -> Answer {
        let made;
        let log = match fault {
            Some(Fault::ForeignKey) => {
                made = self.modules.log(2, FIRST, usize::MAX);
                &made
            }
            Some(Fault::Fork) => {
                made = self.modules.log(1, FORKED, usize::MAX);
                &made
            }
            Some(Fault::RolledBack) => {
                made = self.modules.log(1, FIRST, 0);
                &made
            }
            _ => self.log.get_or_init(|| self.modules.log(1, FIRST, usize::MAX)),
        };
        let other = match (fault, path.starts_with("/lookup/")) {
            (Some(Fault::OtherModule), true) => {
                self.modules.other(path).map(|name| format!("/lookup/{name}"))
            }
            _ => None,
        };
        match log.answer(other.as_deref().unwrap_or(path)) {
            Ok(body) => Answer::new(200, "text/plain; charset=utf-8", body),
            Err(AnswerError::NotFound) => absent("no such record or tile"),
            Err(AnswerError::BadRequest) => Answer::new(400, "text/plain; charset=utf-8", "bad request\n"),
        }
    }
}

/// 304 and 206, as a good server has them.
fn conditional(asked: &Asked, good: Answer) -> Answer {
    let etag = good.headers.iter().find(|(name, _)| *name == "ETag").map(|(_, etag)| etag.clone());
    let Some(etag) = etag.filter(|_| good.status == 200) else { return good };
    if asked.if_none_match.as_ref() == Some(&etag) {
        return Answer { status: 304, body: Bytes::new(), ..good };
    }
    match asked.from {
        Some(from) if from < good.body.len() => {
            let last = good.body.len() - 1;
            let range = format!("bytes {from}-{last}/{}", good.body.len());
            Answer { status: 206, body: good.body.slice(from..), ..good.header("Content-Range", &range) }
        }
        _ => good,
    }
}

fn absent(text: &str) -> Answer {
    Answer::new(404, "text/plain; charset=utf-8", format!("not found: {text}\n"))
}

fn etag(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("zip") => "application/zip",
        Some("info") => "application/json",
        _ if path.ends_with("@latest") => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}

/// Whether the whole path matches; `*` in the pattern is any text.
#[must_use]
pub fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((start, rest)) => path.strip_prefix(start).is_some_and(|after| {
            (0..=after.len()).filter(|at| after.is_char_boundary(*at)).any(|at| matches(rest, &after[at..]))
        }),
    }
}
