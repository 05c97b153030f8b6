//! Connections to the subject, plain or TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use fairlead_testkit::Identity;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A byte stream.
pub trait Pipe: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Pipe for T {}

/// What a TLS client says.
#[derive(Clone, Debug, Default)]
pub struct Hello {
    /// Server name; none is sent when it is empty.
    pub sni: String,
    /// Client certificate.
    pub identity: Option<Identity>,
    /// ALPN protocols.
    pub alpn: Vec<&'static str>,
}

/// A connection.
pub struct Wire {
    /// Its bytes.
    pub stream: Box<dyn Pipe>,
    /// The server's certificate, DER.
    pub certificate: Option<Vec<u8>>,
    /// The protocol that ALPN chose.
    pub alpn: Option<String>,
}

/// Connects; with `hello` over TLS, whatever the server's certificate.
///
/// # Errors
/// No connection or no handshake.
pub async fn connect(addr: SocketAddr, hello: Option<&Hello>) -> anyhow::Result<Wire> {
    let stream = TcpStream::connect(addr).await.with_context(|| format!("cannot connect to {addr}"))?;
    stream.set_nodelay(true)?;
    let Some(hello) = hello else {
        return Ok(Wire { stream: Box::new(stream), certificate: None, alpn: None });
    };
    let mut config = config(hello)?;
    config.enable_sni = !hello.sni.is_empty();
    let name = if hello.sni.is_empty() { "none.invalid" } else { hello.sni.as_str() };
    let name = ServerName::try_from(name.to_owned())?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.context("no handshake")?;
    let session = stream.get_ref().1;
    let certificate = session.peer_certificates().and_then(|chain| chain.first()).map(|first| first.to_vec());
    let alpn = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    Ok(Wire { stream: Box::new(stream), certificate, alpn })
}

fn config(hello: &Hello) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything(provider)));
    let mut config = match &hello.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = vec![CertificateDer::from_pem_slice(identity.cert.as_bytes())?];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?)?
        }
    };
    config.alpn_protocols = hello.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(config)
}

/// Believes every certificate: cases look at it themselves.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
