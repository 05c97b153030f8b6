//! An entry point: from a request on the wire to the answer of its router.
//!
//! [`EntryPoint`] is the handler that server engines call. It cleans the request, looks the router up in the current
//! snapshot, runs it, and arranges that log and metrics hear of the end. [`listen`] accepts the connections.

pub mod listen;
pub mod policy;

use std::sync::Arc;

use fairlead_http::{BoxFuture, Handler, Request, Response};
use fairlead_rules::{View, canonical_host, routing_path};
use http::{Method, StatusCode};

use crate::observe::Exchange;
use crate::router::Router;
use crate::shared::Shared;
use crate::snapshot::{self, EntryRoutes};
use policy::Policy;

/// The handler of one entry point.
pub struct EntryPoint {
    /// Its name.
    pub name: Arc<str>,
    /// Its place in the static configuration.
    pub place: usize,
    /// What it does to requests before routing.
    pub policy: Policy,
    /// Everything that outlives snapshots.
    pub shared: Arc<Shared>,
    /// What is observed of requests that no router takes.
    pub observed: crate::observe::EntryObserved,
}

impl Handler for EntryPoint {
    fn call(&self, mut request: Request) -> BoxFuture<'_, Response> {
        if request.method == Method::OPTIONS && request.path() == "*" {
            // The question is for the server itself (RFC 9110, 9.3.7); Go answers it before any handler.
            return Box::pin(std::future::ready(Response::new(StatusCode::OK)));
        }
        if let Err(refused) = self.policy.admit(&mut request) {
            let exchange = Exchange::begin(self, None, &mut request);
            return Box::pin(std::future::ready(exchange.watch(*refused)));
        }
        let pinned = snapshot::pin(&self.shared.current);
        Box::pin(async move {
            let Some(routes) = pinned.entry_points.get(self.place) else {
                return not_found();
            };
            let router = find(routes, &request);
            let exchange = Exchange::begin(self, router, &mut request);
            let response = match router {
                None => not_found(),
                Some(router) => match self.refuse(routes, &request) {
                    Some(refused) => refused,
                    None => router.run(request).await,
                },
            };
            exchange.watch(response)
        })
    }
}

impl EntryPoint {
    /// The answer to a request that its router must not see.
    fn refuse(&self, routes: &EntryRoutes, request: &Request) -> Option<Response> {
        self.policy.refuse_escapes(request).or_else(|| {
            misdirected(routes, request)
                .then(|| Response::go_error(StatusCode::MISDIRECTED_REQUEST, "Misdirected Request"))
        })
    }
}

/// The answer when no router matches.
#[must_use]
pub fn not_found() -> Response {
    Response::go_error(StatusCode::NOT_FOUND, "404 page not found")
}

/// The router of a request on these routes.
#[must_use]
pub fn find<'r>(routes: &'r EntryRoutes, request: &Request) -> Option<&'r Arc<Router>> {
    viewed(request, |view| routes.of(request.conn.tls.is_some()).find(view))
}

/// What `look` makes of a request as rules see it.
pub fn viewed<T>(request: &Request, look: impl FnOnce(&View<'_>) -> T) -> T {
    let host = canonical_host(request.host());
    let path = routing_path(request.path());
    look(&View {
        method: &request.method,
        host: &host,
        path: &path,
        query: request.uri.query(),
        headers: &request.headers,
        peer: request.conn.peer.ip(),
    })
}

/// Whether the handshake was made for a name whose TLS options are not those of the host that is asked for.
fn misdirected(routes: &EntryRoutes, request: &Request) -> bool {
    let Some(tls) = &request.conn.tls else { return false };
    if tls.server_name.as_deref() == Some(request.host()) {
        return false;
    }
    let host = canonical_host(request.host());
    let asked = tls.server_name.as_deref();
    let server = &routes.server_tls;
    asked != Some(&*host) && server.options_of(asked) != server.options_of(Some(&host))
}
