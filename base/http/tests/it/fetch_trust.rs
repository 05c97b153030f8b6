//! Fetching: retries, credentials and proxies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fairlead_http::fetch::{Fetch, FetchOptions, Fetcher, Kind, Phase, ProxyChoice, RetryPolicy};
use http::{HeaderMap, StatusCode, header};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;
use url::Url;

use crate::client_peers::{Backend, backend};
use crate::fetch_peers::{
    Authority, LONG, answer, fetcher, get, options, raw, raw_tls, read, read_head, redirect,
};

const QUICK: RetryPolicy = RetryPolicy {
    retries: 2,
    base: Duration::from_millis(1),
    cap: Duration::from_millis(1),
    max_retry_after: Duration::from_secs(1),
    random: || 1.0,
};

fn url(server: &Backend) -> Url {
    Url::parse(&format!("http://{}/", server.address)).unwrap()
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let (server, asked) = raw(move |_, number| match number {
            0 | 1 => answer(&format!("{status} Not Now"), "Retry-After: 0\r\n", b""),
            _ => answer("200 OK", "", b"at last"),
        })
        .await;
        let url = url(&server);
        let fetched = fetcher(options()).get_with_retry(&Fetch::new(&url), &QUICK).await.unwrap();
        assert_eq!((fetched.status, fetched.attempts, asked.count()), (StatusCode::OK, 3, 3), "{status}");
        assert_eq!(fetched.read(100).await.unwrap(), "at last");
    }
}

#[tokio::test]
async fn what_is_final_is_not() {
    for status in [400, 401, 403, 404, 410, 451, 501] {
        let (server, asked) = raw(move |_, _| answer(&format!("{status} No"), "", b"")).await;
        let url = url(&server);
        let fetched = fetcher(options()).get_with_retry(&Fetch::new(&url), &QUICK).await.unwrap();
        assert_eq!((fetched.status.as_u16(), fetched.attempts, asked.count()), (status, 1, 1));
    }
    let authority = Authority::new();
    let (server, _) = raw_tls(authority.here(), |_, _| answer("200 OK", "", b"")).await;
    let url = Url::parse(&format!("https://{}/", server.address)).unwrap();
    let error = fetcher(options()).get_with_retry(&Fetch::new(&url), &QUICK).await.unwrap_err();
    assert_eq!((error.kind, server.accepted()), (Kind::TlsUntrusted, 1));
}

#[tokio::test]
async fn the_last_failure_is_told_without_another_pause() {
    let (server, asked) = raw(|_, _| Vec::new()).await;
    let url = url(&server);
    let patient = RetryPolicy { retries: 0, base: LONG * 10, cap: LONG * 10, ..QUICK };
    let failed = fetcher(options());
    let error = crate::h2_peers::soon(failed.get_with_retry(&Fetch::new(&url), &patient)).await.unwrap_err();
    assert_eq!((error.kind, asked.count()), (Kind::Reset, 1));
    let error = failed.get_with_retry(&Fetch::new(&url), &QUICK).await.unwrap_err();
    assert_eq!((error.kind, asked.count()), (Kind::Reset, 4));
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_or_the_bound_is_not_taken() {
    let (server, asked) = raw(|_, _| answer("503 Busy", "Retry-After: 30\r\n", b"")).await;
    let url = url(&server);
    let soon = Fetch { deadline: Some(Instant::now() + LONG), ..Fetch::new(&url) };
    let patient = RetryPolicy { max_retry_after: LONG * 10, ..QUICK };
    for (fetch, policy) in [(Fetch::new(&url), QUICK), (soon, patient)] {
        let began = Instant::now();
        let fetched = fetcher(options()).get_with_retry(&fetch, &policy).await.unwrap();
        assert_eq!((fetched.status.as_u16(), fetched.attempts), (503, 1));
        assert_eq!(fetched.retry_after(), Some(Duration::from_secs(30)));
        assert!(began.elapsed() < LONG);
    }
    assert_eq!(asked.count(), 2);
}

#[tokio::test]
async fn a_document_is_read_again_when_its_body_breaks() {
    let (server, asked) = raw(|_, number| match number {
        0 => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.".to_vec(),
        _ => answer("200 OK", "", b"the whole."),
    })
    .await;
    let url = url(&server);
    let document = fetcher(options()).read_with_retry(&Fetch::new(&url), &QUICK, 100).await.unwrap();
    assert_eq!((&*document.body, document.attempts, asked.count()), (b"the whole.".as_slice(), 2, 2));
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let (other, heard) = raw(|_, _| answer("200 OK", "", b"")).await;
    let to = format!("http://{}/", other.address);
    let (server, asked) = raw(move |_, number| redirect(if number == 0 { "/same" } else { &to })).await;
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, "session=secret".parse().unwrap());
    headers.insert(header::ACCEPT, "text/plain".parse().unwrap());
    let url = Url::parse(&format!("http://me:secret@{}/", server.address)).unwrap();
    let fetched = fetcher(options()).get(&Fetch { headers, ..Fetch::new(&url) }).await.unwrap();
    assert_eq!((fetched.status, fetched.hops.len()), (StatusCode::OK, 2));
    for number in [0, 1] {
        let head = asked.head(number).to_ascii_lowercase();
        assert!(
            head.contains("authorization: basic bwu6c2vjcmv0\r\n") && head.contains("cookie: "),
            "{head}"
        );
    }
    let head = heard.head(0).to_ascii_lowercase();
    assert!(!head.contains("authorization") && !head.contains("cookie"), "{head}");
    assert!(head.contains("accept: text/plain"), "{head}");
    let told = format!("{:?} {:?} {}", fetched.hops, fetched.body, fetched.url);
    assert!(!told.contains("secret"), "{told}");
}

