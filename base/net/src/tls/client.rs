//! TLS to backends.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::time::timeout_at;

use super::identity::{Identity, LeafFacts, roots};
use super::{CertificateInput, Pem, Problem, parameters};
use crate::Stream;

/// What a servers transport says of TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTlsInput {
    /// Name to send and to verify instead of the host that is dialled.
    pub server_name: Option<String>,
    /// Accept any certificate; [`peer_cert_uri`](Self::peer_cert_uri) and SANs are still checked, with their chain.
    pub insecure_skip_verify: bool,
    /// Trust anchors instead of the system's.
    pub root_ca_pems: Vec<Pem>,
    /// Client certificates; the first that suits the server's request is sent.
    pub certificates: Vec<CertificateInput>,
    /// TLS 1.2 suites by Go's names; empty for all safe ones.
    pub cipher_suites: Vec<String>,
    /// `VersionTLS12` or `VersionTLS13`; empty for the default.
    pub min_version: String,
    /// As [`min_version`](Self::min_version).
    pub max_version: String,
    /// URI that the server's certificate must carry.
    pub peer_cert_uri: Option<String>,
    /// The server's certificate must carry one of these subject alternative names.
    pub peer_cert_sans: Vec<String>,
    /// Protocols to offer, most wanted first.
    pub alpn: Vec<Vec<u8>>,
}

/// A client configuration with its session cache.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
    /// The system's trust anchors are asked in a handshake.
    needs_system: bool,
    notes: Arc<[String]>,
}

/// Why a TLS connection to a backend failed.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The host cannot be a server name.
    #[error("{0:?} is not a server name")]
    ServerName(String),
    /// The time was up.
    #[error("tls handshake time-out")]
    Timeout,
    /// The handshake failed; the message names the reason, such as an unknown issuer.
    #[error("tls handshake: {0}")]
    Handshake(#[source] io::Error),
}

impl ClientTls {
    /// Checks the input and builds a configuration of it.
    pub fn build(input: &ClientTlsInput) -> Result<Self, Problem> {
        Self::build_on(input, Anchors::Given)
    }

    /// As [`build`](Self::build), but the trust anchors of the input are added to the system's.
    pub fn build_beside_system(input: &ClientTlsInput) -> Result<Self, Problem> {
        Self::build_on(input, Anchors::BesideSystem)
    }

    fn build_on(input: &ClientTlsInput, anchors: Anchors) -> Result<Self, Problem> {
        let fatal = |message| Problem { subject: String::new(), message, fatal: true };
        let parameters =
            parameters::resolve(&input.min_version, &input.max_version, &input.cipher_suites, &[])
                .map_err(fatal)?;
        let server_name = match input.server_name.as_deref() {
            None | Some("") => None,
            Some(name) => {
                Some(parse_name(name).ok_or_else(|| fatal(format!("{name:?} is not a server name")))?)
            }
        };
        let verifier = PeerVerifier::new(input, anchors, &parameters.provider).map_err(fatal)?;
        let needs_system = matches!(verifier.roots, Roots::System);
        let builder = ClientConfig::builder_with_provider(parameters.provider)
            .with_protocol_versions(&parameters.versions)
            .map_err(|e| fatal(e.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = if input.certificates.is_empty() {
            builder.with_no_client_auth()
        } else {
            let own = OwnCertificates::parse(&input.certificates)?;
            builder.with_client_cert_resolver(Arc::new(own))
        };
        config.alpn_protocols.clone_from(&input.alpn);
        Ok(Self { config: Arc::new(config), server_name, needs_system, notes: parameters.notes.into() })
    }

    /// What the input asked for and was replaced, such as TLS 1.1.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The same trust, certificates and sessions with other protocols to offer.
    #[must_use]
    pub fn with_alpn(&self, alpn: Vec<Vec<u8>>) -> Self {
        let mut config = self.config.as_ref().clone();
        config.alpn_protocols = alpn;
        Self {
            config: Arc::new(config),
            server_name: self.server_name.clone(),
            needs_system: self.needs_system,
            notes: Arc::clone(&self.notes),
        }
    }
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// Speaks TLS over `stream` to `host` (a name or an IP literal); gives the protocol that ALPN chose.
pub async fn connect(
    stream: Stream,
    tls: &ClientTls,
    host: &str,
    timeout: Duration,
) -> Result<(Stream, Option<Vec<u8>>), TlsError> {
    let deadline = tokio::time::Instant::now() + timeout;
    if tls.needs_system && SYSTEM_ROOTS.get().is_none() {
        // A few hundred files to read must not hold a worker up. Where this fails, the handshake reads them.
        let _ = tokio::task::spawn_blocking(system_roots).await;
    }
    let name = match &tls.server_name {
        Some(name) => name.clone(),
        None => parse_name(host).ok_or_else(|| TlsError::ServerName(host.to_owned()))?,
    };
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(&tls.config));
    let handshake = Box::pin(timeout_at(deadline, connector.connect(name, stream)));
    let tls = handshake.await.map_err(|_| TlsError::Timeout)?.map_err(TlsError::Handshake)?;
    let alpn = tls.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    Ok((Stream::client_tls(tls), alpn))
}

pub(super) fn parse_name(name: &str) -> Option<ServerName<'static>> {
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name);
    ServerName::try_from(bare.strip_suffix('.').unwrap_or(bare).to_owned()).ok()
}

