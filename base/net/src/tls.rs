//! TLS on both sides.

pub use rustls_pki_types::CertificateDer;
