//! Real clients against a running gateway, and what no table of requests can show: streams, reloads, stopping, commands.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod commands;
mod curl;
mod grpc;
mod house;
mod reload;
mod stopping;
mod streams;
mod websocket;
