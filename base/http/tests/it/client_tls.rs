//! The client and TLS backends: trust, ALPN, and upgrades beside HTTP/2.

use std::sync::Arc;
use std::time::Duration;

use fairlead_http::client::{Transport, TransportOptions};
use fairlead_http::{Body, Fault, Request, Response, ServerOptions};
use fairlead_net::Stream;
use fairlead_net::tls::client::ClientTlsInput;
use fairlead_net::tls::server::{OptionsInput, ServerTls, ServerTlsInput, accept};
use fairlead_net::tls::{CertificateInput, Pem};
use http::{Method, StatusCode, Version, header};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_util::sync::CancellationToken;

use crate::client_peers::{Backend, backend, fetch, request, send, transport_with};
use crate::h2_peers::{answer, conn};

const LONG: Duration = Duration::from_secs(20);

/// A certificate authority and a certificate of it for `127.0.0.1`.
fn authority() -> (Pem, CertificateInput) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let certificate = CertificateInput {
        cert_pem: leaf.pem().into_bytes().into(),
        key_pem: key.serialize_pem().into_bytes().into(),
        label: "backend".into(),
    };
    (authority.pem().into_bytes().into(), certificate)
}

/// Our own server behind TLS, offering these protocols; it answers with the version it was asked in.
async fn tls_backend(certificate: CertificateInput, alpn: &[&str]) -> Backend {
    let options = OptionsInput {
        alpn: Some(alpn.iter().map(|name| (*name).to_owned()).collect()),
        ..OptionsInput::default()
    };
    let input = ServerTlsInput {
        certificates: vec![certificate.clone()],
        default_certificate: Some(certificate),
        options: [(Arc::from("default"), options)].into(),
        ..ServerTlsInput::default()
    };
    let (tls, problems) = ServerTls::build(&input, None);
    assert_eq!(problems, []);
    let tls = Arc::new(tls);
    backend(move |stream, _| {
        let tls = Arc::clone(&tls);
        async move {
            let stream = Stream::from_tcp(stream).unwrap();
            let Ok((stream, handshake)) = accept(stream, &tls, LONG).await else { return };
            let handler = answer(|request: Request| async move {
                let mut response = Response::text(StatusCode::OK, format!("{:?}", request.version));
                if request.upgrade().is_some() {
                    response.status = StatusCode::ACCEPTED;
                }
                response
            });
            let options = Arc::new(ServerOptions::default());
            let alpn = handshake.alpn.as_deref();
            fairlead_http::server::serve(stream, conn(), alpn, handler, &options, CancellationToken::new())
                .await;
        }
    })
    .await
}

fn trusting(authority: &Pem, options: TransportOptions) -> Arc<Transport> {
    let tls = ClientTlsInput { root_ca_pems: vec![Arc::clone(authority)], ..ClientTlsInput::default() };
    transport_with(&tls, options)
}

async fn version_spoken(options: TransportOptions, alpn: &[&str]) -> String {
    let (authority, certificate) = authority();
    let backend = tls_backend(certificate, alpn).await;
    let transport = trusting(&authority, options);
    let target = backend.target("https");
    let (status, first) = fetch(&transport, &target).await;
    assert_eq!((status, fetch(&transport, &target).await.1), (StatusCode::OK, first.clone()));
    assert_eq!(backend.accepted(), 1);
    String::from_utf8(first.to_vec()).unwrap()
}

#[tokio::test]
async fn alpn_decides_the_version() {
    let http2_off = TransportOptions { disable_http2: true, ..TransportOptions::default() };
    let both = ["h2", "http/1.1"];
    assert_eq!(version_spoken(TransportOptions::default(), &both).await, format!("{:?}", Version::HTTP_2));
    assert_eq!(
        version_spoken(TransportOptions::default(), &["http/1.1"]).await,
        format!("{:?}", Version::HTTP_11)
    );
    assert_eq!(version_spoken(http2_off, &both).await, format!("{:?}", Version::HTTP_11));
}

#[tokio::test]
async fn an_unknown_authority_is_a_tls_fault() {
    let (_, certificate) = authority();
    let (other, _) = authority();
    let backend = tls_backend(certificate, &["h2", "http/1.1"]).await;
    let transport = trusting(&other, TransportOptions::default());
    let post = request(Method::POST, "/", "kept");
    let failed = send(&transport, &backend.target("https"), post).await.err().unwrap();
    assert_eq!((failed.error.fault, failed.error.sent), (Fault::Tls, false));
    assert!(failed.request_body.is_some_and(|body| body.exact_len() == Some(4)));
}

#[tokio::test]
async fn plain_text_from_a_tls_backend_is_a_tls_fault() {
    use tokio::io::AsyncWriteExt as _;
    let backend = backend(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
    })
    .await;
    let (authority, _) = authority();
    let transport = trusting(&authority, TransportOptions::default());
    let get = request(Method::GET, "/", Body::Empty);
    let failed = send(&transport, &backend.target("https"), get).await.err().unwrap();
    assert_eq!((failed.error.fault, failed.error.sent), (Fault::Tls, false));
}

#[tokio::test]
async fn requests_that_come_together_share_one_handshake() {
    let (authority, certificate) = authority();
    let backend = tls_backend(certificate, &["h2", "http/1.1"]).await;
    let transport = trusting(&authority, TransportOptions::default());
    let target = backend.target("https");
    let fetched = futures_util::future::join_all((0..10).map(|_| fetch(&transport, &target))).await;
    assert!(fetched.iter().all(|(status, _)| *status == StatusCode::OK));
    assert_eq!(backend.accepted(), 1);
}

#[tokio::test]
async fn an_upgrade_does_not_go_over_http2() {
    let (authority, certificate) = authority();
    let backend = tls_backend(certificate, &["h2", "http/1.1"]).await;
    let transport = trusting(&authority, TransportOptions::default());
    let target = backend.target("https");
    assert_eq!(fetch(&transport, &target).await.1, format!("{:?}", Version::HTTP_2));
    let mut upgrade = request(Method::GET, "/", Body::Empty);
    upgrade.headers.insert(header::CONNECTION, "upgrade".parse().unwrap());
    upgrade.headers.insert(header::UPGRADE, "echo".parse().unwrap());
    // The backend declines, which shows that it saw the wish.
    assert_eq!(send(&transport, &target, upgrade).await.unwrap().status, StatusCode::ACCEPTED);
    assert_eq!(backend.accepted(), 2);
}
