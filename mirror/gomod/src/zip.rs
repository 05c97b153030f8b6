//! Module archives: read, checked, hashed and written.
//!
//! Bytes come in through [`ReadAt`]. [`Archive::open`] reads the central directory and every local header and refuses whatever two
//! readers could understand differently; [`check`] applies the rules for module zips to the names and sizes; [`verify`] does both, then
//! inflates every file once with a small fixed buffer and gives the [`H1`](crate::dirhash::H1). In the other direction
//! [`choose_files`] says which files of a tree belong into an archive, and [`create`] or [`Writer`] write it.
//!
//! Whatever the input, memory stays below a small multiple of [`MAX_DIRECTORY`] and the work is linear in the size of the archive
//! and of what it declares to unpack to.
//! Rules: <https://go.dev/ref/mod#zip-files> and `golang.org/x/mod/zip`; format: APPNOTE.TXT 6.3.10.

mod archive;
mod choose;
mod content;
mod deflate;
mod directory;
mod fault;
mod fold;
mod record;
mod rules;
mod source;
mod verify;
mod write;

#[cfg(test)]
mod forged;
#[cfg(test)]
mod hostile;

pub use archive::{Archive, Entry};
pub use choose::{Candidate, Choice, Mode, Omission, Omitted, Origin, choose_files};
pub use content::Content;
pub use fault::{Fault, Rule, ZipError};
pub use rules::{Report, check};
pub use source::ReadAt;
pub use verify::{Verified, extract_file, verify};
pub use write::{Created, File, Open, Writer, create};

/// Limit for an archive, and for the sum of the sizes of its files, in bytes.
pub const MAX_ZIP: u64 = 500 << 20;
/// Limit for the go.mod file in the root, in bytes.
pub const MAX_GO_MOD: u64 = 16 << 20;
/// Limit for the LICENSE file in the root, in bytes.
pub const MAX_LICENSE: u64 = 16 << 20;
/// Limit for the central directory, in bytes: room for some 200 000 files. Go has no such limit.
pub const MAX_DIRECTORY: u64 = 32 << 20;
/// Limit for the name of an entry with its prefix, in bytes: longer paths exist on no file system. Go has no such limit.
pub const MAX_NAME: usize = 4096;
