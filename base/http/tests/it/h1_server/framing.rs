//! How requests, responses and bodies are framed.

#![expect(clippy::disallowed_methods, reason = "a test has no doctor to list its tasks")]

use std::sync::Arc;

use bytes::Bytes;
use fairlead_http::{Body, Conn, Done, Error, Fault, Request, Response, Sent, ServerOptions};
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::{answer, describe, serve, serve_with};

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let mut served = serve(describe);
    served
        .send(
            "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
             POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n\r\n\
             GET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        .await;
    served.expect(&answer("GET /1 []")).await;
    served.expect(&answer("POST /2 [abc]")).await;
    served.expect(&answer("POST /3 [def]")).await;
    let last = served.rest().await;
    assert!(last.contains("Connection: close\r\n") && last.ends_with("GET /4 []"), "{last}");
    served.task.await.unwrap();
}

#[tokio::test]
async fn every_split_of_a_stream_gives_the_same_answers() {
    let stream = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody\
        POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\nT: u\r\n\r\n\
        GET /c HTTP/1.1\r\nHost: h\r\n\r\n";
    let expected = [answer("POST /a [body]"), answer("POST /b [xyz]"), answer("GET /c []")].concat();
    for at in 0..=stream.len() {
        let mut served = serve(describe);
        served.send(&stream[..at]).await;
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        served.send(&stream[at..]).await;
        served.client.shutdown().await.unwrap();
        assert_eq!(served.rest().await, expected, "split at {at}");
    }
}

#[tokio::test]
async fn refusals_are_answered_counted_and_final() {
    let counted = Arc::new(Mutex::new(Vec::new()));
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request: missing required Host header"),
        ("GET / HTTP/3.0\r\nHost: h\r\n\r\n", "505 HTTP Version Not Supported: unsupported protocol version"),
        ("\x16\x03\x01", "400 Bad Request"),
        ("GET / HTTP/1.1\nHost: h\n\n", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nGET /smuggled", "501 Not Implemented"),
    ] {
        let on_reject = {
            let counted = Arc::clone(&counted);
            Some(Arc::new(move |_: &Conn, status: StatusCode| counted.lock().push(status)) as _)
        };
        let mut served = serve_with(ServerOptions { on_reject, ..ServerOptions::default() }, describe);
        served.send(request).await;
        let expected = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{status}"
        );
        assert_eq!(served.rest().await, expected);
    }
    let counted: Vec<u16> = counted.lock().iter().map(StatusCode::as_u16).collect();
    assert_eq!(counted, [400, 505, 400, 400, 501]);
}

