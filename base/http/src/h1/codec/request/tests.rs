//! Request heads with their verdicts: what may pass, and what two readers could understand in two ways.

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { bytes: 2048, fields: 20 };

fn read(bytes: &[u8]) -> Result<Option<RequestHead>, Reject> {
    read_request(&mut BytesMut::from(bytes), &mut HeadScan::default(), LIMITS)
}

/// A request with these bytes between request line and end.
fn with_fields(fields: &str) -> Result<RequestHead, Reject> {
    read(format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n").as_bytes()).map(|head| head.expect("complete"))
}

#[test]
fn framing_has_one_meaning_or_none() {
    let corpus: &[(&str, Result<Framing, Reject>)] = &[
        ("", Ok(Framing::None)),
        ("Content-Length: 0\r\n", Ok(Framing::None)),
        ("Content-Length: 5\r\n", Ok(Framing::Length(5))),
        ("Content-Length:5\r\n", Ok(Framing::Length(5))),
        ("Content-Length:\t5 \t\r\n", Ok(Framing::Length(5))),
        ("Content-Length: 005\r\n", Ok(Framing::Length(5))),
        ("Content-Length: 9223372036854775807\r\n", Ok(Framing::Length(i64::MAX as u64))),
        ("Transfer-Encoding: chunked\r\n", Ok(Framing::Chunked)),
        ("transfer-encoding: CHUNKED\r\n", Ok(Framing::Chunked)),
        ("Content-Length: 9223372036854775808\r\n", Err(Reject::Length)),
        ("Content-Length: 18446744073709551617\r\n", Err(Reject::Length)),
        ("Content-Length: +5\r\n", Err(Reject::Length)),
        ("Content-Length: -5\r\n", Err(Reject::Length)),
        ("Content-Length: 5 5\r\n", Err(Reject::Length)),
        ("Content-Length: 5, 5\r\n", Err(Reject::Length)),
        ("Content-Length: 0x5\r\n", Err(Reject::Length)),
        ("Content-Length: 5_0\r\n", Err(Reject::Length)),
        ("Content-Length: 5.0\r\n", Err(Reject::Length)),
        ("Content-Length: \r\n", Err(Reject::Length)),
        ("Content-Length: five\r\n", Err(Reject::Length)),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Err(Reject::Length)),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(Reject::Length)),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Err(Reject::Framing)),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Err(Reject::Framing)),
        ("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", Err(Reject::Framing)),
        ("Transfer-Encoding: identity\r\n", Err(Reject::Coding)),
        ("Transfer-Encoding: gzip, chunked\r\n", Err(Reject::Coding)),
        ("Transfer-Encoding: chunked, chunked\r\n", Err(Reject::Coding)),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(Reject::Coding)),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", Err(Reject::Coding)),
        ("Transfer-Encoding: xchunked\r\n", Err(Reject::Coding)),
        ("Transfer-Encoding: chunked;q=1\r\n", Err(Reject::Coding)),
        ("Transfer-Encoding: \"chunked\"\r\n", Err(Reject::Coding)),
        ("Transfer-Encoding:\r\n", Err(Reject::Coding)),
        ("Transfer-Encoding: \x0bchunked\r\n", Err(Reject::Field)),
        ("Transfer-Encoding : chunked\r\n", Err(Reject::Field)),
        ("Transfer-Encoding\t: chunked\r\n", Err(Reject::Field)),
        ("Content-Length : 5\r\n", Err(Reject::Field)),
        (" Transfer-Encoding: chunked\r\n", Err(Reject::Field)),
        ("X: a\r\n Transfer-Encoding: chunked\r\n", Err(Reject::Field)),
        ("X: a\r\n\tb\r\n", Err(Reject::Field)),
        ("X: a\nTransfer-Encoding: chunked\r\n", Err(Reject::Line)),
        ("X: a\rTransfer-Encoding: chunked\r\n", Err(Reject::Field)),
        ("X: a\r\r\nTransfer-Encoding: chunked\r\n", Err(Reject::Field)),
        ("X: a\n\r\n", Err(Reject::Line)),
        ("X: a\0b\r\n", Err(Reject::Field)),
        ("X: a\x7fb\r\n", Err(Reject::Field)),
        ("X: a\x08b\r\n", Err(Reject::Field)),
        ("X\r\n", Err(Reject::Field)),
        (": x\r\n", Err(Reject::Field)),
        ("X Y: x\r\n", Err(Reject::Field)),
        ("X\0: x\r\n", Err(Reject::Field)),
        ("X(: x\r\n", Err(Reject::Field)),
        ("Host: h\r\n", Err(Reject::Host)),
        ("Host: other\r\n", Err(Reject::Host)),
    ];
    for (fields, verdict) in corpus {
        assert_eq!(with_fields(fields).map(|head| head.framing), *verdict, "{fields:?}");
    }
}

