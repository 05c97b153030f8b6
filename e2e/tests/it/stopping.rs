//! The end: what is in flight finishes, what is idle closes, and the process goes.

use fairlead_e2e::eventually;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::House;

const SLOWLY: &str = r#"
static:
  entryPoints:
    web: {transport: {lifeCycle: {requestAcceptGraceTimeout: 1s, graceTimeOut: 10s}}}
    traefik: {transport: {lifeCycle: {requestAcceptGraceTimeout: 1s, graceTimeOut: 10s}}}
  ping: {terminatingStatusCode: 503}
backends: {a: http}
dynamic:
  http:
    routers: {r: {rule: "PathPrefix(`/`)", service: s, entryPoints: [web]}}
    services: {s: {loadBalancer: {servers: [{url: "${backend.a}"}]}}}
"#;

#[tokio::test]
async fn a_request_in_flight_finishes_and_idle_connections_close() {
    let mut house = House::start(SLOWLY).await;
    let mut idle = TcpStream::connect(house.addr("web")).await.unwrap();
    idle.write_all(b"GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(idle.read(&mut [0; 4096]).await.unwrap() > 0);

    let mut busy = TcpStream::connect(house.addr("web")).await.unwrap();
    // Ten bytes, one each 200 ms: longer than the gateway accepts requests after the signal.
    busy.write_all(b"GET /slow/200 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut got = vec![0; 4096];
    let count = busy.read(&mut got).await.unwrap();
    got.truncate(count);
    house.subject.signal(Signal::TERM).unwrap();

    eventually(async || {
        let status = house.api("/ping").await?.status;
        anyhow::ensure!(status == 503, "ping still says {status}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(house.ask("GET http://a/late").await.unwrap().status, 200, "requests are still accepted");

    busy.read_to_end(&mut got).await.unwrap();
    let text = String::from_utf8(got).unwrap();
    assert!(text.ends_with("0\r\n\r\n") && text.matches("\r\n.\r\n").count() == 10, "{text}");
    assert_eq!(idle.read(&mut [0; 64]).await.unwrap_or(0), 0, "an idle connection is closed");
    let status = eventually(async || house.subject.ended()?.ok_or_else(|| anyhow::anyhow!("still running")))
        .await
        .unwrap();
    assert!(status.success(), "{status}\n{}", house.subject.log());
}

#[tokio::test]
async fn without_requests_it_stops_at_once() {
    let mut house = House::start(crate::house::ONE).await;
    house.subject.signal(Signal::INT).unwrap();
    let status = eventually(async || house.subject.ended()?.ok_or_else(|| anyhow::anyhow!("still running")))
        .await
        .unwrap();
    assert!(status.success(), "{status}\n{}", house.subject.log());
}
