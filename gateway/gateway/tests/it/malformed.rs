//! Requests that are none: each is refused with a clear status, counted, and never reaches a backend.

use fairlead_testkit::{Backend, exchange};

use crate::client::{body, get, status};
use crate::subject::{Subject, eventually};

/// Requests that every reader must refuse with 400.
const MALFORMED: [&[u8]; 33] = [
    // Framing that two readers could see in two ways.
    b"POST / HTTP/1.1\r\nHost: good\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: good\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: good\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"POST / HTTP/1.1\r\nHost: good\r\nContent-Length: 5, 6\r\n\r\nhello!",
    b"POST / HTTP/1.1\r\nHost: good\r\nContent-Length: +5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: good\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: good\r\nContent-Length: 0x5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: good\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST / HTTP/1.0\r\nHost: good\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    // Line ends.
    b"GET / HTTP/1.1\nHost: good\n\n",
    b"GET / HTTP/1.1\r\nHost: good\nX: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: good\r\nX: a\rb\r\n\r\n",
    b"GET /\r HTTP/1.1\r\nHost: good\r\n\r\n",
    // Fields.
    b"GET / HTTP/1.1\r\nHost: good\r\nX: a\0b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: good\r\nX: a\r\n b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : good\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: good\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: good\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: good\r\n: empty\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: good\r\nX\x80: 1\r\n\r\n",
    // Hosts.
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: good\r\nHost: good\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: good/x\r\n\r\n",
    // Request lines and targets.
    b"GET /a#b HTTP/1.1\r\nHost: good\r\n\r\n",
    b"GET /%zz HTTP/1.1\r\nHost: good\r\n\r\n",
    b"GET /\0 HTTP/1.1\r\nHost: good\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: good\r\n\r\n",
    b"GET ../etc/passwd HTTP/1.1\r\nHost: good\r\n\r\n",
    b"G\xe4T / HTTP/1.1\r\nHost: good\r\n\r\n",
    b"GET /\r\n\r\n",
    b"\x00\x01\x02\x03\r\n\r\n",
    b"GET / HTTP/1.1 \r\nHost: good\r\n\r\n",
];

