//! Calls in the shape of gRPC: HTTP/2 all the way, streams both ways, trailers both ways.

use bytes::Bytes;
use fairlead_e2e::{Ask, Hello, Protocol, ask, connect};
use http::{HeaderMap, Request};
use tokio::task::JoinSet;

use crate::house::House;

const GRPC: &str = r#"
backends: {a: http}
certificates: {shop: [shop.example]}
dynamic:
  tls: {certificates: [{certFile: "${cert.shop}", keyFile: "${key.shop}"}]}
  http:
    routers:
      plain: {rule: "PathPrefix(`/`)", service: s, entryPoints: [web]}
      secure: {rule: "PathPrefix(`/`)", service: s, entryPoints: [websecure], tls: {}}
    services: {s: {loadBalancer: {servers: [{url: "h2c://${backend.a.addr}"}]}}}
"#;

fn call(path: &str, scheme: &str) -> Ask {
    let mut asked = Ask::parse(&format!("POST {scheme}://shop.example{path}")).unwrap();
    asked.protocol = Protocol::Http2;
    asked.body = b"\0\0\0\0\x02hi".to_vec();
    asked.header("te", "trailers").header("content-type", "application/grpc")
}

#[tokio::test]
async fn a_call_brings_its_trailers() {
    let house = House::start(GRPC).await;
    for (scheme, at) in [("http", "web"), ("https", "websecure")] {
        let answer = ask(house.addr(at), &call("/grpc.Echo/Call", scheme)).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"\0\0\0\0\x02hi".as_slice()));
        assert_eq!(answer.trailers, [("grpc-status".to_owned(), "0".to_owned())]);
    }
}

#[tokio::test]
async fn messages_of_a_stream_come_back_one_by_one() {
    let house = House::start(GRPC).await;
    let hello = Hello { sni: "shop.example".into(), alpn: vec!["h2"], ..Hello::default() };
    let wire = connect(house.addr("websecure"), Some(&hello)).await.unwrap();
    assert_eq!(wire.alpn.as_deref(), Some("h2"));
    let (sender, connection) = h2::client::handshake(wire.stream).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let head = Request::post("https://shop.example/grpc.Echo/Stream")
        .header("te", "trailers")
        .header("content-type", "application/grpc");
    let (response, mut body) =
        sender.ready().await.unwrap().send_request(head.body(()).unwrap(), false).unwrap();
    body.send_data(Bytes::from_static(b"one"), false).unwrap();
    let mut incoming = response.await.unwrap().into_body();
    assert_eq!(incoming.data().await.unwrap().unwrap(), "one");
    body.send_data(Bytes::from_static(b"two"), false).unwrap();
    assert_eq!(incoming.data().await.unwrap().unwrap(), "two");
    body.send_trailers(HeaderMap::new()).unwrap();
    while let Some(piece) = incoming.data().await {
        assert!(piece.unwrap().is_empty());
    }
    assert_eq!(incoming.trailers().await.unwrap().unwrap()["grpc-status"], "0");
}
