//! What `decode` takes, and what it says about the rest.

use std::collections::BTreeMap;

use fairlead_conf::{Duration, Located, Node, SignedDuration, decode, decode_at, section, yaml};
use fairlead_diag::{Findings, Severity};
use indexmap::IndexMap;
use serde::Deserialize;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Root {
    entry_points: IndexMap<String, EntryPoint>,
    #[serde(deserialize_with = "section")]
    ping: Option<Ping>,
    #[serde(deserialize_with = "section")]
    api: Option<Api>,
    log: Log,
    headers: BTreeMap<String, String>,
    codes: BTreeMap<u16, String>,
    plugin: Option<Node>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EntryPoint {
    address: String,
    as_default: bool,
    timeout: Option<Duration>,
    flush: SignedDuration,
    trusted: Vec<String>,
    limits: Vec<u16>,
    priority: i64,
    ratio: f64,
    domains: Vec<Domain>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Domain {
    main: Located<String>,
    #[serde(default)]
    sans: Vec<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Ping {
    entry_point: String,
}

impl Default for Ping {
    fn default() -> Self {
        Ping { entry_point: "traefik".to_owned() }
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Api {
    insecure: bool,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Log {
    level: Level,
    format: Option<Format>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Level {
    Debug,
    #[default]
    Error,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Common,
    Json { keep: bool },
}

fn read(text: &str) -> (Option<Root>, Vec<String>) {
    let mut findings = Findings::new();
    let root = decode(&yaml::parse(text, "f.yml").unwrap(), &mut findings);
    (root, shown(&findings))
}

fn shown(findings: &Findings) -> Vec<String> {
    findings
        .iter()
        .map(|finding| {
            let place = finding.origin().map(ToString::to_string).unwrap_or_default();
            let help = finding.help.as_deref().map(|help| format!(" -> {help}")).unwrap_or_default();
            format!("{} {place} {}{help}", finding.code.id, finding.message)
        })
        .collect()
}

/// A root without findings.
fn good(text: &str) -> Root {
    let (root, findings) = read(text);
    assert_eq!(findings, Vec::<String>::new());
    root.unwrap()
}

#[test]
fn takes_values_as_go_and_yaml_do() {
    let root = good(
        "EntryPoints:\n  web:\n    address: :80\n    asdefault: yes\n    timeout: 90\n    flush: -1\n    \
         trusted: 10.0.0.0/8, 127.0.0.1\n    limits: [1_000, \"8\"]\n    priority: '12'\n    ratio: 1\n\
         log: {level: debug, format: {json: {keep: on}}}\nheaders: {X-Number: 10, X-Bool: true, X-Empty: }\n\
         codes: {404: none}\n",
    );
    let web = &root.entry_points["web"];
    assert_eq!((web.address.as_str(), web.as_default), (":80", true));
    assert_eq!(web.timeout, Some(Duration::from_secs(90)));
    assert_eq!(web.flush, SignedDuration::from_millis(-1000));
    assert_eq!(web.trusted, ["10.0.0.0/8", "127.0.0.1"]);
    assert_eq!((web.limits.as_slice(), web.priority, web.ratio), (&[1000, 8][..], 12, 1.0));
    assert_eq!((root.log.level, root.log.format), (Level::Debug, Some(Format::Json { keep: true })));
    let headers: Vec<_> = root.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("X-Bool", "true"), ("X-Empty", ""), ("X-Number", "10")]);
    assert_eq!(root.codes[&404], "none");
}

#[test]
fn a_section_is_switched_by_true_false_or_nothing() {
    for on in ["ping: true", "ping:", "ping: {}", "ping: ''", "ping: 1"] {
        assert_eq!(good(on).ping, Some(Ping::default()), "{on}");
    }
    for off in ["ping: false", "{}", "ping: off"] {
        assert_eq!(good(off).ping, None, "{off}");
    }
    assert_eq!(good("ping: {entryPoint: web}").ping, Some(Ping { entry_point: "web".to_owned() }));
    let (root, findings) = read("ping: maybe\napi: true");
    let expected =
        "FLD-CONF-0003 f.yml:1:7 `ping`: expected a section with keys such as entryPoint, found `maybe`";
    assert_eq!(findings, [expected]);
    assert_eq!(root.map(|root| (root.ping, root.api)), Some((None, Some(Api { insecure: false }))));
}

#[test]
fn all_problems_are_found_in_one_run() {
    let (root, findings) = read(
        "entryPoint: {}\nentryPoints:\n  web:\n    adress: :80\n    asDefault: perhaps\n    timeout: 5d\n    limits: [1, 70000, x, 3]\n    \
         trusted: {a: b}\n    domains:\n      - sans: [a]\n      - main: b\n        extra: 1\n  \
         bad: [1]\n  good: {address: ':81', priority: }\nlog: {level: DEBG}\n",
    );
    assert_eq!(
        findings,
        [
            "FLD-CONF-0002 f.yml:1:1 unknown key `entryPoint` -> did you mean `entryPoints`?",
            "FLD-CONF-0002 f.yml:4:5 unknown key `entryPoints.web.adress` -> did you mean `address`?",
            "FLD-CONF-0003 f.yml:5:16 `entryPoints.web.asDefault`: expected true or false, found `perhaps`",
            "FLD-CONF-0004 f.yml:6:14 `entryPoints.web.timeout`: unknown unit `d` in a duration; units are h, m, s, ms, us and ns",
            "FLD-CONF-0004 f.yml:7:17 `entryPoints.web.limits[1]`: expected a whole number from 0 to 65535, found 70000",
            "FLD-CONF-0003 f.yml:7:24 `entryPoints.web.limits[2]`: expected a whole number from 0 to 65535, found `x`",
            "FLD-CONF-0003 f.yml:8:14 `entryPoints.web.trusted`: expected a list, found a section with the key `a`",
            "FLD-CONF-0005 f.yml:10:9 `entryPoints.web.domains[0]`: the key `main` is missing -> add `main`",
            "FLD-CONF-0002 f.yml:12:9 unknown key `entryPoints.web.domains[1].extra` -> known keys here: main, sans",
            "FLD-CONF-0003 f.yml:13:8 `entryPoints.bad`: expected a section, found a list of 1",
            "FLD-CONF-0007 f.yml:14:26 `entryPoints.good.priority`: has no value; expected a whole number",
            "FLD-CONF-0004 f.yml:15:14 `log.level`: expected one of DEBUG, ERROR, found `DEBG` -> did you mean `DEBUG`?",
        ]
    );
    let root = root.unwrap();
    assert_eq!(root.entry_points.keys().collect::<Vec<_>>(), ["web", "good"]);
    assert_eq!(root.entry_points["good"].address, ":81");
    let web = &root.entry_points["web"];
    assert_eq!(web.limits, [1, 3]);
    assert_eq!(web.domains.len(), 1);
    assert_eq!(web.domains[0].main.origin.to_string(), "f.yml:11:15");
}

#[test]
fn an_enum_that_fails_inside_of_its_content_is_left_out() {
    let (root, findings) = read("log: {format: {json: {keep: perhaps}}, level: DEBUG}\nping: true");
    assert_eq!(findings.len(), 1, "{findings:?}");
    let root = root.unwrap();
    assert_eq!((root.log.level, root.ping.is_some()), (Level::Debug, true));
}

#[test]
fn a_key_in_two_spellings_is_refused_for_options_only() {
    let (root, findings) = read("headers: {X-A: 1, x-a: 2}\napi: true\nAPI: false\n");
    let expected = "FLD-CONF-0006 f.yml:3:1 `API` is given twice: keys compare without case, so it is the same as `api` \
                    -> remove one of the two; the first one counts";
    assert_eq!(findings, [expected]);
    assert_eq!(root.map(|root| (root.headers.len(), root.api.is_some())), Some((2, true)));
}

#[test]
fn findings_of_one_run_are_bounded() {
    let text: String = (0..5000).map(|i| format!("key{i}: 1\n")).collect();
    let (root, findings) = read(&text);
    assert_eq!(findings.len(), 101);
    assert!(findings[100].contains("the rest is not listed"));
    assert!(root.is_some());

    let text: String = (0..5000).map(|i| format!("  {i}: x\n")).collect();
    let (root, findings) = read(&format!("entryPoints:\n{text}"));
    assert_eq!((findings.len(), root.map(|root| root.entry_points.len())), (101, Some(0)));
}

#[test]
fn a_part_is_kept_as_it_is_and_decodes_later() {
    let root = good("plugin: {name: {deep: [1, x]}}\n");
    let plugin = root.plugin.unwrap();
    assert_eq!(plugin.to_json(), serde_json::json!({"name": {"deep": [1, "x"]}}));
    let mut findings = Findings::new();
    let api: Option<Api> = decode_at(&plugin, &["plugin"], &mut findings);
    assert_eq!(api, Some(Api::default()));
    let expected = "FLD-CONF-0002 f.yml:1:10 unknown key `plugin.name` -> known keys here: insecure";
    assert_eq!(shown(&findings), [expected]);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Error));
}

#[test]
fn any_json_value_can_be_decoded() {
    let node = yaml::parse("a: 1\nb: 'x'\nc: [true, ~, 1.5, '2']\nd: 18446744073709551615\n", "f").unwrap();
    let mut findings = Findings::new();
    let value: serde_json::Value = decode(&node, &mut findings).unwrap();
    assert_eq!(value, serde_json::json!({"a": 1, "b": "x", "c": [true, null, 1.5, "2"], "d": u64::MAX}));
    assert_eq!(value, node.to_json());
}
