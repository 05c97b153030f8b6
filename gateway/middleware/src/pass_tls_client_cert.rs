//! `passTLSClientCert`: tells the server about the client's certificate.

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::{json, options};

options! {
    /// Options of `passTLSClientCert`.
    pub(crate) struct PassTlsClientCert {
        /// Whether to send the certificates in `X-Forwarded-Tls-Client-Cert`.
        pub(crate) pem: bool,
        /// What to send in `X-Forwarded-Tls-Client-Cert-Info`.
        pub(crate) info: Option<Info>,
    }

    /// Parts of the certificate.
    pub(crate) struct Info {
        /// End of validity.
        pub(crate) not_after: bool,
        /// Begin of validity.
        pub(crate) not_before: bool,
        /// Alternative names.
        pub(crate) sans: bool,
        /// Serial number.
        pub(crate) serial_number: bool,
        /// Parts of the subject.
        pub(crate) subject: Option<Subject>,
        /// Parts of the issuer.
        pub(crate) issuer: Option<Issuer>,
    }

    /// Parts of the subject name.
    pub(crate) struct Subject {
        /// Country.
        pub(crate) country: bool,
        /// Province.
        pub(crate) province: bool,
        /// Locality.
        pub(crate) locality: bool,
        /// Organization.
        pub(crate) organization: bool,
        /// Organizational unit.
        pub(crate) organizational_unit: bool,
        /// Common name.
        pub(crate) common_name: bool,
        /// Serial number.
        pub(crate) serial_number: bool,
        /// Domain component.
        pub(crate) domain_component: bool,
    }

    /// Parts of the issuer name.
    pub(crate) struct Issuer {
        /// Country.
        pub(crate) country: bool,
        /// Province.
        pub(crate) province: bool,
        /// Locality.
        pub(crate) locality: bool,
        /// Organization.
        pub(crate) organization: bool,
        /// Common name.
        pub(crate) common_name: bool,
        /// Serial number.
        pub(crate) serial_number: bool,
        /// Domain component.
        pub(crate) domain_component: bool,
    }
}

impl Options for PassTlsClientCert {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Err(BuildError::NotYet)
    }
}
