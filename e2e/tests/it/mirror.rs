//! The real go command behind `fairlead mirror serve`, in front of upstreams of our own.

mod bundle;
mod failover;
mod go;
mod modules;
mod private;
mod stage;
mod through;
