//! What the crate promises about whole files, and about any text at all.

mod modfile;
mod properties;
