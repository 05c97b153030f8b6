//! Services that the program itself offers: `ping@internal`, `noop@internal`, `prometheus@internal`.
//!
//! Mirror and serving hand theirs in as `name → handler` when the gateway starts.

use std::sync::Weak;

use fairlead_http::{BoxFuture, Handler, Request, Response};
use http::{StatusCode, header};

use crate::shared::Shared;

/// `noop@internal`: stands behind redirections and is never meant to answer.
#[derive(Debug)]
pub struct Noop;

impl Handler for Noop {
    fn call(&self, _: Request) -> BoxFuture<'_, Response> {
        Box::pin(std::future::ready(Response::new(StatusCode::IM_A_TEAPOT)))
    }
}

/// `ping@internal`: `OK`, or `terminating` while the process is asked to stop.
pub struct Ping {
    /// State that knows about stopping.
    pub shared: Weak<Shared>,
    /// Status while stopping.
    pub terminating: StatusCode,
}

impl Handler for Ping {
    fn call(&self, _: Request) -> BoxFuture<'_, Response> {
        let draining = self.shared.upgrade().is_none_or(|shared| shared.is_draining());
        let response = if draining {
            Response::text(self.terminating, self.terminating.canonical_reason().unwrap_or("terminating"))
        } else {
            Response::text(StatusCode::OK, "OK")
        };
        Box::pin(std::future::ready(response))
    }
}

/// `ready@internal`: green only when every provider has answered once.
pub struct Ready {
    /// State that knows the providers.
    pub shared: Weak<Shared>,
}

impl Handler for Ready {
    fn call(&self, _: Request) -> BoxFuture<'_, Response> {
        let providers = self.shared.upgrade().map(|shared| (shared.is_draining(), shared.providers()));
        let (draining, providers) = providers.unwrap_or((true, Vec::new()));
        let ready = !draining && providers.iter().all(|(_, answered)| *answered);
        let waiting: Vec<&str> =
            providers.iter().filter(|(_, answered)| !answered).map(|(name, _)| &**name).collect();
        let body = serde_json::json!({ "ready": ready, "draining": draining, "waitingFor": waiting });
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let response = Response::new(status)
            .with_header(header::CONTENT_TYPE, "application/json")
            .with_body(format!("{body}\n"));
        Box::pin(std::future::ready(response))
    }
}

/// `prometheus@internal`: the text exposition.
pub struct Prometheus {
    /// Called before each scrape, to bring gauges up to date.
    pub shared: Weak<Shared>,
}

impl Handler for Prometheus {
    fn call(&self, _: Request) -> BoxFuture<'_, Response> {
        let text = self.shared.upgrade().map(|shared| {
            crate::observe::refresh_gauges(&shared);
            shared.metrics.text()
        });
        let response = Response::new(StatusCode::OK)
            .with_header(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")
            .with_body(text.unwrap_or_default());
        Box::pin(std::future::ready(response))
    }
}
