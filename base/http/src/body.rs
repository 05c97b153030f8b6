//! Message bodies: nothing, bytes at hand, or a stream of frames with trailers at the end.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::Error;

/// The stream behind [`Body::Stream`].
pub type BoxedBody = Pin<Box<dyn HttpBody<Data = Bytes, Error = Error> + Send>>;

/// A request or response body. Memory is bounded by whoever produces frames: a stream is only polled when the
/// previous frame has been taken.
#[derive(Default)]
pub enum Body {
    /// No body.
    #[default]
    Empty,
    /// All of it, at hand.
    Full(Bytes),
    /// Frames to come. The size hint is exact when the length was declared.
    Stream(BoxedBody),
}

impl Body {
    /// A body of the given bytes; empty bytes make an empty body.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() { Body::Empty } else { Body::Full(bytes) }
    }

    /// A body of frames.
    pub fn stream(body: impl HttpBody<Data = Bytes, Error = Error> + Send + 'static) -> Self {
        Body::Stream(Box::pin(body))
    }

    /// The length in bytes, when it is known before reading.
    #[must_use]
    pub fn exact_len(&self) -> Option<u64> {
        match self {
            Body::Empty => Some(0),
            Body::Full(bytes) => Some(bytes.len() as u64),
            Body::Stream(stream) => stream.size_hint().exact(),
        }
    }

    /// Whether it is certain that nothing is left to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Body::Empty => true,
            Body::Full(bytes) => bytes.is_empty(),
            Body::Stream(stream) => stream.is_end_stream(),
        }
    }

    /// Whether the body can be sent a second time (it is not a stream).
    #[must_use]
    pub fn is_replayable(&self) -> bool {
        !matches!(self, Body::Stream(_))
    }

    /// A second copy of a body that is at hand.
    #[must_use]
    pub fn replay(&self) -> Option<Body> {
        match self {
            Body::Empty => Some(Body::Empty),
            Body::Full(bytes) => Some(Body::Full(bytes.clone())),
            Body::Stream(_) => None,
        }
    }

    /// Reads the whole body, trailers dropped.
    ///
    /// # Errors
    /// [`Fault::TooLarge`](crate::Fault::TooLarge) past `limit` bytes, or the error of the stream.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, Error> {
        use http_body_util::BodyExt;
        let mut all = match &mut self {
            Body::Empty => return Ok(Bytes::new()),
            Body::Full(bytes) if bytes.len() <= limit => return Ok(std::mem::take(bytes)),
            Body::Full(_) => return Err(Error::new(crate::Fault::TooLarge, "body over the limit")),
            Body::Stream(_) => bytes::BytesMut::new(),
        };
        while let Some(frame) = self.frame().await {
            if let Ok(data) = frame?.into_data() {
                if all.len() + data.len() > limit {
                    return Err(Error::new(crate::Fault::TooLarge, "body over the limit"));
                }
                all.extend_from_slice(&data);
            }
        }
        Ok(all.freeze())
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut *self {
            Body::Empty => Poll::Ready(None),
            Body::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Body::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Body::Stream(stream) => stream.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Empty => SizeHint::with_exact(0),
            Body::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Body::Stream(stream) => stream.size_hint(),
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Body::Empty => f.write_str("Empty"),
            Body::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Body::Stream(_) => f.write_str("Stream"),
        }
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Body::full(Bytes::from_static(text.as_bytes()))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Body::full(text)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Body::full(bytes)
    }
}
