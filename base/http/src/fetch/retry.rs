//! Trying again: what, how often, and after how long.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use tokio::time::Instant;
use url::Url;

use super::{Fetch, FetchError, Fetched, Fetcher, Hop};

/// How a fetch is repeated: exponential back-off with full jitter.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub retries: u32,
    /// Longest pause before the first retry; it doubles with each.
    pub base: Duration,
    /// Longest pause at all, `retry-after` apart.
    pub cap: Duration,
    /// A server that wants to be left alone for longer than this is not asked again.
    pub max_retry_after: Duration,
    /// Where jitter comes from: numbers in 0..1.
    pub random: fn() -> f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            retries: 2,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(2),
            max_retry_after: Duration::from_secs(30),
            random: rand::random::<f64>,
        }
    }
}

impl RetryPolicy {
    /// One attempt.
    #[must_use]
    pub fn never() -> Self {
        RetryPolicy { retries: 0, ..RetryPolicy::default() }
    }

    /// The pause before retry number `retry`, from 0.
    fn pause(&self, retry: u32) -> Duration {
        let longest = self.base.saturating_mul(1_u32.checked_shl(retry).unwrap_or(u32::MAX)).min(self.cap);
        longest.mul_f64((self.random)().clamp(0.0, 1.0))
    }

    /// When to begin retry number `retry`; `None` when there is none.
    fn begin(&self, retry: u32, after: Option<Duration>, deadline: Option<Instant>) -> Option<Instant> {
        if retry >= self.retries || after.is_some_and(|after| after > self.max_retry_after) {
            return None;
        }
        let at = Instant::now().checked_add(self.pause(retry).max(after.unwrap_or_default()))?;
        deadline.is_none_or(|deadline| at < deadline).then_some(at)
    }
}

/// A small answer that was read as a whole.
#[derive(Clone, Debug)]
pub struct Document {
    /// Status of the last answer.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decoded.
    pub body: Bytes,
    /// Where it came from.
    pub url: Url,
    /// Redirects on the way.
    pub hops: Vec<Hop>,
    /// From the beginning of the last attempt to the head of its last answer.
    pub first_byte: Duration,
    /// Attempts, the first included.
    pub attempts: u32,
}

impl Fetcher {
    /// [`get`](Self::get), repeated while it fails or answers in a way that may pass. The last answer is given whatever its
    /// status. A body that breaks later is the caller's: what of it was used already is not known here.
    ///
    /// # Errors
    /// Those of the last attempt.
    pub async fn get_with_retry(
        &self,
        fetch: &Fetch<'_>,
        policy: &RetryPolicy,
    ) -> Result<Fetched, FetchError> {
        let mut retry = 0;
        loop {
            let result = self.get(fetch).await;
            let after = match &result {
                Ok(fetched) if is_retryable_status(fetched.status.as_u16()) => fetched.retry_after(),
                Err(error) if error.is_retryable() => None,
                _ => return counted(result, retry),
            };
            let Some(at) = policy.begin(retry, after, fetch.deadline) else {
                return counted(result, retry);
            };
            drop(result);
            tokio::time::sleep_until(at).await;
            retry += 1;
        }
    }

    /// [`get_with_retry`](Self::get_with_retry) for a document of at most `limit` bytes; a body that breaks is a reason to
    /// try again too.
    ///
    /// # Errors
    /// Those of the last attempt.
    pub async fn read_with_retry(
        &self,
        fetch: &Fetch<'_>,
        policy: &RetryPolicy,
        limit: usize,
    ) -> Result<Document, FetchError> {
        let mut retry = 0;
        loop {
            let result = match self.get(fetch).await {
                Ok(fetched) => fetched.read_document(limit).await,
                Err(error) => Err(error),
            };
            let after = match &result {
                Ok(document) if is_retryable_status(document.status.as_u16()) => {
                    retry_after(&document.headers, SystemTime::now())
                }
                Err(error) if error.is_retryable() => None,
                _ => return result.map(|document| Document { attempts: retry + 1, ..document }),
            };
            let Some(at) = policy.begin(retry, after, fetch.deadline) else {
                return result.map(|document| Document { attempts: retry + 1, ..document });
            };
            tokio::time::sleep_until(at).await;
            retry += 1;
        }
    }
}

fn counted(result: Result<Fetched, FetchError>, retry: u32) -> Result<Fetched, FetchError> {
    result.map(|fetched| Fetched { attempts: retry + 1, ..fetched })
}

/// Whether a server that answers so may answer better a moment later.
#[must_use]
pub fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// What `retry-after` says, as a time from `now`: seconds, or a date (RFC 9110, 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(SystemTime::from(date).duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(random: fn() -> f64) -> RetryPolicy {
        RetryPolicy { retries: 9, random, ..RetryPolicy::default() }
    }

    #[test]
    fn pauses_double_up_to_the_cap() {
        let longest = policy(|| 1.0);
        let pauses: Vec<u128> = (0..6).map(|retry| longest.pause(retry).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(longest.pause(u32::MAX), longest.cap);
        assert_eq!(policy(|| 0.0).pause(3), Duration::ZERO);
        assert_eq!(policy(|| 0.5).pause(1), Duration::from_millis(200));
    }

    #[tokio::test(start_paused = true)]
    async fn servers_are_left_alone_as_long_as_they_ask_or_not_asked_again() {
        let (policy, now) = (policy(|| 0.5), Instant::now());
        let seconds = Duration::from_secs;
        assert_eq!(policy.begin(0, None, None), Some(now + Duration::from_millis(100)));
        assert_eq!(policy.begin(0, Some(seconds(7)), None), Some(now + seconds(7)));
        assert_eq!(policy.begin(0, Some(seconds(31)), None), None);
        assert_eq!(policy.begin(0, Some(seconds(7)), Some(now + seconds(7))), None);
        assert_eq!(policy.begin(0, Some(seconds(7)), Some(now + seconds(8))), Some(now + seconds(7)));
        assert_eq!(policy.begin(9, None, None), None);
        assert_eq!(RetryPolicy::never().begin(0, None, None), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
