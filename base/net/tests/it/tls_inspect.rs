//! Looking at servers that are not trusted.

use std::sync::Arc;
use std::time::Duration;

use fairlead_net::Stream;
use fairlead_net::dial::Limits as DialLimits;
use fairlead_net::tls::inspect::{InspectError, Inspection, Limits, inspect};
use fairlead_net::tls::server::{ServerTls, ServerTlsInput, accept};
use fairlead_net::tls::{CertificateFault, CertificateInput, Pem};
use tokio::net::TcpListener;

use crate::authority::{Authority, server};

const SOON: Duration = Duration::from_secs(20);
const LIMITS: Limits = Limits { dial: DialLimits { resolve: SOON, connect: SOON }, handshake: SOON };

/// Inspects `host` on a server that shows `certificate`.
async fn look(certificate: CertificateInput, host: &str, roots: &[Pem]) -> Inspection {
    let input = ServerTlsInput {
        certificates: vec![certificate.clone()],
        default_certificate: Some(certificate),
        ..ServerTlsInput::default()
    };
    let tls: Arc<ServerTls> = Arc::new(server(&input));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = async {
        let (tcp, _) = listener.accept().await.unwrap();
        accept(Stream::from_tcp(tcp).unwrap(), &tls, SOON).await.map(drop)
    };
    let (served, inspected) = tokio::join!(serve, inspect(host, port, LIMITS, roots));
    served.unwrap();
    inspected.unwrap()
}

#[tokio::test]
async fn a_trusted_server_shows_itself() {
    let authority = Authority::new();
    let certificate = authority.certificate(&["127.0.0.1", "mirror.test"]);
    let seen = look(certificate, "127.0.0.1", &[authority.pem()]).await;
    assert_eq!(seen.trusted, Ok(()));
    assert_eq!((seen.protocol.as_str(), seen.peer.ip().to_string().as_str()), ("TLSv1.3", "127.0.0.1"));
    assert!(seen.cipher.starts_with("TLS13_"), "{}", seen.cipher);
    assert!(seen.ocsp.is_empty());
    let [leaf] = &*seen.chain else { panic!("{:?}", seen.chain) };
    assert_eq!(leaf.subject, "CN=127.0.0.1");
    assert!(leaf.issuer.starts_with("CN=test authority "), "{}", leaf.issuer);
    assert_eq!(leaf.sans, ["127.0.0.1", "mirror.test"]);
    assert!(leaf.not_before < leaf.not_after);
}

#[tokio::test]
async fn an_untrusted_server_shows_itself_and_the_verdict() {
    let authority = Authority::new();
    let stranger = look(authority.certificate(&["127.0.0.1"]), "127.0.0.1", &[]).await;
    assert_eq!(stranger.trusted.unwrap_err().fault, CertificateFault::UnknownIssuer);
    assert_eq!(stranger.chain.len(), 1);
    let renamed = look(authority.certificate(&["other.test"]), "127.0.0.1", &[authority.pem()]).await;
    assert_eq!(renamed.trusted.unwrap_err().fault, CertificateFault::WrongName);
}

#[tokio::test]
async fn without_a_handshake_there_is_nothing_to_show() {
    use tokio::io::AsyncWriteExt;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = async {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    };
    let (_, inspected) = tokio::join!(serve, inspect("127.0.0.1", port, LIMITS, &[]));
    assert!(matches!(inspected, Err(InspectError::Tls(_))), "{inspected:?}");
    let bad = inspect("127.0.0.1", port, LIMITS, &[b"nothing".as_slice().into()]).await;
    assert!(matches!(bad, Err(InspectError::Configuration(_))));
}
