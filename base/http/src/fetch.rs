//! Fetching documents from servers that may be slow, broken or hostile.
//!
//! A [`Fetcher`] sends GETs over the pools of [`client`](crate::client), directly or through a proxy, follows redirects as
//! far as its policy allows, and gives a [`Fetched`] whose body is a [`Download`]: it arrives in time, whole and decoded,
//! or ends in an error. A [`FetchError`] says in which [`Phase`] what [`Kind`] of failure happened and whether another
//! try makes sense; [`Fetcher::get_with_retry`] tries. Neither errors nor logs tell secrets: URLs are shown by
//! [`redact`]. Credentials never leave the origin that they are for.

mod credentials;
mod download;
mod error;
mod exchange;
mod gzip;
mod netrc;
mod options;
mod proxy;
mod redact;
mod redirect;
mod retry;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fairlead_net::tls::client::{ClientTls, ClientTlsInput};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use tokio::time::Instant;
use url::{Position, Url};

pub use download::Download;
pub use error::{FetchError, Hop, Kind, Phase};
pub use exchange::Exchange;
pub use options::{
    Credentials, FetchOptions, FetchTls, Inflation, MinSpeed, ProxyChoice, RedirectPolicy, Redirects,
    Timeouts,
};
pub use redact::redact;
pub use retry::{Document, RetryPolicy, is_retryable_status};

use credentials::Keys;
use download::Terms;
use netrc::Netrc;
use proxy::ProxyRules;

use crate::client::{self, Peer, Phases, Proxy, Target, Transport, TransportOptions};
use crate::{Conn, Request, Response};

/// Fetches documents. Clones share everything; connections belong to the worker thread that fetches.
#[derive(Clone)]
pub struct Fetcher(Arc<Engine>);

/// One GET.
#[derive(Clone, Debug)]
pub struct Fetch<'a> {
    /// What to get; `http` or `https`. A user in it is who we are to the server.
    pub url: &'a Url,
    /// Headers such as `accept`, `range` or `if-none-match`. `host` and framing are ours to write.
    pub headers: HeaderMap,
    /// When all must be over, retries and body included.
    pub deadline: Option<Instant>,
}

impl<'a> Fetch<'a> {
    /// A GET without headers of its own and without a deadline.
    #[must_use]
    pub fn new(url: &'a Url) -> Self {
        Fetch { url, headers: HeaderMap::new(), deadline: None }
    }
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Fetched {
    /// Status of the final answer.
    pub status: StatusCode,
    /// Its headers, without the coding that is undone in the body.
    pub headers: HeaderMap,
    /// Its body, to be read to its end.
    pub body: Download,
    /// Where it came from, after redirects; without user and fragment.
    pub url: Url,
    /// Redirects on the way, in order.
    pub hops: Vec<Hop>,
    /// From the beginning of this attempt to the head of the final answer.
    pub first_byte: Duration,
    /// Who was connected to: the server or the proxy.
    pub peer: Option<SocketAddr>,
    /// Attempts that were made, the first included.
    pub attempts: u32,
}

impl Fetched {
    /// The whole body, which must not be over `limit` bytes.
    ///
    /// # Errors
    /// As [`Download::read`].
    pub async fn read(self, limit: usize) -> Result<Bytes, FetchError> {
        self.body.read(limit).await
    }

    /// The answer with its whole body.
    ///
    /// # Errors
    /// As [`Download::read`].
    pub async fn read_document(self, limit: usize) -> Result<Document, FetchError> {
        let Fetched { status, headers, body, url, hops, first_byte, attempts, .. } = self;
        let body = body.read(limit).await?;
        Ok(Document { status, headers, body, url, hops, first_byte, attempts })
    }

    /// For how long the server wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry::retry_after(&self.headers, SystemTime::now())
    }
}

/// Why a fetcher cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFetchOptions {
    /// A certificate, a key or a trust anchor.
    #[error("tls: {0}")]
    Tls(String),
    /// The proxy, or the variable that names it.
    #[error("proxy: {0}")]
    Proxy(String),
}

struct Engine {
    options: FetchOptions,
    keys: Keys,
    proxies: ProxyRules,
    direct: Arc<Transport>,
    plain_proxy: Option<Via>,
    tls_proxy: Option<Via>,
    conn: Arc<Conn>,
}

/// The way through a proxy.
struct Via {
    target: Arc<Target>,
    authorization: Option<HeaderValue>,
    /// For http URLs.
    forward: Arc<Transport>,
    /// For https URLs.
    tunnel: Arc<Transport>,
}

/// A fetch on its way.
struct Journey {
    url: Url,
    headers: HeaderMap,
    hops: Vec<Hop>,
    deadline: Option<Instant>,
    started: Instant,
}

