//! One client connection: accepts streams, runs their handlers, and ends when it is idle, worn out or told to.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::exchange::{self, Answer, Shared};
use crate::{Conn, Handler, ServerOptions};

/// Window of one request body: Go's server grants the same, and 1 MiB fills a 100 Mbit/s path of 80 ms.
const STREAM_WINDOW: u32 = 1 << 20;
/// Window of a connection, which bounds the received bytes that wait for handlers: two stalled uploads.
const CONNECTION_WINDOW: u32 = 2 << 20;
/// How long a connection without streams may take to say goodbye.
const LINGER: Duration = Duration::from_secs(5);
/// Stands for "never" where a timer is needed.
const NEVER: Duration = Duration::from_secs(86_400 * 365);

/// Serves an HTTP/2 connection, whose client preface has not been read, until it ends. After `stop` it takes no new
/// streams and ends with the last open one; dropping the future cuts them off.
///
/// Handlers run inside this future, so that answers of many streams leave in one write and no stream costs a task.
pub async fn serve<T>(
    io: T,
    conn: Arc<Conn>,
    handler: Arc<dyn Handler>,
    options: &Arc<ServerOptions>,
    stop: CancellationToken,
) where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let shared = Shared { conn, handler, options: Arc::clone(options) };
    let greeting = builder(options).handshake::<T, Bytes>(io);
    let connection = tokio::select! {
        greeted = tokio::time::timeout(head_limit(options), greeting) => match greeted {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return tracing::debug!(%error, "no HTTP/2 preface"),
            Err(_) => return tracing::debug!("HTTP/2 preface timed out"),
        },
        () = stop.cancelled() => return,
    };
    drive(connection, &shared, stop).await;
}

async fn drive<T>(mut connection: h2::server::Connection<T, Bytes>, shared: &Shared, stop: CancellationToken)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut life = Life::new(&shared.options);
    let mut streams = FuturesUnordered::new();
    let mut timer = pin!(tokio::time::sleep_until(life.check_at(true)));
    let mut stopped = pin!(stop.cancelled());
    loop {
        tokio::select! {
            biased;
            turn = poll_fn(|cx| poll_turn(&mut connection, &mut streams, shared, &mut life, cx)) => match turn {
                Turn::Over => return,
                Turn::Rested => timer.as_mut().reset(life.check_at(true)),
            },
            () = &mut stopped, if !life.ending => {
                life.ending = true;
                connection.graceful_shutdown();
                timer.as_mut().reset(Instant::now() + LINGER);
            }
            () = &mut timer => {
                match life.at_check(streams.is_empty()) {
                    Verdict::Live => {}
                    Verdict::End => connection.graceful_shutdown(),
                    Verdict::Cut => return,
                }
                timer.as_mut().reset(life.check_at(streams.is_empty()));
            }
        }
    }
}

/// What the streams of a connection have come to.
enum Turn {
    /// The connection has ended.
    Over,
    /// It shall end, and its last stream has.
    Rested,
}

/// Accepts what has come, then runs all streams, then looks at the connection again when some have ended: answers that are ready
/// together leave in one write.
fn poll_turn<'a, T>(
    connection: &mut h2::server::Connection<T, Bytes>,
    streams: &mut FuturesUnordered<Answer<'a>>,
    shared: &'a Shared,
    life: &mut Life,
    cx: &mut Context<'_>,
) -> Poll<Turn>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        while let Poll::Ready(accepted) = connection.poll_accept(cx) {
            match accepted {
                Some(Ok((request, respond))) => {
                    streams.extend(exchange::answer(shared, request, respond));
                    if life.accepted() {
                        connection.graceful_shutdown();
                    }
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, peer = %shared.conn.peer, "HTTP/2 connection failed");
                    return Poll::Ready(Turn::Over);
                }
                None => return Poll::Ready(Turn::Over),
            }
        }
        let mut ended = false;
        while let Poll::Ready(Some(())) = streams.poll_next_unpin(cx) {
            ended = true;
        }
        if !ended {
            return Poll::Pending;
        }
        if streams.is_empty() {
            life.rested();
            if life.ending {
                return Poll::Ready(Turn::Rested);
            }
        }
    }
}

