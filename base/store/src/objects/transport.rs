//! The object store's requests, sent by the client of the house: its connections, its proxies, its trust. Whether a request is
//! sent again is for the object store's library to decide, by the kind of error that it gets from here.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use fairlead_http::fetch::{
    Download, Exchange, FetchError, FetchOptions, Fetched, Fetcher, Kind, Phase, Timeouts,
};
use http::Method;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use parking_lot::Mutex;
use url::Url;

use crate::{BoxFuture, StoreError};

/// Longest wait for a name, for a connection and for a handshake, each.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes a second of a body that is sent; below that the store is as good as silent.
const LEAST_SPEED: u64 = 32 << 10;
/// Bytes of an answer that is no object: a page of 1000 keys takes some four million.
const MAX_ANSWER: u64 = 8 << 20;

/// Makes clients of one [`Fetcher`].
#[derive(Debug)]
pub(super) struct Connector {
    fetcher: Fetcher,
    silence: Duration,
}

impl Connector {
    /// Trusts the system's authorities and `roots`, each PEM, and gives up a store that is silent for `silence`. A whole
    /// exchange has no limit: a reader may be slow.
    ///
    /// # Errors
    /// [`StoreError::BadOptions`]: a root, or a proxy that the environment names.
    pub(super) fn new(roots: &[Bytes], silence: Duration) -> Result<Self, StoreError> {
        let mut options = FetchOptions {
            timeouts: Timeouts {
                dns: CONNECT,
                connect: CONNECT,
                tls: CONNECT,
                // It would count from the first byte of a request.
                first_byte: Duration::ZERO,
                idle: silence,
                total: None,
            },
            accept_gzip: false,
            netrc: false,
            disable_http2: true,
            ..FetchOptions::default()
        };
        options.tls.extra_roots = roots.iter().map(|root| root.to_vec().into()).collect();
        let fetcher = Fetcher::new(options).map_err(|bad| StoreError::BadOptions(bad.to_string().into()))?;
        Ok(Connector { fetcher, silence })
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let in_clear = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|is| is == "true");
        Ok(HttpClient::new(Client { fetcher: self.fetcher.clone(), in_clear, silence: self.silence }))
    }
}

#[derive(Debug)]
struct Client {
    fetcher: Fetcher,
    /// Whether `http` will do.
    in_clear: bool,
    silence: Duration,
}

impl HttpService for Client {
    fn call<'a, 'f>(&'a self, request: HttpRequest) -> BoxFuture<'f, Result<HttpResponse, HttpError>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(self.send(request))
    }
}

impl Client {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (head, body) = request.into_parts();
        let url = Url::parse(&head.uri.to_string()).map_err(|_| refused("not a URL"))?;
        if url.scheme() != "https" && !self.in_clear {
            return Err(refused("a request in the clear"));
        }
        let body = body.collect().await?.to_bytes();
        let is_object = head.method == Method::GET && url.query().is_none();
        let limit = self.silence + Duration::from_secs(body.len() as u64 / LEAST_SPEED);
        let exchange = Exchange { method: head.method, url: &url, headers: head.headers, body };
        let fetched = tokio::time::timeout(limit, self.fetcher.exchange(exchange))
            .await
            .map_err(|_| HttpError::new(HttpErrorKind::Timeout, Broken("no answer in time".into())))?
            .map_err(|error| broken(&error))?;
        Ok(answer(fetched, is_object))
    }
}

fn answer(fetched: Fetched, is_object: bool) -> HttpResponse {
    let Fetched { status, headers, body, .. } = fetched;
    // Only an object's own bytes flow to whoever reads them; the library holds the rest in memory.
    let body = if is_object && status.is_success() { body } else { body.limited_to(MAX_ANSWER) };
    let mut response = HttpResponse::new(HttpResponseBody::new(Incoming(Mutex::new(body))));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A body that may be shared, as the library wants it; nobody ever waits for the lock.
struct Incoming(Mutex<Download>);

impl Body for Incoming {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let polled = self.0.get_mut().poll_chunk(cx);
        polled.map(|chunk| chunk.map(|result| result.map(Frame::data).map_err(|error| broken(&error))))
    }
}

/// What went wrong, without the URL.
#[derive(Debug)]
struct Broken(Box<str>);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

fn refused(cause: &str) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, Broken(cause.into()))
}

fn broken(error: &FetchError) -> HttpError {
    let FetchError { phase, kind, cause, .. } = error;
    let words = format!("{} ({}): {cause}", kind.word(), phase.word());
    HttpError::new(verdict(error), Broken(words.into()))
}

