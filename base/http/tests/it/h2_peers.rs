//! Handlers, connections and hyper peers for the HTTP/2 tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fairlead_http::{BoxFuture, Conn, Error, Handler, Request, Response, ServerOptions};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A handler made of a function.
pub(crate) struct Answer<F>(pub(crate) F);

impl<F> Handler for Answer<F>
where
    F: Fn(Request) -> BoxFuture<'static, Response> + Send + Sync + 'static,
{
    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        (self.0)(request)
    }
}

/// A handler made of an async function.
pub(crate) fn answer<F, Fut>(function: F) -> Arc<dyn Handler>
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
    Arc::new(Answer(move |request| -> BoxFuture<'static, Response> { Box::pin(function(request)) }))
}

pub(crate) fn conn() -> Arc<Conn> {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    Arc::new(Conn::new("web", address, address, None))
}

/// Our server on one end of a pipe.
pub(crate) struct Served {
    pub(crate) io: DuplexStream,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) fn serve(handler: Arc<dyn Handler>, options: ServerOptions) -> Served {
    let (io, theirs) = tokio::io::duplex(64 << 10);
    let stop = CancellationToken::new();
    let token = stop.clone();
    let task = fairlead_rt::spawn("test-server", async move {
        fairlead_http::h2::server::serve(theirs, conn(), handler, &Arc::new(options), token).await;
    });
    Served { io, stop, task }
}

pub(crate) type TestBody = http_body_util::combinators::BoxBody<Bytes, Error>;

/// A body that the test feeds.
pub(crate) fn fed(buffer: usize) -> (tokio::sync::mpsc::Sender<Frame<Bytes>>, TestBody) {
    let (feed, mut frames) = tokio::sync::mpsc::channel(buffer);
    let stream = futures_util::stream::poll_fn(move |cx| frames.poll_recv(cx).map(|frame| frame.map(Ok)));
    (feed, http_body_util::BodyExt::boxed(StreamBody::new(stream)))
}

pub(crate) fn empty() -> TestBody {
    http_body_util::BodyExt::boxed(http_body_util::Empty::new().map_err_never())
}

/// Gives an infallible body our error type.
pub(crate) trait NeverFails: Sized {
    fn map_err_never(
        self,
    ) -> http_body_util::combinators::MapErr<Self, fn(std::convert::Infallible) -> Error>;
}

impl<B: http_body::Body<Error = std::convert::Infallible>> NeverFails for B {
    fn map_err_never(
        self,
    ) -> http_body_util::combinators::MapErr<Self, fn(std::convert::Infallible) -> Error> {
        http_body_util::BodyExt::map_err(self, |never| match never {})
    }
}

/// Hyper's client on the other end.
pub(crate) async fn hyper_client(
    io: DuplexStream,
) -> (http2::SendRequest<TestBody>, JoinHandle<Result<(), hyper::Error>>) {
    let (client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    (client, fairlead_rt::spawn("test-client", connection))
}

pub(crate) fn get(path: &str) -> http::Request<TestBody> {
    http::Request::get(format!("http://test.example{path}")).body(empty()).unwrap()
}

pub(crate) fn post(path: &str, body: TestBody) -> http::Request<TestBody> {
    http::Request::post(format!("http://test.example{path}")).body(body).unwrap()
}

/// Fails a test that would hang.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work).await.expect("took too long")
}

pub(crate) fn full(text: &'static str) -> TestBody {
    http_body_util::BodyExt::boxed(
        http_body_util::Full::new(Bytes::from_static(text.as_bytes())).map_err_never(),
    )
}

/// Waits until something observable has come about.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    soon(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}
