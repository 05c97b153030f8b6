//! HTTP/2 connections to one backend: shared by requests, dialled once for all that wait.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fairlead_net::Stream;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::http1::{self, Counted};
use super::pool::Host;
use super::{Scheme, dial};
use crate::h2::client::{self as h2_client, SendRequest};
use crate::{DialFault, Error, Fault};

/// Connections of one worker to one backend; past this, streams queue on the least busy.
const MAX_CONNECTIONS: usize = 8;

/// A dial that several requests wait for. Its outcome is in the host, only a failure is told here.
type Dial = Shared<Dialling>;
type Dialling = BoxFuture<'static, Result<(), NoConnection>>;
type NoConnection = (Fault, Option<DialFault>, Arc<str>);

/// The HTTP/2 side of a host.
#[derive(Default)]
pub(super) struct Http2 {
    connections: Vec<(SendRequest, SocketAddr)>,
    /// Lives as long as somebody waits for it.
    dialing: Option<WeakShared<Dialling>>,
    /// TLS has chosen HTTP/1.1.
    declined: bool,
}

/// What a request goes out on.
pub(super) enum Carrier {
    Http1(Counted),
    Http2(SendRequest, SocketAddr),
    /// The backend does not speak HTTP/2 after all.
    Declined,
}

enum Choice {
    Use(Carrier),
    Wait(Dial),
}

impl Http2 {
    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Lets go of closed connections and of those at rest for which `is_expired` says so.
    pub(super) fn expire(&mut self, is_expired: impl Fn(Duration) -> bool) {
        self.connections.retain_mut(|(connection, _)| {
            !connection.is_closed() && !connection.idle_for().is_some_and(&is_expired)
        });
    }

    /// The busiest connection with room, so that spare ones come to rest; `None` when another should be dialled.
    fn pick(&mut self) -> Option<(SendRequest, SocketAddr)> {
        self.connections.retain_mut(|(connection, _)| !connection.is_closed());
        let roomy = self.connections.iter().filter(|(connection, _)| connection.has_room());
        if let Some(roomy) = roomy.max_by_key(|(connection, _)| connection.active()) {
            return Some(roomy.clone());
        }
        if self.connections.len() < MAX_CONNECTIONS {
            return None;
        }
        self.connections.iter().min_by_key(|(connection, _)| connection.active()).cloned()
    }
}

/// A connection for one request to a backend that may speak HTTP/2.
pub(super) async fn acquire(host: &Arc<Host>) -> Result<Carrier, Error> {
    loop {
        match choose(host) {
            Choice::Use(carrier) => return Ok(carrier),
            Choice::Wait(dial) => {
                dial.await.map_err(|(fault, dial, cause)| Error { dial, ..Error::new(fault, &*cause) })?;
            }
        }
    }
}

fn choose(host: &Arc<Host>) -> Choice {
    let mut http2 = host.http2.lock();
    if let Some((connection, peer)) = http2.pick() {
        return Choice::Use(Carrier::Http2(connection, peer));
    }
    if let Some(connection) = host.take_idle() {
        return Choice::Use(Carrier::Http1(connection));
    }
    if http2.declined {
        return Choice::Use(Carrier::Declined);
    }
    if let Some(dial) = http2.dialing.as_ref().and_then(WeakShared::upgrade) {
        return Choice::Wait(dial);
    }
    let dial = dial_for_all(Arc::clone(host)).boxed().shared();
    http2.dialing = dial.downgrade();
    Choice::Wait(dial)
}

/// Dials and puts the connection where everybody finds it.
async fn dial_for_all(host: Arc<Host>) -> Result<(), NoConnection> {
    let result = dial_one(&host).await;
    host.http2.lock().dialing = None;
    result.map_err(|error| (error.fault, error.dial, Arc::from(&*error.cause)))
}

async fn dial_one(host: &Arc<Host>) -> Result<(), Error> {
    let (stream, is_h2) = dial::dial(&host.transport, &host.target, false).await?;
    if is_h2 || host.target.scheme == Scheme::H2c {
        return adopt(host, stream).await;
    }
    host.http2.lock().declined = true;
    host.keep_idle(http1::connection(stream, host.open()));
    Ok(())
}

/// Speaks HTTP/2 on a new stream and shares it.
pub(super) async fn adopt(host: &Arc<Host>, stream: Stream) -> Result<(), Error> {
    let open = host.open();
    let patience = host.transport.options.dial_timeout;
    let keep_alive = host.transport.keep_alive();
    let peer = stream.peer();
    let connection = h2_client::connect(stream, keep_alive, patience, move || drop(open)).await?;
    let mut http2 = host.http2.lock();
    http2.declined = false;
    http2.connections.push((connection, peer));
    Ok(())
}
