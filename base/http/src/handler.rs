//! The onion: handlers, middlewares, and the rest of the chain.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::{Request, Response};

/// A boxed future that may borrow from what made it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Never panics on input, never blocks the thread.
    fn call(&self, request: Request) -> BoxFuture<'_, Response>;
}

/// Wraps a handler. A layer that only looks at the request can end in `next.run(request)` and needs no future of its
/// own; `Next` is `Copy`, so a layer may run the rest more than once.
pub trait Middleware: Send + Sync + 'static {
    /// Handles one request, usually by running `next`.
    fn handle<'a>(&'a self, request: Request, next: Next<'a>) -> BoxFuture<'a, Response>;
}

/// The rest of the chain.
#[derive(Clone, Copy)]
pub struct Next<'a> {
    rest: &'a [Arc<dyn Middleware>],
    service: &'a dyn Handler,
}

impl<'a> Next<'a> {
    /// A chain of `middlewares`, outermost first, around `service`.
    #[must_use]
    pub fn new(middlewares: &'a [Arc<dyn Middleware>], service: &'a dyn Handler) -> Self {
        Next { rest: middlewares, service }
    }

    /// Runs the rest of the chain.
    #[must_use]
    pub fn run(self, request: Request) -> BoxFuture<'a, Response> {
        match self.rest.split_first() {
            Some((first, rest)) => first.handle(request, Next { rest, service: self.service }),
            None => self.service.call(request),
        }
    }
}
