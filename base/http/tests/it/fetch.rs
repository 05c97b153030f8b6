//! Fetching: redirects, limits of each phase, TLS verdicts, truncation.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fairlead_http::fetch::{
    Fetch, FetchError, FetchOptions, Inflation, Kind, MinSpeed, Phase, RedirectPolicy, Timeouts,
};
use fairlead_http::{Error, Fault};
use fairlead_net::Stream;
use fairlead_net::tls::server::{ServerTls, ServerTlsInput, accept};
use futures_util::StreamExt as _;
use http::{HeaderMap, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use url::Url;

use crate::client_peers::{Backend, backend, http2};
use crate::fetch_peers::{
    Authority, LONG, SHORT, answer, fetcher, get, options, raw, raw_tls, read, read_head, redirect,
};

fn with(timeouts: impl FnOnce(&mut Timeouts)) -> FetchOptions {
    let mut options = options();
    timeouts(&mut options.timeouts);
    options
}

fn following(policy: RedirectPolicy) -> FetchOptions {
    let mut options = options();
    options.redirects.policy = policy;
    options
}

fn what(error: &FetchError) -> (Phase, Kind) {
    (error.phase, error.kind)
}

#[tokio::test]
async fn a_document_comes_with_its_facts() {
    let (server, asked) = raw(|_, _| answer("200 OK", "ETag: \"x\"\r\n", b"hello")).await;
    let url = Url::parse(&format!("http://{}/a/@v/list?q=1#part", server.address)).unwrap();
    let mut fetch = Fetch::new(&url);
    fetch.headers.insert(header::IF_NONE_MATCH, "\"y\"".parse().unwrap());
    fetch.headers.insert(header::HOST, "evil.example".parse().unwrap());
    let fetched = fetcher(options()).get(&fetch).await.unwrap();
    assert_eq!((fetched.status, &fetched.headers[header::ETAG]), (StatusCode::OK, &"\"x\"".parse().unwrap()));
    assert_eq!((fetched.peer, fetched.body.exact_len()), (Some(server.address), Some(5)));
    assert_eq!((fetched.hops.len(), fetched.attempts, fetched.url.fragment()), (0, 1, None));
    assert_eq!(fetched.read(5).await.unwrap(), "hello");
    let head = asked.head(0).to_ascii_lowercase();
    assert!(head.starts_with("get /a/@v/list?q=1 http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nhost: {}\r\n", server.address)), "{head}");
    assert!(!head.contains("evil"), "{head}");
    for header in ["user-agent: fairlead/", "accept-encoding: gzip\r\n", "if-none-match: \"y\"\r\n"] {
        assert!(head.contains(header), "{head}");
    }
}

#[tokio::test]
async fn not_modified_has_no_body_whatever_its_length() {
    let (server, _) = raw(|_, _| {
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nContent-Encoding: gzip\r\n\r\n".to_vec()
    })
    .await;
    assert_eq!(read(options(), &format!("http://{}/", server.address)).await.unwrap(), "");
}

#[tokio::test]
async fn redirects_are_followed_and_told() {
    let (server, _) = raw(|head, _| {
        if head.starts_with("GET /end") { answer("200 OK", "", b"there") } else { redirect("/end?secret=1") }
    })
    .await;
    let fetched = get(options(), &format!("http://{}/start?key=1", server.address)).await.unwrap();
    assert_eq!(fetched.url.path(), "/end");
    let hop = &fetched.hops[..];
    assert_eq!((hop.len(), hop[0].status), (1, StatusCode::FOUND));
    assert_eq!(hop[0].url, format!("http://{}/start?key=***", server.address));
    assert_eq!(fetched.read(100).await.unwrap(), "there");
}

