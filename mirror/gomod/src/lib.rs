//! Go modules as names and files, without any I/O of its own.
//!
//! Names: a module [`path`] with its escaping, a [`version`] as Go orders it, a [`pseudo`]-version made from a commit,
//! a [`pattern`] list such as `GOPRIVATE`. Files: [`modfile`] (go.mod), [`gosum`] (go.sum), [`dirhash`] (the `h1:` of both),
//! and [`zip`], which reads, checks, hashes and writes module archives through [`zip::ReadAt`].
//!
//! The shapes follow `golang.org/x/mod`; the rules come from the Go modules reference (<https://go.dev/ref/mod>).

pub mod dirhash;
pub mod gosum;
pub mod modfile;
pub mod path;
pub mod pattern;
pub mod pseudo;
pub mod version;
pub mod zip;

mod unicode;
