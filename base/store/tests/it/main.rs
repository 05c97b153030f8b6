//! What both stores promise, and what only files, staged files and the object store have to show.

mod crash;
mod files;
mod objects;
mod staging;
mod suite;
