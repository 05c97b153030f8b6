//! Where a checksum database is served: through GOPROXYs that pass it on, then at its own address.
//!
//! A proxy is asked once whether it supports the database (`…/supported`); the answer is kept for a while. Nobody needs to be
//! trusted here: whatever comes back is proved by the client.

use std::time::Duration;

use fairlead_http::fetch::{Fetch, Fetcher, RetryPolicy, redact};
use fairlead_sumdb::client::{BoxFuture, Remote, RemoteError, has_shape};
use http::StatusCode;
use parking_lot::Mutex;
use tokio::time::Instant;
use url::Url;

use super::is_html;

/// Longest answer that is read, in bytes. A lookup has some hundred, a full tile 8 KiB.
const MAX_ANSWER: usize = 1 << 20;
/// How long a proxy's word about what it supports is kept.
const SUPPORT_KEPT: Duration = Duration::from_secs(600);
/// How long a proxy that did not answer is left aside.
const FAILURE_KEPT: Duration = Duration::from_secs(15);
/// One question, retries included.
const LIMIT: Duration = Duration::from_secs(20);

/// The places of one database, in the order in which they are asked.
pub(super) struct Places {
    places: Vec<Place>,
    fetcher: Fetcher,
    retry: RetryPolicy,
    offline: bool,
}

/// One place.
pub(super) struct Place {
    url: Url,
    /// A proxy has to be asked whether it passes the database on.
    is_proxy: bool,
    known: Mutex<Option<(Use, Instant)>>,
}

/// What is known of a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Good,
    Unsupported,
    Failing,
}

/// What a place said.
enum Said {
    Bytes(Vec<u8>),
    Absent(String),
    Nothing(String),
}

impl Place {
    /// The database's own address.
    pub(super) fn own(url: Url) -> Self {
        Place { url, is_proxy: false, known: Mutex::new(None) }
    }

    /// A GOPROXY that may pass the database `name` on.
    pub(super) fn proxy(proxy: &Url, name: &str) -> Self {
        Place { url: below(proxy, &format!("/sumdb/{name}")), is_proxy: true, known: Mutex::new(None) }
    }

    fn known(&self) -> Option<Use> {
        let known = *self.known.lock();
        known.filter(|(_, until)| Instant::now() < *until).map(|(known, _)| known)
    }

    fn learn(&self, known: Use) {
        let kept = if known == Use::Failing { FAILURE_KEPT } else { SUPPORT_KEPT };
        *self.known.lock() = Some((known, Instant::now() + kept));
    }
}

impl Places {
    pub(super) fn new(places: Vec<Place>, fetcher: Fetcher, retry: RetryPolicy, offline: bool) -> Self {
        Places { places, fetcher, retry, offline }
    }

    async fn ask(&self, path: &str) -> Result<Vec<u8>, RemoteError> {
        let unreachable = |message: String| RemoteError { not_found: false, message };
        if self.offline {
            return Err(unreachable("offline: the checksum database is not asked".into()));
        }
        let mut said = Vec::new();
        // Places that failed a moment ago come last, so that a lasting failure costs nothing.
        let (failing, good): (Vec<&Place>, Vec<&Place>) =
            self.places.iter().partition(|place| place.known() == Some(Use::Failing));
        for place in good.into_iter().chain(failing) {
            match self.ask_place(place, path).await {
                Said::Bytes(bytes) => return Ok(bytes),
                Said::Absent(message) => return Err(RemoteError { not_found: true, message }),
                Said::Nothing(message) => said.push(message),
            }
        }
        Err(unreachable(if said.is_empty() { "nobody serves it".into() } else { said.join("; ") }))
    }

    async fn ask_place(&self, place: &Place, path: &str) -> Said {
        if place.is_proxy && place.known() != Some(Use::Good) {
            if place.known() == Some(Use::Unsupported) {
                return Said::Nothing(format!("{} does not pass it on", redact(&place.url)));
            }
            match self.get(&below(&place.url, "/supported")).await {
                Said::Bytes(_) => place.learn(Use::Good),
                Said::Absent(message) => {
                    place.learn(Use::Unsupported);
                    return Said::Nothing(message);
                }
                Said::Nothing(message) => {
                    place.learn(Use::Failing);
                    return Said::Nothing(message);
                }
            }
        }
        let said = match self.get(&below(&place.url, path)).await {
            // Nobody signed this: it is no lie of the database, and another place may have its answer.
            Said::Bytes(bytes) if !has_shape(path, &bytes) => Said::Nothing(format!(
                "{}: not what a checksum database answers",
                redact(&below(&place.url, path))
            )),
            said => said,
        };
        match said {
            Said::Nothing(_) => place.learn(Use::Failing),
            _ => place.learn(Use::Good),
        }
        said
    }

    async fn get(&self, url: &Url) -> Said {
        let fetch = Fetch { deadline: Some(Instant::now() + LIMIT), ..Fetch::new(url) };
        let document = match self.fetcher.read_with_retry(&fetch, &self.retry, MAX_ANSWER).await {
            Ok(document) => document,
            Err(error) => return Said::Nothing(error.to_string()),
        };
        match document.status {
            // A login portal says yes to everything.
            StatusCode::OK if is_html(&document.body) => {
                Said::Nothing(format!("{}: an HTML page", redact(url)))
            }
            StatusCode::OK => Said::Bytes(document.body.into()),
            status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => {
                Said::Absent(format!("{}: {}", redact(url), status.as_u16()))
            }
            status => Said::Nothing(format!("{}: {}", redact(url), status.as_u16())),
        }
    }
}

impl Remote for Places {
    fn read<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<u8>, RemoteError>> {
        Box::pin(self.ask(path))
    }
}

/// A URL below another; `path` begins with a slash.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let path = format!("{}{path}", base.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_below_the_base() {
        let base = Url::parse("https://m.example/go/").unwrap();
        let url = below(&base, "/sumdb/sum.golang.org/lookup/github.com/!azure/x@v1.0.0");
        assert_eq!(
            url.as_str(),
            "https://m.example/go/sumdb/sum.golang.org/lookup/github.com/!azure/x@v1.0.0"
        );
    }
}
