//! HTTP as Fairlead sees it: one [`Request`], one [`Response`], and the onion between them.
//!
//! A server engine (HTTP/1.1, HTTP/2) turns bytes into a [`Request`] and calls a [`Handler`]; [`Middleware`]s wrap it through
//! [`Next`]; the innermost handler usually sends the request on with [`client::Client`]. A response is never an
//! `Err`: whoever fails answers with a status and says whose fault it was in [`Outcome`].
//!
//! Everything on the request path runs on one worker's current-thread runtime. Types are `Send` so that handlers can
//! be shared, but nothing here crosses threads while a request is served.

pub mod body;
pub mod client;
mod conn;
mod error;
pub mod fetch;
pub mod forward;
pub mod h1;
pub mod h2;
mod handler;
pub mod path;
mod request;
mod response;
pub mod server;
mod server_options;
mod tried;

pub use body::Body;
pub use conn::{ClientIdentity, Conn, TlsInfo};
pub use error::{DialFault, Error, Fault};
pub use handler::{BoxFuture, Handler, Middleware, Next};
pub use request::{Interim, Request};
pub use response::{Done, Outcome, Response, Sent, Tunnel};
pub use server_options::{OnReject, ServerOptions};
pub use tried::Tried;
