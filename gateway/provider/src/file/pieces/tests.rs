use std::fmt::Debug;
use std::hash::RandomState;

use fairlead_model::Objects;

use super::*;

const NAME: &str = "routers.yml";

fn router(name: &str, host: &str) -> String {
    let padding = "x".repeat(120);
    format!(
        "    {name}:\n      # {padding}\n      rule: Host(`{host}`)\n      service: s\n      tls: {{certResolver: le}}\n"
    )
}

fn file(routers: &[String]) -> String {
    let routers: String = routers.iter().map(String::as_str).collect();
    format!(
        "tls:\n  options: {{}}\nhttp:\n  routers:\n{routers}  middlewares:\n    m: {{stripPrefix: {{prefixes: [/a]}}}}\n  services:\n    s:\n      loadBalancer: {{servers: [{{url: 'http://a'}}], sticky: {{}}}}\n"
    )
}

fn routers() -> Vec<String> {
    (0..320).map(|number| router(&format!("r{number}"), &format!("{number}.example.com"))).collect()
}

fn whole(text: &str) -> (Dynamic, Findings) {
    let node = fairlead_conf::parse_file_text(NAME, text).unwrap();
    let mut findings = not_yet::findings_dynamic(&node);
    let dynamic = Dynamic::decode(&node, &mut findings);
    (dynamic, findings)
}

fn assert_alike<T: Debug + PartialEq>(pieces: &Objects<T>, whole: &Objects<T>) {
    assert!(pieces.keys().eq(whole.keys()));
    for (a, b) in pieces.values().zip(whole.values()) {
        assert_eq!((&a.value, &a.node, &a.origin, a.hash), (&b.value, &b.node, &b.origin, b.hash));
    }
}

fn assert_like_whole(pieces: &mut Pieces, hasher: &RandomState, text: &str) -> Arc<Dynamic> {
    let (dynamic, findings) = pieces.decode(NAME, text, hasher).expect("a plain file is read in pieces");
    let (whole, of_whole) = whole(text);
    assert_alike(&dynamic.http.routers, &whole.http.routers);
    assert_alike(&dynamic.http.services, &whole.http.services);
    assert_alike(&dynamic.http.middlewares, &whole.http.middlewares);
    assert_eq!(*dynamic, whole);
    assert_eq!(findings, of_whole);
    dynamic
}

#[test]
fn version_after_version_is_what_the_whole_says() {
    let (mut pieces, hasher) = (Pieces::default(), RandomState::new());
    let mut all = routers();
    assert_like_whole(&mut pieces, &hasher, &file(&all));
    for edit in 0..12 {
        let at = edit * 7919 % all.len();
        match edit % 4 {
            0 => all[at] = router(&format!("new{edit}"), "other.example.com"),
            1 => all.insert(at, router(&format!("new{edit}"), "new.example.com")),
            2 => drop(all.remove(at)),
            _ => all.insert(0, format!("\n# comment {edit}\n")),
        }
        assert_like_whole(&mut pieces, &hasher, &file(&all));
    }
}

#[test]
fn what_did_not_change_is_shared() {
    let (mut pieces, hasher) = (Pieces::default(), RandomState::new());
    let mut all = routers();
    let before = assert_like_whole(&mut pieces, &hasher, &file(&all));
    all[200] = router("r200", "other.example.com");
    let after = assert_like_whole(&mut pieces, &hasher, &file(&all));
    let routers = || before.http.routers.values().zip(after.http.routers.values());
    let shared = routers().filter(|(before, after)| Arc::ptr_eq(before, after)).count();
    assert!((200..320).contains(&shared), "{shared}");
}

#[test]
fn what_there_is_to_complain_about_is_left_to_the_whole() {
    let (mut pieces, hasher) = (Pieces::default(), RandomState::new());
    let good = routers();
    let first = assert_like_whole(&mut pieces, &hasher, &file(&good));
    for bad in
        [router("r1", "twice.example.com"), "    x:\n      ruel: a\n".to_owned(), "    x: [\n".to_owned()]
    {
        let mut all = good.clone();
        all.push(bad);
        assert!(pieces.decode(NAME, &file(&all), &hasher).is_none());
    }
    // The version before is still known.
    let again = assert_like_whole(&mut pieces, &hasher, &file(&good));
    assert!(Arc::ptr_eq(&first.http.routers["r7"], &again.http.routers["r7"]));
    assert!(pieces.decode("routers.toml", &file(&good), &hasher).is_none());
    assert!(pieces.decode(NAME, "http: {}\n", &hasher).is_none());
}
