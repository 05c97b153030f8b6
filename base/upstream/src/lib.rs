//! Groups of backends: which servers there are, which of them are well, and which comes next.
//!
//! An [`Endpoint`] is one server with its health; it lives in an [`Endpoints`] registry under its identity, so that a
//! new snapshot finds the old state. A [`Balancer`] orders endpoints with a [`pick::Pick`]. A [`probe`] asks a server
//! whether it is well, until the endpoint is dropped. A [`Breaker`] learns the same from the requests themselves.

mod balancer;
mod breaker;
mod endpoint;
pub mod pick;
pub mod probe;

pub use balancer::{Balancer, Server};
pub use breaker::{Breaker, BreakerOptions, Counts, Edge, Permit, State};
pub use endpoint::{Endpoint, Endpoints, Health};
