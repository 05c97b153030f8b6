//! What a reload rebuilds, and what it forgets.

use std::sync::Arc;

use fairlead_gateway::build::Built;
use fairlead_testkit::Backend;

use crate::client::{get, status};
use crate::reload::routes;
use crate::running::Running;
use crate::subject::eventually;

const TWO: &str = r#"
http:
  routers:
    a: {rule: "Host(`a`)", service: a, middlewares: [ma]}
    b: {rule: "Host(`b`)", service: b, middlewares: [mb]}
  middlewares:
    ma: {addPrefix: {prefix: /a}}
    mb: {addPrefix: {prefix: /b}}
  services:
    a: {loadBalancer: {servers: [{url: "http://127.0.0.1:1"}], serversTransport: ta}}
    b: {loadBalancer: {servers: [{url: "http://127.0.0.1:2"}], serversTransport: tb}}
  serversTransports:
    ta: {maxIdleConnsPerHost: 3}
    tb: {maxIdleConnsPerHost: 4}
"#;

/// Which of router, middleware, service and transport `name` are the same things in both.
fn kept(one: &Built, other: &Built, name: &str) -> [bool; 4] {
    let (short, other_short) = (format!("{name}@file"), format!("m{name}@file"));
    let transport = format!("t{name}@file");
    let options = |built: &Built| built.middlewares[&*other_short].options.clone().unwrap();
    let handler = |built: &Built| built.services[&*short].handler.clone().unwrap();
    let connections = |built: &Built| built.transports[&*transport].transport.clone().unwrap();
    [
        Arc::ptr_eq(&one.routers[&*short], &other.routers[&*short]),
        Arc::ptr_eq(&options(one), &options(other)),
        Arc::ptr_eq(&handler(one), &handler(other)),
        Arc::ptr_eq(&connections(one), &connections(other)),
    ]
}

#[test]
fn a_change_rebuilds_only_what_depends_on_it() {
    let running = Running::start(TWO);
    let changes = [
        // What of `a` stays: router, middleware, service, transport.
        ("Host(`a`)", "Host(`aa`)", [false, true, true, true]),
        ("prefix: /a", "prefix: /aa", [false, false, true, true]),
        ("127.0.0.1:1", "127.0.0.1:3", [false, true, false, true]),
        ("PerHost: 3", "PerHost: 5", [false, true, false, false]),
    ];
    let mut text = TWO.to_owned();
    for (from, to, expected) in changes {
        let before = running.snapshot();
        text = text.replacen(from, to, 1);
        let after = running.apply(&text);
        assert_eq!(kept(&before.built, &after.built, "a"), expected, "{from} to {to}");
        assert_eq!(kept(&before.built, &after.built, "b"), [true; 4], "{from} to {to}");
        let tls = |snapshot: &fairlead_gateway::snapshot::Snapshot| {
            Arc::clone(&snapshot.entry_points[0].server_tls)
        };
        let certificates = |snapshot| tls(snapshot).certificates().len();
        assert_eq!(certificates(&before), certificates(&after));
    }
}

#[test]
fn equal_content_changes_nothing() {
    let running = Running::start(TWO);
    let before = running.snapshot();
    // The same objects in another order, with remarks and other quotes.
    let (routers, rest) = TWO.split_at(TWO.find("  middlewares:\n    ma").unwrap());
    let reordered =
        format!("# a remark\nhttp:\n{}{}", rest, routers.trim_start().trim_start_matches("http:\n"));
    for same in [TWO, &TWO.replace('"', "'"), &reordered] {
        running.tell("file", same);
        std::thread::sleep(std::time::Duration::from_millis(30));
        assert!(Arc::ptr_eq(&running.snapshot(), &before), "{same}");
    }
    // What the other provider says is a change, and the only one.
    let after = running.apply_as("other", &routes(&[("other", &["http://127.0.0.1:9".into()])]));
    assert_eq!(after.generation, before.generation + 1);
    assert_eq!(kept(&before.built, &after.built, "a"), [true; 4]);
    assert_eq!(kept(&before.built, &after.built, "b"), [true; 4]);
}

#[test]
fn what_is_removed_is_forgotten() {
    let backend = Backend::http();
    let running = Running::start("");
    assert!(running.shared.endpoints.is_empty());
    let names: Vec<String> = (0..20).map(|number| format!("gone{number}")).collect();
    let urls = [backend.url()];
    let services: Vec<(&str, &[String])> = names.iter().map(|name| (&**name, &urls[..])).collect();
    running.apply(&routes(&services));
    for name in &names {
        assert_eq!(status(&get(running.addr, name, "/")), Some(200));
    }
    let endpoints = || running.shared.endpoints.len();
    let series = || running.shared.metrics.text().lines().filter(|line| line.contains("gone")).count();
    assert_eq!(endpoints(), 20);
    eventually("series", || series() >= 40, true);
    let old = Arc::downgrade(&running.snapshot());
    running.apply("");
    eventually("the old snapshot", || old.strong_count(), 0);
    // The registries are swept with the next change at the latest.
    running.apply_as("other", &routes(&[("stays", &urls)]));
    eventually("endpoints", endpoints, 1);
    eventually("series", series, 0);
}
