//! The Go checksum database, checked and not believed.
//!
//! A [`note`] carries signatures over a text; the text of a tree head names size and root of a log; [`tlog`] proves that a
//! record is in the log and that one log grew out of another; [`tile`] cuts the log's hashes into files; [`client`] puts them
//! together behind two narrow traits and remembers the newest tree it has seen, so that a fork or a rollback is found across
//! restarts. [`log`] is the other side: a log that signs its own head and answers a client.
//!
//! The shapes follow `golang.org/x/mod/sumdb`; the design is <https://go.dev/design/25530-sumdb>.

mod base64;
pub mod client;
pub mod log;
pub mod note;
pub mod tile;
pub mod tlog;
