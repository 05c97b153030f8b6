//! Sending requests to backends over pooled connections.
//!
//! [`send`] finds the worker's own connections for a [`Transport`] and a [`Target`], waits for a new one when none is
//! free, and gives back the response whose body still flows. HTTP/1.1 connections return to the pool at the end of a
//! response, the youngest is used first; HTTP/2 connections are shared. A connection that turns out to be dead before the backend saw
//! the request is replaced once without anybody noticing, when the request can be repeated.

mod dial;
mod http1;
mod http2;
mod pool;
mod proxy;
mod stats;
mod target;
mod transport;

use std::sync::Arc;

use http::{Extensions, Method, uri};

pub use proxy::Proxy;
pub(crate) use proxy::{basic, basic_of};
pub use stats::{Connections, stats};
pub use target::{BadTarget, Scheme, Target};
pub use transport::{Peer, Phases, Transport, TransportOptions};

use crate::{Body, Error, Fault, Request, Response};
use http2::Carrier;
use pool::{Host, Pool};

/// A request that got no response.
#[derive(Debug)]
pub struct Failed {
    /// What happened; `sent` says whether the backend may have seen the request.
    pub error: Error,
    /// The body, when all of it is still there (it was at hand, or nothing of it was taken): the request can be repeated
    /// where `error.sent` or the method allow that.
    pub request_body: Option<Body>,
}

/// Attempts of one request: connections that were dead before the backend saw it do not count against the backend, but
/// must not go on forever.
const MAX_ATTEMPTS: u32 = 3;

/// Sends a request and waits for the head of the response, interim responses passed on meanwhile. The `host` header goes out
/// as it is; hop-by-hop headers must be gone already, except those of an upgrade. What is left of `request` is of no use.
///
/// Upgrades use HTTP/1.1. With status 101 the response carries the tunnel.
///
/// # Errors
/// As [`Fault`] says; nothing is logged here.
pub async fn send(
    transport: &Arc<Transport>,
    target: &Arc<Target>,
    request: &mut Request,
) -> Result<Response, Failed> {
    let host = Pool::current().host(transport, target);
    let may_share = target.scheme != Scheme::Http && request.upgrade().is_none();
    let mut attempt = 1;
    loop {
        let tried = if may_share {
            Box::pin(shared(&host, request, attempt)).await
        } else {
            http1::send(&host, request, attempt).await
        };
        match tried? {
            Tried::Answered(response) => return Ok(response),
            Tried::Again => {}
        }
        attempt += 1;
    }
}

/// An attempt that did not fail.
enum Tried {
    Answered(Response),
    /// The connection was of no use; the request must go out once more.
    Again,
}

/// Sends on a connection that may be HTTP/2.
async fn shared(host: &Arc<Host>, request: &mut Request, attempt: u32) -> Result<Tried, Failed> {
    let mut connection = match http2::acquire(host).await {
        Ok(Carrier::Http2(connection, peer)) => {
            host.transport.tell_peer(&request.extensions, peer);
            connection
        }
        Ok(Carrier::Http1(connection)) => return http1::send_on(host, connection, request, attempt).await,
        Ok(Carrier::Declined) => return http1::send(host, request, attempt).await,
        Err(error) => return Err(Failed { error, request_body: Some(std::mem::take(&mut request.body)) }),
    };
    let spare = spare(request);
    let scheme = if host.target.scheme == Scheme::Https { uri::Scheme::HTTPS } else { uri::Scheme::HTTP };
    let limit = host.transport.options.response_header_timeout;
    match connection.send(take(request), scheme, &host.target.authority, limit).await {
        Ok(response) => Ok(Tried::Answered(response)),
        Err(error) => {
            let unseen = !error.sent && error.fault == Fault::Closed;
            match spare {
                Some(same) if unseen && attempt < MAX_ATTEMPTS => {
                    *request = same;
                    Ok(Tried::Again)
                }
                spare => Err(Failed { error, request_body: spare.map(|request| request.body) }),
            }
        }
    }
}

/// A copy of a request whose body is at hand, for a second attempt.
fn spare(request: &Request) -> Option<Request> {
    Some(Request {
        method: request.method.clone(),
        uri: request.uri.clone(),
        version: request.version,
        headers: request.headers.clone(),
        body: request.body.replay()?,
        conn: Arc::clone(&request.conn),
        interim: request.interim.clone(),
        extensions: Extensions::new(),
        watched: request.watched,
    })
}

/// The request itself, leaving its shell.
fn take(request: &mut Request) -> Request {
    let shell = Request::new(Method::GET, uri::Uri::default(), Arc::clone(&request.conn));
    std::mem::replace(request, shell)
}

/// Whether doing it twice is as good as once, by Go's rule.
fn is_repeatable(request: &Request) -> bool {
    matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
        || ["idempotency-key", "x-idempotency-key"].iter().any(|name| request.headers.contains_key(*name))
}