#[test]
fn hosts_are_exactly_one() {
    assert_eq!(read(b"GET / HTTP/1.1\r\n\r\n").unwrap_err(), Reject::NoHost);
    assert!(read(b"GET / HTTP/1.0\r\n\r\n").is_ok());
    assert!(read(b"GET / HTTP/1.1\r\nHost:\r\n\r\n").is_ok());
    for host in ["a b", "a/b", "u@h", "h,\"", "h\\", "h?", "h#", "<h>"] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(read(request.as_bytes()).unwrap_err(), Reject::Host, "{host}");
    }
    assert_eq!(read(b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n").unwrap_err(), Reject::Host);
    assert_eq!(read(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap_err(), Reject::Framing);
}

#[test]
fn request_lines_are_exact() {
    for (line, verdict) in [
        ("GET / HTTP/1.1", None),
        ("PROPFIND /a HTTP/1.1", None),
        ("GET //a//b?c=d?e HTTP/1.1", None),
        ("GET /%41%2f HTTP/1.1", None),
        ("GET /?%zz HTTP/1.1", None),
        ("OPTIONS * HTTP/1.1", None),
        ("GET * HTTP/1.1", Some(Reject::Line)),
        ("GET /%zz HTTP/1.1", Some(Reject::Line)),
        ("GET /%4 HTTP/1.1", Some(Reject::Line)),
        ("GET /\u{e4}<b>?q=\u{e4}\"x\" HTTP/1.1", None),
        ("GET /a#b HTTP/1.1", Some(Reject::Line)),
        ("GET /a b HTTP/1.1", Some(Reject::Line)),
        ("GET  / HTTP/1.1", Some(Reject::Line)),
        ("GET /  HTTP/1.1", Some(Reject::Line)),
        ("GET\t/ HTTP/1.1", Some(Reject::Line)),
        ("GET / HTTP/1.1 ", Some(Reject::Line)),
        ("GET /", Some(Reject::Line)),
        ("GET", Some(Reject::Line)),
        ("G(T / HTTP/1.1", Some(Reject::Line)),
        (" GET / HTTP/1.1", Some(Reject::Line)),
        ("GET a HTTP/1.1", Some(Reject::Line)),
        ("GET /\0 HTTP/1.1", Some(Reject::Line)),
        ("GET /\r HTTP/1.1", Some(Reject::Line)),
        ("GET / http/1.1", Some(Reject::Line)),
        ("GET / HTTP/1.10", Some(Reject::Line)),
        ("GET / HTTP/1", Some(Reject::Line)),
        ("GET / HTTP/1.2", Some(Reject::Version)),
        ("GET / HTTP/2.0", Some(Reject::Version)),
        ("GET / HTTP/0.9", Some(Reject::Version)),
        ("CONNECT h:443 HTTP/1.1", None),
        ("CONNECT h HTTP/1.1", Some(Reject::Line)),
        ("CONNECT /x HTTP/1.1", Some(Reject::Line)),
        ("GET ftp://h/ HTTP/1.1", Some(Reject::Line)),
        ("GET http:/// HTTP/1.1", Some(Reject::Line)),
        ("GET http://u@h/ HTTP/1.1", Some(Reject::Line)),
    ] {
        let verdict_now = read(format!("{line}\r\nHost: h\r\n\r\n").as_bytes()).err();
        assert_eq!(verdict_now, verdict, "{line:?}");
    }
}

#[test]
fn absolute_targets_replace_the_host() {
    for (target, uri, host) in [
        ("http://a:81/p?q", "/p?q", "a:81"),
        ("HTTP://a", "/", "a"),
        ("https://a?q", "/?q", "a"),
        ("http://[::1]:8080/x", "/x", "[::1]:8080"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: other\r\n\r\n");
        let head = read(request.as_bytes()).unwrap().unwrap();
        assert_eq!(head.uri, uri, "{target}");
        assert_eq!(head.headers[header::HOST], host, "{target}");
        assert_eq!(head.headers.get_all(header::HOST).iter().count(), 1);
    }
}

#[test]
fn limits_hold() {
    let long = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "a".repeat(2048 + SLOP));
    assert_eq!(read(long.as_bytes()).unwrap_err(), Reject::TooLarge);
    assert_eq!(read(&long.as_bytes()[..long.len() - 4]).unwrap_err(), Reject::TooLarge);
    assert_eq!(with_fields(&"X: a\r\n".repeat(20)).unwrap_err(), Reject::TooLarge);
    assert!(with_fields(&"X: a\r\n".repeat(19)).is_ok());
    let limits = Limits { bytes: 1 << 20, fields: 20 };
    let target = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(70_000));
    let mut input = BytesMut::from(target.as_bytes());
    assert_eq!(read_request(&mut input, &mut HeadScan::default(), limits).unwrap_err(), Reject::LongTarget);
}

#[test]
fn keep_alive_follows_version_and_options() {
    for (version, connection, kept) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: x, Close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let head = read(format!("GET / HTTP/{version}\r\nHost: h\r\n{connection}\r\n").as_bytes());
        assert_eq!(head.unwrap().unwrap().keep_alive, kept, "{version} {connection}");
    }
}

proptest! {
    #[test]
    fn never_panics_and_never_depends_on_splits(
        bytes in prop::collection::vec(
            prop::sample::select(b"GET /:%a1HTTP.,\r\n\r\n\0\x80 ".to_vec()), 0..80),
        at in 0usize..80,
    ) {
        let mut whole = BytesMut::from(&bytes[..]);
        let first = read_request(&mut whole, &mut HeadScan::default(), LIMITS);
        let mut input = BytesMut::from(&bytes[..at.min(bytes.len())]);
        let mut scan = HeadScan::default();
        let mut second = read_request(&mut input, &mut scan, LIMITS);
        if let Ok(None) = second {
            input.extend_from_slice(&bytes[at.min(bytes.len())..]);
            second = read_request(&mut input, &mut scan, LIMITS);
        }
        prop_assert_eq!(first.is_err(), second.is_err());
    }
}
