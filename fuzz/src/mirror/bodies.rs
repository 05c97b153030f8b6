//! What the fuzz targets of the mirror do with their bytes. Each room takes any bytes at all and panics when a promise is broken.
//!
//! They stand beside the library of the other targets, because the gateway's tests include that one whole and know no mirror.
//! The mirror's integration tests include this file and feed the same bodies with mutations of `seeds/`.

pub mod go_import;
pub mod modfile;
pub mod note;
pub mod wanted;
pub mod zip;
