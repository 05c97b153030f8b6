//! A router as it runs: the layers in front of a service, and what is observed.

use std::sync::Arc;

use fairlead_http::{BoxFuture, Handler, Middleware, Next, Request, Response};
use fairlead_rules::Rule;
use fairlead_telemetry::{Counter, Scope};

/// A router on one entry point. What it holds is shared with the next snapshot as long as nothing of it changed.
pub struct Router {
    /// Qualified name, such as `web@file`.
    pub name: Arc<str>,
    /// Qualified name of its service.
    pub service_name: Arc<str>,
    /// When it matches.
    pub rule: Arc<Rule>,
    /// Larger goes first.
    pub priority: i64,
    /// Layers, outermost first: those of the entry point, then its own.
    pub layers: Vec<Arc<dyn Middleware>>,
    /// What answers.
    pub service: Arc<dyn Handler>,
    /// What is observed of its requests.
    pub observed: Observed,
}

/// What is observed of a router's requests.
#[derive(Clone, Default)]
pub struct Observed {
    /// Lines in the access log.
    pub access_log: bool,
    /// Counts of the entry point.
    pub metrics: bool,
    /// Counts of the router.
    pub router: Scope,
    /// Counts of the service.
    pub service: Scope,
    /// Second tries of the service.
    pub retries: Counter,
}

impl Router {
    /// Answers a request that matched.
    #[must_use]
    pub fn run(&self, request: Request) -> BoxFuture<'_, Response> {
        Next::new(&self.layers, &*self.service).run(request)
    }
}
