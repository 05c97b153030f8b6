//! Requests of any method over a fetcher's connections.

use fairlead_http::fetch::{Exchange, Kind, Phase};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use url::Url;

use crate::fetch_peers::{answer, fetcher, options, raw};

#[tokio::test]
async fn an_exchange_is_sent_once_and_its_answer_is_taken_as_it_is() {
    let (server, asked) = raw(|head, _| match head.split(' ').next() {
        Some("HEAD") => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: br\r\n\r\n".to_vec(),
        Some("PUT") => answer("307 Elsewhere", "Location: http://127.0.0.1:1/\r\n", b"moved"),
        _ => Vec::new(),
    })
    .await;
    let fetcher = fetcher(options());
    let url = Url::parse(&format!("http://{}/", server.address)).unwrap();
    let exchange = |method: Method, body: &'static str| {
        let headers = [(header::CONTENT_LENGTH, "7"), (header::AUTHORIZATION, "signed")];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let exchange =
            Exchange { method, url: &url, headers: HeaderMap::from_iter(headers), body: body.into() };
        fetcher.exchange(exchange)
    };
    let moved = exchange(Method::PUT, "abc").await.unwrap();
    assert_eq!((moved.status, moved.hops.len()), (StatusCode::TEMPORARY_REDIRECT, 0));
    assert_eq!(moved.read(100).await.unwrap(), "moved");
    let head = asked.head(0).to_ascii_lowercase();
    assert!(head.contains("content-length: 3\r\n") && head.contains("authorization: signed\r\n"), "{head}");
    assert!(!head.contains("accept-encoding"), "{head}");
    let told = exchange(Method::HEAD, "").await.unwrap();
    assert_eq!(
        (&told.headers[header::CONTENT_LENGTH], told.headers.len()),
        (&HeaderValue::from_static("5"), 2)
    );
    assert_eq!(told.read(0).await.unwrap(), "");
    let error = exchange(Method::POST, "").await.unwrap_err();
    assert_eq!((error.kind, error.phase, asked.count()), (Kind::Reset, Phase::FirstByte, 3));
}