#[test]
fn malformed_requests_are_refused_and_counted() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    for request in MALFORMED {
        let answer = exchange(subject.at("web"), request);
        assert_eq!(status(&answer), Some(400), "{:?}", String::from_utf8_lossy(request));
    }
    assert_eq!(subject.rejected("web", "malformed"), MALFORMED.len() as f64);
    assert_eq!(backend.requests(), 0, "a backend saw one");
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn what_we_do_not_speak_has_a_status_of_its_own() {
    let subject = Subject::start(&[]);
    let cases: [(&[u8], u16, &str); 5] = [
        (b"GET / HTTP/3.0\r\nHost: whoami\r\n\r\n", 505, "version"),
        (b"GET / HTTP/1.2\r\nHost: whoami\r\n\r\n", 505, "version"),
        (b"POST / HTTP/1.1\r\nHost: whoami\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not-implemented"),
        (
            b"POST / HTTP/1.1\r\nHost: whoami\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            501,
            "not-implemented",
        ),
        (b"POST / HTTP/1.1\r\nHost: whoami\r\nTransfer-Encoding: xchunked\r\n\r\n", 501, "not-implemented"),
    ];
    for (request, expected, reason) in cases {
        let before = subject.rejected("web", reason);
        let answer = exchange(subject.at("web"), request);
        assert_eq!(status(&answer), Some(expected), "{:?}", String::from_utf8_lossy(request));
        assert_eq!(subject.rejected("web", reason), before + 1.0, "{reason}");
    }
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn heads_over_their_limits_are_refused_while_they_come() {
    let subject = Subject::start(&[]);
    let long_value = format!("GET / HTTP/1.1\r\nHost: whoami\r\nX: {}\r\n\r\n", "a".repeat(20_000));
    let many_fields = format!("GET / HTTP/1.1\r\nHost: whoami\r\n{}\r\n", "X: a\r\n".repeat(5_000));
    let no_end = format!("GET / HTTP/1.1\r\nHost: whoami\r\n{}", "X: a\r\n".repeat(1_000_000));
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: whoami\r\n\r\n", "a".repeat(20_000));
    for flood in [&long_value, &many_fields, &no_end, &long_target] {
        let answer = exchange(subject.at("web"), flood.as_bytes());
        // A client that sends megabytes without listening may lose the answer to the reset of its connection.
        let lost = answer.is_empty() && flood.len() > 1 << 20;
        assert!(lost || status(&answer) == Some(431), "{:?}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(subject.rejected("web", "headers-too-large"), 4.0);
    // The default limit lets a megabyte pass, but neither more fields nor a longer target than any client has.
    let answer = exchange(subject.at("quick"), many_fields.as_bytes());
    assert_eq!(status(&answer), Some(431));
    let target = format!("GET /{} HTTP/1.1\r\nHost: whoami\r\n\r\n", "a".repeat(70_000));
    assert_eq!(status(&exchange(subject.at("quick"), target.as_bytes())), Some(414));
    assert_eq!(subject.rejected("quick", "uri-too-long"), 1.0);
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn broken_chunks_end_the_request_with_400() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    for chunks in [
        "zz\r\n",
        "5\r\nhelloworld\r\n",
        "5\nhello\n0\n\n",
        "ffffffffffffffffff\r\n",
        "-1\r\n",
        "3\r\nabc0\r\n\r\n",
    ] {
        let head = "POST /echo HTTP/1.1\r\nHost: good\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = exchange(subject.at("web"), format!("{head}{chunks}").as_bytes());
        assert_eq!(status(&answer), Some(400), "{chunks:?}: {:?}", String::from_utf8_lossy(&answer));
        assert_eq!(answer.windows(5).filter(|window| *window == b"HTTP/").count(), 1, "{chunks:?}");
    }
    let cut = "POST /echo HTTP/1.1\r\nHost: good\r\nContent-Length: 10\r\n\r\nhello";
    let answer =
        fairlead_testkit::exchange_slowly(subject.at("web"), &[cut.as_bytes()], Default::default(), true);
    assert!(matches!(status(&answer), None | Some(400 | 499)), "{:?}", String::from_utf8_lossy(&answer));
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn a_smuggled_request_is_never_read() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    for framing in [
        "Content-Length: 6\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding:\x0bchunked",
        "Content-Length: 0\r\nContent-Length: 40",
        "Transfer-Encoding: chunked\r\nContent-Length : 4",
    ] {
        let hidden = "GET /hidden HTTP/1.1\r\nHost: good\r\n\r\n";
        let bytes = format!("POST / HTTP/1.1\r\nHost: good\r\n{framing}\r\n\r\n0\r\n\r\n{hidden}");
        let answer = exchange(subject.at("web"), bytes.as_bytes());
        assert!(matches!(status(&answer), Some(400 | 501)), "{framing}");
        assert_eq!(
            answer.windows(5).filter(|window| *window == b"HTTP/").count(),
            1,
            "{framing}: two answers"
        );
    }
    assert_eq!(backend.requests(), 0);
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn paths_are_cleaned_before_anybody_sees_them() {
    let backend = Backend::http();
    let subject = Subject::start(&[("good", backend.url())]);
    for (sent, seen) in [
        ("/a/../b", "/b"),
        ("/../../etc/passwd", "/etc/passwd"),
        ("/a/%2e%2E/b", "/b"),
        ("//a///b/./", "/a/b/"),
        ("/%7Ea", "/~a"),
        ("/%ff%c3", "/%FF%C3"),
        ("/%c3%a9", "/%C3%A9"),
        ("/a?b=/../c;d=1", "/a?b=/../c&d=1"),
        ("http://good/x/../y", "/y"),
    ] {
        let answer = get(subject.at("web"), "good", sent);
        assert_eq!(status(&answer), Some(200), "{sent}");
        let told: serde_json::Value = serde_json::from_slice(body(&answer)).unwrap();
        assert_eq!(told["target"], seen, "{sent}");
    }
    let before = backend.requests();
    for encoded in ["/a%2fb", "/a%2F..%2Fb", "/%2f"] {
        assert_eq!(status(&get(subject.at("web"), "good", encoded)), Some(400), "{encoded}");
    }
    assert_eq!(backend.requests(), before);
    // An entry point without `encodedCharacters` passes them on, in one spelling.
    let answer = get(subject.at("quick"), "good", "/a%2fb");
    let told: serde_json::Value = serde_json::from_slice(body(&answer)).unwrap();
    assert_eq!(told["target"], "/a%2Fb");
    subject.assert_unharmed();
    subject.stop();
}

#[test]
fn proxy_headers_that_are_none_close_the_connection() {
    let subject = Subject::start(&[]);
    let plain = "GET / HTTP/1.1\r\nHost: whoami\r\nConnection: close\r\n\r\n";
    for broken in ["PROXY TCP4 1.2.3.4\r\n", "PROXY TCP4 a b c d\r\n", &format!("PROXY {}", "x".repeat(200))]
    {
        assert_eq!(exchange(subject.at("proxied"), format!("{broken}{plain}").as_bytes()), b"", "{broken}");
    }
    let good = format!("PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n{plain}");
    let answer = exchange(subject.at("proxied"), good.as_bytes());
    assert!(String::from_utf8_lossy(&answer).contains("X-Real-Ip: 192.0.2.7"));
    eventually("counted", || subject.rejected("proxied", "proxy-header"), 3.0);
    subject.assert_unharmed();
    subject.stop();
}
