//! What systemd wants to hear (sd_notify). All of it is silent when no service manager listens.

use sd_notify::NotifyState;
use tokio::task::JoinHandle;

use crate::{Shutdown, spawn};

/// Started, or done with a reload.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Reading the configuration again; [`ready`] must follow.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "cannot read the clock for sd_notify"),
    }
}

/// Draining.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// One line for `systemctl status`.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

/// Sends signs of life at half the interval that systemd asks for, until `shutdown` stops; `None` when it does not
/// ask. Call it on the runtime whose health matters.
pub fn watchdog(shutdown: Shutdown) -> Option<JoinHandle<()>> {
    let mut every = tokio::time::interval(sd_notify::watchdog_enabled()?.div_f64(2.0).max(MIN_INTERVAL));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    Some(spawn("systemd watchdog", async move {
        while !shutdown.is_stopping() {
            tokio::select! {
                _ = every.tick() => tell(&[NotifyState::Watchdog]),
                () = shutdown.stopping() => {}
            }
        }
    }))
}

/// An interval of zero would panic.
const MIN_INTERVAL: std::time::Duration = std::time::Duration::from_millis(1);

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "cannot notify the service manager");
    }
}
