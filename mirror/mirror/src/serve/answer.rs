//! From what is given to an HTTP response.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fairlead_http::{Body, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::time::Instant;

use super::cache::KeptZip;
use super::entry::{Entry, Stale, etag_of_h1};
use super::obtain::{Given, How, What};
use super::stream::BlobBody;
use crate::{Failure, Wanted};

const CACHE: HeaderName = HeaderName::from_static("x-fairlead-cache");
const STALE: HeaderName = HeaderName::from_static("x-fairlead-stale");
/// Files of a version never change.
const FOR_ALL: HeaderValue = HeaderValue::from_static("public, max-age=604800, immutable");
const FOR_ONE: HeaderValue = HeaderValue::from_static("private, max-age=604800, immutable");
const ZIP: HeaderValue = HeaderValue::from_static("application/zip");

/// What of a request counts for the form of its answer.
pub(super) struct Asked<'a> {
    pub(super) is_head: bool,
    pub(super) headers: &'a HeaderMap,
    /// Nobody but the client may keep the answer.
    pub(super) is_private: bool,
}

/// The response to a client.
pub(super) fn response(given: &Given, asked: &Asked<'_>) -> Response {
    match &given.what {
        What::Small(entry) => small(entry, given.how, asked),
        What::Zip(kept) => stored_zip(kept, given.how, asked),
        What::Flow(flow, h1) => {
            let mut headers = head(given.how, ZIP, immutable(asked.is_private));
            let etag = h1.as_ref().and_then(etag_of_h1);
            if is_known(asked, etag.as_ref()) {
                return not_modified(headers, etag);
            }
            headers.extend(etag.map(|etag| (header::ETAG, etag)));
            let body = Body::stream(flow.body());
            if let (true, Some(len)) = (asked.is_head, body.exact_len()) {
                headers.insert(header::CONTENT_LENGTH, len.into());
            }
            let body = if asked.is_head { Body::Empty } else { body };
            Response { headers, body, ..Response::default() }
        }
    }
}

/// A small answer. This is the way of most requests: no task, no lock, nothing allocated.
pub(super) fn small(entry: &Entry, how: How, asked: &Asked<'_>) -> Response {
    let bytes = match &entry.body {
        Ok(bytes) => bytes,
        Err(failure) => return absent(entry, failure, how),
    };
    let control = match &entry.life {
        None => immutable(entry.is_private),
        Some(life) => changing(entry.is_private, life.until, life.stale),
    };
    let mut headers = head(how, content_type(&entry.wanted), control);
    if let Some(life) = &entry.life {
        let age = SystemTime::now().duration_since(life.at).unwrap_or_default();
        headers.insert(header::AGE, age.as_secs().into());
        if let Some(why) = life.stale {
            headers.insert(header::WARNING, warning(why));
            headers.insert(STALE, HeaderValue::from_static(word(why)));
        }
    }
    if is_known(asked, entry.etag.as_ref()) {
        return not_modified(headers, entry.etag.clone());
    }
    headers.extend(entry.etag.clone().map(|etag| (header::ETAG, etag)));
    let part = match &entry.wanted {
        Wanted::Zip(_) => part(asked, entry.etag.as_ref(), bytes.len() as u64, &mut headers),
        _ => Part::Whole,
    };
    let cut = |range: &Range<u64>| {
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        bytes.slice(at(range.start)..at(range.end))
    };
    let (status, body) = match part {
        Part::Whole => (StatusCode::OK, bytes.clone()),
        Part::Of(range) => (StatusCode::PARTIAL_CONTENT, cut(&range)),
        Part::None => (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new()),
    };
    finish(status, headers, body.len() as u64, asked, || Body::full(body))
}

