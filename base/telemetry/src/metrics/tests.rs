//! What a scraper sees.

use std::time::{Duration, SystemTime};

use super::*;

fn get(code: u16, millis: u64) -> Observation<'static> {
    Observation {
        code,
        method: "GET",
        duration: Duration::from_millis(millis),
        request_bytes: 3,
        response_bytes: 5,
        ..Observation::default()
    }
}

/// The value of the series that is written exactly so.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn an_entry_point_shows_the_five_families_of_traefik() {
    let metrics = Metrics::new(MetricsOptions::default());
    let web = metrics.entry_point("web");
    web.observe(&get(200, 50));
    web.observe(&get(200, 200));
    web.observe(&Observation { tls: Some(("1.3", "TLS_AES_128_GCM_SHA256")), ..get(200, 9_000) });
    let text = metrics.text();
    let labels = r#"{code="200",entrypoint="web",method="GET",protocol="http"}"#;
    let bucket = |le: &str| {
        let series = format!(
            r#"traefik_entrypoint_request_duration_seconds_bucket{{code="200",entrypoint="web",method="GET",protocol="http",le="{le}"}}"#
        );
        value(&text, &series)
    };
    assert_eq!(value(&text, &format!("traefik_entrypoint_requests_total{labels}")), Some(3.0));
    assert_eq!(value(&text, &format!("traefik_entrypoint_requests_bytes_total{labels}")), Some(9.0));
    assert_eq!(value(&text, &format!("traefik_entrypoint_responses_bytes_total{labels}")), Some(15.0));
    assert_eq!(["0.1", "0.3", "1.2", "5", "+Inf"].map(bucket), [1.0, 2.0, 2.0, 2.0, 3.0].map(Some));
    assert_eq!(value(&text, &format!("traefik_entrypoint_request_duration_seconds_sum{labels}")), Some(9.25));
    let tls = r#"traefik_entrypoint_requests_tls_total{entrypoint="web",tls_cipher="TLS_AES_128_GCM_SHA256",tls_version="1.3"}"#;
    assert_eq!(value(&text, tls), Some(1.0));
    assert!(text.contains("# TYPE traefik_entrypoint_request_duration_seconds histogram\n"));
}

