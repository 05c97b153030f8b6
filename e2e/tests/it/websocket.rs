//! A WebSocket client.

use fairlead_e2e::{Hello, connect, eventually};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::house::House;

const ECHO: &str = r#"
backends: {echo: websocket}
certificates: {shop: [shop.example]}
dynamic:
  tls: {certificates: [{certFile: "${cert.shop}", keyFile: "${key.shop}"}]}
  http:
    routers:
      plain: {rule: "Host(`shop.example`)", service: s, entryPoints: [web]}
      secure: {rule: "Host(`shop.example`)", service: s, entryPoints: [websecure], tls: {}}
    services: {s: {loadBalancer: {servers: [{url: "${backend.echo}"}]}}}
"#;

async fn open(house: &House, secure: bool) -> WebSocketStream<impl AsyncRead + AsyncWrite + Unpin> {
    let hello = Hello { sni: "shop.example".into(), ..Hello::default() };
    let wire = match secure {
        true => connect(house.addr("websecure"), Some(&hello)).await.unwrap(),
        false => connect(house.addr("web"), None).await.unwrap(),
    };
    let scheme = if secure { "wss" } else { "ws" };
    let (socket, answer) =
        tokio_tungstenite::client_async(format!("{scheme}://shop.example/chat"), wire.stream).await.unwrap();
    assert_eq!(answer.status(), 101);
    socket
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>, message: Message) {
    socket.send(message.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), message);
}

#[tokio::test]
async fn messages_pass_both_ways() {
    let house = House::start(ECHO).await;
    for secure in [false, true] {
        let mut socket = open(&house, secure).await;
        echo(&mut socket, "hello".into()).await;
        echo(&mut socket, Message::binary(vec![7; 300_000])).await;
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    }
}

#[tokio::test]
async fn a_socket_survives_the_end_of_its_router() {
    let house = House::start(ECHO).await;
    let mut socket = open(&house, false).await;
    echo(&mut socket, "before".into()).await;
    house.write("http: {routers: {other: {rule: 'Host(`other.example`)', service: noop@internal}}}");
    eventually(async || {
        let status = house.ask("GET http://shop.example/").await?.status;
        anyhow::ensure!(status == 404, "still {status}");
        Ok(())
    })
    .await
    .unwrap();
    echo(&mut socket, "after".into()).await;
}
