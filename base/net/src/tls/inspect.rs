//! Looking at a server's TLS without trusting it.
//!
//! [`inspect`] completes a handshake whatever the verifier says and tells both: what the server showed and the verdict. The
//! connection is closed at once; nothing is ever sent over it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::client::{Anchors, ClientTlsInput, PeerVerifier, TlsError, parse_name};
use super::identity::LeafFacts;
use super::{CertificateFault, Pem, fault, parameters, subject};
use crate::dial::{self, DialError};

/// How long each step of an inspection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Name resolution and connecting.
    pub dial: dial::Limits,
    /// The handshake.
    pub handshake: Duration,
}

/// What a server showed.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Who answered.
    pub peer: SocketAddr,
    /// The chain as it was sent, leaf first.
    pub chain: Vec<Shown>,
    /// Protocol version, such as `TLSv1.3`.
    pub protocol: String,
    /// IANA name of the suite, such as `TLS13_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// The protocol that ALPN chose of `h2` and `http/1.1`.
    pub alpn: Option<String>,
    /// What a verifying client would have said.
    pub trusted: Result<(), Distrust>,
    /// The OCSP response that was stapled, DER; empty when there was none. It is not verified.
    pub ocsp: Vec<u8>,
}

/// One certificate of a chain. What cannot be read is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The certificate.
    pub der: CertificateDer<'static>,
    /// Subject as RFC 4514 text.
    pub subject: String,
    /// Issuer as RFC 4514 text.
    pub issuer: String,
    /// Names of DNS, addresses, URIs and mail, in the certificate's order.
    pub sans: Vec<String>,
    /// Start of validity, Unix seconds.
    pub not_before: i64,
    /// End of validity, Unix seconds.
    pub not_after: i64,
}

/// Why the chain would not have been trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Distrust {
    /// The kind of reason.
    pub fault: CertificateFault,
    /// The reason in words.
    pub reason: String,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// No handshake, for another reason than trust.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The trust anchors cannot be read, or the parameters do not fit.
    #[error("{0}")]
    Configuration(String),
}

/// Shakes hands with `host`, a name or an IP literal, and reports. `roots` are trusted beside the system's.
///
/// # Errors
/// When there was no complete handshake; a chain that is not trusted is no error.
pub async fn inspect(
    host: &str,
    port: u16,
    limits: Limits,
    roots: &[Pem],
) -> Result<Inspection, InspectError> {
    let name = parse_name(host).ok_or_else(|| TlsError::ServerName(host.to_owned()))?;
    let witness = Arc::new(Witness::new(roots)?);
    let config = config(&witness)?;
    let stream = dial::connect_within(host, port, limits.dial).await?;
    let peer = stream.peer();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let tls = tokio::time::timeout(limits.handshake, Box::pin(connector.connect(name, stream)))
        .await
        .map_err(|_| TlsError::Timeout)?
        .map_err(TlsError::Handshake)?;
    let session = tls.get_ref().1;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let Seen { trusted, ocsp } = std::mem::take(&mut *witness.seen.lock());
    Ok(Inspection {
        peer,
        chain: session.peer_certificates().unwrap_or_default().iter().map(show).collect(),
        protocol: session
            .protocol_version()
            .and_then(|version| version.as_str())
            .map(spell)
            .unwrap_or_default(),
        cipher: session
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or_default()
            .to_owned(),
        alpn: session.alpn_protocol().map(text),
        trusted,
        ocsp,
    })
}

fn config(witness: &Arc<Witness>) -> Result<ClientConfig, InspectError> {
    let verifier = Arc::clone(witness);
    let mut config = ClientConfig::builder_with_provider(parameters::default_provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| InspectError::Configuration(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A resumed session shows no chain.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// `TLSv1_3` as everybody else writes it.
fn spell(version: &str) -> String {
    version.replace('_', ".")
}

fn show(der: &CertificateDer<'_>) -> Shown {
    let facts = LeafFacts::parse(der).ok();
    Shown {
        der: der.clone().into_owned(),
        subject: subject::subject(der).unwrap_or_default(),
        issuer: subject::issuer(der).unwrap_or_default(),
        not_before: facts.as_ref().map_or(0, |facts| facts.not_before),
        not_after: facts.as_ref().map_or(0, |facts| facts.not_after),
        sans: facts.map(|facts| facts.sans).unwrap_or_default(),
    }
}

/// Asks the verifier of ordinary connections, writes its verdict down, and lets everybody pass. Signatures must be right,
/// so that what is shown was shown by whoever has the key.
#[derive(Debug)]
struct Witness {
    judge: PeerVerifier,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    trusted: Result<(), Distrust>,
    ocsp: Vec<u8>,
}

impl Default for Seen {
    fn default() -> Self {
        let reason = "the server showed no certificate".to_owned();
        Seen { trusted: Err(Distrust { fault: CertificateFault::Other, reason }), ocsp: Vec::new() }
    }
}

impl Witness {
    fn new(roots: &[Pem]) -> Result<Self, InspectError> {
        let input = ClientTlsInput { root_ca_pems: roots.to_vec(), ..ClientTlsInput::default() };
        let judge = PeerVerifier::new(&input, Anchors::BesideSystem, &parameters::default_provider())
            .map_err(InspectError::Configuration)?;
        Ok(Witness { judge, seen: Mutex::default() })
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict =
            self.judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let trusted = verdict.map(|_| ()).map_err(|error| Distrust {
            fault: fault::of_rustls(&error).unwrap_or(CertificateFault::Other),
            reason: error.to_string(),
        });
        *self.seen.lock() = Seen { trusted, ocsp: ocsp_response.to_vec() };
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
