//! One line on standard error that says how far a long run has come; nothing when nobody watches.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often the line changes.
const INTERVAL: Duration = Duration::from_millis(100);

/// The line.
pub(super) struct Progress {
    doing: &'static str,
    shown: Option<Mutex<Instant>>,
}

impl Progress {
    /// A line for work that is called `doing`; silent when standard error is no terminal or `quiet`.
    pub(super) fn new(doing: &'static str, quiet: bool) -> Self {
        let watched = !quiet && std::io::stderr().is_terminal();
        Progress { doing, shown: watched.then(|| Mutex::new(Instant::now())) }
    }

    /// `done` of `total` are done.
    pub(super) fn tell(&self, done: usize, total: usize) {
        self.show(done == total, &format!("{done}/{total}"));
    }

    /// What is being done at the moment.
    pub(super) fn say(&self, what: &str) {
        self.show(false, what);
    }

    fn show(&self, always: bool, text: &str) {
        let Some(shown) = &self.shown else { return };
        let Ok(mut shown) = shown.lock() else { return };
        if always || shown.elapsed() >= INTERVAL {
            *shown = Instant::now();
            // A terminal that is gone is no reason to stop.
            let _ = write!(anstream::stderr(), "\r\x1b[K{} {text}", self.doing);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(anstream::stderr(), "\r\x1b[K");
        }
    }
}
