//! Clients that are slow: they are cut off in time, cost no memory, and nobody else waits for them.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use fairlead_testkit::Backend;

use crate::client::{body, connect, dribble, get, read_answer, read_to_close, request, status};
use crate::subject::{Subject, eventually};

const PAUSE: Duration = Duration::from_millis(50);
/// In what time a cut must have come; the limits themselves are below two seconds.
const CUT: Duration = Duration::from_secs(8);

#[test]
fn slow_heads_are_cut_off() {
    let subject = Subject::start(&[]);
    // Nothing at all, half a request line, half a head, and bytes that come forever.
    for begun in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: whoami\r\nX-A"] {
        let mut stream = connect(subject.at("quick"));
        stream.write_all(begun.as_bytes()).unwrap();
        let (took, answer) = read_to_close(&mut stream);
        assert!(took < CUT, "{took:?}");
        assert!(matches!(status(&answer), None | Some(408)), "{:?}", String::from_utf8_lossy(&answer));
    }
    let mut stream = connect(subject.at("quick"));
    let began = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    dribble(&mut stream, b"X: 1\r\n", PAUSE, 400);
    assert!(began.elapsed() < CUT, "a byte now and then kept the connection");
    drop(stream);
    // Who never began a request was idle, not slow.
    eventually("counted", || subject.rejected("quick", "timeout"), 3.0);
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn a_crowd_of_slow_heads_keeps_nobody_waiting() {
    let subject = Subject::start(&[]);
    let crowd: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = connect(subject.at("web"));
            stream.write_all(b"GET / HTTP/1.1\r\nHost: who").unwrap();
            stream
        })
        .collect();
    eventually("open connections", || subject.open_connections() as usize, 200);
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(status(&get(subject.at("web"), "whoami", "/")), Some(200));
    }
    assert!(began.elapsed() < CUT, "{:?}", began.elapsed());
    assert!(subject.growth() < 16 << 20, "{} bytes for 200 connections", subject.growth());
    drop(crowd);
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn slow_bodies_are_cut_off_with_408() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    for framing in ["Content-Length: 1000\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\n5\r\nhe"] {
        let mut stream = connect(subject.at("quick"));
        stream.write_all(format!("POST /echo HTTP/1.1\r\nHost: good\r\n{framing}").as_bytes()).unwrap();
        let (took, answer) = read_to_close(&mut stream);
        assert!(took < CUT, "{took:?}");
        assert_eq!(status(&answer), Some(408), "{framing}: {:?}", String::from_utf8_lossy(&answer));
    }
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn idle_connections_are_closed() {
    let subject = Subject::start(&[]);
    let mut stream = connect(subject.at("quick"));
    stream.write_all(&request("whoami", "/")).unwrap();
    assert_eq!(status(&read_answer(&mut stream)), Some(200));
    let (took, rest) = read_to_close(&mut stream);
    assert!(took < CUT && rest.is_empty(), "{took:?} {rest:?}");
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn slow_readers_cost_no_memory() {
    const LENGTH: usize = 200 << 20;
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    let stalled: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = connect(subject.at("web"));
            stream.write_all(&request("good", &format!("/bytes/{LENGTH}"))).unwrap();
            stream
        })
        .collect();
    eventually("requests", || backend.requests(), 8);
    // A transfer through the same worker's sockets, after which the stalled ones have had their time to fill buffers.
    for _ in 0..4 {
        let answer = get(subject.at("web"), "good", "/bytes/10000000");
        assert_eq!(body(&answer).len(), 10_000_000);
    }
    assert!(subject.growth() < 32 << 20, "{} bytes for 8 stalled answers", subject.growth());
    // One of them begins to read, and gets what it waited for.
    let mut stalled = stalled.into_iter();
    let mut reader = stalled.next().unwrap();
    let mut piece = vec![0; 1 << 20];
    let mut read = 0;
    while read < 20 << 20 {
        read += reader.read(&mut piece).unwrap();
    }
    drop((reader, stalled));
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn an_entry_point_with_a_write_time_out_cuts_slow_readers_off() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    let mut stream = connect(subject.at("quick"));
    stream.write_all(&request("good", "/bytes/200000000")).unwrap();
    eventually("requests", || backend.requests(), 1);
    eventually("open connections", || subject.open_connections() as usize, 0);
    let (_, answer) = read_to_close(&mut stream);
    assert!(status(&answer) == Some(200) && answer.len() < 200_000_000);
    subject.assert_unharmed();
    subject.stop();
}
