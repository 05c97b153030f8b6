//! What an entry point asks of every connection: time-outs, sizes and the life of a connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::Conn;

/// Hears of requests that were refused before a handler saw them, for logs and metrics.
pub type OnReject = Arc<dyn Fn(&Conn, StatusCode) + Send + Sync>;

/// Limits of the HTTP server engines. A zero duration or count means no limit, as in Traefik.
#[derive(Clone)]
pub struct ServerOptions {
    /// From the first byte of a request to the end of its body.
    pub read_timeout: Duration,
    /// From the end of the request head to the end of the response.
    pub write_timeout: Duration,
    /// How long a connection may stay without a request.
    pub idle_timeout: Duration,
    /// Bytes of a request head: request line and headers, or an uncompressed header list.
    pub max_header_bytes: usize,
    /// Requests of one connection.
    pub keep_alive_max_requests: u64,
    /// Life of one connection; it ends after the request that exceeds it.
    pub keep_alive_max_time: Duration,
    /// HTTP/2 streams that a client may have open at a time.
    pub h2_max_concurrent_streams: u32,
    /// HPACK table for headers that clients send, in bytes.
    pub h2_decoder_table_size: u32,
    /// HPACK table for headers that we send, in bytes. The HTTP/2 engine takes what the client grants, 4096 at most, whatever
    /// stands here.
    pub h2_encoder_table_size: u32,
    /// Called for requests that no handler saw.
    pub on_reject: Option<OnReject>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        ServerOptions {
            read_timeout: Duration::from_secs(60),
            write_timeout: Duration::ZERO,
            idle_timeout: Duration::from_secs(180),
            max_header_bytes: 1 << 20,
            keep_alive_max_requests: 0,
            keep_alive_max_time: Duration::ZERO,
            h2_max_concurrent_streams: 250,
            h2_decoder_table_size: 4096,
            h2_encoder_table_size: 4096,
            on_reject: None,
        }
    }
}

impl fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("read_timeout", &self.read_timeout)
            .field("write_timeout", &self.write_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .finish_non_exhaustive()
    }
}