#[tokio::test]
async fn heads_over_the_limit_are_refused() {
    let options = ServerOptions { max_header_bytes: 100, ..ServerOptions::default() };
    let mut served = serve_with(options, describe);
    served.send(&format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}", "x".repeat(5000))).await;
    assert!(served.rest().await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn responses_are_framed_for_their_version() {
    async fn stream(_: Request) -> Response {
        let frames = ["ab", "", "cde"].map(|text| Ok::<_, Error>(http_body::Frame::data(Bytes::from(text))));
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("5"));
        let frames = frames.into_iter().chain([Ok(http_body::Frame::trailers(trailers))]);
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
        let mut response = Response::new(StatusCode::OK).with_header(http::header::DATE, "now");
        response.body = Body::stream(body);
        response
    }
    let mut served = serve(stream);
    served.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served
        .expect(
            "HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nab\r\n3\r\ncde\r\n0\r\nX-Sum: 5\r\n\r\n",
        )
        .await;
    served.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.expect("HTTP/1.1 200 OK\r\nDate: now\r\n\r\n").await;
    served.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    assert_eq!(served.rest().await, "HTTP/1.0 200 OK\r\nDate: now\r\nConnection: close\r\n\r\nabcde");
}

#[tokio::test]
async fn bodiless_statuses_have_no_body_and_no_invented_length() {
    async fn status(request: Request) -> Response {
        let status = request.path()[1..].parse().unwrap();
        let mut response = Response::new(status).with_header(http::header::DATE, "now").with_body("ignored");
        if status == 304 {
            response = response.with_header(http::header::CONTENT_LENGTH, "99");
        }
        response
    }
    let mut served = serve(status);
    served.send("GET /204 HTTP/1.1\r\nHost: h\r\n\r\nGET /304 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.expect("HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n").await;
    served.expect("HTTP/1.1 304 Not Modified\r\nDate: now\r\nContent-Length: 99\r\n\r\n").await;
    served.send("HEAD /200 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.expect("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 7\r\n\r\n").await;
    served.send("GET /103 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.expect("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n").await;
}

#[tokio::test]
async fn a_date_is_added() {
    let mut served = serve(|_| async { Response::new(StatusCode::OK) });
    served.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    served.expect("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nDate: ").await;
}

#[tokio::test]
async fn continue_is_sent_when_the_body_is_wanted() {
    let mut served = serve(describe);
    served.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await;
    served.expect("HTTP/1.1 100 Continue\r\n\r\n").await;
    served.send("ok").await;
    served.expect(&answer("POST / [ok]")).await;

    let mut refusing = serve(|_| async { Response::new(StatusCode::FORBIDDEN) });
    refusing.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await;
    let answer = refusing.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 403 Forbidden\r\n") && answer.contains("Connection: close"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_early_response_keeps_the_connection_only_for_a_small_rest() {
    let mut served =
        serve(|_| async { Response::new(StatusCode::OK).with_header(http::header::DATE, "now") });
    served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n").await;
    served.expect("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n\r\n").await;
    served.send("restGET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    served.expect("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n\r\n").await;
    served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n").await;
    served.expect("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n\r\n").await;
    let piece = vec![b'x'; 8192];
    let mut written = 0;
    while served.client.write_all(&piece).await.is_ok() {
        written += piece.len();
        assert!(written < 2 << 20, "the server reads on and on");
    }
}

#[tokio::test]
async fn request_and_response_bodies_flow_at_the_same_time() {
    let mut served = serve(|request: Request| async move {
        let mut response = Response::new(StatusCode::OK).with_header(http::header::DATE, "now");
        response.body = request.body;
        response
    });
    served.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    served.expect("HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for word in ["one", "two", "three"] {
        let chunk = format!("{:x}\r\n{word}\r\n", word.len());
        served.send(&chunk).await;
        served.expect(&chunk).await;
    }
    served.send("0\r\nX-End: yes\r\n\r\n").await;
    served.expect("0\r\nX-End: yes\r\n\r\n").await;
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let body: Vec<u8> = (0..1_000_000u32).map(|at| (at % 251) as u8).collect();
    let served = serve(|request: Request| async move {
        let mut response = Response::new(StatusCode::OK).with_header(http::header::DATE, "now");
        response.body = request.body;
        response
    });
    let head = "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 1000000\r\n\r\n";
    let (mut reader, mut writer) = tokio::io::split(served.client);
    let sent = body.clone();
    let send = tokio::spawn(async move {
        writer.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
        writer.write_all(&sent).await.unwrap();
        writer
    });
    let mut read = vec![0; head.len() + body.len()];
    reader.read_exact(&mut read).await.unwrap();
    assert_eq!(&read[..head.len()], head.as_bytes());
    assert!(read[head.len()..] == body[..]);
    drop(send.await.unwrap());
    served.stop.cancel();
}

#[tokio::test]
async fn truncated_and_broken_bodies_are_errors() {
    for (rest, word) in [
        ("Content-Length: 5\r\n\r\nabc", "client-gone"),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nab", "client-gone"),
        ("Transfer-Encoding: chunked\r\n\r\nzz\r\n", "bad-request"),
    ] {
        let mut served = serve(describe);
        served.send(&format!("POST / HTTP/1.1\r\nHost: h\r\n{rest}")).await;
        served.client.shutdown().await.unwrap();
        let answer = served.rest().await;
        assert!(answer.ends_with(word), "{rest:?}: {answer}");
        assert!(answer.contains("Connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn a_failing_response_body_is_never_a_clean_end() {
    let ends: Arc<Mutex<Vec<Sent>>> = Arc::default();
    for (length, frames) in
        [(None, vec![Ok("abc"), Err(())]), (Some("5"), vec![Ok("abc")]), (Some("2"), vec![Ok("abc")])]
    {
        let seen = Arc::clone(&ends);
        let mut served = serve(move |_| {
            let frames: Vec<Result<http_body::Frame<Bytes>, Error>> = frames
                .iter()
                .map(|frame| match frame {
                    Ok(text) => Ok(http_body::Frame::data(Bytes::from(*text))),
                    Err(()) => Err(Error::new(Fault::Closed, "test")),
                })
                .collect();
            let seen = Arc::clone(&seen);
            async move {
                let mut response = Response::new(StatusCode::OK).with_header(http::header::DATE, "now");
                if let Some(length) = length {
                    response = response.with_header(http::header::CONTENT_LENGTH, length);
                }
                let stream = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
                response.body = Body::stream(stream);
                response.done = Some(Done::new(move |sent| seen.lock().push(sent)));
                response
            }
        });
        served.send("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let answer = served.rest().await;
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        assert_eq!(
            body,
            match length {
                None => "3\r\nabc\r\n",
                Some("5") => "abc",
                _ => "ab",
            }
        );
    }
    let ends = ends.lock();
    assert_eq!(ends.len(), 3);
    assert!(ends.iter().all(|sent| !sent.complete));
    assert_eq!(ends.iter().map(|sent| sent.body_bytes).collect::<Vec<_>>(), [3, 3, 2]);
}

#[tokio::test]
async fn done_reports_what_was_sent() {
    let (ends, mut reports) = mpsc::unbounded_channel();
    let mut served = serve(move |request: Request| {
        let ends = ends.clone();
        async move {
            let mut response = describe(request).await;
            response.done = Some(Done::new(move |sent| ends.send(sent).unwrap()));
            response
        }
    });
    served
        .send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n")
        .await;
    let sent = reports.recv().await.unwrap();
    assert_eq!((sent.body_bytes, sent.request_bytes, sent.complete), (14, 4, true));
}
