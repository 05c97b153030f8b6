//! What both stores promise, and what only files, staged files and the object store have to show.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod crash;
mod files;
mod objects;
mod staging;
mod suite;
