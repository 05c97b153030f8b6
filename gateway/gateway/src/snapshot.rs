//! The snapshot: everything that requests, the API and explanations look at, built off the request path and swapped as one.
//!
//! Workers hold a [`Pinned`] copy of the pointer, so that counting references stays on their own core.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use fairlead_diag::Findings;
use fairlead_model::Merged;
use fairlead_net::tls::server::ServerTls;
use fairlead_rules::{Table, View};

use crate::build::Built;
use crate::router::Router;

/// One state of the configuration, ready to serve.
pub struct Snapshot {
    /// Counts up with each swap, from 1; 0 is the empty snapshot before the first configuration.
    pub generation: u64,
    /// Routes by place of the entry point in the static configuration.
    pub entry_points: Vec<EntryRoutes>,
    /// What it was built from.
    pub config: Arc<Merged>,
    /// What was built from it, with what became of each object.
    pub built: Built,
    /// Routers whose TLS options gave way, with what the API says of it.
    pub tls_conflicts: BTreeMap<Arc<str>, String>,
    /// All findings there are now.
    pub findings: Arc<Findings>,
}

/// Routes of one entry point. Plain and TLS requests have tables of their own.
pub struct EntryRoutes {
    /// Certificates and options of its handshakes; entry points with the same ones share it.
    pub server_tls: Arc<ServerTls>,
    /// For requests without TLS.
    pub plain: Routes,
    /// For requests over TLS.
    pub tls: Routes,
}

impl EntryRoutes {
    /// The routes of plain or of TLS requests.
    #[must_use]
    pub fn of(&self, tls: bool) -> &Routes {
        if tls { &self.tls } else { &self.plain }
    }
}

/// A match table with its routers.
#[derive(Default)]
pub struct Routes {
    /// Finds the place of the router.
    pub table: Table,
    /// Routers by place.
    pub routers: Vec<Arc<Router>>,
}

impl Routes {
    /// The router of a request.
    #[must_use]
    pub fn find(&self, view: &View<'_>) -> Option<&Arc<Router>> {
        self.table.find(view).and_then(|place| self.routers.get(place))
    }
}

/// What became of one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Errors in Traefik's words; with `disabled` unset they are warnings.
    pub errors: Vec<String>,
    /// It does not serve.
    pub disabled: bool,
    /// Routers: entry points that it serves on.
    pub using: Vec<Arc<str>>,
}

impl Status {
    /// The word of the API.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (self.disabled, self.errors.is_empty()) {
            (true, _) => "disabled",
            (false, false) => "warning",
            (false, true) => "enabled",
        }
    }

    /// Adds an error that leaves the object out.
    pub fn fail(&mut self, error: impl Into<String>) {
        self.errors.push(error.into());
        self.disabled = true;
    }

    /// Adds an error that the object survives.
    pub fn warn(&mut self, error: impl Into<String>) {
        self.errors.push(error.into());
    }
}

impl Snapshot {
    /// The snapshot before the first configuration.
    #[must_use]
    pub fn empty(entry_points: usize, tls: &Arc<ServerTls>) -> Self {
        let routes =
            || EntryRoutes { server_tls: Arc::clone(tls), plain: Routes::default(), tls: Routes::default() };
        Snapshot {
            generation: 0,
            entry_points: (0..entry_points).map(|_| routes()).collect(),
            config: Arc::new(Merged::default()),
            built: Built::default(),
            tls_conflicts: BTreeMap::new(),
            findings: Arc::new(Findings::new()),
        }
    }
}

/// A worker's own count of references to a snapshot.
pub type Pinned = Arc<Arc<Snapshot>>;

thread_local! {
    static PINNED: RefCell<Option<Pinned>> = const { RefCell::new(None) };
}

/// The current snapshot, pinned to this thread.
#[must_use]
pub fn pin(current: &ArcSwap<Snapshot>) -> Pinned {
    let now = current.load();
    PINNED.with_borrow_mut(|pinned| match pinned {
        Some(held) if Arc::ptr_eq(&**held, &*now) => Arc::clone(held),
        _ => {
            let fresh = Arc::new(Arc::clone(&now));
            *pinned = Some(Arc::clone(&fresh));
            fresh
        }
    })
}

/// Lets go of an old snapshot that this thread still holds.
pub fn unpin() {
    let old = PINNED.with_borrow_mut(Option::take);
    drop(old);
}
