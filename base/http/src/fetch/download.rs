//! The body of an answer: checked for its length and pace, and decoded.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::error::{FetchError, Hop, Kind, Phase};
use super::gzip::Inflater;
use super::options::{Inflation, MinSpeed};
use crate::{Body, Error, Fault};

/// A body that tells a slow, a short and a false end from a good one. It ends with its first error; nothing of a body may
/// be taken for the whole before `None` has come.
pub struct Download {
    body: Body,
    inflater: Option<Inflater>,
    /// Came from the wire and is not decoded yet.
    encoded: Bytes,
    pace: Pace,
    /// Declared bytes on the wire.
    declared: Option<u64>,
    /// Bytes off the wire.
    received: u64,
    /// Bytes handed out, and how many they may be.
    given: u64,
    limit: u64,
    ended: bool,
    from: Box<(String, Vec<Hop>)>,
}

/// What a body has to keep to.
pub(super) struct Terms {
    pub(super) idle: Duration,
    pub(super) min_speed: Option<MinSpeed>,
    pub(super) deadline: Option<Instant>,
    pub(super) inflation: Inflation,
}

impl Download {
    /// The body of an answer with this status and these headers, from which the coding is taken out when it is undone here.
    pub(super) fn new(
        body: Body,
        status: StatusCode,
        headers: &mut HeaderMap,
        terms: &Terms,
        from: (String, Vec<Hop>),
    ) -> Result<Self, FetchError> {
        let is_bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let declared = if is_bodiless { None } else { content_length(headers) };
        let is_gzip = !is_bodiless && coding(status, headers)?;
        if is_gzip {
            headers.remove(header::CONTENT_ENCODING);
            headers.remove(header::CONTENT_LENGTH);
        }
        Ok(Download {
            body,
            inflater: is_gzip.then(|| Inflater::new(terms.inflation)),
            encoded: Bytes::new(),
            pace: Pace::new(terms),
            declared,
            received: 0,
            given: 0,
            limit: u64::MAX,
            ended: false,
            from: Box::new(from),
        })
    }

    /// The length of what is still to come, where it is known: not of gzip, and not of chunks.
    #[must_use]
    pub fn exact_len(&self) -> Option<u64> {
        match (&self.inflater, self.declared) {
            (None, Some(declared)) => Some(declared.saturating_sub(self.received)),
            (None, None) => self.body.exact_len(),
            (Some(_), _) => None,
        }
    }

    /// Refuses more than `limit` bytes in all with [`Kind::TooLarge`], at once where the length is declared.
    #[must_use]
    pub fn limited_to(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// The next piece, never empty; `None` after the last one.
    ///
    /// # Errors
    /// In phase [`Body`](Phase::Body): too slow, cut short, wrongly encoded or too large.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        poll_fn(|cx| self.poll_chunk(cx)).await.transpose()
    }

    /// All of it.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk), and [`Kind::TooLarge`] past `limit` bytes.
    pub async fn read(self, limit: usize) -> Result<Bytes, FetchError> {
        let mut body = self.limited_to(limit as u64);
        let Some(first) = body.chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = body.chunk().await? else { return Ok(first) };
        let mut all = BytesMut::from(first);
        all.extend_from_slice(&second);
        while let Some(piece) = body.chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// As a body that can be passed on; its errors say the same in fewer kinds.
    #[must_use]
    pub fn into_body(self) -> Body {
        if self.ended { Body::Empty } else { Body::stream(self) }
    }

    /// [`chunk`](Self::chunk) for whoever polls.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, FetchError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = ready!(self.poll_checked(cx));
        if !matches!(polled, Some(Ok(_))) {
            self.ended = true;
            // Lets go of the connection, whoever still holds this.
            self.body = Body::Empty;
        }
        Poll::Ready(polled.map(|result| result.map_err(|error| self.place(error))))
    }

