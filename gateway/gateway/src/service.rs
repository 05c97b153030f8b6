//! Services: what stands behind routers.

pub mod internal;
pub mod load_balancer;
pub mod whoami;

use fairlead_http::{BoxFuture, Handler, Request, Response};
use http::StatusCode;

/// Stands in for a service without servers: 503, as Traefik answers.
#[derive(Debug)]
pub struct Unavailable;

impl Handler for Unavailable {
    fn call(&self, _: Request) -> BoxFuture<'_, Response> {
        Box::pin(std::future::ready(Response::go_error(
            StatusCode::SERVICE_UNAVAILABLE,
            "no available server",
        )))
    }
}
