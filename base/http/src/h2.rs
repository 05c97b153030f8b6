//! HTTP/2 on both sides, over the `h2` frame machine.
//!
//! [`server`] drives one client connection: every stream becomes a [`Request`](crate::Request), its handler runs
//! inside the connection's own future, and the answer goes back with interim responses and trailers. [`client`] is
//! one connection to a backend, shared by many requests. Both move bodies only as fast as the other end takes them:
//! received bytes give their window back when they are read, and bytes are sent only into granted capacity.

pub mod client;
mod exchange;
mod head;
mod incoming;
mod outgoing;
pub mod server;

pub(crate) use incoming::Deadline;

use http::HeaderMap;
use http::header::{self, HeaderName};

use crate::forward::is_old_connection_header;
use crate::{Error, Fault};

/// What one stream may hold that the socket has not taken yet. A peer that grants huge windows and does not read costs
/// this much for each stream.
const SEND_BUFFER: usize = 64 << 10;
/// Streams that the peer reset and nobody has accepted yet; more is a rapid-reset flood (CVE-2023-44487).
const PENDING_RESETS: usize = 32;
/// Streams that we reset and remember, so that late frames for them are no error.
const REMEMBERED_RESETS: usize = 64;
/// Streams that we may be made to reset by broken frames before the connection is given up.
const FORCED_RESETS: usize = 256;

/// Headers of one connection, which HTTP/2 forbids (RFC 9113, 8.2.2).
fn is_connection_header(name: &HeaderName) -> bool {
    match *name {
        header::CONNECTION | header::TRANSFER_ENCODING | header::UPGRADE => true,
        _ => is_old_connection_header(name),
    }
}

/// Removes what HTTP/2 forbids: connection headers, and those that `connection` names.
fn strip_connection_headers(headers: &mut HeaderMap) {
    if !headers.keys().any(is_connection_header) {
        return;
    }
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    while let Some(name) = headers.keys().find(|name| is_connection_header(name)).cloned() {
        headers.remove(name);
    }
}

/// The declared length, when there is exactly one readable value.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// An error of the frame machine while talking to a backend. Streams that the backend never looked at (refused, or
/// beyond its GOAWAY) count as not sent.
fn backend_error(error: &h2::Error) -> Error {
    let unseen = (error.is_remote() && error.is_go_away())
        || (error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM));
    let fault = if error.is_library() {
        Fault::Protocol
    } else if error.is_io() || error.is_remote() {
        Fault::Closed
    } else {
        Fault::Internal
    };
    let error = Error::new(fault, error.to_string());
    if unseen { error } else { error.after_sending() }
}

/// An error of the frame machine while talking to a client.
fn client_error(error: &h2::Error) -> Error {
    let fault = if error.is_library() { Fault::BadRequest } else { Fault::ClientGone };
    Error::new(fault, error.to_string()).after_sending()
}
