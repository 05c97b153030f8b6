//! The `loadBalancer` service: picks a server, sends the request there, and says what became of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fairlead_http::Tried;
use fairlead_http::client::{self, Target, Transport};
use fairlead_http::{BoxFuture, Error, Fault, Handler, Outcome, Request, Response, forward};
use fairlead_upstream::{Balancer, Endpoint};
use http::{HeaderValue, Method, StatusCode, Version, header};

/// A group of servers behind one name.
pub struct LoadBalancer {
    /// Qualified name, such as `api@file`.
    pub name: Arc<str>,
    /// The servers.
    pub balancer: Balancer,
    /// How to reach them.
    pub transport: Arc<Transport>,
    /// Pass the client's `Host` on, instead of the server's own.
    pub pass_host: bool,
    /// For each server in order: the path of its URL to put in front of the request's, when it is kept.
    pub base_paths: Vec<Option<Box<str>>>,
}

impl Handler for LoadBalancer {
    fn call(&self, mut request: Request) -> BoxFuture<'_, Response> {
        match self.prepared(&mut request) {
            Ok(endpoint) => Box::pin(async move {
                let started = request.watched.then(Instant::now);
                match client::send(&self.transport, endpoint.target(), &mut request).await {
                    Ok(response) => self.answered(response, endpoint, started),
                    Err(failed) => self.failed(&failed.error, Some(endpoint), started),
                }
            }),
            Err(refused) => Box::pin(std::future::ready(*refused)),
        }
    }
}

impl LoadBalancer {
    /// The server to ask, with the request made ready for it; else the answer.
    fn prepared(&self, request: &mut Request) -> Result<&Arc<Endpoint>, Box<Response>> {
        if request.method == Method::CONNECT && request.version < Version::HTTP_2 {
            return Err(Box::new(Response::go_error(StatusCode::NOT_IMPLEMENTED, "Not Implemented")));
        }
        let Some(endpoint) = self.choose(request) else {
            let error = Error::new(Fault::NoServer, "no server of the service is up");
            return Err(Box::new(self.failed(&error, None, None)));
        };
        match self.prepare(request, endpoint) {
            Ok(()) => Ok(endpoint),
            Err(error) => Err(Box::new(self.failed(&error, Some(endpoint), None))),
        }
    }

    fn choose(&self, request: &Request) -> Option<&Arc<Endpoint>> {
        match request.extensions.get::<Tried>() {
            None => self.balancer.next(&|_| false),
            Some(tried) => self.balancer.next(&|endpoint| tried.0.contains(&endpoint.target().url)),
        }
    }

    fn prepare(&self, request: &mut Request, endpoint: &Arc<Endpoint>) -> Result<(), Error> {
        forward::to_backend(request);
        if !self.pass_host {
            let host = HeaderValue::try_from(&*endpoint.target().authority)
                .map_err(|_| Error::new(Fault::Misconfigured, "server name is not a valid host header"))?;
            request.headers.insert(header::HOST, host);
        }
        if let Some(base) = self.base_path(endpoint) {
            let path = format!("{}{}", base.trim_end_matches('/'), request.path());
            let query = request.uri.query().map(str::to_owned);
            request
                .set_path_and_query(&path, query.as_deref())
                .map_err(|error| Error::new(Fault::BadRequest, error.to_string()))?;
        }
        Ok(())
    }

    fn base_path(&self, endpoint: &Arc<Endpoint>) -> Option<&str> {
        if self.base_paths.iter().all(Option::is_none) {
            return None;
        }
        let place =
            self.balancer.servers().iter().position(|server| Arc::ptr_eq(&server.endpoint, endpoint))?;
        self.base_paths.get(place)?.as_deref()
    }

    /// `started` is there when the request is watched.
    fn answered(
        &self,
        mut response: Response,
        endpoint: &Arc<Endpoint>,
        started: Option<Instant>,
    ) -> Response {
        forward::to_client(&mut response.headers, response.status == StatusCode::SWITCHING_PROTOCOLS);
        let Some(started) = started else {
            return response;
        };
        response.outcome = Some(Box::new(Outcome {
            service: Some(Arc::clone(&self.name)),
            server: Some(Arc::clone(&endpoint.target().url)),
            attempts: 1,
            origin_status: response.status.as_u16(),
            origin_duration: started.elapsed(),
            origin_len: response.body.exact_len(),
            ..Outcome::default()
        }));
        response
    }

    fn failed(&self, error: &Error, endpoint: Option<&Arc<Endpoint>>, started: Option<Instant>) -> Response {
        let mut response = Response::fault(error);
        let status = response.status.as_u16();
        let outcome = response.outcome_mut();
        outcome.service = Some(Arc::clone(&self.name));
        outcome.server = endpoint.map(|endpoint| Arc::clone(&endpoint.target().url));
        outcome.attempts = u32::from(endpoint.is_some());
        outcome.origin_status = status;
        outcome.origin_duration = started.map_or(Duration::ZERO, |started| started.elapsed());
        response
    }
}

/// The path of a server's URL, when there is more to it than `/`.
#[must_use]
pub fn base_path(url: &str) -> Option<Box<str>> {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = &after[after.find('/')?..];
    let path = path.split(['?', '#']).next().unwrap_or(path);
    (path != "/").then(|| path.into())
}

/// A server's address from its URL.
///
/// # Errors
/// When the URL names no usable scheme or host, in words.
pub fn target(url: &str) -> Result<Arc<Target>, String> {
    Target::parse(url).map(Arc::new).map_err(|error| error.to_string())
}
