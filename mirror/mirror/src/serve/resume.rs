//! A download that breaks off is resumed where it broke off, at the same server, as long as that brings new bytes and not too
//! often. Whether the parts belong together is for the proof to say.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use fairlead_http::BoxFuture;
use fairlead_http::fetch::{Download, Fetch, FetchError, Fetcher, Kind, RetryPolicy};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;
use url::Url;

/// Breaks that one download survives.
const MAX_BREAKS: u32 = 4;

/// A body that survives breaks.
pub(super) struct Resuming {
    state: State,
    again: Arc<Again>,
    /// Breaks so far.
    breaks: u32,
    /// Where it broke last: an answer that does not reach further is not followed by another request.
    broke_at: Option<u64>,
    /// Bytes given.
    given: u64,
    /// Bytes of a later answer that were given already.
    skip: u64,
    len: Option<u64>,
}

enum State {
    Flowing(Box<Download>),
    Asking(BoxFuture<'static, Result<(Download, u64), FetchError>>),
    Done,
}

/// What a further request needs.
struct Again {
    fetcher: Fetcher,
    /// A server that was started anew needs a moment.
    retry: RetryPolicy,
    url: Url,
    deadline: Option<Instant>,
    etag: Option<String>,
}

impl Resuming {
    pub(super) fn new(
        fetcher: Fetcher,
        retry: RetryPolicy,
        url: Url,
        deadline: Option<Instant>,
        etag: Option<String>,
        body: Download,
    ) -> Self {
        let len = body.exact_len();
        let again = Arc::new(Again { fetcher, retry, url, deadline, etag });
        let state = State::Flowing(Box::new(body));
        Resuming { state, again, breaks: 0, broke_at: None, given: 0, skip: 0, len }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, FetchError>>> {
        loop {
            match &mut self.state {
                State::Done => return Poll::Ready(None),
                State::Asking(asking) => {
                    let (body, skip) = ready!(asking.as_mut().poll(cx))?;
                    self.skip = skip;
                    self.state = State::Flowing(Box::new(body));
                }
                State::Flowing(body) => match ready!(body.poll_chunk(cx)) {
                    Some(Ok(piece)) => {
                        let piece = self.unseen(piece);
                        if !piece.is_empty() {
                            self.given += piece.len() as u64;
                            return Poll::Ready(Some(Ok(piece)));
                        }
                    }
                    Some(Err(error)) if self.may_resume(&error) => {
                        tracing::debug!(%error, at = self.given, "resuming a download");
                        self.breaks += 1;
                        self.broke_at = Some(self.given);
                        self.state = State::Asking(Box::pin(Arc::clone(&self.again).ask(self.given, error)));
                    }
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => return Poll::Ready(None),
                },
            }
        }
    }

    fn may_resume(&self, error: &FetchError) -> bool {
        is_break(error.kind) && self.breaks < MAX_BREAKS && self.broke_at != Some(self.given)
    }

    /// What of a piece was not given yet.
    fn unseen(&mut self, mut piece: Bytes) -> Bytes {
        let seen = self.skip.min(piece.len() as u64);
        self.skip -= seen;
        piece.advance(usize::try_from(seen).unwrap_or(usize::MAX));
        piece
    }
}

impl Again {
    /// The rest, and how many bytes of it to skip. Any other answer is the failure that there was before.
    async fn ask(self: Arc<Self>, at: u64, broken: FetchError) -> Result<(Download, u64), FetchError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if at > 0
            && let Ok(range) = HeaderValue::try_from(format!("bytes={at}-"))
        {
            headers.insert(header::RANGE, range);
        }
        let strong = self.etag.as_ref().filter(|etag| !etag.starts_with("W/"));
        if let Some(etag) = strong.and_then(|etag| HeaderValue::try_from(etag).ok()) {
            headers.insert(header::IF_RANGE, etag);
        }
        let fetch = Fetch { url: &self.url, headers, deadline: self.deadline };
        let answer = self.fetcher.get_with_retry(&fetch, &self.retry).await?;
        let body = answer.body.limited_to(crate::source::MAX_ZIP);
        match answer.status {
            StatusCode::OK => Ok((body, at)),
            StatusCode::PARTIAL_CONTENT if begins_at(&answer.headers, at) => Ok((body, 0)),
            _ => Err(broken),
        }
    }
}

fn is_break(kind: Kind) -> bool {
    matches!(kind, Kind::Truncated | Kind::Reset | Kind::Timeout | Kind::TooSlow)
}

fn begins_at(headers: &HeaderMap, at: u64) -> bool {
    let range = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = range.strip_prefix("bytes ").and_then(|range| range.split('-').next());
    first.and_then(|first| first.trim().parse().ok()) == Some(at)
}

impl HttpBody for Resuming {
    type Data = Bytes;
    type Error = fairlead_http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, fairlead_http::Error>>> {
        let piece = ready!(self.poll_piece(cx));
        if !matches!(piece, Some(Ok(_))) {
            self.state = State::Done;
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data).map_err(Into::into)))
    }

    fn size_hint(&self) -> SizeHint {
        self.len.map_or_else(SizeHint::default, |len| SizeHint::with_exact(len.saturating_sub(self.given)))
    }
}
