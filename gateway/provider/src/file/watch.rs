//! Events of the file system.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fairlead_diag::Finding;
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::load::Loader;
use crate::codes;

/// What the events since the last look mean.
#[derive(Default)]
pub(super) struct Changes {
    /// Wakes whoever waits for changes.
    pub(super) notify: Notify,
    /// Whether a file that is read was written to, so that it must be read even if size and time are the same.
    written: AtomicBool,
    /// Files that are read, under all their names.
    files: Mutex<HashSet<PathBuf>>,
}

/// Watches directories, not files: a file that is replaced by renaming has a new identity, its directory has not.
pub(super) struct Watch {
    watcher: Result<RecommendedWatcher, notify::Error>,
    watched: HashSet<PathBuf>,
    changes: Arc<Changes>,
}

impl Changes {
    /// Whether a file was written to since the last call.
    pub(super) fn take_written(&self) -> bool {
        self.written.swap(false, Ordering::AcqRel)
    }

    /// Writing counts for files that are read only: a log beside them must not cause a load for each of its lines.
    /// Whatever else happens in a directory may add or remove files.
    fn tell(&self, event: &notify::Event) {
        let writing = match event.kind {
            EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write) => return,
            EventKind::Access(_) => true,
            EventKind::Modify(modify) => !matches!(modify, ModifyKind::Name(_)),
            _ => false,
        };
        if writing {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            if !event.paths.iter().any(|path| files.contains(path)) {
                return;
            }
            self.written.store(true, Ordering::Release);
        }
        self.notify.notify_one();
    }
}

impl Watch {
    /// Tells `changes` of every change in the directories to come.
    pub(super) fn new(changes: Arc<Changes>) -> Self {
        let listener = changes.clone();
        let tell = move |event: Result<notify::Event, notify::Error>| match event {
            Ok(event) => listener.tell(&event),
            // Such as an overflow of the queue: anything may have happened.
            Err(_) => {
                listener.written.store(true, Ordering::Release);
                listener.notify.notify_one();
            }
        };
        Watch { watcher: notify::recommended_watcher(tell), watched: HashSet::new(), changes }
    }

    /// Watches what matters to the loader now. Says when that is not possible.
    pub(super) fn cover(&mut self, loader: &Loader) -> Option<Finding> {
        let watcher = match &mut self.watcher {
            Ok(watcher) => watcher,
            Err(error) => return Some(unavailable(error)),
        };
        *self.changes.files.lock().unwrap_or_else(PoisonError::into_inner) = loader.file_names();
        let wanted = loader.directories();
        for gone in self.watched.difference(&wanted) {
            // Fails when the directory is gone, and then there is nothing to undo.
            let _ = watcher.unwatch(gone);
        }
        self.watched.retain(|directory| wanted.contains(directory));
        let mut problem = None;
        for directory in wanted {
            // Again even when watched: under the same path there may be a new directory.
            match watcher.watch(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.watched.insert(directory)),
                Err(_) if !directory.is_dir() => drop(self.watched.remove(&directory)),
                Err(error) => problem = Some(unavailable(&error)),
            }
        }
        problem
    }
}

fn unavailable(error: &notify::Error) -> Finding {
    Finding::new(&codes::NO_EVENTS, format!("cannot watch the files of the file provider: {error}"))
        .help("raise `fs.inotify.max_user_watches` and `fs.inotify.max_user_instances`")
}
