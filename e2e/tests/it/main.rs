//! Real clients against a running gateway, and what no table of requests can show: streams, reloads, stopping, commands.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod ci_buildkit;
mod ci_expression;
mod ci_github;
mod ci_gitlab;
mod ci_mirror;
mod ci_runner;
mod commands;
mod curl;
mod grpc;
mod house;
mod mirror;
mod reload;
mod stopping;
mod streams;
mod websocket;
