//! Misspelt keys name the one that was meant, and broken objects leave the others alone.

use fairlead_conf::Node;
use fairlead_diag::{Findings, Origin};
use fairlead_model::{Dynamic, Static};

fn yaml(text: &str) -> Node {
    fairlead_conf::yaml::parse(text, "traefik.yml").unwrap()
}

fn shown(findings: &Findings) -> Vec<String> {
    findings
        .iter()
        .map(|finding| {
            let at = match finding.origin() {
                Some(Origin::File { at, .. }) => format!("{}:{}", at.line, at.column),
                _ => String::new(),
            };
            format!("{at} {} ({})", finding.message, finding.help.as_deref().unwrap_or_default())
        })
        .collect()
}

#[test]
fn static_keys() {
    let mut findings = Findings::new();
    let text = "entryPoint: {}\nentryPoints:\n  web:\n    address: ':80'\n    transport:\n      respondingTimeout:\n        readTimeout: 5\nproviders:\n  file: {filenam: x, filename: y}\n";
    let statics = Static::decode(&yaml(text), &mut findings).unwrap();
    assert_eq!(
        shown(&findings),
        [
            "1:1 unknown key `entryPoint` (did you mean `entryPoints`?)",
            "6:7 unknown key `entryPoints.web.transport.respondingTimeout` (did you mean `respondingTimeouts`?)",
            "9:10 unknown key `providers.file.filenam` (did you mean `filename`?)",
        ]
    );
    assert_eq!(statics.providers.file.unwrap().filename, "y");
}

#[test]
fn sections_for_anchors_are_passed_over() {
    let mut findings = Findings::new();
    let text = "x-web: &web {address: ':81'}\nentryPoints: {web: *web}\nproviders: {file: {filename: a}}\n";
    let statics = Static::decode(&yaml(text), &mut findings).unwrap();
    assert_eq!(statics.entry_points["web"].address.port, 81);
    let text = "x-s: &s {loadBalancer: {servers: [{url: 'http://a'}]}}\nhttp: {services: {s: *s}}\n";
    assert_eq!(Dynamic::decode(&yaml(text), &mut findings).http.services.len(), 1);
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn dynamic_sections_and_keys() {
    let mut findings = Findings::new();
    let text = "http:\n  router: {}\n  routers:\n    a: {entryPoint: [web], rule: x, service: s}\n    b: {rule: y, service: s}\n    c: 5\n\
                \x20 services:\n    s: {loadBalancer: {server: [{url: 'http://a'}]}}\n    two: {loadBalancer: {servers: []}, weighted: {services: []}}\n    none: {}\n\
                https: {}\n";
    let dynamic = Dynamic::decode(&yaml(text), &mut findings);
    assert_eq!(
        shown(&findings)[..3],
        [
            "11:1 unknown key `https` (did you mean `http`?)",
            "2:3 unknown key `http.router` (did you mean `routers`?)",
            "4:9 unknown key `http.routers.a.entryPoint` (did you mean `entryPoints`?)",
        ]
    );
    assert!(shown(&findings)[3].starts_with("6:8 `http.routers.c`"), "{findings:?}");
    assert!(
        shown(&findings)[4].starts_with("8:24 unknown key `http.services.s.loadBalancer.server` "),
        "{findings:?}"
    );
    let messages: Vec<_> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(messages.contains(&"the service \"none\" does not have any type defined"), "{messages:?}");
    assert!(
        messages.contains(
            &"cannot create service: multi-types service not supported, consider declaring two different pieces of service instead"
        ),
        "{messages:?}"
    );
    assert_eq!(dynamic.http.routers.keys().map(|name| &**name).collect::<Vec<_>>(), ["b"]);
    assert!(dynamic.http.services.is_empty());
}

#[test]
fn a_middleware_has_one_type() {
    let mut findings = Findings::new();
    let text = "http:\n  middlewares:\n    two:\n      addPrefix: {prefix: /a}\n      stripPrefix: {prefixes: [/b]}\n    one:\n      stripPrefix: {prefixes: '/b,/c'}\n    none: {}\n";
    let dynamic = Dynamic::decode(&yaml(text), &mut findings);
    assert_eq!(
        shown(&findings),
        [
            "5:7 cannot create middleware: multi-types middleware not supported, consider declaring two different pieces of \
             middleware instead (declare one middleware for each type and combine them with `chain`)",
            "8:11 `http.middlewares.none` declares no middleware (give it one type with its options, such as `stripPrefix`)",
        ]
    );
    let one = &dynamic.http.middlewares["one"].value;
    assert!(one.is("StripPrefix"));
    assert_eq!(one.names("prefixes").into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["/b", "/c"]);
}

#[test]
fn fields_of_objects_know_where_they_stand() {
    let text =
        "http:\n  routers:\n    a:\n      rule: x\n      entryPoints:\n        - web\n        - other\n";
    let mut findings = Findings::new();
    let dynamic = Dynamic::decode(&yaml(text), &mut findings);
    let router = &dynamic.http.routers["a"];
    assert_eq!(router.origin.to_string(), "traefik.yml:3:5");
    assert_eq!(router.origin_of(&["rule"]).to_string(), "traefik.yml:4:7");
    assert_eq!(router.value_origin(&["rule"]).to_string(), "traefik.yml:4:13");
    assert_eq!(router.origin_of(&["entryPoints", "1"]).to_string(), "traefik.yml:7:11");
    assert_eq!(router.origin_of(&["tls", "options"]).to_string(), "traefik.yml:3:5");
}

#[test]
fn equal_content_has_an_equal_hash_wherever_it_stands() {
    let decode = |text: &str| Dynamic::decode(&yaml(text), &mut Findings::new());
    let a = decode("http: {routers: {a: {rule: x, service: s}}}\n");
    let b = decode("http:\n  routers:\n    a:\n      service: s\n      rule: x\n");
    let c = decode("http: {routers: {a: {rule: y, service: s}}}\n");
    assert_eq!(a, b);
    assert_ne!(a, c);
}