#[tokio::test]
async fn a_loop_ends_after_ten() {
    let (server, asked) = raw(|_, _| redirect("/again")).await;
    let error = get(options(), &format!("http://{}/", server.address)).await.unwrap_err();
    assert_eq!((what(&error), error.hops.len()), ((Phase::Redirect, Kind::RedirectLoop), 11));
    assert_eq!(asked.count(), 11);
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn policies_stop_redirects_before_they_are_asked() {
    let authority = Authority::new();
    let (plain, asked) = raw(|_, _| answer("200 OK", "", b"plain")).await;
    let to = format!("http://{}/", plain.address);
    let (safe, _) = raw_tls(authority.here(), move |_, _| redirect(&to)).await;
    let from = format!("https://{}/", safe.address);
    for policy in [RedirectPolicy::Deny, RedirectPolicy::SameHost, RedirectPolicy::HttpsOnly] {
        let mut options = authority.trusted();
        options.redirects.policy = policy;
        let error = get(options, &from).await.unwrap_err();
        assert_eq!(what(&error), (Phase::Redirect, Kind::RedirectRefused), "{policy:?}");
        assert_eq!((error.hops.len(), asked.count()), (1, 0));
    }
    let mut options = authority.trusted();
    options.redirects.policy = RedirectPolicy::Allow;
    assert_eq!(read(options, &from).await.unwrap(), "plain");
}

#[tokio::test]
async fn another_port_is_another_host() {
    let (other, _) = raw(|_, _| answer("200 OK", "", b"other")).await;
    let to = format!("http://{}/", other.address);
    let (server, _) = raw(move |_, _| redirect(&to)).await;
    let url = format!("http://{}/", server.address);
    let error = get(following(RedirectPolicy::SameHost), &url).await.unwrap_err();
    assert_eq!(error.kind, Kind::RedirectRefused);
    assert_eq!(read(following(RedirectPolicy::HttpsOnly), &url).await.unwrap(), "other");
}

#[tokio::test]
async fn names_and_ports_that_are_not_there() {
    let unknown = get(options(), "http://no-such-host.invalid/").await.unwrap_err();
    assert_eq!(what(&unknown), (Phase::Dns, Kind::DnsFailure));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let refused = get(options(), &format!("http://u:secret@{closed}/?token=secret")).await.unwrap_err();
    assert_eq!(what(&refused), (Phase::Connect, Kind::Refused));
    assert!(unknown.is_retryable() && refused.is_retryable());
    assert!(!refused.to_string().contains("secret"), "{refused}");
    let ftp = get(options(), "ftp://127.0.0.1/").await.unwrap_err();
    assert_eq!(what(&ftp), (Phase::Protocol, Kind::BadUrl));
}

/// Takes connections and all they send, and answers nothing.
async fn silent() -> Backend {
    backend(|mut stream, _| async move {
        let mut taken = Vec::new();
        drop(stream.read_to_end(&mut taken).await);
    })
    .await
}

#[tokio::test]
async fn each_phase_has_its_limit() {
    let silent = silent().await;
    let tls = get(with(|limits| limits.tls = SHORT), &format!("https://{}/", silent.address)).await;
    assert_eq!(what(&tls.unwrap_err()), (Phase::Tls, Kind::Timeout));
    let plain = format!("http://{}/", silent.address);
    let head = get(with(|limits| limits.first_byte = SHORT), &plain).await.unwrap_err();
    assert_eq!((what(&head), head.is_retryable()), ((Phase::FirstByte, Kind::Timeout), true));
    let total = get(with(|limits| limits.total = Some(SHORT)), &plain).await.unwrap_err();
    assert_eq!(what(&total), (Phase::FirstByte, Kind::Timeout));
}

/// The resolver's only thread is busy with something else.
#[test]
fn a_name_that_does_not_resolve_in_time() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    let (release, busy) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || busy.recv());
    let fetched = get(with(|limits| limits.dns = SHORT), "http://no-such-host.invalid/");
    let error = runtime.block_on(fetched).unwrap_err();
    assert_eq!((what(&error), error.is_retryable()), ((Phase::Dns, Kind::Timeout), true));
    drop(release);
}

