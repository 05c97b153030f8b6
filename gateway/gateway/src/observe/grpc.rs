//! The status of a gRPC call: metrics show it as the `code`, where other requests have that of HTTP.
//!
//! It comes as `grpc-status` with the head when there is no message, else with the trailers, which are looked at as they pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use fairlead_http::{Body, Response};
use http::HeaderMap;
use http_body_util::BodyExt as _;

/// `UNKNOWN`, for answers that are not of gRPC.
const UNKNOWN: u16 = 2;
/// `UNAUTHENTICATED`, the last there is.
const LAST: u16 = 16;

/// The status of one call; final when its answer has been sent.
#[derive(Clone)]
pub(super) struct Status(Arc<AtomicU16>);

impl Status {
    /// Watches the answer to a call.
    pub(super) fn of(response: &mut Response) -> Self {
        let early = read(&response.headers);
        let status = Status(Arc::new(AtomicU16::new(early.unwrap_or(UNKNOWN))));
        if early.is_none() && matches!(response.body, Body::Stream(_)) {
            let seen = status.clone();
            let body = std::mem::take(&mut response.body);
            response.body = Body::stream(body.inspect_frame(move |frame| {
                if let Some(code) = frame.trailers_ref().and_then(read) {
                    seen.0.store(code, Ordering::Relaxed);
                }
            }));
        }
        status
    }

    /// The number, 0 to 16.
    pub(super) fn code(&self) -> u16 {
        self.0.load(Ordering::Relaxed)
    }
}

fn read(fields: &HeaderMap) -> Option<u16> {
    let text = fields.get("grpc-status")?.to_str().ok()?;
    Some(text.parse().ok().filter(|code| *code <= LAST).unwrap_or(UNKNOWN))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use fairlead_http::Error;
    use http::{HeaderValue, StatusCode};
    use http_body::Frame;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    fn fields(status: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            HeaderValue::from_static(status),
        )])
    }

    #[tokio::test]
    async fn trailers_decide_when_they_have_passed() {
        for (sent, code) in [("0", 0), ("14", 14), ("16", 16), ("17", 2), ("x", 2)] {
            let frames = [Frame::data(Bytes::from_static(b"message")), Frame::trailers(fields(sent))];
            let frames = futures_util::stream::iter(frames.map(Ok::<_, Error>));
            let mut response = Response::new(StatusCode::OK);
            response.body = Body::stream(StreamBody::new(frames));
            let status = Status::of(&mut response);
            let collected = BodyExt::collect(std::mem::take(&mut response.body)).await;
            assert!(collected.is_ok());
            assert_eq!(status.code(), code, "{sent}");
        }
    }

    #[test]
    fn a_head_alone_decides_too() {
        let mut response = Response::new(StatusCode::OK);
        response.headers = fields("5");
        assert_eq!(Status::of(&mut response).code(), 5);
        assert_eq!(Status::of(&mut Response::new(StatusCode::BAD_GATEWAY)).code(), UNKNOWN);
    }
}
