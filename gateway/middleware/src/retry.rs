//! `retry`: sends a request again that failed before anything of it was sent, or that was answered with one of some statuses.
//!
//! Unlike Traefik, it tells the balancer which servers failed ([`Tried`]), so that another one is asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fairlead_conf::SignedDuration;
use fairlead_http::{BoxFuture, Fault, Middleware, Next, Request, Response, Tried};
use http::Method;

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::codes;
use crate::options::{Problem, json, options};
use crate::replay::Original;
use crate::status::{self, Statuses};

options! {
    /// Options of `retry`.
    pub(crate) struct Retry {
        /// How often to try, the first time included.
        pub(crate) attempts: i64,
        /// No new try after this time; 0 means no limit.
        pub(crate) timeout: SignedDuration,
        /// First pause between tries, growing to twice as much; 0 means no pause.
        pub(crate) initial_interval: SignedDuration,
        /// Largest body that is kept for being sent again after a status, in bytes; negative means no limit. A larger one
        /// is sent once.
        pub(crate) max_request_body_bytes: Option<i64> = Some(2 << 20),
        /// Statuses and ranges that are tried again.
        pub(crate) status: Vec<String>,
        /// Whether not to try again when the server could not be reached.
        pub(crate) disable_retry_on_network_error: bool,
        /// Whether POST, PATCH and LOCK are tried again after a status too.
        pub(crate) retry_non_idempotent_method: bool,
    }
}

impl Options for Retry {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut found = status::problems(&self.status);
        if self.attempts <= 0 {
            let message = format!("attempts must be at least 1, not {}", self.attempts);
            found.push(Problem::new(&codes::OUT_OF_BOUNDS, message).at("attempts"));
        }
        if self.never() {
            found.push(Problem::new(&codes::MISSING, NEVER).at("disableRetryOnNetworkError"));
        }
        found
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        if self.never() {
            return Err(BuildError::Invalid(NEVER.to_owned()));
        }
        let attempts = u32::try_from(self.attempts.min(i64::from(u32::MAX))).ok().filter(|count| *count > 0);
        let attempts =
            attempts.ok_or_else(|| BuildError::Invalid("attempts must be at least 1".to_owned()))?;
        Ok(Built::Layer(Arc::new(Layer {
            attempts,
            timeout: self.timeout.positive().filter(|timeout| !timeout.is_zero()),
            interval: self.initial_interval.positive().unwrap_or_default(),
            most_kept: self
                .max_request_body_bytes
                .map_or(2 << 20, |most| usize::try_from(most).unwrap_or(usize::MAX)),
            statuses: Statuses::parse(&self.status).map_err(BuildError::Invalid)?,
            network: !self.disable_retry_on_network_error,
            any_method: self.retry_non_idempotent_method,
        })))
    }
}

const NEVER: &str = "neither a status nor a network error would be tried again";

impl Retry {
    fn never(&self) -> bool {
        self.status.is_empty() && self.disable_retry_on_network_error
    }
}

struct Layer {
    attempts: u32,
    timeout: Option<Duration>,
    interval: Duration,
    most_kept: usize,
    statuses: Statuses,
    network: bool,
    any_method: bool,
}

impl Middleware for Layer {
    fn handle<'a>(&'a self, request: Request, next: Next<'a>) -> BoxFuture<'a, Response> {
        if self.attempts == 1 {
            return next.run(request);
        }
        Box::pin(self.run(request, next))
    }
}

impl Layer {
    async fn run(&self, request: Request, next: Next<'_>) -> Response {
        let start = Instant::now();
        let by_status = !self.statuses.is_empty() && (self.any_method || is_idempotent(&request.method));
        let keep = if by_status { self.most_kept } else { 0 };
        let mut original = match Original::new(request, keep).await {
            Ok(original) => original,
            Err(error) => return Response::fault(&error),
        };
        let (mut tried, mut asked, mut attempt) = (Tried::default(), 0, 1);
        loop {
            let response = next.run(original.request()).await;
            let outcome = response.outcome.as_deref();
            asked += outcome.map_or(0, |outcome| outcome.attempts.max(u32::from(outcome.server.is_some())));
            let late = self.timeout.is_some_and(|timeout| start.elapsed() >= timeout);
            let again = original.is_whole() && self.wants(&response, by_status && original.is_kept());
            if attempt >= self.attempts || late || !again {
                return with_attempts(response, asked);
            }
            if let Some(server) = response.outcome.as_ref().and_then(|outcome| outcome.server.clone()) {
                tried.0.push(server);
            }
            tracing::debug!(
                attempt = attempt + 1,
                status = response.status.as_u16(),
                "trying a request again"
            );
            // Nothing may hold the backend's connection while we wait.
            drop(response);
            let pause = self.pause(attempt);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            original.tried(&tried);
            attempt += 1;
        }
    }

    /// Whether the answer asks for another try.
    fn wants(&self, response: &Response, by_status: bool) -> bool {
        (self.network && is_network_failure(response))
            || (by_status && self.statuses.contains(response.status))
    }

