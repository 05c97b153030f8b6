//! HTTP/2 clients that abuse the protocol: the connection ends with a reason, and costs little until then.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use fairlead_testkit::Backend;

use crate::client::read_to_close;
use crate::frames::*;
use crate::subject::{Subject, eventually};

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

/// What the connection ended with; `None` when it was closed without a word.
fn last_word(stream: &mut TcpStream) -> Option<u32> {
    read_until(stream, |frame| frame.kind == GOAWAY && frame.error_code() != 0)
        .map(|frame| frame.error_code())
}

/// Sends until the other side has had enough, at most so many times; whether it had.
fn flood(stream: &mut TcpStream, bytes: &[u8], times: usize) -> bool {
    (0..times).any(|_| stream.write_all(bytes).is_err())
}

#[test]
fn a_rapid_reset_ends_the_connection() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    let mut stream = begin(subject.at("web"));
    let mut reader = stream.try_clone().unwrap();
    let word = std::thread::spawn(move || last_word(&mut reader));
    let mut next = 1;
    // More than the kernel's buffers take.
    for _ in 0..20_000 {
        let mut burst = Vec::new();
        for _ in 0..100 {
            burst.extend(get_frame(next, "good", "/never"));
            burst.extend(frame(RST_STREAM, 0, next, &8_u32.to_be_bytes()));
            next += 2;
        }
        if stream.write_all(&burst).is_err() {
            break;
        }
    }
    let word = word.join().unwrap();
    assert!(matches!(word, None | Some(ENHANCE_YOUR_CALM)), "{word:?}");
    assert!(next < 4_000_000, "all of it was taken");
    assert!(backend.connections() < 1000, "{} connections to the backend", backend.connections());
    drop(stream);
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn floods_of_settings_and_pings_are_bounded() {
    let subject = Subject::start(&[]);
    for flooding in [frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]), frame(PING, 0, 0, &[7; 8])] {
        let mut stream = begin(subject.at("web"));
        stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        // Nobody reads the answers: either the connection ends, or it takes nothing more.
        let ended = flood(&mut stream, &flooding.repeat(1000), 4000);
        assert!(ended, "it swallowed everything");
        assert!(subject.growth() < 16 << 20, "{} bytes", subject.growth());
        drop(stream);
    }
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn endless_header_blocks_end_the_connection() {
    let subject = Subject::start(&[]);
    let mut stream = begin(subject.at("web"));
    stream.write_all(&frame(HEADERS, END_STREAM, 1, &get_block("whoami", "/"))).unwrap();
    // A literal `x: aaa…` in each frame, and never the end of the block.
    let field = [&[0, 1, b'x', 127, 0][..], &[b'a'; 127]].concat();
    let more = frame(CONTINUATION, 0, 1, &field.repeat(100));
    assert!(flood(&mut stream, &more, 4000), "it swallowed 50 MB of headers");
    assert!(subject.growth() < 16 << 20, "{} bytes", subject.growth());
    drop(stream);
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn a_header_bomb_is_refused() {
    let subject = Subject::start(&[]);
    let mut stream = begin(subject.at("web"));
    // One field of 3,000 bytes into the dynamic table, then 5,000 references to it: 15 MB from 8 KB.
    let mut block = get_block("whoami", "/");
    block.extend([0x40, 1, b'x', 127]);
    block.extend([0xb9, 0x16]);
    block.extend([b'a'; 3000]);
    block.extend([0xbe; 5000]);
    stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).unwrap();
    let refused = read_until(&mut stream, |frame| matches!(frame.kind, RST_STREAM | GOAWAY | HEADERS));
    if let Some(frame) = refused.filter(|frame| frame.kind == HEADERS) {
        // `:status: 431` is not in the static table: a literal.
        assert!(frame.payload.windows(3).any(|text| text == b"431"), "{frame:?}");
    }
    assert!(subject.growth() < 16 << 20, "{} bytes", subject.growth());
    drop(stream);
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    let mut stream = begin(subject.at("web"));
    let mut all = Vec::new();
    for number in 0..300 {
        all.extend(get_frame(number * 2 + 1, "good", "/never"));
    }
    stream.write_all(&all).unwrap();
    let refused = read_until(&mut stream, |frame| matches!(frame.kind, RST_STREAM | GOAWAY)).unwrap();
    assert_eq!((refused.kind, refused.error_code()), (RST_STREAM, REFUSED_STREAM), "{refused:?}");
    assert_eq!(refused.stream, 501, "250 are allowed");
    drop(stream);
    eventually("open connections", || subject.open_connections() as usize, 0);
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn frames_that_must_not_be_end_the_connection_with_a_reason() {
    let subject = Subject::start(&[]);
    let update = |stream, size: u32| frame(WINDOW_UPDATE, 0, stream, &size.to_be_bytes());
    let cases = [
        ("data on no stream", frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
        ("headers on an even stream", get_frame(2, "whoami", "/"), PROTOCOL_ERROR),
        ("an empty window update", update(0, 0), PROTOCOL_ERROR),
        ("a window too large", [update(0, 0x7fff_ffff), update(0, 0x7fff_ffff)].concat(), FLOW_CONTROL_ERROR),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, b""), PROTOCOL_ERROR),
        ("settings of a stream", frame(SETTINGS, 0, 1, &[]), PROTOCOL_ERROR),
    ];
    for (what, bytes, code) in cases {
        let mut stream = begin(subject.at("web"));
        stream.write_all(&bytes).unwrap();
        assert_eq!(last_word(&mut stream), Some(code), "{what}");
        read_to_close(&mut stream);
    }
    // What has a size that it cannot have, or no form at all, ends the connection too, whatever is said.
    for bytes in [frame(PING, 0, 0, b"short"), vec![0xff; 4096], frame(HEADERS, END_HEADERS, 1, &[0xff; 64])]
    {
        let mut stream = begin(subject.at("web"));
        stream.write_all(&bytes).unwrap();
        assert!(read_until(&mut stream, |frame| matches!(frame.kind, GOAWAY | RST_STREAM)).is_some());
    }
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn half_a_preface_is_cut_off() {
    let subject = Subject::start(&[]);
    for begun in [&PREFACE[..10], &[PREFACE, &frame(SETTINGS, 0, 0, &[])[..5]].concat()] {
        let mut stream = crate::client::connect(subject.at("quick"));
        stream.write_all(begun).unwrap();
        let (took, _) = read_to_close(&mut stream);
        assert!(took < Duration::from_secs(8), "{took:?}");
    }
    // A preface that goes wrong in its last byte is HTTP/1, and malformed.
    let mut wrong = PREFACE.to_vec();
    *wrong.last_mut().unwrap() = b'x';
    assert!(!fairlead_testkit::exchange(subject.at("web"), &wrong).is_empty());
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn malformed_requests_reset_their_stream_and_are_counted() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    let mut stream = begin(subject.at("web"));
    let literal = |name: &str, value: &str| {
        [&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
    };
    let good = get_block("good", "/");
    let refused_by_us =
        [get_block("good", "/%zz"), get_block("good", "/%%32e%%32e/secret"), vec![0x82, 0x86]];
    let refused_by_frames = [
        [good.clone(), literal("connection", "close")].concat(),
        [good.clone(), literal("transfer-encoding", "chunked")].concat(),
        [good, literal(":path", "/late")].concat(),
    ];
    for (place, block) in refused_by_us.iter().chain(&refused_by_frames).enumerate() {
        let id = place as u32 * 2 + 1;
        stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, id, block)).unwrap();
        let reset = read_until(&mut stream, |frame| frame.stream == id || frame.kind == GOAWAY).unwrap();
        assert_eq!((reset.kind, reset.error_code()), (RST_STREAM, PROTOCOL_ERROR), "{place}");
    }
    assert_eq!(subject.rejected("web", "malformed"), refused_by_us.len() as f64);
    stream.write_all(&get_frame(101, "good", "/status/204")).unwrap();
    let answer = read_until(&mut stream, |frame| frame.stream == 101).unwrap();
    assert_eq!(answer.kind, HEADERS, "the connection lives on");
    // A name or value that cannot be one ends it.
    for field in [literal("X-Upper", "1"), literal("x", "a\r\nb: c"), literal("x\0", "1")] {
        let mut stream = begin(subject.at("web"));
        let block = [get_block("good", "/"), field].concat();
        stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).unwrap();
        let end = read_until(&mut stream, |frame| frame.stream == 1 || frame.kind == GOAWAY);
        assert!(end.is_none_or(|frame| matches!(frame.kind, RST_STREAM | GOAWAY)), "{block:?}");
    }
    assert_eq!(backend.requests(), 1, "a backend saw one of them");
    drop(stream);
    subject.assert_unharmed();
    subject.stop();
}
