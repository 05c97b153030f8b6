//! HTTP/1.1, both sides, on our own codec.
//!
//! [`codec`] is the wire format alone. [`server`] reads requests off an accepted connection, runs the handler in place
//! and writes its responses; [`client`] sends one request on a connection and reads its response. Neither spawns a task,
//! has a channel or sets a timer for a request. What was read and not used, and what waits to be written, is held only
//! while there is some, so that an idle connection costs little more than its future.

pub mod client;
pub mod codec;
pub mod server;
mod spare;
mod tunnel;
mod wire;

/// An empty map for the headers of a message, with room for most: one that came back on this thread, if there is any.
#[must_use]
pub fn spare_headers() -> http::HeaderMap {
    spare::take()
}

/// Takes back the headers of a message that is over, for the next one on this thread.
pub fn recycle(headers: http::HeaderMap) {
    spare::give(headers);
}

/// Count of fields in one head, of requests and of responses. Far over what anybody sends, and a bound for the time
/// that a head may cost.
pub const MAX_FIELDS: usize = 1000;
