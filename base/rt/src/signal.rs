//! Signals as events.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::{Shutdown, spawn};

/// A stream of one signal's arrivals; arrivals that nobody awaits are merged.
#[derive(Debug)]
pub struct Events(Signal);

impl Events {
    /// Waits for the next arrival.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// SIGHUP: read the configuration again. Without a listener the signal would end the process.
pub fn hangup() -> io::Result<Events> {
    signal(SignalKind::hangup()).map(Events)
}

/// SIGUSR1: open the log files again.
pub fn user1() -> io::Result<Events> {
    signal(SignalKind::user_defined1()).map(Events)
}

/// From now on the first SIGINT or SIGTERM drains and the second stops at once.
pub fn end_on_signals(shutdown: Shutdown) -> io::Result<JoinHandle<()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(spawn("signals", async move {
        while !shutdown.is_stopping() {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
                () = shutdown.stopping() => break,
            };
            shutdown.advance();
            let stage = if shutdown.is_stopping() { "stopping at once" } else { "draining" };
            tracing::info!("{name}: {stage}");
        }
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::process::{Signal as Kind, getpid, kill_process};
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    // One test, since signals reach the whole process.
    #[tokio::test]
    async fn signals_arrive() {
        let (mut hangup, mut user1) = (hangup().unwrap(), user1().unwrap());
        kill_process(getpid(), Kind::HUP).unwrap();
        timeout(SOON, hangup.next()).await.unwrap();
        kill_process(getpid(), Kind::USR1).unwrap();
        timeout(SOON, user1.next()).await.unwrap();

        let shutdown = Shutdown::new();
        let task = end_on_signals(shutdown.clone()).unwrap();
        kill_process(getpid(), Kind::TERM).unwrap();
        timeout(SOON, shutdown.draining()).await.unwrap();
        assert!(!shutdown.is_stopping());
        kill_process(getpid(), Kind::INT).unwrap();
        timeout(SOON, shutdown.stopping()).await.unwrap();
        timeout(SOON, task).await.unwrap().unwrap();
    }
}
