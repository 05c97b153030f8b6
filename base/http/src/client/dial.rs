//! A new connection to a backend, proxy and TLS included.

use std::time::Duration;

use fairlead_net::Stream;
use fairlead_net::dial::{self, DialError, DialErrorKind, Limits};
use fairlead_net::tls::client::{self as tls, ClientTls, TlsError};
use tokio::time::Instant;

use super::{Phases, Scheme, Target, Transport};
use crate::{DialFault, Error, Fault};

/// Connects; whether TLS chose HTTP/2. `http1_only` offers nothing else.
pub(super) async fn dial(
    transport: &Transport,
    target: &Target,
    http1_only: bool,
) -> Result<(Stream, bool), Error> {
    if let Some(phases) = transport.phases {
        return Box::pin(in_phases(transport, target, http1_only, phases)).await;
    }
    let limit = transport.options.dial_timeout;
    let started = Instant::now();
    let stream = dial::connect_stream(&target.host, target.port, limit)
        .await
        .map_err(|error| connect_error(&error))?;
    let left = || limit.saturating_sub(started.elapsed());
    secure(stream, transport, target, http1_only, left).await
}

async fn in_phases(
    transport: &Transport,
    target: &Target,
    http1_only: bool,
    phases: Phases,
) -> Result<(Stream, bool), Error> {
    let limits = Limits { resolve: phases.resolve, connect: phases.connect };
    let stream = match transport.proxy.as_deref() {
        None => dial::connect_within(&target.host, target.port, limits)
            .await
            .map_err(|error| connect_error(&error))?,
        Some(proxy) => {
            let stream = dial::connect_within(&proxy.host, proxy.port, limits)
                .await
                .map_err(|error| connect_error(&error))?;
            let stream = if proxy.tls {
                handshake(stream, &transport.tls_http1, &proxy.host, phases.handshake).await?.0
            } else {
                stream
            };
            proxy.tunnel(stream, target, phases.connect).await?
        }
    };
    secure(stream, transport, target, http1_only, || phases.handshake).await
}

/// Speaks TLS where the target wants it.
async fn secure(
    stream: Stream,
    transport: &Transport,
    target: &Target,
    http1_only: bool,
    limit: impl FnOnce() -> Duration,
) -> Result<(Stream, bool), Error> {
    if target.scheme != Scheme::Https {
        return Ok((stream, false));
    }
    let config = if http1_only { &transport.tls_http1 } else { &transport.tls };
    handshake(stream, config, &target.host, limit()).await
}

async fn handshake(
    stream: Stream,
    config: &ClientTls,
    host: &str,
    limit: Duration,
) -> Result<(Stream, bool), Error> {
    let (stream, alpn) =
        tls::connect(stream, config, host, limit).await.map_err(|error| tls_error(&error))?;
    Ok((stream, alpn.as_deref() == Some(b"h2")))
}

fn connect_error(error: &DialError) -> Error {
    let (fault, dial) = match error.kind {
        DialErrorKind::Dns if error.source.kind() == std::io::ErrorKind::TimedOut => {
            (Fault::ConnectTimeout, DialFault::ResolveTimeout)
        }
        DialErrorKind::Dns => (Fault::Dns, DialFault::NoSuchName),
        DialErrorKind::Timeout => (Fault::ConnectTimeout, DialFault::ConnectTimeout),
        DialErrorKind::Refused => (Fault::Connect, DialFault::Refused),
        DialErrorKind::Unreachable | DialErrorKind::Other => (Fault::Connect, DialFault::Unreachable),
    };
    Error::dialling(fault, dial, error.to_string())
}

fn tls_error(error: &TlsError) -> Error {
    let (fault, dial) = match (error, error.certificate_fault()) {
        (_, Some(certificate)) => (Fault::Tls, DialFault::Certificate(certificate)),
        (TlsError::Timeout, _) => (Fault::ConnectTimeout, DialFault::HandshakeTimeout),
        // A peer that hangs up in the handshake is no matter of trust.
        (TlsError::Handshake(error), _) if error.kind() != std::io::ErrorKind::InvalidData => {
            (Fault::Closed, DialFault::HandshakeClosed)
        }
        (TlsError::ServerName(_) | TlsError::Handshake(_), _) => (Fault::Tls, DialFault::Handshake),
    };
    Error::dialling(fault, dial, error.to_string())
}
