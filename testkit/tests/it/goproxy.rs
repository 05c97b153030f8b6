//! The Go upstream serves what is true, and misbehaves only where it is told to.

use fairlead_gomod::zip::verify;
use fairlead_testkit::exchange;
use fairlead_testkit::goproxy::{Fault, Modules, Release, SUMDB, Upstream, matches};

const ZIP: &str = "/a.example/!mod/@v/v1.1.0.zip";

fn modules() -> Modules {
    let release = Release::new().requires("b.example/x", "v0.1.0").file("a.go", "package a\n");
    Modules::new()
        .add("a.example/Mod", "v1.0.0", &Release::new())
        .add("a.example/Mod", "v1.1.0", &release)
        .add("a.example/Mod", "v1.2.0-rc.1", &release)
        .add("b.example/x", "v0.0.0-20240102030405-0123456789ab", &Release::new().private())
}

/// Head and body of what a path is answered with.
fn get(upstream: &Upstream, path: &str) -> (String, Vec<u8>) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: u\r\n\r\n");
    // Our end is the connection's.
    let mut stream = std::net::TcpStream::connect(upstream.addr()).unwrap();
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    // A reset is an answer too.
    let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end..].to_vec())
}

fn text(upstream: &Upstream, path: &str) -> String {
    String::from_utf8(get(upstream, path).1).unwrap()
}

#[test]
fn modules_are_what_a_proxy_serves() {
    let upstream = Upstream::start(&modules());
    assert_eq!(text(&upstream, "/a.example/!mod/@v/list"), "v1.0.0\nv1.1.0\nv1.2.0-rc.1\n");
    assert!(text(&upstream, "/a.example/!mod/@latest").contains("\"v1.1.0\""), "no pre-release");
    assert_eq!(text(&upstream, "/b.example/x/@v/list"), "");
    assert!(text(&upstream, "/b.example/x/@latest").contains("v0.0.0-2024"));
    assert!(text(&upstream, "/a.example/%21mod/@v/v1.1.0.mod").contains("require b.example/x v0.1.0"));
    let verified = verify(&get(&upstream, ZIP).1, "a.example/Mod", "v1.1.0").unwrap();
    assert!(modules().sums().contains(&format!("a.example/Mod v1.1.0 {}\n", verified.h1)));
    let lookup = text(&upstream, &format!("/sumdb/{SUMDB}/lookup/a.example/!mod@v1.1.0"));
    assert!(lookup.contains(&verified.h1.to_string()) && lookup.contains("go.sum database tree"), "{lookup}");
    assert_eq!(lookup, text(&upstream, "/db/lookup/a.example/!mod@v1.1.0"));
    assert!(get(&upstream, "/db/lookup/b.example/x@v0.1.0").0.starts_with("HTTP/1.1 404"));
    assert_eq!((upstream.requests("*.zip"), upstream.requests("*/lookup/*")), (1, 3));
    assert_eq!(upstream.in_flight().1, 1);
}

#[test]
fn forged_zips_are_told_from_true_ones() {
    let upstream = Upstream::start(&modules());
    let good = verify(&get(&upstream, ZIP).1, "a.example/Mod", "v1.1.0").unwrap();
    upstream.fault("*.zip", Fault::Tampered);
    let other = verify(&get(&upstream, ZIP).1, "a.example/Mod", "v1.1.0").unwrap();
    assert_ne!(good.h1, other.h1);
    for fault in
        [Fault::ForeignPrefix, Fault::Traversal, Fault::Bomb, Fault::Huge, Fault::Short, Fault::HiddenPage]
    {
        upstream.fault("*.zip", fault);
        let (head, body) = get(&upstream, ZIP);
        assert!(head.starts_with("HTTP/1.1 200") && !body.is_empty(), "{fault:?} {head}");
        assert!(verify(&body, "a.example/Mod", "v1.1.0").is_err(), "{fault:?}");
    }
    upstream.heal();
    assert_eq!(verify(&get(&upstream, ZIP).1, "a.example/Mod", "v1.1.0").unwrap(), good);
}

#[test]
fn faults_are_for_paths_and_for_times() {
    let upstream = Upstream::start(&modules());
    upstream.fault("*.mod", Fault::RetryAfter(503, 7));
    upstream.fault_times("*/v1.1.0.mod", Fault::Reset, 1);
    assert_eq!(get(&upstream, "/a.example/!mod/@v/v1.1.0.mod").0, "");
    let (head, body) = get(&upstream, "/a.example/!mod/@v/v1.1.0.mod");
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("Retry-After: 7"), "{head}");
    assert_eq!(body, b"the upstream says 503\n");
    assert!(get(&upstream, ZIP).0.starts_with("HTTP/1.1 200"));
    upstream.fault("*", Fault::Truncated);
    let (head, body) = get(&upstream, ZIP);
    let whole = modules().get(ZIP).unwrap().len();
    assert!(head.contains(&format!("Content-Length: {whole}\r\n")) && body.len() == whole / 2, "{head}");
    upstream.fault("*", Fault::Stale);
    assert_eq!(text(&upstream, "/a.example/!mod/@v/list"), "v1.0.0\nv1.1.0\n");
}

#[test]
fn a_zip_goes_on_where_it_was_left() {
    let upstream = Upstream::start(&modules());
    let request = format!("GET {ZIP} HTTP/1.1\r\nRange: bytes=10-\r\n\r\nGET {ZIP} HTTP/1.1\r\n\r\n");
    let stop = "GET /stop HTTP/1.1\r\n\r\n";
    upstream.fault("/stop", Fault::Close);
    let answers = exchange(upstream.addr(), format!("{request}{stop}").as_bytes());
    let whole = modules().get(ZIP).unwrap().clone();
    assert!(answers.ends_with(&whole), "one connection has many requests");
    let head = String::from_utf8_lossy(&answers[..200]).into_owned();
    assert!(
        head.starts_with("HTTP/1.1 206") && head.contains(&format!("bytes 10-{}/", whole.len() - 1)),
        "{head}"
    );
}

#[test]
fn patterns_match_whole_paths() {
    assert!(
        matches("*", "")
            && matches("/a", "/a")
            && matches("*.zip", "/a/b.zip")
            && matches("/a*b*c", "/axbxc")
    );
    assert!(!matches("/a", "/ab") && !matches("*.zip", "/a.zip/") && !matches("a*a", "a"));
}
