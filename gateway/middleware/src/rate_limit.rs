//! `rateLimit`: a token bucket per source. A request that comes a little early waits; one that comes too early is refused.
//!
//! Unlike Traefik, a bucket is not forgotten before it is full again, so that no source ever gets more than
//! `burst + rate · time`. Buckets outlive reloads while the options stay the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fairlead_conf::SignedDuration;
use fairlead_http::{BoxFuture, Middleware, Next, Request, Response};
use http::{HeaderValue, StatusCode, header};

use crate::bucket::{Buckets, Rate};
use crate::catalogue::{BuildError, Built, Context, Options};
use crate::client_tls::ClientTls;
use crate::codes;
use crate::options::{Problem, json, options};
use crate::source::{self, Criterion, SourceCriterion, Strategy};

pub(crate) use crate::bucket::Rates;

options! {
    /// Options of `rateLimit`.
    pub(crate) struct RateLimit {
        /// Requests per `period` and source; 0 means no limit.
        pub(crate) average: i64,
        /// The time that `average` is about; 0 means one second.
        pub(crate) period: SignedDuration = SignedDuration::from_millis(1000),
        /// Requests that may come at once; at least 1.
        pub(crate) burst: i64 = 1,
        /// What a source is; the peer's address when not set.
        pub(crate) source_criterion: Option<SourceCriterion>,
        /// Keep the buckets in Redis.
        pub(crate) redis: Option<Redis>,
    }

    /// Buckets shared by several gateways.
    pub(crate) struct Redis {
        /// Addresses as `host:port`.
        pub(crate) endpoints: Vec<String> = vec!["localhost:6379".to_owned()],
        /// How to talk TLS to it.
        pub(crate) tls: Option<ClientTls>,
        /// User name.
        pub(crate) username: String,
        /// Password.
        pub(crate) password: String,
        /// Number of the database.
        pub(crate) db: i64,
        /// Connections at first; 0 means 10 per processor.
        pub(crate) pool_size: i64,
        /// Fewest idle connections.
        pub(crate) min_idle_conns: i64,
        /// Most connections; 0 means no limit.
        pub(crate) max_active_conns: i64,
        /// Time limit for reading.
        pub(crate) read_timeout: Option<SignedDuration> = Some(SignedDuration::from_millis(3000)),
        /// Time limit for writing.
        pub(crate) write_timeout: Option<SignedDuration> = Some(SignedDuration::from_millis(3000)),
        /// Time limit for connecting.
        pub(crate) dial_timeout: Option<SignedDuration> = Some(SignedDuration::from_millis(5000)),
    }
}

impl Options for RateLimit {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut found = source::problems(self.source_criterion.as_ref());
        if self.period.positive().is_none() {
            found.push(Problem::new(&codes::OUT_OF_BOUNDS, "period must not be negative").at("period"));
        }
        found
    }

    fn build(&self, context: &Context<'_>) -> Result<Built, BuildError> {
        if self.redis.is_some() {
            return Err(BuildError::NotYet);
        }
        let period = self.period.positive();
        let period = period.ok_or_else(|| BuildError::Invalid("period must not be negative".to_owned()))?;
        let default = Criterion::Address(Strategy::Peer);
        let criterion =
            Criterion::new(self.source_criterion.as_ref(), default).map_err(BuildError::Invalid)?;
        let buckets = Rate::new(self.average, period, self.burst).map(|rate| {
            let identity = format!("{}\n{}\n{}", context.router, context.name, self.json());
            context.state.rates.buckets(identity, rate)
        });
        Ok(Built::Layer(Arc::new(Layer { criterion, buckets })))
    }
}

struct Layer {
    criterion: Criterion,
    /// `None` when there is no limit.
    buckets: Option<Arc<Buckets>>,
}

impl Middleware for Layer {
    fn handle<'a>(&'a self, request: Request, next: Next<'a>) -> BoxFuture<'a, Response> {
        let Some(buckets) = &self.buckets else { return next.run(request) };
        let source = self.criterion.source(&request);
        match buckets.take(&source, Instant::now()) {
            Ok(Duration::ZERO) => next.run(request),
            Ok(delay) => {
                drop(source);
                Box::pin(async move {
                    tokio::time::sleep(delay).await;
                    next.run(request).await
                })
            }
            Err(delay) => Box::pin(std::future::ready(refusal(delay))),
        }
    }
}