    fn poll_checked(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, FetchError>>> {
        if self.exact_len().is_some_and(|left| left > self.limit.saturating_sub(self.given)) {
            return Poll::Ready(Some(Err(too_large())));
        }
        loop {
            let data = match ready!(self.poll_decoded(cx)) {
                Some(Ok(data)) if data.is_empty() => continue,
                Some(Ok(data)) => data,
                other => return Poll::Ready(other),
            };
            self.given += data.len() as u64;
            if self.given > self.limit {
                return Poll::Ready(Some(Err(too_large())));
            }
            return Poll::Ready(Some(Ok(data)));
        }
    }

    /// A piece that may be empty.
    fn poll_decoded(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, FetchError>>> {
        if let Some(inflater) = &mut self.inflater
            && !self.encoded.is_empty()
        {
            return Poll::Ready(Some(inflater.decode(&mut self.encoded).map_err(bad_encoding)));
        }
        match ready!(self.poll_wire(cx)) {
            Some(Ok(data)) if self.inflater.is_some() => {
                self.encoded = data;
                Poll::Ready(Some(Ok(Bytes::new())))
            }
            None => match self.inflater.take().map(|mut inflater| inflater.finish()) {
                Some(Ok(rest)) if !rest.is_empty() => Poll::Ready(Some(Ok(rest))),
                Some(Err(bad)) => Poll::Ready(Some(Err(bad_encoding(bad)))),
                _ => Poll::Ready(None),
            },
            other => Poll::Ready(other),
        }
    }

    /// Bytes off the wire, in time and of the declared length.
    fn poll_wire(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, FetchError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => self.pace.poll_wait(self.received, cx).map(|error| Some(Err(error))),
            Poll::Ready(Some(Ok(frame))) => {
                // Trailers say nothing that counts here.
                let data = frame.into_data().unwrap_or_default();
                self.received += data.len() as u64;
                Poll::Ready(Some(self.pace.arrived().map(|()| data)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(self.broken(&error)))),
            Poll::Ready(None) if self.is_short() => {
                let cause = "the body is shorter than declared";
                Poll::Ready(Some(Err(FetchError::new(Phase::Body, Kind::Truncated, cause))))
            }
            Poll::Ready(None) => Poll::Ready(None),
        }
    }

    fn is_short(&self) -> bool {
        self.declared.is_some_and(|declared| self.received < declared)
    }

    fn broken(&self, error: &Error) -> FetchError {
        let kind = match error.fault {
            Fault::Closed => Kind::Truncated,
            Fault::ResponseTimeout => Kind::Timeout,
            Fault::TooLarge => Kind::TooLarge,
            // HTTP/2 makes a protocol error of a length that is not kept.
            Fault::Protocol if self.is_short() => Kind::Truncated,
            Fault::Protocol => Kind::Malformed,
            _ => Kind::Internal,
        };
        FetchError::new(Phase::Body, kind, error.cause.clone())
    }

    fn place(&self, error: FetchError) -> FetchError {
        let (url, hops) = &*self.from;
        FetchError { url: url.clone(), hops: hops.clone(), ..error }
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = ready!(self.poll_chunk(cx));
        Poll::Ready(polled.map(|result| result.map(Frame::data).map_err(Error::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.exact_len().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Download { body, received, declared, .. } = self;
        write!(f, "Download({body:?}, {received} of {declared:?} bytes from {})", self.from.0)
    }
}

/// How fast bytes come. Only time that somebody waits for them counts: a slow reader is not a slow sender.
struct Pace {
    idle: Duration,
    min_speed: Option<MinSpeed>,
    deadline: Option<Instant>,
    /// Waiting since then.
    since: Option<Instant>,
    /// Waited before that.
    waited: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    fn new(terms: &Terms) -> Self {
        let Terms { idle, min_speed, deadline, .. } = *terms;
        Pace { idle, min_speed, deadline, since: None, waited: Duration::ZERO, timer: None }
    }

    /// Nothing is there: ready when that has gone on for too long.
    fn poll_wait(&mut self, received: u64, cx: &mut Context<'_>) -> Poll<FetchError> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let idle = since.checked_add(self.idle).map(|at| (at, Kind::Timeout, "no data for too long"));
        let total = self.deadline.map(|at| (at, Kind::Timeout, TOTAL));
        let slow = self.patience(received).and_then(|left| since.checked_add(left));
        let slow = slow.map(|at| (at, Kind::TooSlow, "below the least speed allowed"));
        let Some((at, kind, cause)) = [idle, total, slow].into_iter().flatten().min_by_key(|(at, ..)| *at)
        else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx).map(|()| FetchError::new(Phase::Body, kind, cause))
    }

    /// For how much longer we may wait until the average is too low.
    fn patience(&self, received: u64) -> Option<Duration> {
        let MinSpeed { bytes_per_second, grace } = self.min_speed?;
        let millis = received.saturating_mul(1000) / bytes_per_second.max(1);
        Some(Duration::from_millis(millis).max(grace).saturating_sub(self.waited))
    }

    /// Something has come.
    fn arrived(&mut self) -> Result<(), FetchError> {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => {
                Err(FetchError::new(Phase::Body, Kind::Timeout, TOTAL))
            }
            _ => Ok(()),
        }
    }
}

/// What is told of a fetch that took too long as a whole.
pub(super) const TOTAL: &str = "the time for the whole fetch is up";

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Whether the body is gzip, the one coding that we undo.
fn coding(status: StatusCode, headers: &HeaderMap) -> Result<bool, FetchError> {
    let mut is_gzip = false;
    for value in headers.get_all(header::CONTENT_ENCODING) {
        for coding in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            match coding {
                b"" => {}
                coding if coding.eq_ignore_ascii_case(b"identity") => {}
                coding if !is_gzip && is_gzip_name(coding) && status != StatusCode::PARTIAL_CONTENT => {
                    is_gzip = true;
                }
                coding => {
                    let cause = format!(
                        "a content-encoding that nobody asked for: {:?}",
                        coding.escape_ascii().to_string()
                    );
                    return Err(FetchError::new(Phase::Protocol, Kind::BadEncoding, cause));
                }
            }
        }
    }
    Ok(is_gzip)
}

fn is_gzip_name(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip")
}

fn too_large() -> FetchError {
    FetchError::new(Phase::Body, Kind::TooLarge, "the body is over the limit")
}

fn bad_encoding(bad: super::gzip::BadGzip) -> FetchError {
    FetchError::new(Phase::Body, Kind::BadEncoding, bad.to_string())
}
