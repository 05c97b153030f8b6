//! A certificate authority for tests, and a handshake between both sides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fairlead_net::Stream;
use fairlead_net::tls::client::{ClientTls, ClientTlsInput, TlsError, connect};
use fairlead_net::tls::server::{AcceptError, Handshake, ServerTls, ServerTlsInput, accept};
use fairlead_net::tls::{CertificateInput, Pem};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test authority {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> Pem {
        self.0.pem().into_bytes().into()
    }

    pub(crate) fn certificate(&self, names: &[&str]) -> CertificateInput {
        self.certificate_with(names, &[])
    }

    pub(crate) fn certificate_with(&self, names: &[&str], uris: &[&str]) -> CertificateInput {
        let mut params =
            CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, *names.first().unwrap_or(&"no name"));
        params.serial_number = Some(rcgen::SerialNumber::from(258_u64));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        CertificateInput {
            cert_pem: certificate.pem().into_bytes().into(),
            key_pem: key.serialize_pem().into_bytes().into(),
            label: names.join(",").into(),
        }
    }
}

/// A server that must build without a problem.
pub(crate) fn server(input: &ServerTlsInput) -> ServerTls {
    let (tls, problems) = ServerTls::build(input, None);
    assert_eq!(problems, []);
    tls
}

pub(crate) fn client(input: &ClientTlsInput) -> ClientTls {
    ClientTls::build(input).unwrap()
}

/// A client that trusts anybody.
pub(crate) fn trusting() -> ClientTls {
    client(&ClientTlsInput { insecure_skip_verify: true, ..ClientTlsInput::default() })
}

/// What both sides say of a handshake.
pub(crate) struct Met {
    pub(crate) server: Result<Handshake, AcceptError>,
    pub(crate) client: Result<Option<Vec<u8>>, TlsError>,
    /// Whether bytes went both ways after the handshake.
    pub(crate) talked: bool,
}

/// Lets `client` call `host` on `server`; after the handshake a byte goes each way, so that tickets arrive.
pub(crate) async fn meet(server: &ServerTls, client: &ClientTls, host: &str) -> Met {
    let (near, far) = tokio::io::duplex(256 * 1024);
    let (from, to): (SocketAddr, SocketAddr) =
        ("127.0.0.1:1000".parse().unwrap(), "127.0.0.1:443".parse().unwrap());
    let serve = async {
        let (mut stream, handshake) = accept(Stream::other(far, from, to), server, SOON).await?;
        let echoed: std::io::Result<()> = async {
            let byte = stream.read_u8().await?;
            stream.write_u8(byte).await?;
            stream.flush().await
        }
        .await;
        Ok((handshake, echoed.is_ok()))
    };
    let call = async {
        let (mut stream, alpn) = connect(Stream::other(near, to, from), client, host, SOON).await?;
        let echoed: std::io::Result<u8> = async {
            stream.write_u8(42).await?;
            stream.flush().await?;
            stream.read_u8().await
        }
        .await;
        Ok((alpn, echoed))
    };
    let (served, called) = tokio::join!(serve, call);
    let talked = matches!(&served, Ok((_, true))) && matches!(&called, Ok((_, Ok(42))));
    let client = match called {
        // In TLS 1.3 a client learns after its handshake that the server refused it.
        Ok((_, Err(error))) => Err(TlsError::Handshake(error)),
        Ok((alpn, Ok(_))) => Ok(alpn),
        Err(error) => Err(error),
    };
    Met { server: served.map(|(handshake, _)| handshake), client, talked }
}

/// Whether the client, verifying with this authority alone, accepts what the server shows for `host`.
pub(crate) async fn verifies(server: &ServerTls, authority: &Authority, host: &str) -> bool {
    let input = ClientTlsInput { root_ca_pems: vec![authority.pem()], ..ClientTlsInput::default() };
    meet(server, &client(&input), host).await.talked
}

pub(crate) fn name(text: &str) -> Arc<str> {
    Arc::from(text)
}
