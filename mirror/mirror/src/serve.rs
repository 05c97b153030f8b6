//! Being a GOPROXY: routes, the verified cache, upstream lists, single flights, answers.
//!
//! A request's way: [`Route`] by tenant and environment, then memory; what is not at hand is looked for in the cache, and what
//! is not there is fetched by one flight for all who ask, walking the route's upstream list. What upstreams give is proved
//! before it is kept or given away whole. When they fail, what is old is given and said to be old.

mod answer;
mod asked;
mod breaker;
mod cache;
mod core;
mod counters;
mod document;
mod download;
mod entry;
mod fetch;
mod flight;
mod memory;
mod obtain;
mod present;
pub(crate) mod proxy;
mod purge;
mod resolve;
mod resume;
mod route;
mod rules;
mod start;
mod stream;
mod sweep;
mod tree;
mod upstream;
mod walk;
mod zips;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use fairlead_diag::Findings;
use fairlead_http::{Body, BoxFuture, Done, Handler, Request, Response};
use fairlead_rt::Shutdown;
use fairlead_telemetry::Metrics;
use http::{HeaderValue, Method, StatusCode, header};

pub use breaker::BreakerState;
pub use cache::Cache;
pub use route::Route;
pub use upstream::{Upstream, UpstreamKind, UpstreamState};
pub use walk::Leg;

use crate::goenv::GoEnv;
use crate::proof::Quarantine;
use crate::{Cause, Failure, Settings, Wanted};
use answer::Asked;
use counters::Counters;
use obtain::{Given, How, What};
use route::Routes;

/// A mirror: `mirror@internal`.
pub struct Mirror {
    core: Arc<core::Core>,
    routes: Routes,
    /// By identity, which may hold secrets.
    upstreams: Vec<(String, Arc<Upstream>)>,
    counters: Counters,
    /// How we are known to ourselves.
    via: HeaderValue,
    findings: Findings,
    observers: OnceLock<Vec<Arc<dyn Observer>>>,
}

/// Sees what is given to clients.
pub trait Observer: Send + Sync + 'static {
    /// Called after each good answer, on the worker's thread: it must not block. `mod_bytes` are those of a `.mod`.
    fn served(&self, route: &Arc<Route>, wanted: &Wanted, client: IpAddr, mod_bytes: Option<&Bytes>);
}

/// What was fetched ahead.
#[derive(Clone, Debug)]
pub struct Ahead {
    /// The bytes of what is small.
    pub bytes: Option<Bytes>,
    /// Whether an upstream was asked for it.
    pub was_fetched: bool,
}

