//! Flags, environment, merging and walking.

use fairlead_conf::paths::{PathError, PathTree};
use fairlead_conf::{Node, decode, env, flags, merge, section, walk, yaml};
use fairlead_diag::{Findings, Origin};
use serde::Deserialize;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Options {
    #[serde(deserialize_with = "section")]
    api: Option<Api>,
    #[serde(deserialize_with = "section")]
    ping: Option<Empty>,
    name: String,
    domains: Vec<Domain>,
    list: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Api {
    insecure: bool,
    dashboard: Option<bool>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Empty {}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Domain {
    main: String,
    sans: Vec<String>,
}

fn from_flags(args: &[&str]) -> Node {
    flags::parse(&args.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
}

fn decoded(node: &Node) -> Options {
    let mut findings = Findings::new();
    let options = decode(node, &mut findings).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    options
}

#[test]
fn flags_are_paths() {
    let node = from_flags(&[
        "--API.Insecure",
        "-api.dashboard=false",
        "--ping",
        "--name",
        "x=y",
        "--domains[1].main=b",
        "--domains[0].main=a",
        "--domains[0].sans=c, d",
        "--list=a,b",
        "--list=c",
        "--name=z",
    ]);
    assert_eq!(
        decoded(&node),
        Options {
            api: Some(Api { insecure: true, dashboard: Some(false) }),
            ping: Some(Empty {}),
            name: "z".to_owned(),
            domains: vec![
                Domain { main: "a".to_owned(), sans: vec!["c".to_owned(), "d".to_owned()] },
                Domain { main: "b".to_owned(), sans: Vec::new() },
            ],
            list: ["a", "b", "c"].map(str::to_owned).to_vec(),
        }
    );
    assert_eq!(node.at(&["api", "insecure"]).unwrap().origin, Origin::Flag("--API.Insecure".into()));
    assert_eq!(decoded(&from_flags(&["--ping=false", "--api", "--api.insecure=true"])).ping, None);
    assert!(decoded(&from_flags(&["--api=true", "--api"])).api.is_some());
}

#[test]
fn what_is_no_flag_is_named() {
    let args = ["serve", "--", "--a..b=1", "--a[x]=1", "--=1", "-"].map(str::to_owned);
    let findings = flags::parse(&args).unwrap_err();
    assert_eq!(findings.len(), 6, "{findings:?}");
    assert!(findings.iter().all(|finding| finding.code.id == "FLD-CONF-0009" && finding.help.is_some()));
    let deep = format!("--{}=1", vec!["a"; 1000].join("."));
    assert!(flags::parse(&[deep]).is_err());
}

#[test]
fn environment_names_are_paths() {
    let vars = [
        ("PATH", "/bin"),
        ("TRAEFIK_API_INSECURE", "true"),
        ("traefik_name", "x"),
        ("TRAEFIK_API", "true"),
        ("TRAEFIK_DOMAINS_0_MAIN", "a"),
        ("TRAEFIK_LIST", "a,b"),
        ("TRAEFIK_", "x"),
        ("TRAEFIK__A", "x"),
        ("ü", "x"),
    ];
    let node =
        env::parse(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap();
    let options = decoded(&node);
    assert_eq!(options.api, Some(Api { insecure: true, dashboard: None }));
    assert_eq!((options.name.as_str(), options.domains[0].main.as_str(), options.list.len()), ("x", "a", 2));
    assert_eq!(node.at(&["name"]).unwrap().origin, Origin::Env("traefik_name".into()));
    assert_eq!(env::parse([("PATH".to_owned(), "/bin".to_owned())].into_iter()), None);
}

#[test]
fn paths_build_trees() {
    let mut tree = PathTree::default();
    let origin = Origin::Remote("label traefik.x".into());
    assert_eq!(tree.set("a.b[0].c", "1", &origin), Ok(()));
    assert_eq!(tree.set("a..b", "1", &origin), Err(PathError::EmptyPart));
    assert_eq!(tree.set("a[0", "1", &origin), Err(PathError::Index));
    assert_eq!(tree.set("a[0]x", "1", &origin), Err(PathError::Index));
    assert_eq!(tree.into_node().to_json(), serde_json::json!({"a": {"b": {"[0]": {"c": 1}}}}));
}

#[test]
fn merging_keeps_what_is_not_overridden() {
    let base = yaml::parse("a: {x: 1, y: 2}\nl: [1]\nsame: 1\ns: {k: 1}\n", "base").unwrap();
    let over = yaml::parse("A: {Y: 3, z: 4}\nl: [2]\nsame: 1\ns:\n", "over").unwrap();
    let mut findings = Findings::new();
    let merged = merge(base, over, &mut findings);
    assert_eq!(
        merged.to_json(),
        serde_json::json!({"a": {"x": 1, "y": 3, "z": 4}, "l": [2], "same": 1, "s": {"k": 1}})
    );
    let messages: Vec<_> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages, ["`a.y` is overridden", "`l` is overridden"]);
}

#[test]
fn walking_names_every_entry() {
    let node = yaml::parse("a: {b: [{c: 1}, 2, {d: 3}]}\n", "f").unwrap();
    let mut paths = Vec::new();
    walk(&node, |path, entry| paths.push(format!("{} {}", path.join("."), entry.key)));
    assert_eq!(paths, ["a a", "a.b b", "a.b.[0].c c", "a.b.[2].d d"]);
}
