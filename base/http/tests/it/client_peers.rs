//! Backends for the client tests, and what the tests ask of them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use fairlead_http::client::{self, Failed, Target, Transport, TransportOptions};
use fairlead_http::{Body, BoxFuture, Request, Response};
use fairlead_net::tls::client::{ClientTls, ClientTlsInput};
use http::Method;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use crate::h2_peers::{TestBody, conn};

pub(crate) type Answer = http::Response<TestBody>;

/// A listener with counters.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    /// Connections that were accepted.
    pub(crate) accepted: Arc<AtomicUsize>,
    /// Those that have ended.
    pub(crate) ended: Arc<AtomicUsize>,
}

impl Backend {
    pub(crate) fn target(&self, scheme: &str) -> Arc<Target> {
        Arc::new(Target::parse(&format!("{scheme}://{}", self.address)).unwrap())
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(crate) fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }

    /// Open and idle connections as the metrics tell them.
    pub(crate) fn stats(&self, scheme: &str) -> (usize, usize) {
        let url = format!("{scheme}://{}", self.address);
        let found = client::stats().into_iter().find(|connections| *connections.url == *url);
        found.map_or((0, 0), |connections| (connections.open, connections.idle))
    }
}

/// A backend that runs `serve` for every connection with its number, from 0.
pub(crate) async fn backend<F, Fut>(serve: F) -> Backend
where
    F: Fn(TcpStream, usize) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (accepted, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (count, end) = (Arc::clone(&accepted), Arc::clone(&ended));
    fairlead_rt::spawn("test-backend", async move {
        while let Ok((stream, _)) = listener.accept().await {
            let served = serve(stream, count.fetch_add(1, Ordering::Relaxed));
            let end = Arc::clone(&end);
            fairlead_rt::spawn("test-backend-connection", async move {
                served.await;
                end.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    Backend { address, accepted, ended }
}

/// A backend of hyper's HTTP/1 server.
pub(crate) async fn http1<F, Fut>(answer: F) -> Backend
where
    F: Fn(http::Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    backend(move |stream, _| {
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answered = answer(request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        let served =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        async move { drop(served.with_upgrades().await) }
    })
    .await
}

/// A backend of hyper's HTTP/2 server.
pub(crate) async fn http2<F, Fut>(max_streams: u32, answer: F) -> Backend
where
    F: Fn(http::Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    backend(move |stream, _| {
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answered = answer(request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(max_streams);
        let served = builder.serve_connection(TokioIo::new(stream), service);
        async move { drop(served.await) }
    })
    .await
}

/// A transport that shares no connections with other tests.
pub(crate) fn transport(options: TransportOptions) -> Arc<Transport> {
    transport_with(&ClientTlsInput { insecure_skip_verify: true, ..ClientTlsInput::default() }, options)
}

pub(crate) fn transport_with(tls: &ClientTlsInput, options: TransportOptions) -> Arc<Transport> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed) as u64;
    Arc::new(Transport::new(id, &ClientTls::build(tls).unwrap(), options))
}

pub(crate) fn request(method: Method, path: &str, body: impl Into<Body>) -> Request {
    let mut request = Request::new(method, path.parse().unwrap(), conn());
    request.body = body.into();
    request
}

/// Sends a GET that must be answered, and reads the answer.
pub(crate) async fn fetch(transport: &Arc<Transport>, target: &Arc<Target>) -> (http::StatusCode, Bytes) {
    let response = send(transport, target, request(Method::GET, "/", Body::Empty)).await.unwrap();
    (response.status, response.body.collect(1 << 20).await.unwrap())
}

pub(crate) fn send<'a>(
    transport: &'a Arc<Transport>,
    target: &'a Arc<Target>,
    mut request: Request,
) -> BoxFuture<'a, Result<Response, Failed>> {
    Box::pin(async move { crate::h2_peers::soon(client::send(transport, target, &mut request)).await })
}

pub(crate) fn text(text: &'static str) -> Answer {
    http::Response::new(crate::h2_peers::full(text))
}