fn stored_zip(kept: &KeptZip, how: How, asked: &Asked<'_>) -> Response {
    let mut headers = head(how, ZIP, immutable(asked.is_private));
    let etag = etag_of_h1(&kept.h1);
    if is_known(asked, etag.as_ref()) {
        return not_modified(headers, etag);
    }
    let (status, range) = match part(asked, etag.as_ref(), kept.blob.len, &mut headers) {
        Part::Whole => (StatusCode::OK, 0..kept.blob.len),
        Part::Of(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::None => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    headers.extend(etag.map(|etag| (header::ETAG, etag)));
    let len = range.end - range.start;
    finish(status, headers, len, asked, || Body::stream(BlobBody::new(&kept.blob, range)))
}

/// The answer to a failure: the upstream's words as plain text, which the go command shows.
pub(super) fn failure(failure: &Failure) -> Response {
    let mut response = Response::go_error(failure.status, &failure.text);
    if let Some(wait) = failure.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response.headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response.with_header(header::CACHE_CONTROL, "no-store")
}

fn absent(entry: &Entry, why: &Failure, how: How) -> Response {
    let mut response = failure(why);
    response.headers.insert(CACHE, HeaderValue::from_static(cache_word(how)));
    if let Some(life) = &entry.life {
        response.headers.insert(header::CACHE_CONTROL, changing(entry.is_private, life.until, None));
    }
    response
}

fn head(how: How, kind: HeaderValue, control: HeaderValue) -> HeaderMap {
    let mut headers = fairlead_http::h1::spare_headers();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, control);
    headers.insert(CACHE, HeaderValue::from_static(cache_word(how)));
    headers
}

fn finish(
    status: StatusCode,
    mut headers: HeaderMap,
    len: u64,
    asked: &Asked<'_>,
    body: impl FnOnce() -> Body,
) -> Response {
    headers.insert(header::CONTENT_LENGTH, len.into());
    let body = if asked.is_head { Body::Empty } else { body() };
    Response { status, headers, body, ..Response::default() }
}

fn not_modified(mut headers: HeaderMap, etag: Option<HeaderValue>) -> Response {
    headers.remove(header::CONTENT_TYPE);
    headers.extend(etag.map(|etag| (header::ETAG, etag)));
    Response { status: StatusCode::NOT_MODIFIED, headers, ..Response::default() }
}

/// Whether the client has this already (RFC 9110, section 13.1.2).
fn is_known(asked: &Asked<'_>, etag: Option<&HeaderValue>) -> bool {
    let Some(etag) = etag.and_then(|etag| etag.to_str().ok()) else { return false };
    let texts = asked.headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// What of a body is asked for.
enum Part {
    Whole,
    Of(Range<u64>),
    /// What is asked for lies behind the end.
    None,
}

/// One range is served; several, or what cannot be read, count as none (RFC 9110, section 14.2).
fn part(asked: &Asked<'_>, etag: Option<&HeaderValue>, len: u64, headers: &mut HeaderMap) -> Part {
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let condition = asked.headers.get(header::IF_RANGE);
    let holds = condition.is_none_or(|tag| Some(tag) == etag);
    let wanted = asked.headers.get(header::RANGE).and_then(|value| value.to_str().ok()).filter(|_| holds);
    let Some(range) = wanted.and_then(|text| parse_range(text, len)) else { return Part::Whole };
    let (shown, part) = if range.is_empty() {
        (format!("bytes */{len}"), Part::None)
    } else {
        (format!("bytes {}-{}/{len}", range.start, range.end - 1), Part::Of(range))
    };
    if let Ok(value) = HeaderValue::try_from(shown) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    part
}

/// An empty range cannot be satisfied; `None` is to be ignored.
fn parse_range(text: &str, len: u64) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.trim().split_once('-')?;
    if first.is_empty() {
        let count: u64 = last.parse().ok()?;
        return Some(len - count.min(len)..len);
    }
    let first: u64 = first.parse().ok()?;
    let last = if last.is_empty() { u64::MAX } else { last.parse::<u64>().ok()? };
    if last < first {
        return None;
    }
    let end = last.saturating_add(1).min(len);
    Some(first.min(end)..end)
}

fn content_type(wanted: &Wanted) -> HeaderValue {
    match wanted {
        Wanted::Latest(_) | Wanted::Query { .. } | Wanted::Info(_) => {
            HeaderValue::from_static("application/json")
        }
        Wanted::Zip(_) => ZIP,
        Wanted::Sumdb { path, .. } if path.starts_with("/tile/") => {
            HeaderValue::from_static("application/octet-stream")
        }
        _ => HeaderValue::from_static("text/plain; charset=utf-8"),
    }
}

fn immutable(is_private: bool) -> HeaderValue {
    if is_private { FOR_ONE } else { FOR_ALL }
}

fn changing(is_private: bool, until: Instant, stale: Option<Stale>) -> HeaderValue {
    if stale.is_some() {
        return HeaderValue::from_static("no-cache");
    }
    let left = until.saturating_duration_since(Instant::now()) + Duration::from_millis(999);
    let who = if is_private { "private" } else { "public" };
    HeaderValue::try_from(format!("{who}, max-age={}", left.as_secs()))
        .unwrap_or(HeaderValue::from_static("no-cache"))
}

fn cache_word(how: How) -> &'static str {
    match how {
        How::Hit => "hit",
        How::Miss => "miss",
        How::Stale => "stale",
        How::Joined => "joined",
    }
}

