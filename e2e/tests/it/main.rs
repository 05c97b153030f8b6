//! Real clients against a running gateway, and what no table of requests can show: streams, reloads, stopping, commands.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod ci_buildkit;
mod ci_docker;
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
mod mirror_s3;
mod peers;
mod peers_alpine;
mod peers_debian;
mod peers_dns;
mod peers_oci;
mod reload;
mod stopping;
mod streams;
mod up;
mod websocket;
