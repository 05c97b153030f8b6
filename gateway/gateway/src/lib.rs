//! The gateway: entry points, routers and services over the kernel, driven by a Traefik v3 configuration.
//!
//! [`Gateway::start`] binds addresses and starts providers. Their messages are merged and [`build`]t into a
//! [`snapshot::Snapshot`], which is swapped in as one. A request walks from [`entry_point`] through a [`router`] to a
//! [`service`]; [`observe`] sees its end. [`api`] and [`explain`] read the same snapshot and the same findings.

pub mod api;
pub mod build;
pub mod codes;
pub mod entry_point;
pub mod explain;
mod gateway;
mod health;
pub mod judge;
pub mod observe;
pub mod offline;
pub mod router;
pub mod service;
mod settings;
pub mod shared;
pub mod snapshot;
mod transport;

pub use gateway::{Gateway, Setup, System, metrics};