/// Which says whether the request is sent again: what was not sent always is, and so is one that met a connection that the
/// store was closing. Conditions make that harmless: a put that was done after all finds its own object.
fn verdict(error: &FetchError) -> HttpErrorKind {
    match (error.phase, error.kind) {
        _ if !error.is_retryable() => HttpErrorKind::Unknown,
        (Phase::Dns | Phase::Connect | Phase::Tls, _) => HttpErrorKind::Connect,
        (_, Kind::Timeout | Kind::TooSlow) => HttpErrorKind::Timeout,
        (Phase::FirstByte, _) => HttpErrorKind::Request,
        _ => HttpErrorKind::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use fairlead_testkit::{Backend, Ca, RawBackend, Script, free_addr};
    use http::StatusCode;
    use object_store::client::HttpRequestBody;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn client(options: &ClientOptions, roots: &[Bytes], silence: Duration) -> HttpClient {
        Connector::new(roots, silence).unwrap().connect(options).unwrap()
    }

    fn request(method: Method, url: &str, body: &'static str) -> HttpRequest {
        let body = HttpRequestBody::from(Bytes::from(body));
        http::Request::builder().method(method).uri(url).body(body).unwrap()
    }

    async fn ask(method: Method, url: &str, silence: Duration) -> Result<HttpResponse, HttpError> {
        let client = client(&ClientOptions::new().with_allow_http(true), &[], silence);
        client.execute(request(method, url, "")).await
    }

    async fn read(url: &str, silence: Duration) -> Result<Bytes, HttpError> {
        ask(Method::GET, url, silence).await?.into_body().bytes().await
    }

    #[tokio::test]
    async fn a_request_goes_out_as_it_is_to_whom_the_roots_vouch_for() {
        let ca = Ca::new();
        let server = Backend::tls(&ca.issue(&["127.0.0.1"]));
        let url = format!("{}/modules/a%2Bb", server.url());
        let put = || request(Method::PUT, &url, "whole");
        let stranger = client(&ClientOptions::new(), &[], LONG);
        let error = stranger.execute(put()).await.unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Unknown);
        assert!(error.to_string().contains("tls-untrusted"), "{error}");
        let known = client(&ClientOptions::new(), &[ca.pem().to_owned().into()], LONG);
        let echo = known.execute(put()).await.unwrap().into_body().bytes().await.unwrap();
        let echo = String::from_utf8(echo.to_vec()).unwrap();
        for part in [r#""PUT""#, r#""/modules/a%2Bb""#, r#""whole""#, r#"["content-length","5"]"#] {
            assert!(echo.contains(part), "{part} in {echo}");
        }
        assert!(!echo.contains("accept-encoding") && !echo.contains("transfer-encoding"), "{echo}");
    }

    #[tokio::test]
    async fn nothing_goes_out_in_the_clear_unasked() {
        let server = Backend::http();
        let client = client(&ClientOptions::new(), &[], LONG);
        assert!(client.execute(request(Method::GET, &server.url(), "")).await.is_err());
        assert_eq!(server.connections(), 0);
    }

    #[tokio::test]
    async fn a_head_tells_of_a_body_that_does_not_come() {
        let server = Backend::http();
        let response = ask(Method::HEAD, &format!("{}/bytes/100", server.url()), LONG).await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()["content-length"]),
            (StatusCode::OK, &"100".parse().unwrap())
        );
        assert!(response.into_body().bytes().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn only_an_object_may_be_large() {
        let server = Backend::http();
        let large = format!("{}/bytes/{}", server.url(), MAX_ANSWER + 1);
        assert_eq!(read(&large, LONG).await.unwrap().len() as u64, MAX_ANSWER + 1);
        assert!(read(&format!("{large}?list-type=2"), LONG).await.is_err());
    }

    #[tokio::test]
    async fn the_kind_of_a_failure_says_whether_it_is_sent_again() {
        let short = Duration::from_millis(100);
        let silent = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789".to_vec();
        for (script, silence, kind) in [
            (Script::CloseAfterHead, LONG, HttpErrorKind::Request),
            (Script::half_body(), LONG, HttpErrorKind::Interrupted),
            (Script::garbage(), LONG, HttpErrorKind::Unknown),
            (Script::Silence, short, HttpErrorKind::Timeout),
            (Script::AnswerAndHold(silent), short, HttpErrorKind::Timeout),
        ] {
            let told = format!("{script:?}");
            let server = RawBackend::start(script);
            assert_eq!(read(&server.url(), silence).await.unwrap_err().kind(), kind, "{told}");
        }
        let nobody = format!("http://{}/", free_addr());
        assert_eq!(read(&nobody, LONG).await.unwrap_err().kind(), HttpErrorKind::Connect);
    }
}
