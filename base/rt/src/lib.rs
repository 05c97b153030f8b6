//! The runtime: worker threads, named tasks, shutdown in two stages, signals, and what systemd wants to hear.
//!
//! Every task is spawned here under a name ([`spawn`], [`Worker::spawn`]), so that [`tasks`] can list what runs.
//! Connections live on [`Workers`], one single-threaded runtime per core; [`Shutdown`] tells all of them first to
//! finish what they have (drain) and then to drop it (stop).

mod backoff;
pub mod limits;
mod shutdown;
pub mod signal;
pub mod systemd;
mod task;
mod workers;

pub use backoff::Backoff;
pub use shutdown::Shutdown;
pub use task::{TaskInfo, spawn, spawn_on, tasks};
pub use workers::{Worker, Workers, available_workers};
