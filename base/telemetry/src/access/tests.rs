//! Lines as Traefik 3.7.9 writes them, and what happens under pressure.

use std::fs;
use std::time::UNIX_EPOCH;

use super::*;

/// A request that Traefik logged on 21 November 2026 at 22:06:19.5 UTC.
fn record<'a>(request: &'a dyn Headers, response: &'a dyn Headers) -> Record<'a> {
    Record {
        start: UNIX_EPOCH + Duration::from_millis(1_795_298_779_500),
        duration: Duration::from_nanos(1_298_735),
        entry_point: "web",
        router: Some("r1@file"),
        service: Some("s1@file"),
        service_url: Some("http://127.0.0.1:18099"),
        client: ([127, 0, 0, 1], 39040).into(),
        user: None,
        host: "127.0.0.1:18183",
        method: "GET",
        path: "/a/b?x=1&tok=secret&gone=1",
        protocol: "HTTP/1.1",
        scheme: "http",
        request_size: 0,
        origin_status: 200,
        origin_duration: Duration::from_nanos(1_060_197),
        origin_size: 5,
        status: 200,
        size: 5,
        retries: 0,
        tls: None,
        tls_client_subject: None,
        trace: None,
        request_headers: request,
        origin_headers: response,
        downstream_headers: response,
    }
}

fn keep_headers() -> FieldOptions {
    let names = [("Authorization".to_owned(), FieldMode::Redact), ("Accept".to_owned(), FieldMode::Drop)];
    FieldOptions { default_mode: FieldMode::Keep, names: names.into() }
}

