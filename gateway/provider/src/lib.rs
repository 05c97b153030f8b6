//! Providers of dynamic configuration, and the way their messages take to the gateway.
//!
//! A [`Provider`] watches its source and sends a [`Message`] with everything it knows each time that changes: the
//! decoded objects, and the findings about what had to be left out. [`Throttle`] collects the messages of all
//! providers, drops what brings nothing new, and hands out [`Batch`]es no faster than the gateway wants to rebuild.

pub mod codes;
mod file;
mod throttle;

pub use file::{FileOptions, FileProvider, Judge, Reload};
pub use throttle::{Batch, Throttle};

use std::sync::Arc;

use fairlead_diag::Findings;
use fairlead_model::Dynamic;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A source of dynamic configuration.
pub trait Provider: Send {
    /// What its objects are qualified with: `file` in `api@file`.
    fn name(&self) -> &str;

    /// Sends everything it knows at once, and again after each change, until `stop` or until nobody listens. The
    /// first message comes even when there is nothing to tell, so that readiness can wait for it.
    fn run(self: Box<Self>, out: mpsc::Sender<Message>, stop: CancellationToken) -> BoxFuture<'static, ()>;
}

/// All that a provider knows at a moment. It replaces the provider's message before.
#[derive(Clone, Debug)]
pub struct Message {
    /// Name of the provider.
    pub provider: Arc<str>,
    /// Its objects.
    pub dynamic: Arc<Dynamic>,
    /// What is wrong with its source.
    pub findings: Findings,
}

impl Message {
    /// Whether it says the same as another: equal objects, wherever they stand, and equal findings.
    #[must_use]
    pub fn says_the_same(&self, other: &Message) -> bool {
        let same = Arc::ptr_eq(&self.dynamic, &other.dynamic) || self.dynamic == other.dynamic;
        same && self.findings == other.findings
    }
}
