//! Router rules: which requests a router takes, and which router takes a request.
//!
//! [`Rule::parse`] reads a rule once, in the v3 or v2 syntax, into matchers and into the host and path keys it can be
//! found by. [`Table::build`] puts the rules of an entry point into an index over those keys, in the order of their
//! [`Rank`]s; [`Table::find`] then answers for a [`View`] of a request what a scan over all rules in that order would
//! answer, at a cost that does not depend on their number. [`Table::explain`] does the scan and says what failed.

mod explain;
mod http;
mod keys;
mod paths;
mod query;
mod regexp;
mod rule;
mod table;
mod template;
mod tree;
mod view;

#[cfg(test)]
mod testing;

pub use explain::{FailedPredicate, Verdict};
pub use regexp::regex_from_go;
pub use rule::{Rule, RuleError, Syntax};
pub use table::{Entry, Rank, Table};
pub use view::{View, canonical_host, routing_path};
