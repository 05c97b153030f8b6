//! Connections that begin like TLS and are none: closed, counted, forgotten.

use std::io::Write;

use fairlead_testkit::exchange;

use crate::client::{connect, get, reset, status};
use crate::subject::{Subject, eventually};

/// The record header of a handshake with so many bytes to follow.
fn record(length: u16) -> Vec<u8> {
    [&[0x16, 0x03, 0x01][..], &length.to_be_bytes()].concat()
}

/// A well-formed ClientHello of TLS 1.2 that offers nothing we take.
fn useless_hello() -> Vec<u8> {
    let mut hello = vec![0x03, 0x03];
    hello.extend([7; 32]);
    // No session, the one suite TLS_RSA_WITH_NULL_MD5, no compression, no extensions.
    hello.extend([0, 0, 2, 0, 1, 1, 0]);
    let mut handshake = vec![1, 0];
    handshake.extend((hello.len() as u16).to_be_bytes());
    handshake.extend(hello);
    [record(handshake.len() as u16), handshake].concat()
}

#[test]
fn garbage_in_a_handshake_is_refused_and_counted() {
    let subject = Subject::start(&[]);
    let garbage = [
        [record(512), vec![0xff; 512]].concat(),
        [record(4), vec![1, 0xff, 0xff, 0xff]].concat(),
        [record(0), record(0), record(0)].concat(),
        [vec![0x16, 0x03, 0x01, 0xff, 0xff], vec![0; 70_000]].concat(),
        [record(5), vec![2, 0, 0, 1, 0]].concat(),
        useless_hello(),
        vec![0x16; 1000],
    ];
    for bytes in &garbage {
        let answer = exchange(subject.at("secure"), bytes);
        // At most an alert.
        assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
    }
    eventually("counted", || subject.rejected("secure", "tls-handshake"), garbage.len() as f64);
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn half_handshakes_leave_nothing() {
    let subject = Subject::start(&[]);
    let hello = useless_hello();
    let mut open = Vec::new();
    for cut in (0..hello.len()).step_by(2) {
        let mut stream = connect(subject.at("secure"));
        stream.write_all(&hello[..cut]).unwrap();
        open.push(stream);
    }
    let count = open.len();
    eventually("open connections", || subject.open_connections() as usize, count);
    assert_eq!(status(&get(subject.at("web"), "whoami", "/")), Some(200), "others are served");
    for (place, stream) in open.into_iter().enumerate() {
        if place % 2 == 0 { reset(stream) } else { drop(stream) }
    }
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn plain_http_on_a_port_for_tls_finds_no_router() {
    let subject = Subject::start(&[]);
    assert_eq!(status(&get(subject.at("secure"), "whoami", "/")), Some(404));
    subject.assert_unharmed();
    subject.stop();
}
