//! What is wrong with a server's certificate, told from the error of a handshake.

use std::io;

use rustls::CertificateError;

use super::client::TlsError;

/// Why a server's certificate was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateFault {
    /// No trust anchor stands behind it.
    UnknownIssuer,
    /// It is not for the name that was asked for.
    WrongName,
    /// Its time is over.
    Expired,
    /// Its time has not come; the clock of either side may be wrong.
    NotYetValid,
    /// It was revoked.
    Revoked,
    /// It cannot be read, was signed wrongly, or is for another purpose.
    Other,
}

impl TlsError {
    /// What is wrong with the certificate, when that is why the handshake failed.
    #[must_use]
    pub fn certificate_fault(&self) -> Option<CertificateFault> {
        match self {
            TlsError::Handshake(error) => of_io(error),
            TlsError::ServerName(_) | TlsError::Timeout => None,
        }
    }
}

fn of_io(error: &io::Error) -> Option<CertificateFault> {
    of_rustls(error.get_ref()?.downcast_ref::<rustls::Error>()?)
}

/// The fault behind a verifier's error; `None` when it is not about the certificate.
pub(super) fn of_rustls(error: &rustls::Error) -> Option<CertificateFault> {
    match error {
        rustls::Error::InvalidCertificate(error) => Some(of_certificate(error)),
        _ => None,
    }
}

fn of_certificate(error: &CertificateError) -> CertificateFault {
    match error {
        CertificateError::UnknownIssuer => CertificateFault::UnknownIssuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateFault::WrongName
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateFault::NotYetValid
        }
        CertificateError::Revoked => CertificateFault::Revoked,
        _ => CertificateFault::Other,
    }
}
