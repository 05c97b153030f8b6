//! One connection to a backend, shared by many requests.

mod connection;

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::client::ResponseFuture;
use http::header::{self, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, StatusCode, Uri, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use connection::KeepAlive;

use self::connection::{Heard, drive, greet, no_settings};
use super::incoming::{Deadline, Incoming};
use super::outgoing::{Outgoing, Stopped};
use crate::{Body, Error, Fault, Interim, Request, Response};

/// Streams that we open on one connection, whatever the backend allows.
pub const MAX_STREAMS: usize = 256;
/// Interim responses of one exchange; a backend that sends more is broken.
const MAX_INTERIM: usize = 64;

/// Sends requests on one connection; clones share it. When the last clone is gone and no stream is open the connection closes.
#[derive(Clone)]
pub struct SendRequest {
    inner: h2::client::SendRequest<Bytes>,
    state: Arc<State>,
}

struct State {
    /// Streams between request and end of response.
    active: AtomicUsize,
    closed: AtomicBool,
    /// When the last stream ended.
    rested: Mutex<Instant>,
}

/// Speaks HTTP/2 on `io` and drives the connection in a task of its own, which calls `on_close` at its end.
///
/// Waits at most `patience` for the settings of the backend: only then it is known how many streams it takes, and that
/// it speaks HTTP/2 at all.
///
/// # Errors
/// When the connection fails, or no settings come that allow a stream.
pub async fn connect<T>(
    io: T,
    keep_alive: KeepAlive,
    patience: Duration,
    on_close: impl FnOnce() + Send + 'static,
) -> Result<SendRequest, Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let heard = Arc::new(AtomicBool::new(false));
    let io = Heard { io, heard: Arc::clone(&heard) };
    let (inner, connection) =
        tokio::time::timeout(patience, greet(io)).await.map_err(|_| no_settings())??;
    let state = Arc::new(State {
        active: AtomicUsize::new(0),
        closed: AtomicBool::new(false),
        rested: Mutex::new(Instant::now()),
    });
    let driven = Arc::clone(&state);
    fairlead_rt::spawn("h2-backend", async move {
        drive(connection, keep_alive, &heard).await;
        driven.closed.store(true, Ordering::Release);
        on_close();
    });
    Ok(SendRequest { inner, state })
}

impl SendRequest {
    /// Whether a new stream may be opened now without waiting for another to end.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.active() < self.inner.current_max_send_streams().min(MAX_STREAMS)
    }

    /// Open streams.
    #[must_use]
    pub fn active(&self) -> usize {
        self.state.active.load(Ordering::Relaxed)
    }

    /// Whether the connection is gone or the backend wants no more streams on it.
    #[must_use]
    pub fn is_closed(&mut self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        self.state.closed.load(Ordering::Acquire)
            || matches!(self.inner.poll_ready(&mut cx), Poll::Ready(Err(_)))
    }

    /// For how long no stream has been open; `None` while one is.
    #[must_use]
    pub fn idle_for(&self) -> Option<Duration> {
        (self.active() == 0).then(|| self.state.rested.lock().elapsed())
    }

    /// Sends a request and waits for the head of the response. The body of the request is sent meanwhile, and on after the
    /// response has begun, until that ends.
    ///
    /// `scheme` and `authority` name the target; a `host` header goes before `authority`. The head of the response must
    /// come within `head_limit` (zero: no limit) after the request is out.
    ///
    /// # Errors
    /// As [`Fault`] says; `sent` is false when the backend has not looked at the request.
    pub async fn send(
        &mut self,
        request: Request,
        scheme: Scheme,
        authority: &str,
        head_limit: Duration,
    ) -> Result<Response, Error> {
        let active = Active::new(&self.state);
        let is_head = request.method == Method::HEAD;
        let interim = request.interim.clone();
        let (head, body) = outgoing_head(request, scheme, authority)?;
        poll_fn(|cx| self.inner.poll_ready(cx)).await.map_err(|error| unseen(&error))?;
        let ends = body.is_empty();
        let (response, stream) = self.inner.send_request(head, ends).map_err(|error| unseen(&error))?;
        let upload = (!ends).then(|| Outgoing::new(stream, body));
        let mut waiting = Waiting { response, upload, interim, interims: 0, head_limit, deadline: None };
        let (parts, stream) = poll_fn(|cx| waiting.poll(cx)).await?.into_parts();
        let length = if is_head { None } else { super::content_length(&parts.headers) };
        let body = if stream.is_end_stream() {
            Body::Empty
        } else {
            let upload = waiting
                .upload
                .take()
                .map(|upload| AbortOnDrop(fairlead_rt::spawn("h2-upload", finish(upload))));
            Body::stream(Download { incoming: Incoming::new(stream, length), upload, active: Some(active) })
        };
        Ok(Response { status: parts.status, headers: parts.headers, body, ..Response::default() })
    }
}

