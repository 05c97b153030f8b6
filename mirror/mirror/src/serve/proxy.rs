//! A GOPROXY upstream over http or https. Statuses and plain texts of the upstream are kept, because the go command's rules and
//! its user depend on them; a zip that breaks off is resumed where it broke off.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fairlead_http::BoxFuture;
use fairlead_http::fetch::{self, Fetch, FetchError, Fetcher, Kind, RetryPolicy, redact};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::resume::Resuming;
use crate::failure::MAX_TEXT;
use crate::source::{Ask, Document, Fetched, MAX_DOCUMENT, MAX_ZIP, Source, Validators};
use crate::{Cause, Failure, Wanted};

/// What stands for itself in a segment, as in Go's `url.PathEscape`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');
/// Longest time that an upstream can ask to be left alone for.
const MAX_RETRY_AFTER: u64 = 24 * 3600;

/// An upstream that speaks the GOPROXY protocol.
pub(crate) struct Proxy {
    name: Arc<str>,
    base: Url,
    fetcher: Fetcher,
    retry: RetryPolicy,
    /// How we know ourselves again, should the upstream turn out to be us.
    via: HeaderValue,
}

impl Proxy {
    pub(crate) fn new(base: Url, fetcher: Fetcher, retry: RetryPolicy, via: HeaderValue) -> Self {
        Proxy { name: redact(&base).into(), base, fetcher, retry, via }
    }

    fn url(&self, wanted: &Wanted) -> Url {
        let mut path = self.base.path().trim_end_matches('/').to_owned();
        for segment in wanted.key().split('/') {
            path.push('/');
            path.extend(utf8_percent_encode(segment, SEGMENT));
        }
        let mut url = self.base.clone();
        url.set_path(&path);
        url
    }

    async fn document(&self, wanted: &Wanted, ask: &Ask) -> Result<Fetched, Failure> {
        let url = self.url(wanted);
        let mut headers = ask.known.as_ref().map(conditions).unwrap_or_default();
        let is_conditional = !headers.is_empty();
        headers.insert(header::VIA, self.via.clone());
        let fetch = Fetch { url: &url, headers, deadline: ask.deadline };
        let answer = self.fetcher.read_with_retry(&fetch, &self.retry, MAX_DOCUMENT).await;
        let answer = answer.map_err(|error| self.failed(&error))?;
        match answer.status {
            StatusCode::OK => {
                let validators = validators(&answer.headers);
                Ok(Fetched::Document(Document { bytes: answer.body, validators, at: SystemTime::now() }))
            }
            StatusCode::NOT_MODIFIED if is_conditional => Ok(Fetched::NotModified),
            status => Err(self.refused(status, &answer.headers, &answer.body, &url)),
        }
    }

    async fn zip(&self, wanted: &Wanted, ask: &Ask) -> Result<Fetched, Failure> {
        let url = self.url(wanted);
        let identity = HeaderValue::from_static("identity");
        let headers =
            HeaderMap::from_iter([(header::ACCEPT_ENCODING, identity), (header::VIA, self.via.clone())]);
        let fetch = Fetch { url: &url, headers, deadline: ask.deadline };
        let answer = self.fetcher.get_with_retry(&fetch, &self.retry).await;
        let answer = answer.map_err(|error| self.failed(&error))?;
        if answer.status != StatusCode::OK {
            let fetch::Fetched { status, headers, body, .. } = answer;
            let text = body.read(MAX_TEXT).await.unwrap_or_default();
            return Err(self.refused(status, &headers, &text, &url));
        }
        if is_type(&answer.headers, "text/html") {
            let text = format!("bad gateway: {} answered with a web page instead of a zip", self.name);
            return Err(Failure::new(Cause::Corrupt, text).of(&self.name));
        }
        let validators = validators(&answer.headers);
        let body = answer.body.limited_to(MAX_ZIP);
        let len = body.exact_len();
        let body = Resuming::new(self.fetcher.clone(), self.retry, url, ask.deadline, validators.etag, body);
        Ok(Fetched::Zip { body: fairlead_http::Body::stream(body), len })
    }

    /// No answer.
    fn failed(&self, error: &FetchError) -> Failure {
        let cause = match error.kind {
            Kind::Timeout | Kind::TooSlow => Cause::Timeout,
            Kind::Truncated
            | Kind::TooLarge
            | Kind::BadEncoding
            | Kind::RedirectLoop
            | Kind::RedirectRefused
            | Kind::Malformed => Cause::Corrupt,
            _ => Cause::Unavailable,
        };
        let word = if cause == Cause::Timeout { "gateway timeout" } else { "bad gateway" };
        Failure::new(cause, format!("{word}: {error}")).of(&self.name)
    }