fn warning(why: Stale) -> HeaderValue {
    HeaderValue::from_static(match why {
        Stale::Refreshing => "110 - \"Response is Stale\"",
        Stale::Failed(_) => "111 - \"Revalidation Failed\"",
        Stale::Offline => "112 - \"Disconnected Operation\"",
    })
}

fn word(why: Stale) -> &'static str {
    match why {
        Stale::Refreshing => "refreshing",
        Stale::Failed(cause) => cause,
        Stale::Offline => "offline",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(path: &str, len: usize, headers: &[(HeaderName, &'static str)], is_head: bool) -> Response {
        let wanted = Wanted::parse(path, &[]).unwrap();
        let entry = Entry::immutable(wanted, Bytes::from(vec![7; len]), None, false);
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        small(&entry, How::Hit, &Asked { is_head, headers: &headers, is_private: false })
    }

    #[test]
    fn ranges_are_those_of_the_rfc() {
        assert_eq!(parse_range("bytes=0-", 10), Some(0..10));
        assert_eq!(parse_range("bytes=2-3", 10), Some(2..4));
        assert_eq!(parse_range("bytes=-3", 10), Some(7..10));
        assert_eq!(parse_range("bytes=-30", 10), Some(0..10));
        assert_eq!(parse_range("bytes=9-99", 10), Some(9..10));
        assert!(parse_range("bytes=10-", 10).unwrap().is_empty());
        assert!(parse_range("bytes=-0", 10).unwrap().is_empty());
        for text in ["bytes=3-2", "bytes=0-1,3-4", "items=0-1", "bytes=a-", "bytes=-"] {
            assert_eq!(parse_range(text, 10), None, "{text}");
        }
    }

    #[test]
    fn a_part_of_a_zip_and_no_other_file() {
        let zip = "/a.example/x/@v/v1.0.0.zip";
        let part = answer(zip, 10, &[(header::RANGE, "bytes=8-")], false);
        assert_eq!((part.status, part.body.exact_len()), (StatusCode::PARTIAL_CONTENT, Some(2)));
        assert_eq!(part.headers[header::CONTENT_RANGE], "bytes 8-9/10");
        let none = answer(zip, 10, &[(header::RANGE, "bytes=10-")], false);
        assert_eq!(none.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(none.headers[header::CONTENT_RANGE], "bytes */10");
        let other = answer(zip, 10, &[(header::RANGE, "bytes=8-"), (header::IF_RANGE, "\"other\"")], false);
        assert_eq!(other.status, StatusCode::OK);
        let whole = answer("/a.example/x/@v/v1.0.0.mod", 10, &[(header::RANGE, "bytes=8-")], false);
        assert_eq!(whole.body.exact_len(), Some(10));
    }

    #[test]
    fn a_client_that_has_it_is_told_so() {
        let first = answer("/a.example/x/@v/v1.0.0.mod", 10, &[], true);
        assert_eq!(
            (first.body.exact_len(), &first.headers[header::CONTENT_LENGTH]),
            (Some(0), &HeaderValue::from(10))
        );
        assert_eq!(first.headers[header::CACHE_CONTROL], "public, max-age=604800, immutable");
        let again = answer("/a.example/x/@v/v1.0.0.mod", 10, &[(header::IF_NONE_MATCH, "\"x\", *")], false);
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        let other = answer("/a.example/x/@v/v1.0.0.mod", 10, &[(header::IF_NONE_MATCH, "\"x\"")], false);
        assert_eq!(other.status, StatusCode::OK);
    }
}
