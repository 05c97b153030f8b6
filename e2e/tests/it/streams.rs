//! Bodies that are long, slow or endless.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::{House, ONE};

/// Size of a large body.
const LARGE: usize = 64 << 20;
/// What the gateway may grow by while such a body passes.
const GROWTH: u64 = 32 << 20;

#[tokio::test]
async fn an_event_arrives_while_the_stream_is_open() {
    let house = House::start(
        r#"
backends:
  events: "hold HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n"
dynamic:
  http:
    routers: {r: {rule: "PathPrefix(`/`)", service: s, entryPoints: [web]}}
    services: {s: {loadBalancer: {servers: [{url: "${backend.events}"}]}}}
"#,
    )
    .await;
    let mut stream = TcpStream::connect(house.addr("web")).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n").await.unwrap();
    let got = read_until(&mut stream, "data: one\n\n").await;
    assert!(got.starts_with("HTTP/1.1 200"), "{got}");
}

/// Reads until `end` has come.
async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut got = Vec::new();
    while !String::from_utf8_lossy(&got).contains(end) {
        assert!(stream.read_buf(&mut got).await.unwrap() > 0, "closed: {}", String::from_utf8_lossy(&got));
    }
    String::from_utf8(got).unwrap()
}

#[tokio::test]
async fn a_large_download_passes_in_bounded_memory() {
    let house = House::start(ONE).await;
    house.ask("GET http://a/warm").await.unwrap();
    let before = house.subject.resident().unwrap();
    let mut stream = TcpStream::connect(house.addr("web")).await.unwrap();
    let head = format!("GET /bytes/{LARGE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut got, mut highest, mut buffer) = (0, 0, vec![0; 256 << 10]);
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        if count == 0 {
            break;
        }
        if (got + count) / (4 << 20) > got / (4 << 20) {
            highest = highest.max(house.subject.resident().unwrap());
        }
        got += count;
    }
    assert!((LARGE..LARGE + 1000).contains(&got), "{got} bytes");
    assert!(highest < before + GROWTH, "grew from {before} to {highest}");
}

#[tokio::test]
async fn a_large_upload_passes_in_bounded_memory_and_comes_back() {
    let house = House::start(ONE).await;
    house.ask("GET http://a/warm").await.unwrap();
    let before = house.subject.resident().unwrap();
    let (mut read, mut write) = TcpStream::connect(house.addr("web")).await.unwrap().into_split();
    let head =
        format!("POST /grpc HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\nConnection: close\r\n\r\n");
    let send = async {
        write.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b'x'; 256 << 10];
        for _ in 0..LARGE / piece.len() {
            write.write_all(&piece).await.unwrap();
        }
    };
    let receive = async {
        let (mut got, mut highest, mut buffer) = (0, 0, vec![0; 256 << 10]);
        loop {
            let count = read.read(&mut buffer).await.unwrap();
            if count == 0 {
                return (got, highest);
            }
            got += buffer[..count].iter().filter(|byte| **byte == b'x').count();
            highest = highest.max(house.subject.resident().unwrap());
        }
    };
    let ((), (got, highest)) = tokio::join!(send, receive);
    // The head holds an `x` or two of its own.
    assert!((LARGE..LARGE + 50).contains(&got), "{got} bytes");
    assert!(highest < before + GROWTH, "grew from {before} to {highest}");
}