/// An error before the request was handed to the connection.
fn unseen(error: &h2::Error) -> Error {
    let mut error = super::backend_error(error);
    error.sent = false;
    error
}

fn outgoing_head(
    request: Request,
    scheme: Scheme,
    authority: &str,
) -> Result<(http::Request<()>, Body), Error> {
    let Request { method, uri, mut headers, body, .. } = request;
    super::strip_connection_headers(&mut headers);
    let trailers = headers.remove(header::TE).is_some_and(|te| {
        te.to_str().is_ok_and(|te| te.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("trailers")))
    });
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    let host = headers.remove(header::HOST);
    let authority = match host.as_ref().map(HeaderValue::as_bytes) {
        None | Some(b"") => Authority::try_from(authority),
        Some(host) => Authority::try_from(host),
    };
    let authority = authority.map_err(|_| Error::new(Fault::BadRequest, "host is no authority"))?;
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(scheme);
    parts.authority = Some(authority);
    parts.path_and_query = Some(uri.into_parts().path_and_query.unwrap_or(PathAndQuery::from_static("/")));
    let uri = Uri::from_parts(parts).map_err(|_| Error::new(Fault::BadRequest, "request target"))?;
    if let Some(length @ 1..) = body.exact_len()
        && !headers.contains_key(header::CONTENT_LENGTH)
    {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let mut head = http::Request::new(());
    *head.method_mut() = method;
    *head.uri_mut() = uri;
    *head.version_mut() = Version::HTTP_2;
    *head.headers_mut() = headers;
    Ok((head, body))
}

/// A request whose response has not begun.
struct Waiting {
    response: ResponseFuture,
    /// What is still to be sent.
    upload: Option<Outgoing>,
    interim: Option<Arc<dyn Interim>>,
    interims: usize,
    head_limit: Duration,
    /// Runs once the request is out.
    deadline: Option<Deadline>,
}

impl Waiting {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<http::Response<h2::RecvStream>, Error>> {
        self.poll_upload(cx)?;
        while let Poll::Ready(Some(Ok(interim))) = self.response.poll_informational(cx) {
            self.interims += 1;
            if self.interims > MAX_INTERIM {
                return Poll::Ready(Err(
                    Error::new(Fault::Protocol, "too many interim responses").after_sending()
                ));
            }
            if let Some(to) = &self.interim
                && interim.status() != StatusCode::CONTINUE
            {
                to.send(interim.status(), interim.headers());
            }
        }
        if let Poll::Ready(response) = Pin::new(&mut self.response).poll(cx) {
            return Poll::Ready(response.map_err(|error| super::backend_error(&error)));
        }
        if self.upload.is_none() {
            let limit = self.head_limit;
            ready!(self.deadline.get_or_insert_with(|| Deadline::after(limit)).poll(cx));
            return Poll::Ready(Err(
                Error::new(Fault::ResponseTimeout, "no response head in time").after_sending()
            ));
        }
        Poll::Pending
    }

    /// Sends on; only a failure of the body itself is an error, since a reset stream tells why through the response.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let Some(upload) = &mut self.upload else { return Ok(()) };
        let Poll::Ready(result) = Pin::new(upload).poll(cx) else { return Ok(()) };
        self.upload = None;
        match result {
            Ok(()) | Err(Stopped::Stream) => Ok(()),
            Err(Stopped::Body(error)) => Err(error.after_sending()),
        }
    }
}

/// Sends the rest of a request body while its response is read.
async fn finish(mut upload: Outgoing) {
    if let Err(Stopped::Body(error)) = (&mut upload).await {
        tracing::debug!(%error, "request body cut short");
        upload.reset(Reason::CANCEL);
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Counts a stream of a connection.
struct Active(Arc<State>);

impl Active {
    fn new(state: &Arc<State>) -> Self {
        state.active.fetch_add(1, Ordering::Relaxed);
        Active(Arc::clone(state))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        *self.0.rested.lock() = Instant::now();
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A response body; at its end the stream is free and the rest of the request is given up.
struct Download {
    incoming: Incoming,
    upload: Option<AbortOnDrop>,
    active: Option<Active>,
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(self.incoming.poll_frame(cx));
        if self.incoming.is_ended() {
            self.upload = None;
            self.active = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| super::backend_error(&error).after_sending())))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_ended()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
