//! Sockets that are closed on one side: the other side still works, and nothing is left in the end.

use std::io::{Read, Write};
use std::net::Shutdown;

use fairlead_testkit::{Backend, RawBackend, Script};

use crate::client::{connect, read_answer, read_to_close, request, status};
use crate::subject::Subject;

const UPGRADE: &str = "GET /upgrade HTTP/1.1\r\nHost: good\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

#[test]
fn a_client_that_has_said_everything_gets_its_answer() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    let post = "POST /delay/100 HTTP/1.1\r\nHost: good\r\nContent-Length: 5\r\n\r\nhello";
    for bytes in [request("good", "/delay/100"), post.into(), request("good", "/bytes/3000000")] {
        let mut stream = connect(subject.at("web"));
        stream.write_all(&bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = read_answer(&mut stream);
        assert_eq!(status(&answer), Some(200), "{:?}", String::from_utf8_lossy(&bytes));
        assert_eq!(read_to_close(&mut stream).1, b"", "the connection ends after it");
    }
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn a_client_that_ends_in_its_request_is_let_go() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    for begun in [
        "",
        "GET",
        "GET / HTTP/1.1\r\nHost: good\r\n",
        "POST /echo HTTP/1.1\r\nHost: good\r\nContent-Length: 9\r\n\r\n123",
        "POST /echo HTTP/1.1\r\nHost: good\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n",
    ] {
        let mut stream = connect(subject.at("web"));
        stream.write_all(begun.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let (_, answer) = read_to_close(&mut stream);
        assert!(
            matches!(status(&answer), None | Some(400 | 499)),
            "{begun:?}: {:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn a_tunnel_is_closed_one_way_at_a_time() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    let mut stream = connect(subject.at("web"));
    stream.write_all(UPGRADE.as_bytes()).unwrap();
    assert_eq!(status(&read_answer(&mut stream)), Some(101));
    // More than all buffers on the way hold, so that much of it comes back after the end of our side.
    let sent = vec![b'e'; 1 << 20];
    let mut writer = stream.try_clone().unwrap();
    let bytes = sent.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&bytes).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let (_, echoed) = read_to_close(&mut stream);
    writing.join().unwrap();
    assert!(echoed == sent, "{} of {} bytes came back", echoed.len(), sent.len());
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn a_tunnel_that_the_backend_ends_is_let_go() {
    let switch =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nbye".to_vec();
    let backend = RawBackend::start(Script::Answer(switch));
    let subject = Subject::start(&[("good", backend.url())]);
    let mut stream = connect(subject.at("web"));
    stream.write_all(UPGRADE.as_bytes()).unwrap();
    assert_eq!(status(&read_answer(&mut stream)), Some(101));
    let mut last = Vec::new();
    stream.read_to_end(&mut last).unwrap();
    assert_eq!(last, b"bye");
    drop(stream);
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn tunnels_that_are_reset_are_let_go() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    for _ in 0..10 {
        let mut stream = connect(subject.at("web"));
        stream.write_all(UPGRADE.as_bytes()).unwrap();
        assert_eq!(status(&read_answer(&mut stream)), Some(101));
        stream.write_all(b"something").unwrap();
        crate::client::reset(stream);
    }
    subject.assert_unharmed();
    drop(backend);
    subject.stop();
}
