//! What waits to be read and to be fetched. All of it is bounded; what does not fit is dropped and counted.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::{DefaultHashBuilder, HashMap};
use parking_lot::Mutex;

use super::WINDOW;
use super::clients::ClientKey;
use crate::Wanted;
use crate::serve::Route;

const MAX_NOTES: usize = 4096;
/// Bytes of go.mod files among the notes.
const MAX_NOTED: usize = 64 << 20;
/// Files of one kind that wait.
const MAX_FILES: usize = 1 << 14;
/// Files that are known to have been begun, so that nobody begins them again.
const MAX_BEGUN: usize = 1 << 17;

/// Something that a client got.
pub(super) struct Note {
    pub(super) route: Arc<Route>,
    pub(super) client: ClientKey,
    pub(super) kind: NoteKind,
}

pub(super) enum NoteKind {
    /// A `.mod`, with its bytes.
    Served(Bytes),
    /// The first zip: the client has chosen its versions.
    Plan,
}

/// What became of a note.
pub(super) enum Noted {
    Queued,
    /// Nobody reads: begin a reader.
    NeedsReader,
    Dropped,
}

/// A file to fetch, for a client that will ask for it.
pub(super) struct File {
    pub(super) route: Arc<Route>,
    pub(super) client: ClientKey,
    pub(super) wanted: Wanted,
}

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mod,
    Info,
    Zip,
}

impl Kind {
    pub(super) fn of(wanted: &Wanted) -> Self {
        match wanted {
            Wanted::Zip(_) => Kind::Zip,
            Wanted::GoMod(_) => Kind::Mod,
            _ => Kind::Info,
        }
    }
}

/// What waits, and who works.
pub(super) struct Queue {
    state: Mutex<State>,
    hasher: DefaultHashBuilder,
    /// Fetches at a time.
    concurrency: usize,
    /// Zips among them, so that large ones leave room for the graphs of others.
    zips: usize,
}

#[derive(Default)]
struct State {
    notes: VecDeque<Note>,
    noted: usize,
    is_read: bool,
    mods: VecDeque<File>,
    zips: VecDeque<File>,
    infos: VecDeque<File>,
    workers: usize,
    zips_running: usize,
    /// By hash of route and file, when.
    begun: HashMap<u64, u32>,
}

/// The right to be one of the workers.
pub(super) struct Worker(());

impl Queue {
    pub(super) fn new(concurrency: usize) -> Self {
        let zips = (concurrency * 3 / 4).max(1);
        Queue { state: Mutex::default(), hasher: DefaultHashBuilder::default(), concurrency, zips }
    }

    pub(super) fn note(&self, note: Note) -> Noted {
        let len = len(&note);
        let mut state = self.state.lock();
        if state.notes.len() >= MAX_NOTES || state.noted + len > MAX_NOTED {
            return Noted::Dropped;
        }
        state.noted += len;
        state.notes.push_back(note);
        if std::mem::replace(&mut state.is_read, true) { Noted::Queued } else { Noted::NeedsReader }
    }

    /// Whether a file was not begun in the last ten minutes; from now on it was.
    pub(super) fn begin(&self, route: u32, wanted: &Wanted, now: u32) -> bool {
        let hash = self.hasher.hash_one((route, wanted));
        let window = u32::try_from(WINDOW.as_secs()).unwrap_or(u32::MAX);
        let mut state = self.state.lock();
        if state.begun.get(&hash).is_some_and(|at| now.saturating_sub(*at) < window) {
            return false;
        }
        if state.begun.len() >= MAX_BEGUN {
            state.begun.retain(|_, at| now.saturating_sub(*at) < window);
            // Too much at once: asking the cache again is cheap.
            if state.begun.len() >= MAX_BEGUN {
                state.begun.clear();
            }
        }
        state.begun.insert(hash, now);
        true
    }

