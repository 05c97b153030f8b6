//! Accepting connections for an entry point: PROXY protocol, TLS, and the hand-over to the HTTP engines.
//!
//! Each worker accepts on a socket of its own; a connection stays on its worker.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use fairlead_http::{ClientIdentity, Conn, Handler, ServerOptions, TlsInfo, server};
use fairlead_model::statics::EntryPoint as Options;
use fairlead_net::listen::{Accepted, Bound};
use fairlead_net::proxy_protocol::{self, TrustedPeers};
use fairlead_net::tls::server::{self as tls_server, Handshake};
use fairlead_net::{Stream, tls};
use fairlead_rt::{Shutdown, Worker};
use fairlead_telemetry::{Counter, UpDown};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::EntryPoint;
use super::policy::parse_net;
use crate::snapshot;

/// What every connection of an entry point needs.
pub struct Door {
    /// The handler of requests.
    pub entry_point: Arc<EntryPoint>,
    /// Limits of the HTTP engines.
    pub options: Arc<ServerOptions>,
    /// Who may send PROXY headers; `None` when the protocol is off.
    pub proxy: Option<TrustedPeers>,
    /// Open connections, for the metric.
    pub open: UpDown,
    /// Times that accepting had to pause.
    pub back_offs: Counter,
    /// Connections whose PROXY header is none.
    pub bad_proxy_headers: Counter,
    /// Handshakes that failed.
    pub bad_handshakes: Counter,
    /// All connections, so that stopping can wait for them.
    pub connections: TaskTracker,
    /// Cancelled when no further connection is accepted.
    pub closing: CancellationToken,
    /// Stages of stopping: draining ends idle connections, stopping cuts off.
    pub shutdown: Shutdown,
    /// Cancelled when connections shall end as soon as they are idle.
    pub drain: CancellationToken,
}

/// Limits of the HTTP engines from an entry point's options.
#[must_use]
pub fn server_options(options: &Options, on_reject: fairlead_http::OnReject) -> ServerOptions {
    let timeouts = &options.transport.responding_timeouts;
    ServerOptions {
        read_timeout: timeouts.read_timeout.into(),
        write_timeout: timeouts.write_timeout.into(),
        idle_timeout: timeouts.idle_timeout.into(),
        max_header_bytes: usize::try_from(options.http.max_header_bytes).unwrap_or(1 << 20),
        keep_alive_max_requests: options.transport.keep_alive_max_requests,
        keep_alive_max_time: options.transport.keep_alive_max_time.into(),
        h2_max_concurrent_streams: options.http2.max_concurrent_streams,
        h2_decoder_table_size: options.http2.max_decoder_header_table_size,
        h2_encoder_table_size: options.http2.max_encoder_header_table_size,
        on_reject: Some(on_reject),
    }
}

/// Whom an entry point believes PROXY headers from; `None` when it reads none.
#[must_use]
pub fn trusted_peers(options: &Options) -> Option<TrustedPeers> {
    options.proxy_protocol.as_ref().map(|proxy| TrustedPeers {
        insecure: proxy.insecure,
        nets: proxy.trusted_ips.iter().filter_map(|text| parse_net(text)).collect(),
    })
}

/// Accepts on a worker until the door closes.
pub fn serve(worker: &Worker, bound: Bound, door: &Arc<Door>) {
    let door = Arc::clone(door);
    worker.spawn("accept", move || accept(bound, door));
}

async fn accept(bound: Bound, door: Arc<Door>) {
    let listener = match bound.listen() {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(entry_point = %door.entry_point.name, %error, "cannot accept connections");
            return;
        }
    };
    let mut failures = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = door.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let now = listener.failures();
        if now > failures {
            door.back_offs.add(u32::try_from(now - failures).unwrap_or(u32::MAX));
            failures = now;
        }
        let connection = connection(accepted, Arc::clone(&door));
        fairlead_rt::spawn("connection", door.connections.track_future(connection));
    }
}

async fn connection(accepted: Accepted, door: Arc<Door>) {
    let _open = door.open.hold();
    let stop = door.shutdown.clone();
    let work = Box::pin(converse(accepted, door));
    run_until(work, stop.stopping()).await;
}