#[test]
fn threads_count_apart_and_are_added_up_even_after_they_ended() {
    let metrics = Metrics::new(MetricsOptions::default());
    let service = metrics.service("api@file");
    let open = metrics.open_connections("web", "TCP");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..1000).for_each(|_| service.observe(&get(200, 1)));
                (0..5).for_each(|_| open.increment());
            });
        }
    });
    (0..12).for_each(|_| open.decrement());
    for _ in 0..2 {
        let text = metrics.text();
        let requests =
            r#"traefik_service_requests_total{code="200",method="GET",protocol="http",service="api@file"}"#;
        assert_eq!(value(&text, requests), Some(4000.0));
        assert_eq!(value(&text, r#"traefik_open_connections{entrypoint="web",protocol="TCP"}"#), Some(8.0));
    }
}

#[test]
fn series_leave_with_the_last_handle_and_stay_while_one_lives() {
    let metrics = Metrics::new(MetricsOptions { routers: true, ..MetricsOptions::default() });
    let (old, kept) = (metrics.router("a@file", "s@file"), metrics.router("b@file", "s@file"));
    old.observe(&get(200, 1));
    kept.observe(&get(200, 1));
    let next = metrics.router("b@file", "s@file");
    drop(kept);
    next.observe(&get(200, 1));
    let up = metrics.server_up("s@file", "http://127.0.0.1:1");
    up.set(1.0);
    drop(old);
    let text = metrics.text();
    let series = |router: &str| {
        format!(
            r#"traefik_router_requests_total{{code="200",method="GET",protocol="http",router="{router}",service="s@file"}}"#
        )
    };
    assert_eq!(value(&text, &series("a@file")), None);
    assert_eq!(value(&text, &series("b@file")), Some(2.0));
    let server = r#"traefik_service_server_up{service="s@file",url="http://127.0.0.1:1"}"#;
    assert_eq!(value(&text, server), Some(1.0));
    drop(up);
    assert_eq!(value(&metrics.text(), server), None);
}

#[test]
fn hostile_methods_and_codes_make_no_new_series() {
    let metrics = Metrics::new(MetricsOptions::default());
    let web = metrics.entry_point("web");
    for i in 0..500u16 {
        let method = format!("M{i}");
        web.observe(&Observation { method: &method, code: 1000 + i, ..get(200, 1) });
    }
    let text = metrics.text();
    let series = r#"traefik_entrypoint_requests_total{code="0",entrypoint="web",method="EXTENSION_METHOD",protocol="http"}"#;
    assert_eq!(value(&text, series), Some(500.0));
    assert_eq!(text.lines().filter(|line| line.starts_with("traefik_entrypoint_requests_total")).count(), 1);
}

#[test]
fn header_labels_are_on_requests_total_only_and_bounded() {
    let options = MetricsOptions {
        header_labels: vec![("tenant".into(), "X-Tenant".into())],
        ..MetricsOptions::default()
    };
    let metrics = Metrics::new(options);
    let web = metrics.entry_point("web");
    web.observe(&Observation { header_labels: &["a\"b\n"], ..get(200, 1) });
    web.observe(&Observation { header_labels: &["x".repeat(4096).as_str()], ..get(200, 1) });
    web.observe(&get(200, 1));
    let text = metrics.text();
    let series = |tenant: &str| {
        format!(
            r#"traefik_entrypoint_requests_total{{code="200",entrypoint="web",method="GET",protocol="http",tenant="{tenant}"}}"#
        )
    };
    for tenant in [r#"a\"b\n"#, "_other", ""] {
        assert_eq!(value(&text, &series(tenant)), Some(1.0), "{tenant}: {text}");
    }
    for i in 0..10_000 {
        web.observe(&Observation { header_labels: &[i.to_string().as_str()], ..get(200, 1) });
    }
    let lines = metrics.text().lines().filter(|line| line.contains("tenant=")).count();
    assert!(lines <= 2100, "{lines}");
}

#[test]
fn the_control_plane_numbers_are_there_from_the_start() {
    let metrics = Metrics::new(MetricsOptions::default());
    metrics.config_reloaded(SystemTime::UNIX_EPOCH + Duration::from_secs(7));
    metrics.config_reload_failed();
    metrics.set_findings(1, 2, 3);
    metrics.set_certificates(vec![CertificateInfo {
        cn: "a".into(),
        serial: "1".into(),
        sans: "a,b".into(),
        not_after: 99,
    }]);
    let text = metrics.text();
    for (series, expected) in [
        ("traefik_config_reloads_total", 1.0),
        ("traefik_config_last_reload_success", 7.0),
        ("fairlead_config_failed_reloads_total", 1.0),
        (r#"fairlead_findings{severity="error"}"#, 3.0),
        (r#"traefik_tls_certs_not_after{cn="a",sans="a,b",serial="1"}"#, 99.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}");
    }
    assert!(value(&text, "process_open_fds").is_some_and(|fds| fds >= 3.0));
    assert!(value(&text, "process_start_time_seconds").is_some_and(|at| at > 1e9));
}

#[test]
fn scopes_that_are_off_count_nothing() {
    let options = MetricsOptions { entry_points: false, services: false, ..MetricsOptions::default() };
    let metrics = Metrics::new(options);
    for scope in [metrics.entry_point("web"), metrics.router("r", "s"), metrics.service("s")] {
        assert!(!scope.is_active());
        scope.observe(&get(200, 1));
    }
    metrics.service_retries("s").increment();
    assert!(!metrics.text().contains("requests_total"));
}

#[test]
#[ignore = "a measurement: run it alone, with --release"]
fn an_observation_costs_less_than_150_nanoseconds() {
    let metrics = Metrics::new(MetricsOptions::default());
    let scopes: Vec<Scope> = (0..100).map(|i| metrics.service(&format!("s{i}@file"))).collect();
    let round = || {
        let start = std::time::Instant::now();
        (0..1_000_000).for_each(|i| scopes[i % scopes.len()].observe(&get(200, 1)));
        start.elapsed().as_nanos() / 1_000_000
    };
    let best = (0..5).map(|_| round()).min();
    assert!(best.is_some_and(|nanos| nanos < 150), "{best:?} ns");
    eprintln!("{best:?} ns");
}