/// What `record` becomes under `options`.
fn logged(options: AccessLogOptions, records: &[Record<'_>]) -> String {
    let folder = std::env::temp_dir().join(format!("fairlead-access-{}-{}", std::process::id(), unique()));
    let path = folder.join("access.log");
    let log = AccessLog::open(AccessLogOptions { file_path: Some(path.clone()), ..options }).unwrap();
    records.iter().for_each(|record| log.write(record));
    drop(log);
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_dir_all(folder).unwrap();
    text
}

fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[test]
fn the_common_format_is_that_of_traefik_byte_for_byte() {
    let request: &[(&str, &[u8])] =
        &[("referer", b"http://r/\"x\""), ("user-agent", "ua/1 \"q\" \\ ü".as_bytes())];
    let fields = FieldsOptions { headers: keep_headers(), ..FieldsOptions::default() };
    let first = record(&request, NO_HEADERS);
    let forwarded: &[(&str, &[u8])] = &[("x-forwarded-for", b"9.9.9.9, 8.8.8.8")];
    let second = Record {
        path: "/",
        user: Some("bob"),
        router: None,
        service_url: None,
        ..record(&forwarded, NO_HEADERS)
    };
    let text = logged(AccessLogOptions { fields, ..AccessLogOptions::default() }, &[first, second]);
    assert_eq!(
        text,
        concat!(
            r#"127.0.0.1 - - [21/Nov/2026:22:06:19 +0000] "GET /a/b?x=1&tok=secret&gone=1 HTTP/1.1" 200 5 "http://r/\"x\"" "ua/1 \"q\" \ ü" 1 "r1@file" "http://127.0.0.1:18099" 1ms"#,
            "\n",
            r#"9.9.9.9, 8.8.8.8 - bob [21/Nov/2026:22:06:19 +0000] "GET / HTTP/1.1" 200 5 "-" "-" 2 "-" "-" 1ms"#,
            "\n"
        )
    );
}

#[test]
fn the_generic_format_ends_after_the_agent_and_drops_parameters() {
    let request: &[(&str, &[u8])] = &[("referer", b"r"), ("user-agent", b"ua\r\nGET /forged")];
    let query = FieldOptions { default_mode: FieldMode::Drop, ..FieldOptions::default() };
    let fields =
        FieldsOptions { headers: keep_headers(), query_parameters: query, ..FieldsOptions::default() };
    let options =
        AccessLogOptions { format: AccessLogFormat::GenericClf, fields, ..AccessLogOptions::default() };
    assert_eq!(
        logged(options, &[record(&request, NO_HEADERS)]),
        "127.0.0.1 - - [21/Nov/2026:22:06:19 +0000] \"GET /a/b HTTP/1.1\" 200 5 \"r\" \"ua  GET /forged\"\n"
    );
}

#[test]
fn fields_that_are_dropped_leave_hyphens() {
    let fields = FieldsOptions {
        fields: FieldOptions { default_mode: FieldMode::Drop, ..FieldOptions::default() },
        ..FieldsOptions::default()
    };
    let text =
        logged(AccessLogOptions { fields, ..AccessLogOptions::default() }, &[record(NO_HEADERS, NO_HEADERS)]);
    assert_eq!(text, "- - - [-] \"- - -\" - - \"-\" \"-\" - \"-\" \"-\" 0ms\n");
}

#[test]
fn json_has_the_keys_and_the_spelling_of_traefik() {
    let request: &[(&str, &[u8])] = &[
        ("host", b"127.0.0.1:18183"),
        ("authorization", b"Basic dXNlcjpwdw=="),
        ("accept", b"*/*"),
        ("x-multi", b"a"),
        ("x-multi", b"b"),
        ("user-agent", b"ua \t<>&\xff\xc3\xbc"),
    ];
    let response: &[(&str, &[u8])] = &[("x-backend", b"a \"q\" b")];
    let query = FieldOptions {
        names: [("tok".to_owned(), FieldMode::Redact), ("gone".to_owned(), FieldMode::Drop)].into(),
        ..FieldOptions::default()
    };
    let fields =
        FieldsOptions { headers: keep_headers(), query_parameters: query, ..FieldsOptions::default() };
    let options = AccessLogOptions { format: AccessLogFormat::Json, fields, ..AccessLogOptions::default() };
    let text = logged(options, &[record(&request, &response)]);
    let local = |fraction| {
        let mut out = Vec::new();
        let start = UNIX_EPOCH + Duration::from_millis(1_795_298_779_500);
        format::go_time(start, &TimeZone::system(), fraction, &mut out);
        String::from_utf8(out).unwrap()
    };
    let expected = r#"{"ClientAddr":"127.0.0.1:39040","ClientHost":"127.0.0.1","ClientPort":"39040","ClientUsername":"-","DownstreamContentSize":5,"DownstreamStatus":200,"Duration":1298735,"OriginContentSize":5,"OriginDuration":1060197,"OriginStatus":200,"Overhead":238538,"RequestAddr":"127.0.0.1:18183","RequestContentSize":0,"RequestCount":1,"RequestHost":"127.0.0.1","RequestMethod":"GET","RequestPath":"/a/b?x=1\u0026tok=REDACTED","RequestPort":"18183","RequestProtocol":"HTTP/1.1","RequestScheme":"http","RetryAttempts":0,"RouterName":"r1@file","ServiceAddr":"127.0.0.1:18099","ServiceName":"s1@file","ServiceURL":"http://127.0.0.1:18099","StartLocal":"LOCAL_NANO","StartUTC":"2026-11-21T22:06:19.5Z","downstream_X-Backend":"a \"q\" b","entryPointName":"web","level":"info","msg":"","origin_X-Backend":"a \"q\" b","request_Authorization":"REDACTED","request_User-Agent":"ua \t\u003c\u003e\u0026\ufffdü","request_X-Multi":"a,b","time":"LOCAL"}"#
        .replace("LOCAL_NANO", &local(true))
        .replace("LOCAL", &local(false));
    assert_eq!(text.trim_end(), expected);
}

#[test]
fn an_answer_of_our_own_has_no_service_and_a_ratio_of_zero() {
    let own = Record {
        router: None,
        service: None,
        service_url: None,
        origin_status: 0,
        origin_size: 0,
        status: 404,
        size: 19,
        host: "ex.org",
        ..record(NO_HEADERS, NO_HEADERS)
    };
    let options = AccessLogOptions { format: AccessLogFormat::Json, ..AccessLogOptions::default() };
    let text = logged(options, &[own]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["GzipRatio"], 0);
    assert_eq!(json["RequestPort"], "-");
    assert_eq!(json["OriginStatus"], 0);
    assert!(json.get("RouterName").is_none() && json.get("ServiceName").is_none());
}

#[test]
fn times_east_and_west_of_utc_are_spelt_as_go_does() {
    let at = UNIX_EPOCH + Duration::new(1_795_298_779, 94_040_770);
    for (hours, minutes, expected) in [
        (5, 30, "2026-11-22T03:36:19.09404077+05:30"),
        (-3, -30, "2026-11-21T18:36:19.09404077-03:30"),
        (0, 0, "2026-11-21T22:06:19.09404077Z"),
    ] {
        let offset = jiff::tz::Offset::from_seconds((hours * 60 + minutes) * 60).unwrap();
        let mut out = Vec::new();
        format::go_time(at, &TimeZone::fixed(offset), true, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn filters_let_pass_what_any_of_them_wants() {
    let filters = AccessLogFilters {
        status_codes: vec![500..=599, 404..=404],
        retry_attempts: true,
        min_duration: Duration::from_millis(10),
    };
    let path = std::env::temp_dir().join(format!("fairlead-filters-{}.log", std::process::id()));
    let log = AccessLog::open(AccessLogOptions {
        file_path: Some(path.clone()),
        filters,
        ..AccessLogOptions::default()
    })
    .unwrap();
    let quick = Duration::from_millis(1);
    assert!(log.wanted(503, 0, quick) && log.wanted(404, 0, quick));
    assert!(log.wanted(200, 1, quick) && log.wanted(200, 0, Duration::from_millis(11)));
    assert!(!log.wanted(200, 0, quick));
    drop(log);
    fs::remove_file(path).unwrap();
}

#[test]
fn after_a_rotation_lines_go_to_the_new_file() {
    let folder = std::env::temp_dir().join(format!("fairlead-rotate-{}", std::process::id()));
    let (path, old) = (folder.join("a.log"), folder.join("a.log.1"));
    let log =
        AccessLog::open(AccessLogOptions { file_path: Some(path.clone()), ..AccessLogOptions::default() })
            .unwrap();
    log.write(&record(NO_HEADERS, NO_HEADERS));
    log.flush();
    fs::rename(&path, &old).unwrap();
    log.reopen();
    log.flush();
    log.write(&record(NO_HEADERS, NO_HEADERS));
    log.flush();
    let lines = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
    assert_eq!((lines(&old), lines(&path)), (1, 1));
    drop(log);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_line_of_many_threads_is_written_or_counted_as_dropped() {
    let path = std::env::temp_dir().join(format!("fairlead-many-{}.log", std::process::id()));
    let log =
        AccessLog::open(AccessLogOptions { file_path: Some(path.clone()), ..AccessLogOptions::default() })
            .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5000).for_each(|_| log.write(&record(NO_HEADERS, NO_HEADERS))));
        }
    });
    log.flush();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count() as u64 + log.dropped(), 20_000);
    assert!(text.lines().all(|line| line.starts_with("127.0.0.1 - -") && line.ends_with("1ms")));
    drop(log);
    fs::remove_file(path).unwrap();
}

#[test]
fn a_line_over_the_limit_is_dropped_and_counted() {
    let path = std::env::temp_dir().join(format!("fairlead-long-{}.log", std::process::id()));
    let log =
        AccessLog::open(AccessLogOptions { file_path: Some(path.clone()), ..AccessLogOptions::default() })
            .unwrap();
    let long = "x".repeat(2 << 20);
    log.write(&Record { path: &long, ..record(NO_HEADERS, NO_HEADERS) });
    assert_eq!(log.dropped(), 1);
    drop(log);
    assert_eq!(fs::read(&path).unwrap().len(), 0);
    fs::remove_file(path).unwrap();
}
