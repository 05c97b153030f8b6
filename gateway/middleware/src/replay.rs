//! A request that can be sent more than once: its head is copied, its body kept, or lent and taken back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use fairlead_http::{Body, Conn, Error, Interim, Request, Tried};
use http::{Extensions, HeaderMap, Method, Uri, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;

/// The request as it came.
pub(crate) struct Original {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
    conn: Arc<Conn>,
    interim: Option<Arc<dyn Interim>>,
    extensions: Extensions,
    body: Kept,
}

enum Kept {
    /// All of it.
    Whole(Bytes, Option<HeaderMap>),
    /// A stream that whoever is asked may start to read; once read, it cannot be sent again.
    Lent(Arc<Mutex<Lent>>),
}

struct Lent {
    body: Body,
    touched: bool,
}

impl Original {
    /// Takes a request apart. A body of up to `most` bytes is read and kept; a longer one, or any stream when `most`
    /// is 0, is lent.
    ///
    /// # Errors
    /// When the body cannot be read.
    pub(crate) async fn new(request: Request, most: usize) -> Result<Self, Error> {
        let Request { method, uri, version, headers, body, conn, interim, extensions, .. } = request;
        let body = keep(body, most).await?;
        Ok(Original { method, uri, version, headers, conn, interim, extensions, body })
    }

    /// Whether the whole body is at hand.
    pub(crate) fn is_kept(&self) -> bool {
        matches!(self.body, Kept::Whole(..))
    }

    /// Whether the request can be sent again as it came.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.body {
            Kept::Whole(..) => true,
            Kept::Lent(lent) => !lent.lock().touched,
        }
    }

    /// A copy to send, whose outcome decides about the next one.
    pub(crate) fn request(&self) -> Request {
        let body = match &self.body {
            Kept::Whole(bytes, None) => Body::full(bytes.clone()),
            Kept::Whole(bytes, Some(trailers)) => with_trailers(bytes.clone(), trailers.clone()),
            Kept::Lent(lent) => Body::stream(Loan(lent.clone())),
        };
        Request {
            method: self.method.clone(),
            uri: self.uri.clone(),
            version: self.version,
            headers: self.headers.clone(),
            body,
            conn: self.conn.clone(),
            interim: self.interim.clone(),
            extensions: self.extensions.clone(),
            watched: true,
        }
    }

    /// Notes which servers failed so far.
    pub(crate) fn tried(&mut self, tried: &Tried) {
        self.extensions.insert(tried.clone());
    }
}

async fn keep(mut body: Body, most: usize) -> Result<Kept, Error> {
    match body {
        Body::Empty => return Ok(Kept::Whole(Bytes::new(), None)),
        Body::Full(bytes) => return Ok(Kept::Whole(bytes, None)),
        Body::Stream(_) if body.exact_len().is_some_and(|len| len > most as u64) || most == 0 => {
            return Ok(lend(body));
        }
        Body::Stream(_) => {}
    }
    let (mut data, mut trailers) = (BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(piece) => {
                data.extend_from_slice(&piece);
                if data.len() > most {
                    return Ok(lend(Body::stream(Begun { start: Some(data.freeze()), rest: body })));
                }
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok(Kept::Whole(data.freeze(), trailers))
}

fn lend(body: Body) -> Kept {
    Kept::Lent(Arc::new(Mutex::new(Lent { body, touched: false })))
}

fn with_trailers(bytes: Bytes, trailers: HeaderMap) -> Body {
    let trailers = std::future::ready(Some(Ok(trailers)));
    Body::stream(Full::new(bytes).with_trailers(trailers).map_err(|never| match never {}))
}

/// A body that is taken back when nobody read from it.
struct Loan(Arc<Mutex<Lent>>);

impl HttpBody for Loan {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut lent = self.0.lock();
        lent.touched = true;
        Pin::new(&mut lent.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().body.size_hint()
    }
}

/// A body whose beginning was read already.
struct Begun {
    start: Option<Bytes>,
    rest: Body,
}

impl HttpBody for Begun {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.start.take() {
            Some(start) => Poll::Ready(Some(Ok(Frame::data(start)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.start.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let start = self.start.as_ref().map_or(0, |start| start.len() as u64);
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + start);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + start);
        }
        hint
    }
}
