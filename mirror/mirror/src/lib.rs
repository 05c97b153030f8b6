//! Go module mirrors: checking them, and being one.
//!
//! **Serving.** A request becomes a [`wanted::Wanted`]; [`serve`] finds its tenant's route, answers from the verified cache or
//! walks the upstream list ([`list`]): each entry is a [`source::Source`], a GOPROXY ([`serve`]'s own) or version control
//! ([`direct`]). What comes back is staged, proved by [`proof`], and only then put into the cache and given away whole.
//! [`prefetch`] asks ahead; [`admin`] shows and purges; [`bundle`] carries a cache to places without a network.
//!
//! **Checking.** [`check`] probes mirrors layer by layer and says what state they are in and why; [`gosum`] proves a go.sum
//! against the checksum database; [`environment`] says how Go's own variables really interact.

pub mod admin;
pub mod bundle;
pub mod check;
pub mod codes;
pub mod direct;
pub mod environment;
pub mod failure;
pub mod goenv;
pub mod gosum;
pub mod list;
pub mod metrics;
pub mod prefetch;
pub mod proof;
pub mod report;
pub mod serve;
pub mod settings;
pub mod source;
pub mod tenants;
pub mod usage;
pub mod wanted;

pub use failure::{Cause, Failure};
pub use serve::Mirror;
pub use settings::Settings;
pub use wanted::Wanted;