impl Fetcher {
    /// Checks the options, and reads the environment and the netrc file where they say so.
    ///
    /// # Errors
    /// A certificate or a proxy that cannot be used.
    pub fn new(options: FetchOptions) -> Result<Self, BadFetchOptions> {
        let proxies = ProxyRules::new(&options.proxy).map_err(BadFetchOptions::Proxy)?;
        let input = ClientTlsInput {
            insecure_skip_verify: options.tls.insecure,
            root_ca_pems: options.tls.extra_roots.clone(),
            certificates: options.tls.certificates.clone(),
            ..ClientTlsInput::default()
        };
        let tls = ClientTls::build_beside_system(&input)
            .map_err(|problem| BadFetchOptions::Tls(problem.message))?;
        let netrc = if options.netrc { Netrc::load() } else { Netrc::default() };
        let transport = || transport(&tls, &options);
        let via =
            |proxy: &Option<Arc<Proxy>>| proxy.as_ref().map(|proxy| Via::new(proxy, transport)).transpose();
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Ok(Fetcher(Arc::new(Engine {
            keys: Keys { given: options.credentials.clone(), netrc },
            direct: Arc::new(transport()),
            plain_proxy: via(&proxies.http)?,
            tls_proxy: via(&proxies.https)?,
            proxies,
            conn: Arc::new(Conn::new("fetch", nowhere, nowhere, None)),
            options,
        })))
    }

    /// Gets a URL, redirects followed. Any final status is an answer.
    ///
    /// # Errors
    /// When there is no final answer.
    pub async fn get(&self, fetch: &Fetch<'_>) -> Result<Fetched, FetchError> {
        Box::pin(self.0.get(fetch)).await
    }

    /// Whether a proxy is asked for this URL.
    #[must_use]
    pub fn uses_proxy(&self, url: &Url) -> bool {
        self.0.proxies.choose(url).is_some()
    }
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Fetcher").field(&self.0.options).finish()
    }
}

impl Engine {
    async fn get(&self, fetch: &Fetch<'_>) -> Result<Fetched, FetchError> {
        let mut journey = self.depart(fetch).map_err(|error| error.at(fetch.url, &[]))?;
        loop {
            let mut request = Request::new(Method::GET, Uri::default(), Arc::clone(&self.conn));
            request.headers = journey.headers.clone();
            let (response, peer) =
                self.ask(&journey, request).await.map_err(|error| error.at(&journey.url, &journey.hops))?;
            let Redirects { policy, max } = self.options.redirects;
            let next = redirect::next(policy, &journey.url, response.status, &response.headers);
            match next.map_err(|error| journey.refused(response.status, error))? {
                None => return self.arrive(journey, response, peer),
                Some(_) if journey.hops.len() >= max => {
                    let cause = format!("stopped after {max} redirects");
                    let error = FetchError::new(Phase::Redirect, Kind::RedirectLoop, cause);
                    return Err(journey.refused(response.status, error));
                }
                Some(next) => journey.go_on(response.status, next),
            }
        }
    }

