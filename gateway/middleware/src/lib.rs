//! HTTP middlewares, one file each: options, behaviour, tests.
//!
//! The configuration names a middleware by its key; [`find`] gives its [`Kind`], whose `decode` turns the [`Node`]
//! below the key into [`Options`] with findings for whatever is wrong. For each router, [`Options::build`] makes the layer, or names
//! other middlewares ([`Built::Chain`]) that the caller looks up. What must outlive a reload (rate buckets, password verdicts)
//! lives in [`State`], which the caller keeps for the life of the process.
//!
//! A layer that only looks at the request ends in `next.run(request)` and allocates no future of its own.
//!
//! [`Node`]: fairlead_conf::Node

mod bucket;
mod catalogue;
mod client_tls;
pub mod codes;
#[cfg(test)]
mod harness;
mod htpasswd;
mod location;
mod options;
mod path;
mod regexp;
mod replay;
mod source;
mod state;
mod status;
mod verdicts;

mod add_prefix;
mod basic_auth;
mod buffering;
mod chain;
mod circuit_breaker;
mod compress;
mod content_type;
mod digest_auth;
mod encoded_characters;
mod errors;
mod forward_auth;
mod grpc_web;
mod headers;
mod in_flight_req;
mod ip_allow_list;
mod pass_tls_client_cert;
mod plugin;
mod rate_limit;
mod redirect_regex;
mod redirect_scheme;
mod replace_path;
mod replace_path_regex;
mod retry;
mod strip_prefix;
mod strip_prefix_regex;

pub use catalogue::{ALL, BuildError, Built, Context, Kind, Options, find};
pub use options::{Problem, Step};
pub use state::State;