impl Mirror {
    /// Builds a mirror from the settings and Go's own variables. Needs a runtime, for its housekeeping.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub fn start(settings: &Settings, metrics: &Metrics, shutdown: &Shutdown) -> Result<Arc<Self>, Findings> {
        Self::start_with(settings, &GoEnv::read(), metrics, shutdown)
    }

    /// [`start`](Self::start) with other variables than the process's.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(
        settings: &Settings,
        environment: &GoEnv,
        metrics: &Metrics,
        shutdown: &Shutdown,
    ) -> Result<Arc<Self>, Findings> {
        start::start(settings, environment, metrics, shutdown)
    }

    /// What is wrong with settings, without starting anything: for `fairlead check`.
    #[must_use]
    pub fn check(settings: &Settings) -> Findings {
        start::check(settings, &GoEnv::read())
    }

    /// What is worth knowing about the settings, though nothing is wrong.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Sets who sees what is given to clients. Only the first call counts. Observers that know the mirror hold it weakly.
    pub fn observe(&self, observers: Vec<Arc<dyn Observer>>) {
        // A second list has no meaning.
        drop(self.observers.set(observers));
    }

    /// Every route, the default one first.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.all()
    }

    /// How each upstream is.
    #[must_use]
    pub fn upstreams(&self) -> Vec<UpstreamState> {
        self.upstreams.iter().map(|(_, upstream)| upstream.state()).collect()
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> &Arc<Cache> {
        &self.core.cache
    }

    /// What was refused.
    #[must_use]
    pub fn quarantine(&self) -> &Quarantine {
        &self.core.quarantine
    }

    /// Waits until nothing is being fetched and all that was is stored: for an orderly end.
    pub async fn settled(&self) {
        self.core.flights.none().await;
    }

    /// Brings something into the cache as if a client of the route had asked for it.
    ///
    /// # Errors
    /// As for a client.
    pub async fn fetch_ahead(&self, route: &Arc<Route>, wanted: &Wanted) -> Result<Ahead, Failure> {
        let given = self.core.obtain_whole(route, wanted).await?;
        let was_fetched = given.how == How::Miss;
        match given.what {
            What::Small(entry) => Ok(Ahead { bytes: Some(entry.body.clone()?), was_fetched }),
            _ => Ok(Ahead { bytes: None, was_fetched }),
        }
    }

    /// The answer to what is in memory.
    fn at_hand(&self, request: &Request) -> Option<Response> {
        let is_head = request.method == Method::HEAD;
        let path = request.path();
        if !is_head && request.method != Method::GET || path.contains('%') {
            return None;
        }
        let (route, rest) = self.routes.find(path).ok()?;
        let entry = self.core.cache.memory.find(route.number, rest).filter(|entry| entry.is_fresh())?;
        let is_stale = entry.life.as_ref().is_some_and(|life| life.stale.is_some());
        let how = if is_stale { How::Stale } else { How::Hit };
        let asked = Asked { is_head, headers: &request.headers, is_private: entry.is_private };
        let response = answer::small(&entry, how, &asked);
        match &entry.body {
            Ok(bytes) => self.tell(route, &entry.wanted, how, request, Some(bytes)),
            Err(failure) => self.counters.failed(Some(&entry.wanted), failure),
        }
        Some(self.counted(response))
    }

    async fn answer(&self, mut request: Request) -> Response {
        // A mirror reads no bodies.
        request.body = Body::Empty;
        let found = match self.parsed(&request) {
            Ok((route, wanted)) => match self.core.obtain(route, &wanted).await {
                Ok(given) => Ok((route, wanted, given)),
                Err(failure) => Err((Some(wanted), failure)),
            },
            Err(failure) => Err((None, failure)),
        };
        match found {
            Ok((route, wanted, given)) => self.give(route, &wanted, &given, &request),
            Err((wanted, failure)) => {
                self.counters.failed(wanted.as_ref(), &failure);
                let response = answer::failure(&failure);
                match failure.status {
                    StatusCode::METHOD_NOT_ALLOWED => response.with_header(header::ALLOW, "GET, HEAD"),
                    _ => response,
                }
            }
        }
    }

    fn parsed(&self, request: &Request) -> Result<(&Arc<Route>, Wanted), Failure> {
        if request.method != Method::GET && request.method != Method::HEAD {
            let failure = Failure::new(Cause::BadRequest, "method not allowed: a mirror knows GET and HEAD");
            return Err(failure.with_status(StatusCode::METHOD_NOT_ALLOWED));
        }
        if request.headers.get_all(header::VIA).iter().any(|via| *via == self.via) {
            let text = "loop detected: this mirror is among its own upstreams";
            return Err(Failure::new(Cause::Unavailable, text).with_status(StatusCode::LOOP_DETECTED));
        }
        let (route, rest) = self.routes.find(request.path())?;
        Ok((route, route.parse(rest)?))
    }

    fn give(&self, route: &Arc<Route>, wanted: &Wanted, given: &Given, request: &Request) -> Response {
        let asked = Asked {
            is_head: request.method == Method::HEAD,
            headers: &request.headers,
            is_private: wanted.module_path().is_some_and(|path| route.is_private(path)),
        };
        let response = answer::response(given, &asked);
        match &given.what {
            What::Small(entry) => match &entry.body {
                Ok(bytes) => self.tell(route, wanted, given.how, request, Some(bytes)),
                Err(failure) => self.counters.failed(Some(wanted), failure),
            },
            _ => self.tell(route, wanted, given.how, request, None),
        }
        self.counted(response)
    }

    fn tell(&self, route: &Arc<Route>, wanted: &Wanted, how: How, request: &Request, bytes: Option<&Bytes>) {
        self.counters.given(wanted, how);
        let mod_bytes = bytes.filter(|_| matches!(wanted, Wanted::GoMod(_)));
        for observer in self.observers.get().into_iter().flatten() {
            observer.served(route, wanted, request.conn.peer.ip(), mod_bytes);
        }
    }

    /// Counts the bytes of the body, when they are known or when they have gone out.
    fn counted(&self, mut response: Response) -> Response {
        if response.body.is_replayable() {
            let len = response.body.exact_len().unwrap_or(0);
            self.counters.served_bytes.add(u32::try_from(len).unwrap_or(u32::MAX));
        } else {
            let counter = self.counters.served_bytes.clone();
            response.done = Some(Done::new(move |sent| {
                counter.add(u32::try_from(sent.body_bytes).unwrap_or(u32::MAX));
            }));
        }
        response
    }
}

impl Handler for Mirror {
    fn call(&self, mut request: Request) -> BoxFuture<'_, Response> {
        match self.at_hand(&request) {
            Some(response) => {
                fairlead_http::h1::recycle(std::mem::take(&mut request.headers));
                Box::pin(std::future::ready(response))
            }
            None => Box::pin(self.answer(request)),
        }
    }
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").field("routes", &self.routes.all().count()).finish_non_exhaustive()
    }
}
