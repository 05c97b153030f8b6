//! The clean-up of targets and headers before routing, on whatever the HTTP/1 reader lets through.

use std::sync::Arc;

use bytes::BytesMut;
use fairlead_gateway::entry_point::policy::Policy;
use fairlead_http::h1::codec::{HeadScan, Limits, read_request};
use fairlead_http::{Conn, Request, path};
use fairlead_model::statics::EntryPoint;
use fairlead_rules::{canonical_host, routing_path};

/// Cleans the bytes as a path, and as the head of a request.
///
/// # Panics
/// When a clean path is not clean, or cleaning again changes it.
pub fn run(data: &[u8]) {
    let text = format!("/{}", String::from_utf8_lossy(data));
    assert_clean(&path::sanitise(&path::normalise(&text)));
    let again = path::normalise(&text).into_owned();
    assert_eq!(path::normalise(&again), again, "normalising once is not enough");
    let _ = (routing_path(&text), canonical_host(&text));
    if let Some(request) = request(data) {
        admit(request);
    }
}

fn assert_clean(path: &str) {
    assert!(path.starts_with('/'), "{path:?} has no root");
    assert!(!path.contains("//"), "{path:?} has an empty segment");
    assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")), "{path:?} climbs");
    assert_eq!(path::sanitise(path), path, "sanitising once is not enough");
}

/// A request of these bytes: as they are, or as the target of a `GET`.
fn request(data: &[u8]) -> Option<Request> {
    let framed = [b"GET ", data, b" HTTP/1.1\r\nHost: h\r\n\r\n"].concat();
    [data, &framed].into_iter().find_map(|bytes| {
        let limits = Limits { bytes: 8192, fields: 50 };
        let head = read_request(&mut BytesMut::from(bytes), &mut HeadScan::default(), limits).ok()??;
        let conn = Conn::new("web", ([192, 0, 2, 1], 99).into(), ([127, 0, 0, 1], 80).into(), None);
        let mut request = Request::new(head.method, head.uri, Arc::new(conn));
        request.headers = head.headers;
        request.version = head.version;
        Some(request)
    })
}

fn admit(mut request: Request) {
    let policy = Policy::new(&EntryPoint::default(), false, "edge");
    if policy.admit(&mut request).is_err() {
        return;
    }
    let path = request.path().to_owned();
    if request.uri.authority().is_none() && path != "*" {
        assert_clean(&path);
    }
    assert_eq!(request.headers.get_all("x-real-ip").iter().count(), 1, "one client");
    let escapes = policy.refuse_escapes(&request).is_some();
    let before = request.uri.clone();
    assert!(policy.admit(&mut request).is_ok() && request.uri == before, "cleaning once is not enough");
    assert_eq!(policy.refuse_escapes(&request).is_some(), escapes);
}
