//! Which client certificates a server asks for and accepts.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::identity::roots;
use super::server::ClientAuthInput;

/// The verifier for `input`; `None` when no certificate is asked for.
pub(super) fn verifier(
    input: &ClientAuthInput,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    let mode = match input.mode.as_str() {
        "" if input.ca_pems.is_empty() => "NoClientCert",
        "" => "RequireAndVerifyClientCert",
        mode => mode,
    };
    // Read even when unused: a broken CA file must not go unnoticed.
    let roots = roots(&input.ca_pems)?;
    let any = |mandatory| Arc::new(AnyCertificate { mandatory, provider: Arc::clone(provider) });
    match mode {
        "NoClientCert" => Ok(None),
        "RequestClientCert" => Ok(Some(any(false))),
        "RequireAnyClientCert" => Ok(Some(any(true))),
        "VerifyClientCertIfGiven" | "RequireAndVerifyClientCert" if roots.is_empty() => {
            Err(format!("invalid clientAuthType: {mode}, CAFiles is required"))
        }
        "VerifyClientCertIfGiven" | "RequireAndVerifyClientCert" => {
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            let builder =
                if mode == "VerifyClientCertIfGiven" { builder.allow_unauthenticated() } else { builder };
            builder.build().map(Some).map_err(|e| e.to_string())
        }
        _ => Err(format!("unknown client auth type {mode:?}")),
    }
}

/// Takes any certificate whose key the client holds, whoever issued it.
#[derive(Debug)]
struct AnyCertificate {
    mandatory: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
