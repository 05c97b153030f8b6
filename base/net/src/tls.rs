//! TLS on both sides.
//!
//! [`server::ServerTls`] is one immutable set of certificates and named options, built with each configuration;
//! [`server::accept`] reads a ClientHello, chooses by server name and answers. [`client::ClientTls`] is what one
//! servers transport says; [`client::connect`] speaks TLS to a backend. Whatever in their input is wrong or cannot be
//! honoured comes back as [`Problem`]s, for the caller to make findings of.

mod choice;
pub mod client;
mod client_auth;
mod fault;
mod identity;
pub mod inspect;
mod parameters;
pub mod server;
mod subject;

pub use fault::CertificateFault;
pub use identity::{CertificateInfo, CertificateInput, Pem};
pub use rustls_pki_types::CertificateDer;
pub use subject::subject;

/// Something in a TLS configuration that is wrong or cannot be honoured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is about: the label of a certificate, `options NAME`, or empty for a client configuration.
    pub subject: String,
    /// A lower-case fragment.
    pub message: String,
    /// Whether the subject is unusable; otherwise it works with what is left.
    pub fatal: bool,
}