    /// Adds files. Gives back what did not fit, and the workers that are to be begun.
    pub(super) fn push(&self, files: Vec<File>) -> ([(Kind, u32); 3], Vec<Worker>) {
        let mut dropped = [(Kind::Mod, 0), (Kind::Info, 0), (Kind::Zip, 0)];
        let mut added = 0;
        let mut state = self.state.lock();
        // The `.info` of a module whose zip is wanted comes with the zip, those of a graph come last.
        let is_plan = files.iter().any(|file| Kind::of(&file.wanted) == Kind::Zip);
        for file in files {
            let kind = Kind::of(&file.wanted);
            let queue = match kind {
                Kind::Mod => &mut state.mods,
                Kind::Info if !is_plan => &mut state.infos,
                _ => &mut state.zips,
            };
            if queue.len() < MAX_FILES {
                queue.push_back(file);
                added += 1;
            } else {
                dropped[kind as usize].1 += 1;
            }
        }
        let free = self.concurrency.saturating_sub(state.workers).min(added);
        state.workers += free;
        (dropped, std::iter::repeat_with(|| Worker(())).take(free).collect())
    }

    /// Drops what waits, and says how much of each kind.
    pub(super) fn clear(&self) -> [(Kind, u32); 3] {
        let mut state = self.state.lock();
        state.notes.clear();
        state.noted = 0;
        let mut drain = |kind| {
            let queue = match kind {
                Kind::Mod => &mut state.mods,
                Kind::Info => &mut state.infos,
                Kind::Zip => &mut state.zips,
            };
            let count = u32::try_from(queue.len()).unwrap_or(u32::MAX);
            queue.clear();
            (kind, count)
        };
        let dropped = [drain(Kind::Mod), drain(Kind::Info), drain(Kind::Zip)];
        // What was dropped may be begun again.
        state.begun.clear();
        dropped
    }

    pub(super) fn is_idle(&self) -> bool {
        let state = self.state.lock();
        !state.is_read && state.workers == 0
    }
}

impl State {
    /// `.mod` files first: the client waits for nothing else as long as it has not got them all.
    fn next(&mut self, most_zips: usize) -> Option<File> {
        if let Some(file) = self.mods.pop_front() {
            return Some(file);
        }
        if self.zips_running < most_zips
            && let Some(file) = self.zips.pop_front()
        {
            return Some(file);
        }
        self.infos.pop_front()
    }
}

/// The one reader of notes.
pub(super) struct Reading<'a> {
    queue: &'a Queue,
    is_over: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(queue: &'a Queue) -> Self {
        Reading { queue, is_over: false }
    }

    /// The next note; after `None` the reader ends.
    pub(super) fn next(&mut self) -> Option<Note> {
        let mut state = self.queue.state.lock();
        let note = state.notes.pop_front();
        match &note {
            Some(note) => state.noted = state.noted.saturating_sub(len(note)),
            None => {
                state.is_read = false;
                self.is_over = true;
            }
        }
        note
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        // A reader that was broken off makes room for another.
        if !self.is_over {
            self.queue.state.lock().is_read = false;
        }
    }
}

/// A worker at its work.
pub(super) struct Turn<'a> {
    queue: &'a Queue,
    is_zip: bool,
    is_over: bool,
}

impl<'a> Turn<'a> {
    pub(super) fn new(queue: &'a Queue, _: Worker) -> Self {
        Turn { queue, is_zip: false, is_over: false }
    }

    /// The next file; after `None` the worker ends.
    pub(super) fn next(&mut self) -> Option<File> {
        let mut state = self.queue.state.lock();
        state.zips_running -= usize::from(std::mem::take(&mut self.is_zip));
        let file = state.next(self.queue.zips);
        match &file {
            Some(file) if Kind::of(&file.wanted) == Kind::Zip => {
                self.is_zip = true;
                state.zips_running += 1;
            }
            Some(_) => {}
            None => {
                // Under the same lock, so that who adds a file sees a worker that will take it, or none.
                state.workers -= 1;
                self.is_over = true;
            }
        }
        file
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let mut state = self.queue.state.lock();
            state.workers -= 1;
            state.zips_running -= usize::from(self.is_zip);
        }
    }
}

fn len(note: &Note) -> usize {
    match &note.kind {
        NoteKind::Served(bytes) => bytes.len(),
        NoteKind::Plan => 0,
    }
}
