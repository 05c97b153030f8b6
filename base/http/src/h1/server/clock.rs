//! What ends a connection from outside: deadlines, and the stop of the server.
//!
//! Both are built so that a request does not touch them: deadlines are plain fields, the one timer is armed again only
//! when it fires, and neither is polled again while the same task waits.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Which deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    /// The client had to send something by now.
    Read,
    /// The response had to be out by now.
    Write,
}

/// The deadlines of a connection, over one timer.
pub(super) struct Clock {
    /// By when a head, or the rest of a request, must have come.
    pub(super) read_by: Option<Instant>,
    /// By when a response must be out.
    pub(super) write_by: Option<Instant>,
    /// The timer is never set further ahead, so that it is never later than a new deadline.
    period: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    waker: Option<Waker>,
}

impl Clock {
    /// A clock for time-outs that are not shorter than `period`.
    pub(super) fn new(period: Duration) -> Self {
        Clock { read_by: None, write_by: None, period, timer: None, waker: None }
    }

    /// Ready when a deadline has passed, which is then cleared.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Expired> {
        loop {
            let (by, which) = match (self.read_by, self.write_by) {
                (None, None) => return Poll::Pending,
                (Some(read), Some(write)) if write < read => (write, Expired::Write),
                (Some(read), _) => (read, Expired::Read),
                (None, Some(write)) => (write, Expired::Write),
            };
            ready!(self.poll_timer(by, cx));
            let now = Instant::now();
            if now >= by {
                match which {
                    Expired::Read => self.read_by = None,
                    Expired::Write => self.write_by = None,
                }
                return Poll::Ready(which);
            }
            self.waker = None;
            if let Some(timer) = &mut self.timer {
                timer.as_mut().reset(by.min(now + self.period));
            }
        }
    }

    fn poll_timer(&mut self, by: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(by)));
        if timer.deadline() > by {
            timer.as_mut().reset(by);
            self.waker = None;
        }
        let waits = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if waits && !timer.is_elapsed() {
            return Poll::Pending;
        }
        remember(&mut self.waker, cx);
        timer.as_mut().poll(cx)
    }
}

/// The server's wish to stop.
pub(super) struct Stop {
    token: CancellationToken,
    wait: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    waker: Option<Waker>,
}

impl Stop {
    /// Listens to `server`, through a token of this connection's own: looking at a shared one takes a lock that all
    /// workers contend for.
    pub(super) fn new(server: &CancellationToken) -> Self {
        Stop { token: server.child_token(), wait: None, waker: None }
    }

    /// Whether the server is stopping.
    pub(super) fn is_wished(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Ready when the server is stopping.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_wished() {
            return Poll::Ready(());
        }
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        let wait = self.wait.get_or_insert_with(|| Box::pin(self.token.clone().cancelled_owned()));
        remember(&mut self.waker, cx);
        wait.as_mut().poll(cx)
    }
}

/// Keeps `place` the waker of the current task.
pub(super) fn remember(place: &mut Option<Waker>, cx: &Context<'_>) {
    if !place.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        *place = Some(cx.waker().clone());
    }
}
