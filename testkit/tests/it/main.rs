//! The peers do what their documentation says.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod goproxy;

use std::time::Duration;

use bytes::Bytes;
use fairlead_testkit::{
    Backend, Ca, Dir, RawBackend, Script, WebSocketEcho, exchange, exchange_slowly, free_addr,
};
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::pem::PemObject;

fn get(backend: &Backend, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: b\r\nX-A: 1\r\nConnection: close\r\n\r\n");
    String::from_utf8_lossy(&exchange(backend.addr(), request.as_bytes())).into_owned()
}

#[test]
fn a_backend_says_what_arrived_and_counts() {
    let backend = Backend::named("one");
    let request = b"POST /p?q=1 HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
    let answer = String::from_utf8(exchange(backend.addr(), request)).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("x-backend: one"), "{head}");
    let told: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (told["method"].as_str(), told["target"].as_str(), told["body"].as_str(), told["version"].as_str()),
        (Some("POST"), Some("/p?q=1"), Some("abc"), Some("HTTP/1.1"))
    );
    assert_eq!(told["headers"][0], serde_json::json!(["host", "b"]));
    assert_eq!((backend.requests(), backend.connections()), (1, 1));
}

#[test]
fn paths_choose_the_behaviour() {
    let backend = Backend::http();
    assert!(get(&backend, "/status/503").starts_with("HTTP/1.1 503"));
    assert!(get(&backend, "/bytes/100000").ends_with(&"x".repeat(100_000)));
    assert!(get(&backend, "/sse/2").contains("data: 0\n\n"));
    assert!(get(&backend, "/slow/1").matches("\r\n.\r\n").count() == 10);
    assert!(get(&backend, "/delay/1").contains("\"target\":\"/delay/1\""));
    assert_eq!(get(&backend, "/close"), "");
    let cut = get(&backend, "/close-in-body");
    assert!(cut.contains("content-length: 100") && cut.ends_with("0123456789"), "{cut}");
    let trailing = b"GET /chunked/2 HTTP/1.1\r\nHost: b\r\nTE: trailers\r\nConnection: close\r\n\r\n";
    let trailing = String::from_utf8(exchange(backend.addr(), trailing)).unwrap();
    assert!(trailing.contains("chunk 1\n") && trailing.ends_with("x-checksum: 2\r\n\r\n"), "{trailing}");
}

#[test]
fn an_upgraded_connection_echoes() {
    let backend = Backend::http();
    let head = b"GET /upgrade HTTP/1.1\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: any\r\n\r\n";
    let answer = exchange_slowly(backend.addr(), &[head, b"hello"], Duration::from_millis(20), true);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101") && answer.ends_with("\r\n\r\nhello"), "{answer}");
}

#[test]
fn raw_backends_play_their_script() {
    let request = b"GET / HTTP/1.1\r\nHost: b\r\n\r\n";
    for (script, expected) in [
        (Script::Close, ""),
        (Script::CloseAfterHead, ""),
        (Script::half_head(), "HTTP/1.1 200 OK\r\nContent-Le"),
        (Script::Unasked(b"hi".to_vec()), "hi"),
        (Script::Slowly(vec![b"a".to_vec(), b"b".to_vec()], Duration::from_millis(1)), "ab"),
    ] {
        let backend = RawBackend::start(script);
        assert_eq!(String::from_utf8(exchange(backend.addr(), request)).unwrap(), expected);
        assert_eq!(backend.connections(), 1);
    }
}

#[test]
fn a_dropped_peer_listens_no_more() {
    let backend = Backend::http();
    let addr = backend.addr();
    drop(backend);
    assert!(std::net::TcpStream::connect(addr).is_err());
    assert_ne!(free_addr().port(), 0);
}

#[test]
fn files_are_replaced_whole() {
    let dir = Dir::new();
    let path = dir.write("a/b.yml", "one");
    dir.write("a/b.yml", "two");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    dir.remove("a/b.yml");
    assert!(!path.exists());
}

/// One handshake and `GET /` over TLS as a client that trusts `ca`.
async fn over_tls(backend: &Backend, ca: &Ca, client: Option<&fairlead_testkit::Identity>) -> Option<u16> {
    use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = vec![CertificateDer::from_pem_slice(identity.cert.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(backend.addr()).await.ok()?;
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.ok()?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.ok()?;
    let request = http::Request::get("https://localhost/").body(Empty::<Bytes>::new()).unwrap();
    let answer = async { sender.send_request(request).await.ok().map(|answer| answer.status().as_u16()) };
    tokio::select! { answer = answer => answer, _ = connection => None }
}

#[tokio::test]
async fn certificates_are_believed_only_when_they_should_be() {
    let (ca, other) = (Ca::new(), Ca::new());
    let good = Backend::tls(&ca.issue(&["localhost"]));
    assert!(good.url().starts_with("https://127.0.0.1:"));
    assert_eq!(over_tls(&good, &ca, None).await, Some(200));
    assert_eq!(over_tls(&good, &other, None).await, None);
    assert_eq!(over_tls(&Backend::tls(&ca.expired(&["localhost"])), &ca, None).await, None);
    assert_eq!(over_tls(&Backend::tls(&ca.wrong_host()), &ca, None).await, None);
    let mutual = Backend::mutual_tls(&ca.issue(&["localhost"]), &ca);
    assert_eq!(over_tls(&mutual, &ca, Some(&ca.client("bob"))).await, Some(200));
    assert_eq!(over_tls(&mutual, &ca, Some(&other.client("eve"))).await, None);
    assert_eq!(over_tls(&mutual, &ca, None).await, None);
}

#[tokio::test]
async fn grpc_over_h2c_ends_in_trailers() {
    let backend = Backend::http();
    let stream = tokio::net::TcpStream::connect(backend.addr()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let uri = format!("{}/grpc.Echo/Call", backend.url());
    let request = http::Request::post(uri).body(Full::new(Bytes::from_static(b"\0\0\0\0\x02hi"))).unwrap();
    let exchange = async {
        let answer = sender.send_request(request).await.unwrap();
        answer.into_body().collect().await.unwrap()
    };
    let body = tokio::select! { body = exchange => body, _ = connection => panic!("closed") };
    assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(body.to_bytes(), Bytes::from_static(b"\0\0\0\0\x02hi"));
}

#[tokio::test]
async fn web_sockets_echo() {
    let echo = WebSocketEcho::new();
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{}/", echo.addr())).await.unwrap();
    socket.send("hello".into()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "hello");
    assert_eq!((echo.connections(), echo.url()), (1, format!("http://{}", echo.addr())));
}
