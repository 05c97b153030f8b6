//! Requests that are no documents: of any method, with a body, and sent as they are.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, header};
use tokio::time::Instant;
use url::Url;

use super::{FetchError, Fetched, Fetcher, Journey, OURS};
use crate::{Body, Request};

/// A request of a protocol with rules of its own, such as one that signs its headers.
#[derive(Clone, Debug)]
pub struct Exchange<'a> {
    /// Method.
    pub method: Method,
    /// Whom to ask; `http` or `https`, without a user.
    pub url: &'a Url,
    /// Headers. `host` and framing are ours to write.
    pub headers: HeaderMap,
    /// The body, empty for none.
    pub body: Bytes,
}

impl Fetcher {
    /// Sends one request over the connections and proxies of this fetcher. Any status is an answer: no redirect is followed,
    /// nothing is sent again that the server may have seen, no credentials are added and no coding is asked for. The time for
    /// the whole does not count.
    ///
    /// # Errors
    /// [`FetchError`] when no response head came.
    pub async fn exchange(&self, exchange: Exchange<'_>) -> Result<Fetched, FetchError> {
        Box::pin(self.pass(exchange)).await
    }

    async fn pass(&self, exchange: Exchange<'_>) -> Result<Fetched, FetchError> {
        let engine = &self.0;
        let Exchange { method, url, mut headers, body } = exchange;
        for name in OURS {
            headers.remove(name);
        }
        headers.entry(header::USER_AGENT).or_insert_with(|| engine.options.user_agent.clone());
        let has_body = method != Method::HEAD;
        let mut request = Request::new(method, Uri::default(), Arc::clone(&engine.conn));
        request.headers = headers;
        request.body = Body::full(body);
        let journey = Journey {
            url: url.clone(),
            headers: HeaderMap::new(),
            hops: Vec::new(),
            deadline: None,
            started: Instant::now(),
        };
        let (mut response, peer) = engine.ask(&journey, request).await.map_err(|error| error.at(url, &[]))?;
        if has_body {
            return engine.arrive(journey, response, peer);
        }
        // They tell of a body that does not come.
        let headers = std::mem::take(&mut response.headers);
        Ok(Fetched { headers, ..engine.arrive(journey, response, peer)? })
    }
}
