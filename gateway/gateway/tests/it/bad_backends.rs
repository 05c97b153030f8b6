//! Backends that fail: the client learns it by a clear status or a body that visibly breaks off.

use std::io::Write;
use std::time::{Duration, Instant};

use fairlead_testkit::{Backend, RawBackend, Script, exchange, free_addr};

use crate::client::{body, connect, get, read_to_close, request, status};
use crate::frames::{self, DATA, HEADERS, RST_STREAM};
use crate::subject::Subject;

const BAD_GATEWAY: u16 = 502;
const INTERNAL: u16 = 500;
const TIMEOUT: u16 = 504;

fn answer(text: &str) -> Script {
    Script::Answer(text.as_bytes().to_vec())
}

/// The status that a `GET` to this backend gets.
#[track_caller]
fn assert_status(script: Script, expected: u16) {
    let told = format!("{script:?}");
    let backend = RawBackend::start(script);
    let subject = Subject::start(&[("bad", backend.url())]);
    for _ in 0..3 {
        let answer = get(subject.at("web"), "bad", "/");
        assert_eq!(status(&answer), Some(expected), "{told:.200}: {:?}", String::from_utf8_lossy(&answer));
    }
    let counted = subject.metric("traefik_entrypoint_requests_total", &format!("code=\"{expected}\""));
    assert_eq!(counted, 3.0, "{told:.200}");
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn closing_early_is_a_bad_gateway() {
    assert_status(Script::Close, BAD_GATEWAY);
    assert_status(Script::CloseAfterHead, BAD_GATEWAY);
    assert_status(Script::half_head(), BAD_GATEWAY);
}

#[test]
fn answers_that_are_none_are_an_error() {
    let flood = format!("HTTP/1.1 200 OK\r\n{}", "X: a\r\n".repeat(2_000_000));
    for script in [
        Script::garbage(),
        answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        answer("HTTP/1.1 200 OK\nX: y\n\n"),
        answer("HTTP/9.9 200 OK\r\n\r\n"),
        answer(&flood),
    ] {
        assert_status(script, INTERNAL);
    }
}

#[test]
fn silence_is_a_time_out() {
    let began = Instant::now();
    assert_status(Script::Silence, TIMEOUT);
    assert!(began.elapsed() < Duration::from_secs(20));
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let slow = std::iter::once(head).chain((0..100).map(|_| b"X: y\r\n".to_vec()));
    assert_status(Script::Slowly(slow.collect(), Duration::from_millis(50)), TIMEOUT);
}

#[test]
fn nobody_listening_is_a_bad_gateway() {
    let subject = Subject::start(&[("bad", format!("http://{}", free_addr()))]);
    assert_eq!(status(&get(subject.at("web"), "bad", "/")), Some(BAD_GATEWAY));
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn a_body_that_breaks_off_breaks_off_for_the_client() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (script, visible) in [
        (Script::half_body(), "0123456789"),
        (answer(&format!("{chunked}5\r\nhello\r\n")), "hello"),
        (answer(&format!("{chunked}5\r\nhello\r\nzz\r\n")), "hello"),
        (answer(&format!("{chunked}5\r\nhelloworld\r\n0\r\n\r\n")), "hello"),
    ] {
        let told = format!("{script:?}");
        let backend = RawBackend::start(script);
        let subject = Subject::start(&[("bad", backend.url())]);
        let answer = get(subject.at("web"), "bad", "/");
        assert_eq!(status(&answer), Some(200), "{told}");
        let text = String::from_utf8_lossy(body(&answer)).into_owned();
        assert!(text.contains(visible), "{told}: {text:?}");
        assert!(!text.ends_with("0\r\n\r\n") && text.len() < 100, "{told} looks complete: {text:?}");
        // Over HTTP/2 the stream is reset.
        let mut stream = frames::begin(subject.at("web"));
        stream.write_all(&frames::get_frame(1, "bad", "/")).unwrap();
        let end = frames::read_until(&mut stream, |frame| {
            frame.stream == 1 && !matches!(frame.kind, HEADERS | DATA)
        });
        assert_eq!(end.map(|frame| frame.kind), Some(RST_STREAM), "{told}");
        drop(stream);
        subject.assert_unharmed();
        subject.stop();
    }
}

#[test]
fn bytes_behind_an_answer_reach_nobody() {
    let text =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for script in [Script::AnswerAndHold(text.into()), answer(text)] {
        let backend = RawBackend::start(script);
        let subject = Subject::start(&[("bad", backend.url())]);
        for _ in 0..5 {
            assert_eq!(body(&get(subject.at("web"), "bad", "/")), b"ok");
        }
        subject.assert_unharmed();
        subject.stop();
    }
}

#[test]
fn an_early_answer_ends_an_upload() {
    let refusal = "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let backend = RawBackend::start(answer(refusal));
    let subject = Subject::start(&[("bad", backend.url())]);
    let head = format!("POST / HTTP/1.1\r\nHost: bad\r\nContent-Length: {}\r\n\r\n", 64 << 20);
    let upload = [head.into_bytes(), vec![b'x'; 4 << 20]].concat();
    let answer = exchange(subject.at("web"), &upload);
    // The backend closes with our bytes unread, and its reset may overtake its answer.
    assert!(matches!(status(&answer), Some(413 | BAD_GATEWAY)), "{:?}", String::from_utf8_lossy(&answer));
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn a_client_that_leaves_takes_its_exchange_along() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    for target in ["/delay/300", "/slow/200", "/bytes/100000000"] {
        for _ in 0..5 {
            let mut stream = connect(subject.at("web"));
            stream.write_all(&request("good", target)).unwrap();
            crate::client::reset(stream);
        }
    }
    subject.assert_unharmed();
    let mut stream = frames::begin(subject.at("web"));
    for id in [1, 3, 5] {
        stream.write_all(&frames::get_frame(id, "good", "/bytes/100000000")).unwrap();
    }
    frames::read_until(&mut stream, |frame| frame.kind == HEADERS);
    drop(stream);
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn a_broken_backend_does_not_spoil_the_connection_of_the_client() {
    let (bad, good) = (RawBackend::start(Script::CloseAfterHead), Backend::http());
    let subject = Subject::start(&[("bad", bad.url()), ("good", good.url())]);
    let mut stream = connect(subject.at("web"));
    for _ in 0..3 {
        stream.write_all(&request("bad", "/")).unwrap();
        assert_eq!(status(&crate::client::read_answer(&mut stream)), Some(BAD_GATEWAY));
        stream.write_all(&request("good", "/")).unwrap();
        assert_eq!(status(&crate::client::read_answer(&mut stream)), Some(200));
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    read_to_close(&mut stream);
    subject.assert_unharmed();
    subject.stop();
}