#[tokio::test]
async fn configured_credentials_are_for_their_host_alone() {
    let authority = Authority::new();
    let (server, asked) = raw_tls(authority.here(), |_, _| answer("200 OK", "", b"")).await;
    let mut options = authority.trusted();
    options.credentials.add_bearer("other.example", "no").unwrap();
    options.credentials.add_bearer(&server.address.to_string(), "token").unwrap();
    read(options, &format!("https://{}/", server.address)).await.unwrap();
    assert!(asked.head(0).to_ascii_lowercase().contains("authorization: bearer token\r\n"));
}

#[tokio::test]
async fn nothing_secret_goes_out_in_the_clear() {
    let error = get(options(), "http://me:secret@mirror.invalid/").await.unwrap_err();
    assert_eq!((error.phase, error.kind), (Phase::Protocol, Kind::CredentialsRefused));
    assert!(!format!("{error} {error:?}").contains("secret"));
}

fn through(proxy: &Backend, options: FetchOptions) -> FetchOptions {
    let url = Url::parse(&format!("http://user:word@{}", proxy.address)).unwrap();
    FetchOptions { proxy: ProxyChoice::Url(url), ..options }
}

/// A proxy that makes tunnels for those who say who they are.
async fn connect_proxy(asked: Arc<AtomicUsize>) -> Backend {
    backend(move |mut stream, _| {
        let asked = Arc::clone(&asked);
        async move {
            let Some(head) = read_head(&mut stream).await else { return };
            asked.fetch_add(1, Ordering::Relaxed);
            let to = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
            if !head.contains("Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n") {
                drop(stream.write_all(b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n").await);
                return;
            }
            let mut far = tokio::net::TcpStream::connect(to).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
            drop(tokio::io::copy_bidirectional(&mut stream, &mut far).await);
        }
    })
    .await
}

#[tokio::test]
async fn https_goes_through_a_tunnel() {
    let authority = Authority::new();
    let (server, asked) = raw_tls(authority.here(), |_, _| answer("200 OK", "", b"through")).await;
    let tunnels = Arc::new(AtomicUsize::new(0));
    let proxy = connect_proxy(Arc::clone(&tunnels)).await;
    let url = format!("https://{}/", server.address);
    let fetched = get(through(&proxy, authority.trusted()), &url).await.unwrap();
    assert_eq!(fetched.peer, Some(proxy.address));
    assert_eq!(fetched.read(100).await.unwrap(), "through");
    assert_eq!(tunnels.load(Ordering::Relaxed), 1);
    assert!(!asked.head(0).to_ascii_lowercase().contains("proxy-"), "the server learns nothing of the proxy");
    // The certificate is still the server's to show.
    let error = get(through(&proxy, options()), &url).await.unwrap_err();
    assert_eq!((error.phase, error.kind), (Phase::Tls, Kind::TlsUntrusted));
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told() {
    let proxy = connect_proxy(Arc::default()).await;
    let unknown = Url::parse(&format!("http://{}", proxy.address)).unwrap();
    let anonymous = FetchOptions { proxy: ProxyChoice::Url(unknown), ..options() };
    let error = get(anonymous, "https://mirror.invalid/").await.unwrap_err();
    assert_eq!((error.phase, error.kind, error.proxy_status), (Phase::Connect, Kind::Proxy, Some(407)));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn http_goes_to_the_proxy_in_absolute_form() {
    let (proxy, asked) = raw(|_, _| answer("200 OK", "", b"relayed")).await;
    let fetched = get(through(&proxy, options()), "http://mirror.invalid:8080/a?b=c").await.unwrap();
    assert_eq!(fetched.read(100).await.unwrap(), "relayed");
    let head = asked.head(0);
    assert!(
        head.starts_with("GET http://mirror.invalid:8080/a?b=c HTTP/1.1\r\nHost: mirror.invalid:8080\r\n"),
        "{head}"
    );
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjp3b3jk\r\n"), "{head}");
}

#[test]
fn a_fetcher_works_on_every_thread() {
    fn is_shareable<T: Clone + Send + Sync + 'static>() {}
    is_shareable::<Fetcher>();
    let shared = fetcher(options());
    let threads = [0, 1].map(|_| {
        let fetcher = shared.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (server, _) = raw(|_, _| answer("200 OK", "", b"fine")).await;
                let url = url(&server);
                fetcher.get(&Fetch::new(&url)).await.unwrap().read(9).await.unwrap()
            })
        })
    });
    for thread in threads {
        assert_eq!(thread.join().unwrap(), "fine");
    }
}
