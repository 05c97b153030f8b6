//! A new connection to a backend, TLS included.

use fairlead_net::Stream;
use fairlead_net::dial::{self, DialError, DialErrorKind};
use fairlead_net::tls::client::{self as tls, TlsError};
use tokio::time::Instant;

use super::{Scheme, Target, Transport};
use crate::{Error, Fault};

/// Connects; whether TLS chose HTTP/2. `http1_only` offers nothing else.
pub(super) async fn dial(
    transport: &Transport,
    target: &Target,
    http1_only: bool,
) -> Result<(Stream, bool), Error> {
    let limit = transport.options.dial_timeout;
    let started = Instant::now();
    let stream = dial::connect_stream(&target.host, target.port, limit)
        .await
        .map_err(|error| connect_error(&error))?;
    if target.scheme != Scheme::Https {
        return Ok((stream, false));
    }
    let config = if http1_only { &transport.tls_http1 } else { &transport.tls };
    let left = limit.saturating_sub(started.elapsed());
    let (stream, alpn) =
        tls::connect(stream, config, &target.host, left).await.map_err(|error| tls_error(&error))?;
    Ok((stream, alpn.as_deref() == Some(b"h2")))
}

fn connect_error(error: &DialError) -> Error {
    let fault = match error.kind {
        DialErrorKind::Dns => Fault::Dns,
        DialErrorKind::Timeout => Fault::ConnectTimeout,
        DialErrorKind::Refused | DialErrorKind::Unreachable | DialErrorKind::Other => Fault::Connect,
    };
    Error::new(fault, error.to_string())
}

fn tls_error(error: &TlsError) -> Error {
    let fault = match error {
        TlsError::Timeout => Fault::ConnectTimeout,
        // A peer that hangs up in the handshake is no matter of trust.
        TlsError::Handshake(error) if error.kind() != std::io::ErrorKind::InvalidData => Fault::Closed,
        TlsError::ServerName(_) | TlsError::Handshake(_) => Fault::Tls,
    };
    Error::new(fault, error.to_string())
}