fn refusal(delay: Duration) -> Response {
    let mut response = Response::new(StatusCode::TOO_MANY_REQUESTS).with_body("Too Many Requests");
    let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
    response.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    if let Ok(value) = HeaderValue::from_str(&fairlead_conf::Duration(delay).to_string()) {
        response.headers.insert("x-retry-in", value);
    }
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::harness::{
        Recorder, body, decode, get_with, header, layer, layer_in, pass, request, request_from, through,
    };
    use crate::state::State;

    #[test]
    fn the_burst_passes_and_the_next_is_refused() {
        let layer = layer("rateLimit", json!({ "average": 1, "period": "100s", "burst": 2 }));
        for _ in 0..2 {
            assert!(pass(&layer, request("GET", "/")).1.is_some());
        }
        let (response, asked) = pass(&layer, request("GET", "/"));
        assert!(asked.is_none());
        assert_eq!((response.status.as_u16(), body(&response).as_str()), (429, "Too Many Requests"));
        assert_eq!(header(&response.headers, "retry-after"), "100");
        assert!(header(&response.headers, "x-retry-in").starts_with("1m39."));
        assert!(pass(&layer, request_from("192.0.2.8:1")).1.is_some(), "another source");
    }

    #[test]
    fn sources_by_header_and_host() {
        let by_header = layer(
            "rateLimit",
            json!({ "average": 1, "period": "1h", "sourceCriterion": { "requestHeaderName": "X-K" } }),
        );
        let by_host = layer(
            "rateLimit",
            json!({ "average": 1, "period": "1h", "sourceCriterion": { "requestHost": true } }),
        );
        for (layer, name, value, passes) in [
            (&by_header, "x-k", "a", true),
            (&by_header, "x-k", "a", false),
            (&by_header, "x-k", "b", true),
            (&by_header, "x-other", "b", true),
            (&by_header, "x-other", "c", false),
            (&by_host, "host", "a", true),
            (&by_host, "host", "b", true),
            (&by_host, "host", "a", false),
        ] {
            assert_eq!(pass(layer, get_with("/", &[(name, value)])).1.is_some(), passes, "{name}: {value}");
        }
    }

    #[test]
    fn buckets_outlive_a_reload_of_the_same_options() {
        let state = State::new();
        let options = json!({ "average": 1, "period": "1h" });
        let old = layer_in("rateLimit", options.clone(), &state).unwrap();
        assert!(pass(&old, request("GET", "/")).1.is_some());
        let same = layer_in("rateLimit", options, &state).unwrap();
        assert!(pass(&same, request("GET", "/")).1.is_none());
        let other = layer_in("rateLimit", json!({ "average": 2, "period": "1h" }), &state).unwrap();
        assert!(pass(&other, request("GET", "/")).1.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_early_request_waits() {
        // At 1.99 requests per second half a second is allowed, so the next request is refused for the first millisecond only.
        let layer = layer("rateLimit", json!({ "average": 1, "period": "501ms" }));
        let service = Recorder::default();
        let start = Instant::now();
        assert_eq!(through(&layer, &service, request("GET", "/")).await.status, 200);
        let before = tokio::time::Instant::now();
        while through(&layer, &service, request("GET", "/")).await.status != 200 {}
        if start.elapsed() < Duration::from_millis(501) {
            assert!((1..=502).contains(&before.elapsed().as_millis()), "{:?}", before.elapsed());
        }
    }

    #[test]
    fn no_average_means_no_limit() {
        let layer = layer("rateLimit", json!({}));
        assert!((0..100).all(|_| pass(&layer, request("GET", "/")).1.is_some()));
    }

    #[test]
    fn options_print_with_defaults() {
        let (options, findings) =
            decode("rateLimit", &json!({ "average": 10, "redis": { "endpoints": ["h:1"] } }));
        let options = options.unwrap();
        assert!(findings.is_empty());
        let expected = json!({
            "average": 10, "period": "1s", "burst": 1,
            "redis": { "endpoints": ["h:1"], "readTimeout": "3s", "writeTimeout": "3s", "dialTimeout": "5s" },
        });
        assert_eq!(options.json(), expected);
        assert_eq!(layer_in("rateLimit", expected, &State::new()).err(), Some(BuildError::NotYet));
        assert!(decode("rateLimit", &json!({ "average": 1, "period": "-1s" })).1.has_errors());
    }
}