    /// The pause after a try: growing to twice the first one over all tries, half of it up or down by chance.
    fn pause(&self, attempt: u32) -> Duration {
        if self.interval.is_zero() {
            return Duration::ZERO;
        }
        let growth = f64::from(attempt - 1) / f64::from((self.attempts - 1).max(1));
        self.interval.mul_f64(growth.exp2().min(2.0) * rand::random_range(0.5..1.5))
    }
}

fn with_attempts(mut response: Response, asked: u32) -> Response {
    response.outcome_mut().attempts = asked;
    response
}

fn is_idempotent(method: &Method) -> bool {
    !matches!(method.as_str(), "POST" | "PATCH" | "LOCK")
}

/// Whether a server was to be asked and nothing of the request reached it.
fn is_network_failure(response: &Response) -> bool {
    response.outcome.as_ref().is_some_and(|outcome| {
        let network = matches!(
            outcome.fault,
            Some(Fault::Dns | Fault::Connect | Fault::ConnectTimeout | Fault::Tls | Fault::Closed)
        );
        outcome.retryable && network
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bytes::Bytes;
    use fairlead_http::{Body, Error, Handler, Outcome};
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;
    use crate::harness::{decode, layer, layer_in, request, through};
    use crate::state::State;

    /// Answers from a list; the last one stays. Reads bodies unless the answer is a fault.
    struct Script {
        answers: Vec<Answer>,
        seen: Mutex<Vec<(String, Tried)>>,
    }

    #[derive(Clone, Copy)]
    enum Answer {
        Status(u16),
        Fault(Fault, bool),
    }

    impl Script {
        fn new(answers: &[Answer]) -> Self {
            Script { answers: answers.to_vec(), seen: Mutex::default() }
        }

        fn seen(&self) -> Vec<String> {
            self.seen.lock().unwrap().iter().map(|(body, _)| body.clone()).collect()
        }
    }

    impl Handler for Script {
        fn call(&self, request: Request) -> BoxFuture<'_, Response> {
            Box::pin(async move {
                let tried = request.extensions.get::<Tried>().cloned().unwrap_or_default();
                let count = self.seen.lock().unwrap().len();
                let answer = self.answers[count.min(self.answers.len() - 1)];
                let body = match answer {
                    Answer::Fault(_, false) => Bytes::new(),
                    _ => request.body.collect(1 << 20).await.unwrap(),
                };
                self.seen.lock().unwrap().push((String::from_utf8(body.to_vec()).unwrap(), tried));
                let mut response = match answer {
                    Answer::Status(status) => Response::new(status.try_into().unwrap()),
                    Answer::Fault(fault, sent) => Response::fault(&Error { sent, ..Error::new(fault, "x") }),
                };
                let server = Some(format!("http://s{count}").into());
                *response.outcome_mut() =
                    Outcome { server, attempts: 1, ..*response.outcome.take().unwrap_or_default() };
                response
            })
        }
    }

    use Answer::{Fault as Failed, Status};

    async fn run(options: serde_json::Value, method: &str, body: Body, script: &Script) -> (u16, u32) {
        let mut request = request(method, "/");
        request.body = body;
        let response = through(&layer("retry", options), script, request).await;
        (response.status.as_u16(), response.outcome.unwrap().attempts)
    }

    /// A body that comes in pieces.
    fn streamed(pieces: &'static [&'static str]) -> Body {
        let frames =
            pieces.iter().map(|piece| Ok(http_body::Frame::data(Bytes::from_static(piece.as_bytes()))));
        Body::stream(http_body_util::StreamBody::new(futures_util::stream::iter(frames)))
    }

    #[tokio::test]
    async fn network_failures_are_tried_again_while_nothing_was_sent() {
        for (answers, expected) in [
            (&[Failed(Fault::Connect, false), Status(200)][..], (200, 2)),
            (&[Failed(Fault::Connect, false)], (502, 3)),
            (&[Failed(Fault::ConnectTimeout, false), Failed(Fault::Dns, false), Status(204)], (204, 3)),
            (&[Failed(Fault::Closed, true), Status(200)], (502, 1)),
            (&[Failed(Fault::NoServer, false), Status(200)], (503, 1)),
            (&[Status(503), Status(200)], (503, 1)),
        ] {
            for method in ["GET", "POST"] {
                let script = Script::new(answers);
                assert_eq!(run(json!({ "attempts": 3 }), method, Body::Empty, &script).await, expected);
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_nobody_touched_is_sent_again() {
        let script =
            Script::new(&[Failed(Fault::Connect, false), Failed(Fault::Connect, false), Status(200)]);
        assert_eq!(run(json!({ "attempts": 3 }), "POST", streamed(&["ab", "c"]), &script).await, (200, 3));
        assert_eq!(script.seen(), ["", "", "abc"]);
    }

    #[tokio::test]
    async fn statuses_are_tried_again_with_the_same_body() {
        let options = json!({ "attempts": 3, "status": ["500-599"] });
        for (method, body, expected, count) in [
            ("GET", Body::Empty, (200, 3), 3),
            ("PUT", Body::full("abc"), (200, 3), 3),
            ("PUT", streamed(&["a", "bc"]), (200, 3), 3),
            ("POST", Body::full("abc"), (503, 1), 1),
        ] {
            let script = Script::new(&[Status(503), Status(500), Status(200)]);
            let text = if matches!(body, Body::Empty) { "" } else { "abc" };
            assert_eq!(run(options.clone(), method, body, &script).await, expected, "{method}");
            assert_eq!(script.seen(), vec![text; count]);
        }
        let script = Script::new(&[Status(503), Status(200)]);
        let options = json!({ "attempts": 2, "status": ["503"], "retryNonIdempotentMethod": true });
        assert_eq!(run(options, "POST", Body::full("x"), &script).await, (200, 2));
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_sent_once_and_whole() {
        let options = json!({ "attempts": 3, "status": ["503"], "maxRequestBodyBytes": 4 });
        for body in [streamed(&["abc", "def", "g"]), Body::full("abcdefg")] {
            let script = Script::new(&[Status(503), Status(200)]);
            let at_hand = body.is_replayable();
            let expected = if at_hand { (200, 2) } else { (503, 1) };
            assert_eq!(run(options.clone(), "PUT", body, &script).await, expected);
            assert!(script.seen().iter().all(|seen| seen == "abcdefg"));
        }
    }

    #[tokio::test]
    async fn the_balancer_learns_who_failed() {
        let script = Script::new(&[Failed(Fault::Connect, false)]);
        run(json!({ "attempts": 3 }), "GET", Body::Empty, &script).await;
        let tried: Vec<Vec<String>> = script
            .seen
            .lock()
            .unwrap()
            .iter()
            .map(|(_, tried)| tried.0.iter().map(ToString::to_string).collect())
            .collect();
        assert_eq!(
            tried,
            [vec![], vec!["http://s0".to_owned()], vec!["http://s0".to_owned(), "http://s1".to_owned()]]
        );
    }

    #[tokio::test]
    async fn network_failures_can_be_left_alone() {
        let options = json!({ "attempts": 3, "status": ["502"], "disableRetryOnNetworkError": true });
        let script = Script::new(&[Failed(Fault::Connect, false), Status(200)]);
        assert_eq!(run(options, "POST", Body::Empty, &script).await, (502, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_the_time_limit_ends_them() {
        let script = Script::new(&[Failed(Fault::Connect, false)]);
        let start = tokio::time::Instant::now();
        run(json!({ "attempts": 4, "initialInterval": "100ms" }), "GET", Body::Empty, &script).await;
        let waited = start.elapsed();
        assert!((Duration::from_millis(150)..Duration::from_millis(700)).contains(&waited), "{waited:?}");
        let script = Script::new(&[Failed(Fault::Connect, false)]);
        assert_eq!(
            run(json!({ "attempts": 4, "timeout": "1ns" }), "GET", Body::Empty, &script).await,
            (502, 1)
        );
    }

    #[tokio::test]
    async fn trailers_are_sent_again() {
        struct Trailing(Mutex<u32>);
        impl Handler for Trailing {
            fn call(&self, request: Request) -> BoxFuture<'_, Response> {
                Box::pin(async move {
                    let whole = request.body.collect_all().await;
                    *self.0.lock().unwrap() += u32::from(whole.is_some());
                    Response::new(http::StatusCode::BAD_GATEWAY)
                })
            }
        }
        trait CollectAll {
            async fn collect_all(self) -> Option<http::HeaderMap>;
        }
        impl CollectAll for Body {
            async fn collect_all(self) -> Option<http::HeaderMap> {
                BodyExt::collect(self).await.unwrap().trailers().cloned()
            }
        }
        let trailers = http::HeaderMap::from_iter([(http::header::ETAG, "x".parse().unwrap())]);
        let frames =
            [Ok(http_body::Frame::data(Bytes::from_static(b"a"))), Ok(http_body::Frame::trailers(trailers))];
        let mut request = request("PUT", "/");
        request.body = Body::stream(http_body_util::StreamBody::new(futures_util::stream::iter(frames)));
        let service = Trailing(Mutex::new(0));
        through(&layer("retry", json!({ "attempts": 3, "status": ["502"] })), &service, request).await;
        assert_eq!(*service.0.lock().unwrap(), 3);
    }

    #[test]
    fn options_are_checked() {
        for (options, place) in [
            (json!({}), ".attempts"),
            (json!({ "attempts": 2, "status": ["5xx"] }), ".status[0]"),
            (json!({ "attempts": 2, "disableRetryOnNetworkError": true }), ".disableRetryOnNetworkError"),
        ] {
            let (_, findings) = decode("retry", &options);
            let origin = findings.iter().next().unwrap().origin().unwrap().to_string();
            assert!(findings.has_errors() && (origin == place || origin.is_empty()), "{origin}");
            assert!(matches!(layer_in("retry", options, &State::new()), Err(BuildError::Invalid(_))));
        }
        let (options, _) = decode("retry", &json!({ "attempts": 3, "status": ["500-599"] }));
        assert_eq!(
            options.unwrap().json(),
            json!({ "attempts": 3, "maxRequestBodyBytes": 2_097_152, "status": ["500-599"] })
        );
    }
}