    /// An answer that is no success.
    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &Bytes, url: &Url) -> Failure {
        let cause = match status.as_u16() {
            404 => Cause::NotFound,
            410 => Cause::Gone,
            408 | 425 | 429 | 500.. => Cause::Unavailable,
            400..500 => Cause::Denied,
            _ => Cause::Corrupt,
        };
        let text = plain(headers, body).unwrap_or_else(|| format!("{}: {status}", redact(url)));
        let mut failure = Failure::new(cause, text).of(&self.name);
        failure.status = match (cause, status) {
            // The client's credentials are not meant, ours are.
            (_, StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED) => {
                StatusCode::FORBIDDEN
            }
            (Cause::Corrupt, _) => StatusCode::BAD_GATEWAY,
            (_, status) => status,
        };
        failure.retry_after = retry_after(headers);
        failure
    }
}

impl Source for Proxy {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn fetch<'a>(&'a self, wanted: &'a Wanted, ask: &'a Ask) -> BoxFuture<'a, Result<Fetched, Failure>> {
        match wanted {
            Wanted::Zip(_) => Box::pin(self.zip(wanted, ask)),
            _ => Box::pin(self.document(wanted, ask)),
        }
    }
}

fn conditions(known: &Validators) -> HeaderMap {
    let pair = |name: HeaderName, text: &Option<String>| {
        text.as_ref().and_then(|text| Some((name, HeaderValue::try_from(text).ok()?)))
    };
    [pair(header::IF_NONE_MATCH, &known.etag), pair(header::IF_MODIFIED_SINCE, &known.last_modified)]
        .into_iter()
        .flatten()
        .collect()
}

fn validators(headers: &HeaderMap) -> Validators {
    let text = |name| {
        let value: &HeaderValue = headers.get(name)?;
        Some(value.to_str().ok()?.to_owned()).filter(|text| text.len() <= 256)
    };
    Validators { etag: text(header::ETAG), last_modified: text(header::LAST_MODIFIED) }
}

fn is_type(headers: &HeaderMap, wanted: &str) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}

/// The upstream's own words, if it sent text.
fn plain(headers: &HeaderMap, body: &Bytes) -> Option<String> {
    if !is_type(headers, "text/plain") {
        return None;
    }
    let whole = &body[..body.len().min(MAX_TEXT)];
    let text = match std::str::from_utf8(whole) {
        Ok(text) => text,
        // Cut in the middle of a letter, or not UTF-8 at all.
        Err(error) if whole.len() - error.valid_up_to() < 4 => {
            std::str::from_utf8(&whole[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(MAX_RETRY_AFTER)))
}

#[cfg(test)]
mod tests {
    use fairlead_http::fetch::FetchOptions;

    use super::*;

    fn proxy() -> Proxy {
        let fetcher = Fetcher::new(FetchOptions { netrc: false, ..FetchOptions::default() }).unwrap();
        Proxy::new(
            Url::parse("https://me:secret@a.example/go/").unwrap(),
            fetcher,
            RetryPolicy::never(),
            HeaderValue::from_static("1.1 x"),
        )
    }

    #[test]
    fn paths_are_escaped_as_the_go_command_does() {
        let wanted = Wanted::parse("/github.com/!azure/sdk/@v/v1.0.0+incompatible.mod", &[]).unwrap();
        let url = proxy().url(&wanted);
        assert_eq!(url.path(), "/go/github.com/%21azure/sdk/@v/v1.0.0+incompatible.mod");
        assert_eq!(&*proxy().name, "https://a.example/go/");
    }

    #[test]
    fn statuses_and_words_are_kept() {
        let plain = HeaderMap::from_iter([(
            header::CONTENT_TYPE,
            HeaderValue::from_static("Text/Plain; charset=utf-8"),
        )]);
        let html = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
        let url = Url::parse("https://me:secret@a.example/go/x").unwrap();
        for (status, cause, kept) in [
            (404, Cause::NotFound, 404),
            (410, Cause::Gone, 410),
            (401, Cause::Denied, 403),
            (451, Cause::Denied, 451),
            (503, Cause::Unavailable, 503),
            (429, Cause::Unavailable, 429),
            (204, Cause::Corrupt, 502),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let failure = proxy().refused(status, &plain, &Bytes::from_static(b"gone: by law\n"), &url);
            assert_eq!(
                (failure.cause, failure.status.as_u16(), &*failure.text),
                (cause, kept, "gone: by law")
            );
            let failure = proxy().refused(status, &html, &Bytes::from_static(b"<html>"), &url);
            assert!(failure.text.starts_with("https://a.example/go/x: "), "{}", failure.text);
        }
    }

    #[test]
    fn texts_are_bounded_and_text() {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
        let long = Bytes::from("ä".repeat(MAX_TEXT));
        assert!(plain(&headers, &long).unwrap().len() <= MAX_TEXT);
        assert_eq!(plain(&headers, &Bytes::from_static(b"\xff\xfe\xff\xfe\xff")), None);
        assert_eq!(plain(&headers, &Bytes::from_static(b" \n")), None);
    }
}