/// How long the client may take with its preface.
fn head_limit(options: &ServerOptions) -> Duration {
    [options.read_timeout, options.idle_timeout]
        .into_iter()
        .filter(|limit| !limit.is_zero())
        .min()
        .unwrap_or(NEVER)
}

fn builder(options: &ServerOptions) -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(options.h2_max_concurrent_streams)
        .max_header_list_size(u32::try_from(options.max_header_bytes).unwrap_or(u32::MAX))
        .header_table_size(options.h2_decoder_table_size)
        .max_send_buffer_size(super::SEND_BUFFER)
        .max_concurrent_reset_streams(super::REMEMBERED_RESETS)
        .max_pending_accept_reset_streams(super::PENDING_RESETS)
        .max_local_error_reset_streams(Some(super::FORCED_RESETS));
    builder
}

/// When a connection must end.
struct Life {
    opened: Instant,
    /// When the last stream ended.
    rested: Instant,
    requests: u64,
    max_requests: u64,
    max_time: Duration,
    idle: Duration,
    /// GOAWAY has been sent.
    ending: bool,
}

enum Verdict {
    /// Look again later.
    Live,
    /// Say goodbye.
    End,
    /// The goodbye has taken too long.
    Cut,
}

impl Life {
    fn new(options: &ServerOptions) -> Self {
        let now = Instant::now();
        Life {
            opened: now,
            rested: now,
            requests: 0,
            max_requests: options.keep_alive_max_requests,
            max_time: options.keep_alive_max_time,
            idle: if options.idle_timeout.is_zero() { NEVER } else { options.idle_timeout },
            ending: false,
        }
    }

    /// Counts a request; `true` when it must be the last.
    fn accepted(&mut self) -> bool {
        self.requests += 1;
        let worn_out = (self.max_requests > 0 && self.requests >= self.max_requests)
            || (!self.max_time.is_zero() && self.opened.elapsed() >= self.max_time);
        worn_out && !std::mem::replace(&mut self.ending, true)
    }

    fn rested(&mut self) {
        self.rested = Instant::now();
    }

    fn check_at(&self, resting: bool) -> Instant {
        match (self.ending, resting) {
            (true, _) => Instant::now() + LINGER,
            (false, true) => self.rested + self.idle,
            (false, false) => Instant::now() + self.idle,
        }
    }

    fn at_check(&mut self, resting: bool) -> Verdict {
        if !resting {
            return Verdict::Live;
        }
        if self.ending {
            return if self.rested.elapsed() >= LINGER { Verdict::Cut } else { Verdict::Live };
        }
        if self.rested.elapsed() < self.idle {
            return Verdict::Live;
        }
        self.ending = true;
        self.rested = Instant::now();
        Verdict::End
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_when_idle_and_is_cut_when_it_does_not() {
        let mut life = Life::new(&ServerOptions { idle_timeout: MINUTE, ..ServerOptions::default() });
        tokio::time::advance(MINUTE / 2).await;
        assert!(matches!(life.at_check(true), Verdict::Live));
        life.rested();
        tokio::time::advance(MINUTE * 3 / 4).await;
        assert!(matches!(life.at_check(true), Verdict::Live), "idle since the last stream only");
        assert!(matches!(life.at_check(false), Verdict::Live), "not idle");
        tokio::time::advance(MINUTE / 4).await;
        assert!(matches!(life.at_check(true), Verdict::End));
        assert!(matches!(life.at_check(true), Verdict::Live), "time to say goodbye");
        tokio::time::advance(LINGER).await;
        assert!(matches!(life.at_check(true), Verdict::Cut));
    }

    #[tokio::test(start_paused = true)]
    async fn the_request_after_the_time_is_the_last() {
        let mut life = Life::new(&ServerOptions { keep_alive_max_time: MINUTE, ..ServerOptions::default() });
        assert!(!life.accepted());
        tokio::time::advance(MINUTE).await;
        assert!(life.accepted());
        assert!(!life.accepted(), "said once");
    }

    #[tokio::test(start_paused = true)]
    async fn without_limits_a_connection_lives_on() {
        let options = ServerOptions { idle_timeout: Duration::ZERO, ..ServerOptions::default() };
        let mut life = Life::new(&options);
        tokio::time::advance(MINUTE * 60 * 24).await;
        assert!(!life.accepted());
        assert!(matches!(life.at_check(true), Verdict::Live));
    }
}
