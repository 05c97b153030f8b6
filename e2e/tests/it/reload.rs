//! New configurations under traffic.

use std::time::{Duration, Instant};

use fairlead_e2e::{Kind, Stage, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::{House, ONE};

/// From the file to traffic, beyond the 100 ms throttle of the default static configuration; generous for a busy machine.
const CHANGE: Duration = Duration::from_secs(3);

async fn gone(house: &House, url: &str) {
    eventually(async || {
        let status = house.ask(url).await?.status;
        anyhow::ensure!(status == 404, "still {status}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_request_in_flight_is_not_cut() {
    let house = House::start(ONE).await;
    let mut stream = TcpStream::connect(house.addr("web")).await.unwrap();
    stream.write_all(b"GET /slow/100 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut got = vec![0; 4096];
    let count = stream.read(&mut got).await.unwrap();
    got.truncate(count);
    house.write("http: {routers: {other: {rule: 'Host(`other.example`)', service: noop@internal}}}");
    gone(&house, "GET http://a/").await;
    stream.read_to_end(&mut got).await.unwrap();
    let text = String::from_utf8(got).unwrap();
    assert!(text.matches("\r\n.\r\n").count() == 10 && text.ends_with("0\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn a_kept_connection_serves_the_new_configuration() {
    let house = House::start(ONE).await;
    let mut stream = TcpStream::connect(house.addr("web")).await.unwrap();
    let mut buffer = vec![0; 4096];
    stream.write_all(b"GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let count = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..count].starts_with(b"HTTP/1.1 204"));
    house.write("http: {routers: {other: {rule: 'Host(`other.example`)', service: noop@internal}}}");
    gone(&house, "GET http://a/").await;
    stream.write_all(b"GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let count = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..count].starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&buffer[..count]));
}

#[tokio::test]
async fn a_change_of_a_file_is_soon_a_change_of_traffic() {
    let house = House::start(ONE).await;
    let started = Instant::now();
    house.write("http: {routers: {other: {rule: 'Host(`other.example`)', service: noop@internal}}}");
    gone(&house, "GET http://a/").await;
    assert!(started.elapsed() < CHANGE, "took {:?}", started.elapsed());
}

const CHECKED: &str = r#"
backends: {a: http, b: http}
dynamic:
  http:
    routers: {r: {rule: "Host(`a.example`)", service: s, entryPoints: [web]}}
    services:
      s: {loadBalancer: {servers: [{url: "${backend.a}"}, {url: "${backend.b}"}], healthCheck: {path: /health, interval: 2s, timeout: 1s}}}
"#;

#[tokio::test]
async fn health_is_not_forgotten() {
    if Stage::kind().unwrap() == Kind::Traefik {
        // It forgets on every change, as the compatibility page says.
        return;
    }
    let mut house = House::start(CHECKED).await;
    house.stage.stop("b").unwrap();
    eventually(async || {
        let answer = house.api("/api/http/services/s@file").await?;
        anyhow::ensure!(answer.text().contains("\"DOWN\""), "{answer}");
        Ok(())
    })
    .await
    .unwrap();
    let more = r#"
http:
  routers: {r: {rule: "Host(`a.example`)", service: s, entryPoints: [web]}, more: {rule: "Host(`more.example`)", service: s, entryPoints: [web]}}
  services:
    s: {loadBalancer: {servers: [{url: "${backend.a}"}, {url: "${backend.b}"}], healthCheck: {path: /health, interval: 2s, timeout: 1s}}}
"#;
    house.write(more);
    eventually(async || {
        let answer = house.ask("GET http://more.example/").await?;
        anyhow::ensure!(answer.status == 200, "{answer}");
        Ok(())
    })
    .await
    .unwrap();
    // A forgotten state would be "up" until the next check, two seconds from now.
    for _ in 0..4 {
        let answer = house.ask("GET http://a.example/").await.unwrap();
        assert_eq!((answer.status, answer.header("x-backend").next()), (200, Some("a")), "{answer}");
    }
}