#[tokio::test]
async fn a_full_queue_is_a_connect_time_out() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // Nobody accepts: once the queue is full, the kernel drops what comes.
    let mut queued = Vec::new();
    let connect = || tokio::net::TcpStream::connect(listener.local_addr().unwrap());
    while let Ok(stream) = tokio::time::timeout(SHORT, connect()).await {
        queued.push(stream.unwrap());
        assert!(queued.len() < 16, "the queue has no end");
    }
    let error = get(with(|limits| limits.connect = SHORT), &url).await.unwrap_err();
    assert_eq!(what(&error), (Phase::Connect, Kind::Timeout));
}

/// Sends a head and half a body, and then nothing for as long as the other side listens.
async fn stalling() -> Backend {
    backend(|mut stream, _| async move {
        drop(read_head(&mut stream).await);
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.").await);
        let mut taken = Vec::new();
        drop(stream.read_to_end(&mut taken).await);
    })
    .await
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let server = stalling().await;
    let url = format!("http://{}/", server.address);
    let idle = read(with(|limits| limits.idle = SHORT), &url).await.unwrap_err();
    assert_eq!((what(&idle), idle.is_retryable()), ((Phase::Body, Kind::Timeout), true));
    let total = read(with(|limits| limits.total = Some(SHORT)), &url).await.unwrap_err();
    assert_eq!(what(&total), (Phase::Body, Kind::Timeout));
    let mut body = get(with(|limits| limits.idle = SHORT), &url).await.unwrap().body;
    assert_eq!(body.chunk().await.unwrap().unwrap(), "half.");
    assert!(body.chunk().await.is_err());
    assert!(body.chunk().await.unwrap().is_none(), "an error is the end");
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let server = backend(|mut stream, _| async move {
        drop(read_head(&mut stream).await);
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await);
        while stream.write_all(b".").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    })
    .await;
    let options =
        FetchOptions { min_speed: Some(MinSpeed { bytes_per_second: 10_000, grace: SHORT }), ..options() };
    let error = read(options, &format!("http://{}/", server.address)).await.unwrap_err();
    assert_eq!((what(&error), error.is_retryable()), ((Phase::Body, Kind::TooSlow), true));
}

#[tokio::test]
async fn a_slow_reader_is_no_slow_sender() {
    let (server, _) = raw(|_, _| answer("200 OK", "", &[b'x'; 300_000])).await;
    let options = FetchOptions {
        min_speed: Some(MinSpeed { bytes_per_second: 1 << 30, grace: LONG }),
        ..with(|limits| limits.idle = Duration::from_secs(2))
    };
    let mut body = get(options, &format!("http://{}/", server.address)).await.unwrap().body;
    let mut sum = body.chunk().await.unwrap().unwrap().len();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    while let Some(piece) = body.chunk().await.unwrap() {
        sum += piece.len();
    }
    assert_eq!(sum, 300_000);
}