/// What trust anchors in the input mean.
#[derive(Clone, Copy)]
pub(super) enum Anchors {
    /// They are the only ones.
    Given,
    /// They are more than the system's.
    BesideSystem,
}

impl Anchors {
    pub(super) fn with(self, pems: &[Pem]) -> Result<RootCertStore, String> {
        let mut given = roots(pems)?;
        if matches!(self, Anchors::BesideSystem) {
            given.extend(system_roots().roots.iter().cloned());
        }
        Ok(given)
    }
}

static SYSTEM_ROOTS: OnceLock<RootCertStore> = OnceLock::new();

/// The system's trust anchors, read once, when somebody asks: most gateways have no backend that needs them.
fn system_roots() -> &'static RootCertStore {
    SYSTEM_ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "cannot read a system trust anchor");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        roots
    })
}

/// Whom a verifier trusts.
#[derive(Debug)]
enum Roots {
    System,
    These(RootCertStore),
}

impl Roots {
    fn store(&self) -> &RootCertStore {
        match self {
            Roots::System => system_roots(),
            Roots::These(roots) => roots,
        }
    }
}

/// Verifies a server: its chain, its name, and what the transport pins.
#[derive(Debug)]
pub(super) struct PeerVerifier {
    provider: Arc<CryptoProvider>,
    roots: Roots,
    check_chain: bool,
    check_name: bool,
    uri: Option<String>,
    sans: Vec<String>,
}

impl PeerVerifier {
    pub(super) fn new(
        input: &ClientTlsInput,
        anchors: Anchors,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let uri = input.peer_cert_uri.clone().filter(|uri| !uri.is_empty());
        let check_chain = !input.insecure_skip_verify || uri.is_some() || !input.peer_cert_sans.is_empty();
        let roots = match (input.root_ca_pems.as_slice(), check_chain) {
            ([], false) => Roots::These(RootCertStore::empty()),
            ([], true) => Roots::System,
            (pems, _) => Roots::These(anchors.with(pems)?),
        };
        Ok(Self {
            provider: Arc::clone(provider),
            roots,
            check_chain,
            check_name: !input.insecure_skip_verify,
            uri,
            sans: input.peer_cert_sans.clone(),
        })
    }

    fn check_pins(&self, leaf: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        if self.uri.is_none() && self.sans.is_empty() {
            return Ok(());
        }
        let refused = || rustls::Error::from(CertificateError::ApplicationVerificationFailure);
        let facts = LeafFacts::parse(leaf).map_err(|_| refused())?;
        let uri_ok = self.uri.as_ref().is_none_or(|uri| facts.sans.contains(uri));
        let sans_ok = self.sans.is_empty() || self.sans.iter().any(|san| facts.sans.contains(san));
        if uri_ok && sans_ok { Ok(()) } else { Err(refused()) }
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let leaf = ParsedCertificate::try_from(end_entity)?;
        if self.check_chain {
            let algorithms = self.provider.signature_verification_algorithms.all;
            let roots = self.roots.store();
            verify_server_cert_signed_by_trust_anchor(&leaf, roots, intermediates, now, algorithms)?;
        }
        if self.check_name {
            verify_server_name(&leaf, server_name)?;
        }
        self.check_pins(end_entity)?;
        Ok(ServerCertVerified::assertion())
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

/// Our certificates, for servers that ask for one.
#[derive(Debug)]
struct OwnCertificates(Vec<Arc<CertifiedKey>>);

impl OwnCertificates {
    fn parse(inputs: &[CertificateInput]) -> Result<Self, Problem> {
        let parse = |input: &CertificateInput| {
            let problem = |message| Problem { subject: input.label.to_string(), message, fatal: true };
            Identity::parse(input).map(|identity| identity.key).map_err(problem)
        };
        inputs.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }
}

impl ResolvesClientCert for OwnCertificates {
    fn resolve(&self, _issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.iter().find(|own| own.key.choose_scheme(schemes).is_some()).cloned()
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