    fn depart(&self, fetch: &Fetch<'_>) -> Result<Journey, FetchError> {
        let started = Instant::now();
        let authorization = self.keys.choose(fetch.url, &fetch.headers)?;
        let mut url = fetch.url.clone();
        url.set_fragment(None);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let mut headers = fetch.headers.clone();
        for name in OURS {
            headers.remove(name);
        }
        headers.entry(header::USER_AGENT).or_insert_with(|| self.options.user_agent.clone());
        let coding = if self.options.accept_gzip && !headers.contains_key(header::RANGE) {
            "gzip"
        } else {
            "identity"
        };
        headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static(coding));
        if let Some(mut authorization) = authorization {
            authorization.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, authorization);
        }
        let total = self.options.timeouts.total.and_then(|total| started.checked_add(total));
        let deadline = [total, fetch.deadline].into_iter().flatten().min();
        Ok(Journey { url, headers, hops: Vec::new(), deadline, started })
    }

    /// One request and the head of its answer. The way of the journey is put into the request.
    async fn ask(
        &self,
        journey: &Journey,
        mut request: Request,
    ) -> Result<(Response, Option<SocketAddr>), FetchError> {
        let url = &journey.url;
        let (transport, target, uri, proxy_authorization) = self.way(url)?;
        request.uri = uri;
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        let host =
            HeaderValue::from_str(authority).map_err(|_| bad_url("a host that no header can carry"))?;
        request.headers.insert(header::HOST, host);
        if let Some(value) = proxy_authorization {
            request.headers.insert(header::PROXY_AUTHORIZATION, value.clone());
        }
        let peer = Peer::default();
        request.extensions.insert(peer.clone());
        let sent = Box::pin(client::send(transport, &target, &mut request));
        let answered = match journey.deadline {
            None => sent.await,
            Some(deadline) => tokio::time::timeout_at(deadline, sent).await.map_err(|_| {
                let phase = if peer.0.get().is_some() { Phase::FirstByte } else { Phase::Connect };
                FetchError::new(phase, Kind::Timeout, download::TOTAL)
            })?,
        };
        let response = answered.map_err(|failed| FetchError::before_head(&failed.error))?;
        if response.tunnel.is_some() {
            return Err(FetchError::new(
                Phase::Protocol,
                Kind::Malformed,
                "an upgrade that nobody asked for",
            ));
        }
        Ok((response, peer.0.get().copied()))
    }

    /// Which connections a URL is asked over, and what is asked there.
    fn way(
        &self,
        url: &Url,
    ) -> Result<(&Arc<Transport>, Arc<Target>, Uri, Option<&HeaderValue>), FetchError> {
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(bad_url("neither http nor https")),
        };
        let via = if is_tls { &self.tls_proxy } else { &self.plain_proxy };
        let via = via.as_ref().filter(|_| self.proxies.choose(url).is_some());
        if let (Some(via), false) = (via, is_tls) {
            let uri = Uri::try_from(url.as_str()).map_err(|_| bad_url("no valid request target"))?;
            return Ok((&via.forward, Arc::clone(&via.target), uri, via.authorization.as_ref()));
        }
        let path = &url[Position::BeforePath..Position::AfterQuery];
        let path = PathAndQuery::try_from(path).map_err(|_| bad_url("no valid request target"))?;
        let target = Target::parse(&url[..Position::AfterPort]).map_err(|bad| bad_url(bad.to_string()))?;
        let transport = via.map_or(&self.direct, |via| &via.tunnel);
        Ok((transport, Arc::new(target), Uri::from(path), None))
    }

    fn arrive(
        &self,
        journey: Journey,
        response: Response,
        peer: Option<SocketAddr>,
    ) -> Result<Fetched, FetchError> {
        let first_byte = journey.started.elapsed();
        let Journey { url, hops, deadline, .. } = journey;
        let Response { status, mut headers, body, .. } = response;
        let FetchOptions { timeouts, min_speed, inflation, .. } = &self.options;
        let terms = Terms { idle: timeouts.idle, min_speed: *min_speed, deadline, inflation: *inflation };
        let from = (redact(&url), hops.clone());
        let body =
            Download::new(body, status, &mut headers, &terms, from).map_err(|error| error.at(&url, &hops))?;
        Ok(Fetched { status, headers, body, url, hops, first_byte, peer, attempts: 1 })
    }
}

impl Journey {
    /// Follows a redirect. What is secret stays with its origin.
    fn go_on(&mut self, status: StatusCode, next: Url) {
        if !redirect::is_same_origin(&self.url, &next) {
            self.headers.remove(header::AUTHORIZATION);
            self.headers.remove(header::COOKIE);
        }
        self.hops.push(Hop { status, url: redact(&self.url) });
        self.url = next;
    }

    /// An error of a redirect, which counts itself among the hops.
    fn refused(&self, status: StatusCode, error: FetchError) -> FetchError {
        let mut error = error.at(&self.url, &self.hops);
        error.hops.push(Hop { status, url: redact(&self.url) });
        error
    }
}

impl Via {
    fn new(proxy: &Arc<Proxy>, transport: impl Fn() -> Transport) -> Result<Self, BadFetchOptions> {
        let target = proxy.as_target().map_err(|bad| BadFetchOptions::Proxy(bad.to_string()))?;
        Ok(Via {
            target: Arc::new(target),
            authorization: proxy.authorization().cloned(),
            forward: Arc::new(transport().in_absolute_form()),
            tunnel: Arc::new(transport().through(Arc::clone(proxy))),
        })
    }
}

/// Headers of a caller that are replaced or have no place in a fetch.
const OURS: [header::HeaderName; 8] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A transport that shares no connections with others.
fn transport(tls: &ClientTls, options: &FetchOptions) -> Transport {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let Timeouts { dns, connect, tls: handshake, first_byte, .. } = options.timeouts;
    let transport = TransportOptions {
        dial_timeout: dns.saturating_add(connect).saturating_add(handshake),
        response_header_timeout: first_byte,
        idle_conn_timeout: options.idle_connection,
        // None is what a negative number means to a transport.
        max_idle_per_host: match options.max_idle_per_host {
            0 => -1,
            count => isize::try_from(count).unwrap_or(isize::MAX),
        },
        disable_http2: options.disable_http2,
        ..TransportOptions::default()
    };
    // Identities that end in these bits belong to fetchers: whoever hashes options sets one of them.
    let id = NEXT.fetch_add(1, Ordering::Relaxed) << 2;
    Transport::new(id, tls, transport).with_phases(Phases { resolve: dns, connect, handshake })
}

fn bad_url(cause: impl Into<Box<str>>) -> FetchError {
    FetchError::new(Phase::Protocol, Kind::BadUrl, cause)
}