#[tokio::test]
async fn bodies_cut_short_are_truncated() {
    let gzip = gzipped(b"a document that is longer than what is sent of it");
    let mut coded = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 999\r\n\r\n".to_vec();
    coded.extend(&gzip);
    for cut in [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf.\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf.".to_vec(),
        coded,
    ] {
        let text = String::from_utf8_lossy(&cut).into_owned();
        let (server, _) = raw(move |_, _| cut.clone()).await;
        let error = read(options(), &format!("http://{}/", server.address)).await.unwrap_err();
        assert_eq!(what(&error), (Phase::Body, Kind::Truncated), "{text}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_connection_closed_before_the_head_is_a_reset() {
    for start in [b"".as_slice(), b"HTTP/1.1 200 OK\r\nContent-"] {
        let (server, _) = raw(move |_, _| start.to_vec()).await;
        let error = get(options(), &format!("http://{}/", server.address)).await.unwrap_err();
        assert_eq!((what(&error), error.is_retryable()), ((Phase::FirstByte, Kind::Reset), true));
    }
    let (server, _) = raw(|_, _| b"SSH-2.0-server\r\n\r\n".to_vec()).await;
    let error = get(options(), &format!("http://{}/", server.address)).await.unwrap_err();
    assert_eq!((what(&error), error.is_retryable()), ((Phase::Protocol, Kind::Malformed), false));
}

/// An HTTP/2 stream that is reset, and one that ends before its declared length.
#[tokio::test]
async fn streams_cut_short_are_truncated() {
    let authority = Authority::new();
    for breaks in [true, false] {
        let half_read = Arc::new(Notify::new());
        let server = tls_http2(&authority, breaks, Arc::clone(&half_read)).await;
        let fetched = get(authority.trusted(), &format!("https://{}/", server.address)).await.unwrap();
        let mut body = fetched.body;
        assert_eq!(body.chunk().await.unwrap().unwrap(), "half.");
        half_read.notify_one();
        let error = crate::h2_peers::soon(body.chunk()).await.unwrap_err();
        assert_eq!(what(&error), (Phase::Body, Kind::Truncated), "{error}");
    }
}

/// A server of HTTP/2 behind TLS whose bodies break, or end before their declared length, once half of them was read.
async fn tls_http2(authority: &Authority, breaks: bool, half_read: Arc<Notify>) -> Backend {
    let plain = http2(100, move |_| {
        let half_read = Arc::clone(&half_read);
        async move {
            let half = futures_util::stream::iter([Ok(Frame::data(Bytes::from_static(b"half.")))]);
            let rest = futures_util::stream::once(async move {
                half_read.notified().await;
                let broken = Error::new(Fault::Internal, "broken on purpose");
                if breaks { Err(broken) } else { Ok(Frame::data(Bytes::new())) }
            });
            let body = StreamBody::new(half.chain(rest));
            let mut answer = http::Response::new(BodyExt::boxed(body));
            if !breaks {
                answer.headers_mut().insert(header::CONTENT_LENGTH, "10".parse().unwrap());
            }
            answer
        }
    })
    .await;
    // TLS with ALPN in front of it.
    let input = ServerTlsInput {
        certificates: vec![authority.here()],
        default_certificate: Some(authority.here()),
        ..ServerTlsInput::default()
    };
    let (tls, problems) = ServerTls::build(&input, None);
    assert_eq!(problems, []);
    let tls = Arc::new(tls);
    let to = plain.address;
    backend(move |stream, _| {
        let tls = Arc::clone(&tls);
        async move {
            let Ok((mut near, handshake)) = accept(Stream::from_tcp(stream).unwrap(), &tls, LONG).await
            else {
                return;
            };
            assert_eq!(handshake.alpn.as_deref(), Some(b"h2".as_slice()));
            let mut far = tokio::net::TcpStream::connect(to).await.unwrap();
            drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
        }
    })
    .await
}

#[tokio::test]
async fn certificates_are_told_apart() {
    let authority = Authority::new();
    for (certificate, options, kind) in [
        (authority.here(), options(), Kind::TlsUntrusted),
        (authority.here(), Authority::new().trusted(), Kind::TlsUntrusted),
        (authority.issue("other.test", 2000, 4000), authority.trusted(), Kind::TlsHost),
        (authority.issue("127.0.0.1", 2000, 2001), authority.trusted(), Kind::TlsExpired),
        (authority.issue("127.0.0.1", 3999, 4000), authority.trusted(), Kind::TlsExpired),
    ] {
        let (server, asked) = raw_tls(certificate, |_, _| answer("200 OK", "", b"")).await;
        let error = get(options, &format!("https://{}/", server.address)).await.unwrap_err();
        assert_eq!(what(&error), (Phase::Tls, kind), "{error}");
        assert!(!error.is_retryable());
        assert_eq!(asked.count(), 0);
    }
    let (server, _) = raw_tls(authority.here(), |_, _| answer("200 OK", "", b"safe")).await;
    let url = format!("https://{}/", server.address);
    assert_eq!(read(authority.trusted(), &url).await.unwrap(), "safe");
    let mut careless = options();
    careless.tls.insecure = true;
    assert_eq!(read(careless, &url).await.unwrap(), "safe");
}

#[tokio::test]
async fn plain_text_where_tls_should_be() {
    let plain = backend(|mut stream, _| async move {
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
    })
    .await;
    let error = get(options(), &format!("https://{}/", plain.address)).await.unwrap_err();
    assert_eq!(what(&error), (Phase::Tls, Kind::TlsOther));
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn gzip_is_undone_and_its_headers_go() {
    let text = "v1.0.0\n".repeat(50_000);
    let body = gzipped(text.as_bytes());
    let (server, _) = raw(move |_, _| answer("200 OK", "Content-Encoding: gzip\r\n", &body)).await;
    let url = format!("http://{}/", server.address);
    let generous =
        FetchOptions { inflation: Inflation { max_ratio: 2000, ..Inflation::default() }, ..options() };
    let fetched = get(generous, &url).await.unwrap();
    for gone in [header::CONTENT_ENCODING, header::CONTENT_LENGTH] {
        assert!(!fetched.headers.contains_key(gone));
    }
    assert_eq!(fetched.body.exact_len(), None);
    assert_eq!(fetched.read(1 << 20).await.unwrap(), text);
    let short = get(options(), &url).await.unwrap().read(text.len() - 1).await.unwrap_err();
    assert_eq!(what(&short), (Phase::Body, Kind::TooLarge));
}

#[tokio::test]
async fn gzip_that_lies_is_refused() {
    let bomb = gzipped(&vec![0; 32 << 20]);
    let garbage = [gzipped(b"fine"), b"garbage at the end".to_vec()].concat();
    for body in [b"<html>not gzip</html>".to_vec(), garbage, bomb, gzipped(b"cut")[..15].to_vec()] {
        let (server, _) = raw(move |_, _| answer("200 OK", "Content-Encoding: gzip\r\n", &body)).await;
        let fetched = get(options(), &format!("http://{}/", server.address)).await.unwrap();
        let error = fetched.read(1 << 30).await.unwrap_err();
        assert_eq!((what(&error), error.is_retryable()), ((Phase::Body, Kind::BadEncoding), false));
    }
    for coding in ["br", "gzip, gzip", "deflate"] {
        let (server, _) =
            raw(move |_, _| answer("200 OK", &format!("Content-Encoding: {coding}\r\n"), b"x")).await;
        let error = get(options(), &format!("http://{}/", server.address)).await.unwrap_err();
        assert_eq!(what(&error), (Phase::Protocol, Kind::BadEncoding), "{coding}");
    }
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_refused_at_once() {
    let server = stalling().await;
    let fetched = get(options(), &format!("http://{}/", server.address)).await.unwrap();
    let error = crate::h2_peers::soon(fetched.read(9)).await.unwrap_err();
    assert_eq!((what(&error), error.is_retryable()), ((Phase::Body, Kind::TooLarge), false));
}

#[tokio::test]
async fn a_range_is_asked_without_gzip() {
    let (server, asked) = raw(|_, _| answer("206 Partial Content", "", b"part")).await;
    let url = Url::parse(&format!("http://{}/", server.address)).unwrap();
    let headers = HeaderMap::from_iter([(header::RANGE, "bytes=0-3".parse().unwrap())]);
    let fetched = fetcher(options()).get(&Fetch { headers, ..Fetch::new(&url) }).await.unwrap();
    assert_eq!(fetched.read(4).await.unwrap(), "part");
    assert!(asked.head(0).to_ascii_lowercase().contains("accept-encoding: identity\r\n"));
}
