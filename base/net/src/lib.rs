//! The network: listening, dialling, PROXY protocol and TLS. The only crate that names `rustls`.

pub mod tls;
