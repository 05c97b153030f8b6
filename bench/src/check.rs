//! Proof that a peer does the work, before it is measured. A peer that routes wrongly is not measured at all; one
//! that does less is measured and a note says what it leaves out.

use anyhow::{Context, Result, ensure};

use crate::backend::{Backend, etag};
use crate::client::{self, Reply, Tls, exchange, header};
use crate::peers::{Ground, Proxy};
use crate::workload::{Route, request, routes};

const HOP_BY_HOP: &str = "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
                          Proxy-Connection: keep-alive\r\nTE: gzip\r\n";

/// Checks one proxy and returns what it leaves out.
pub(crate) fn check(proxy: &Proxy, ground: &Ground, backend: &Backend) -> Result<Vec<String>> {
    let name = proxy.peer.title();
    routing(proxy).with_context(|| format!("{name} does not route as asked"))?;
    reuse(proxy, backend).with_context(|| format!("{name} does not keep backend connections"))?;
    encryption(proxy, ground).with_context(|| format!("{name} does not serve TLS as asked"))?;
    let less = forwarding(proxy).with_context(|| format!("{name} does not forward as asked"))?;
    Ok(less.into_iter().map(|what| format!("{name} {what}")).collect())
}

fn routing(proxy: &Proxy) -> Result<()> {
    for route in routes() {
        let reply = ask(proxy, &request(&route, "", ""))?;
        ensure!(reply.status == 200, "{}{}: status {}", route.host, route.path_prefix(), reply.status);
        ensure!(reply.header("etag") == Some(&etag(route.prefix)), "{route:?} went to the wrong backend");
        ensure!(reply.body.len() == 128, "{route:?}: {} bytes came", reply.body.len());
    }
    let stranger = Route { host: "unknown.example.com".to_owned(), prefix: 0 };
    let elsewhere = "GET /other HTTP/1.1\r\nHost: app0.example.com\r\n\r\n";
    for foreign in [&request(&stranger, "", ""), elsewhere] {
        let status = ask(proxy, foreign)?.status;
        ensure!(status >= 400, "a request that no route matches got {status}");
    }
    Ok(())
}

fn reuse(proxy: &Proxy, backend: &Backend) -> Result<()> {
    let before = backend.accepted();
    let mut stream = client::connect(proxy.plain)?;
    for _ in 0..50 {
        ensure!(exchange(&mut stream, request(&routes()[0], "", "").as_bytes())?.status == 200);
    }
    let opened = backend.accepted() - before;
    ensure!(opened < 10, "50 requests opened {opened} connections");
    Ok(())
}

fn encryption(proxy: &Proxy, ground: &Ground) -> Result<()> {
    let route = &routes()[0];
    let mut stream = Tls::trusting(&ground.certificate, &[])?.connect(proxy.tls, &route.host)?;
    let version = stream.conn.protocol_version();
    ensure!(version == Some(rustls::ProtocolVersion::TLSv1_3), "{version:?}");
    let reply = exchange(&mut stream, request(route, "&echo", "").as_bytes())?;
    let head = String::from_utf8_lossy(&reply.body).into_owned();
    ensure!(header(&head, "x-forwarded-proto") == Some("https"), "X-Forwarded-Proto is not https");
    let modern = Tls::trusting(&ground.certificate, &["h2", "http/1.1"])?.connect(proxy.tls, &route.host)?;
    ensure!(modern.conn.alpn_protocol() == Some(b"h2"), "no HTTP/2");
    Ok(())
}

fn forwarding(proxy: &Proxy) -> Result<Vec<&'static str>> {
    let route = &routes()[0];
    let reply = ask(proxy, &request(route, "&echo", HOP_BY_HOP))?;
    let head = String::from_utf8_lossy(&reply.body).into_owned();
    let seen = |name| header(&head, name);
    ensure!(seen("x-forwarded-for").is_some_and(|list| list.contains("127.0.0.1")), "no X-Forwarded-For");
    ensure!(seen("x-forwarded-proto") == Some("http"), "no X-Forwarded-Proto");
    ensure!(seen("x-forwarded-host") == Some(&route.host), "no X-Forwarded-Host");
    ensure!(seen("x-forwarded-port").is_some(), "no X-Forwarded-Port");
    ensure!(seen("cookie").is_some() && seen("host") == Some(&route.host), "end-to-end headers are lost");
    let kept = [
        ("x-hop", "passes on a header that `Connection` names"),
        ("keep-alive", "passes on `Keep-Alive`"),
        ("proxy-connection", "passes on `Proxy-Connection`"),
        ("te", "passes on `TE`"),
    ];
    Ok(kept.into_iter().filter(|(name, _)| seen(name).is_some()).map(|(_, what)| what).collect())
}

fn ask(proxy: &Proxy, request: &str) -> Result<Reply> {
    Ok(exchange(&mut client::connect(proxy.plain)?, request.as_bytes())?)
}