/// Runs `work`, but not beyond `end`. The end is looked at only when it calls: looking takes a lock that all workers
/// share.
async fn run_until(work: impl Future<Output = ()>, end: impl Future<Output = ()>) {
    let (mut work, mut end) = (pin!(work), pin!(end));
    let mut bell: Option<Arc<Bell>> = None;
    poll_fn(|cx| {
        if work.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let bell = match &mut bell {
            Some(bell) if bell.task.will_wake(cx.waker()) => bell,
            other => other.insert(Arc::new(Bell { rung: true.into(), task: cx.waker().clone() })),
        };
        if !bell.rung.swap(false, Ordering::Acquire) {
            return Poll::Pending;
        }
        end.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(bell))))
    })
    .await;
}

/// Wakes a task and remembers to have done so.
struct Bell {
    rung: AtomicBool,
    task: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

async fn converse(accepted: Accepted, door: Arc<Door>) {
    let Accepted { stream, peer, local } = accepted;
    let mut stream = Stream::tcp(stream, peer, local);
    if let Some(trusted) = &door.proxy {
        let read = proxy_protocol::read(stream, trusted, proxy_protocol::HEADER_TIMEOUT).await;
        match read {
            Ok(proxied) => stream = proxied,
            Err(error) => {
                door.bad_proxy_headers.increment();
                tracing::debug!(%peer, %error, "connection refused: no usable PROXY header");
                return;
            }
        }
    }
    let (peer, local) = (stream.peer(), stream.local());
    let limit = door.options.read_timeout;
    let Ok(secure) = within(limit, tls_server::starts_tls(&mut stream)).await else { return };
    let (stream, tls, alpn) = if secure {
        let Some((stream, handshake)) = handshake(stream, &door, peer).await else { return };
        let alpn = handshake.alpn.clone();
        (stream, Some(tls_info(handshake)), alpn)
    } else {
        (stream, None, None)
    };
    let conn = Arc::new(Conn::new(Arc::clone(&door.entry_point.name), peer, local, tls));
    let handler = Arc::clone(&door.entry_point) as Arc<dyn Handler>;
    let drain = door.drain.clone();
    server::serve(stream, conn, alpn.as_deref(), handler, &door.options, drain).await;
}

async fn handshake(stream: Stream, door: &Door, peer: SocketAddr) -> Option<(Stream, Handshake)> {
    let pinned = snapshot::pin(&door.entry_point.shared.current);
    let server_tls = Arc::clone(&pinned.entry_points.get(door.entry_point.place)?.server_tls);
    drop(pinned);
    let accepted = Box::pin(tls_server::accept(stream, &server_tls, tls_server::HANDSHAKE_TIMEOUT)).await;
    match accepted {
        Ok(done) => Some(done),
        Err(error) => {
            door.bad_handshakes.increment();
            tracing::debug!(entry_point = %door.entry_point.name, %peer, %error, "tls handshake failed");
            None
        }
    }
}

fn tls_info(handshake: Handshake) -> TlsInfo {
    let client = (!handshake.client_chain.is_empty()).then(|| {
        let subject = tls::subject(&handshake.client_chain[0]).unwrap_or_default();
        Arc::new(ClientIdentity { chain: handshake.client_chain, subject })
    });
    TlsInfo {
        version: handshake.version,
        cipher: handshake.cipher,
        server_name: handshake.server_name,
        options: handshake.options,
        client,
    }
}

/// Waits for `work`, at most `limit` when that is not zero.
async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    if limit.is_zero() {
        return work.await;
    }
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn work_ends_by_itself_or_when_the_end_comes() {
        let stop = CancellationToken::new();
        run_until(async {}, stop.cancelled()).await;
        let work = CancellationToken::new();
        let mut running = pin!(run_until(work.cancelled(), stop.cancelled()));
        assert!(running.as_mut().now_or_never().is_none());
        futures_util::join!(running, async { stop.cancel() });
        assert!(!work.is_cancelled());
        assert!(run_until(std::future::pending(), stop.cancelled()).now_or_never().is_some());
    }
}
