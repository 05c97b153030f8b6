//! Files: every format gives the same tree, malformed text gives a finding, nothing panics or grows without bound.

use fairlead_conf::{Entry, Node, Value, json, parse_file_text, toml, yaml};
use fairlead_diag::{Finding, Origin};
use proptest::prelude::*;

fn yaml_error(text: &str) -> Finding {
    yaml::parse(text, "f.yml").unwrap_err()
}

fn place(finding: &Finding) -> String {
    finding.origin().unwrap().to_string()
}

#[test]
fn yaml_values_and_places() {
    let root = yaml::parse(
        "# c\nhttp:\n  routers:\n    ü: {rule: \"Host(`a`)\", n: 1_0, e: }\n  l:\n  - a\n",
        "f.yml",
    )
    .unwrap();
    let router = root.at(&["HTTP", "routers", "ü"]).unwrap();
    let rule = router.entry("rule").unwrap();
    assert_eq!(rule.key_origin.to_string(), "f.yml:4:9");
    assert_eq!(rule.node, Node::scalar("Host(`a`)", true, rule.node.origin.clone()));
    assert!(
        matches!(&rule.node.origin, Origin::File { at, .. } if (at.line, at.column, at.len) == (4, 15, 11))
    );
    assert_eq!(router.at(&["n"]).unwrap().text(), Some("1_0"));
    let empty = router.entry("e").unwrap();
    assert_eq!((&empty.node.value, &empty.node.origin), (&Value::Null, &empty.key_origin));
    assert!(matches!(&root.at(&["http", "l"]).unwrap().value, Value::List(items) if items.len() == 1));
}

#[test]
fn empty_texts_are_empty_maps_and_the_first_document_counts() {
    for text in ["", "# only a comment\n", "---\n", "~", "\u{feff}", "---\n...\n"] {
        assert_eq!(yaml::parse(text, "f").unwrap(), Node::empty_map(Origin::file("f")), "{text:?}");
    }
    assert_eq!(yaml::parse("a: 1\n---\nb: 2\n", "f").unwrap().entries().len(), 1);
    assert!(json::parse(" \n", "f").unwrap().entries().is_empty());
    assert!(toml::parse("", "f").unwrap().entries().is_empty());
}

#[test]
fn aliases_and_merge_keys_are_expanded() {
    let text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\none: {<<: *b, y: 9}\ntwo:\n  <<: [*b, *m]\nsame: *b\n\"<<\": 1\n";
    let root = yaml::parse(text, "f").unwrap();
    assert_eq!(root.at(&["one"]).unwrap().to_json(), serde_json::json!({"y": 9, "x": 1}));
    assert_eq!(root.at(&["two"]).unwrap().to_json(), serde_json::json!({"x": 1, "y": 2, "z": 4}));
    assert_eq!(root.at(&["same", "x"]).unwrap().origin.to_string(), "f:1:14");
    assert_eq!(root.at(&["<<"]).unwrap().text(), Some("1"));
}

#[test]
fn tags_say_what_is_text() {
    let root = yaml::parse("a: !!str 10\nb: !!int '10'\nc: !custom x\nd: !!str\n", "f").unwrap();
    let quoted = |key: &str| matches!(root.at(&[key]).unwrap().value, Value::Scalar { quoted: true, .. });
    assert_eq!(["a", "b", "c", "d"].map(quoted), [true, false, false, true]);
}

#[test]
fn alias_bombs_are_refused_quickly() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let alias = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(", "));
    }
    assert_eq!(yaml_error(&text).code.id, "FLD-CONF-0008");

    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), ["*a"; 100].join(", "));
    assert_eq!(yaml_error(&long).code.id, "FLD-CONF-0008");

    let mut deep = "a0: &a0 x\n".to_owned();
    for level in 1..100 {
        deep += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
    }
    assert_eq!(yaml_error(&deep).code.id, "FLD-CONF-0008");
    assert_eq!(yaml_error("a: &a [*a]").code.id, "FLD-CONF-0014");
}

#[test]
fn nesting_is_bounded_in_every_format() {
    let deep = 100_000;
    for text in ["[".repeat(deep), "{a: ".repeat(deep), "- ".repeat(deep), "? ".repeat(deep)] {
        assert!(yaml::parse(&text, "f").is_err());
    }
    for text in ["[".repeat(deep), "{\"a\":".repeat(deep)] {
        assert_eq!(json::parse(&text, "f").unwrap_err().code.id, "FLD-CONF-0008");
    }
    let dotted = vec!["a"; deep].join(".");
    for text in [
        format!("{dotted} = 1"),
        format!("[{dotted}]\n"),
        format!("[[{dotted}]]\n"),
        format!("x = {{ {dotted} = 1 }}"),
        format!("x = {{ y = 1, {dotted} = 1 }}"),
        format!("\"q\".{dotted} = 1"),
        format!("{} = 1", vec!["'a'"; deep].join(".")),
        format!("{} = 1", vec!["\"=\""; deep].join(" . ")),
        format!("x = {}", "[".repeat(deep)),
        format!("x = {}", "{a=".repeat(deep)),
    ] {
        assert!(toml::parse(&text, "f").is_err(), "{}", &text[..60]);
    }
    let version = format!("version = \"{dotted}\" # {dotted}");
    assert!(toml::parse(&version, "f").is_ok());
    // A ruler in a comment, and letters of several bytes after it.
    assert!(toml::parse(&format!("# {} \u{e9}t\u{e9}\na = 1", ".".repeat(100)), "f").is_ok());
}

#[test]
fn duplicate_keys_name_both_places() {
    for error in [
        yaml_error("a: 1\nb: 2\na: 3\n"),
        json::parse("{\"a\": 1,\n\"b\": 2,\n\"a\": 3}", "f.yml").unwrap_err(),
    ] {
        assert_eq!((error.code.id, place(&error)), ("FLD-CONF-0006", "f.yml:3:1".to_owned()));
        assert_eq!(error.labels.len(), 2);
        assert_eq!(error.message, "the key `a` is given twice");
    }
    let many: String = (0..40).map(|i| format!("k{i}: 1\n")).collect();
    assert_eq!(place(&yaml_error(&format!("{many}k7: 2\n"))), "f.yml:41:1");
    let error = toml::parse("a = 1\nb = 2\na = 3\n", "f.toml").unwrap_err();
    assert_eq!((error.code.id, place(&error)), ("FLD-CONF-0006", "f.toml:3:1".to_owned()));
}

#[test]
fn malformed_text_is_a_finding_at_its_place_with_advice() {
    for (path, text, place_wanted) in [
        ("f.yml", "a: 1\n b: 2\n", "f.yml:2:3"),
        ("f.yml", "a:\n\tb: 2\n", "f.yml:2:2"),
        ("f.yml", "a: [1, 2\n", "f.yml:1:4"),
        ("f.yml", "a: *nope\n", "f.yml:1:4"),
        ("f.toml", "a = \n", "f.toml:1:5"),
        ("f.toml", "a = x\n", "f.toml:1:5"),
        ("f.json", "{\"a\": 1,}", "f.json:1:9"),
        ("f.json", "{\"a\" 1}", "f.json:1:6"),
        ("f.json", "{\n a: 1}", "f.json:2:2"),
        ("f.json", "{\"a\": 01}", "f.json:1:7"),
        ("f.json", "{\"a\": 1} x", "f.json:1:10"),
        ("f.json", "{\"a\": \"x", "f.json:1:7"),
        ("f.json", "{\"a\": \"\\x\"}", "f.json:1:8"),
        ("f.json", "// c\n{}", "f.json:1:1"),
    ] {
        let error = parse_file_text(path, text).expect_err(text);
        assert_eq!(
            (error.code.id, place(&error).as_str()),
            ("FLD-CONF-0001", place_wanted),
            "{text:?}: {}",
            error.message
        );
        assert!(error.help.is_some(), "{text:?}");
    }
    assert_eq!(parse_file_text("f.ini", "").unwrap_err().code.id, "FLD-CONF-0012");
    assert_eq!(yaml_error("[a]: 1\n").code.id, "FLD-CONF-0014");
    assert_eq!(yaml_error("a: {<<: 1}\n").code.id, "FLD-CONF-0014");
}

#[test]
fn json_escapes() {
    let root = json::parse(r#"{"a": "\u00e4\ud83d\ude00\n\/\"", "b": -1.5e+3}"#, "f").unwrap();
    assert_eq!(root.at(&["a"]).unwrap().text(), Some("ä😀\n/\""));
    assert_eq!(root.at(&["b"]).unwrap().text(), Some("-1.5e+3"));
    assert!(json::parse(r#""\ud83d""#, "f").is_err());
}

#[test]
fn toml_numbers_keep_their_value() {
    let root = toml::parse(
        "a = 0xff\nb = 1_000\nc = 1.5\nd = 2026-01-02\n[t]\nk = true\n[[l]]\nx = 1\n[[l]]\nx = 2\n",
        "f.toml",
    )
    .unwrap();
    assert_eq!(
        ["a", "b", "c", "d"].map(|key| root.at(&[key]).unwrap().text().unwrap()),
        ["255", "1000", "1.5", "2026-01-02"]
    );
    assert_eq!(root.at(&["t"]).unwrap().origin.to_string(), "f.toml:5:2");
    assert_eq!(root.to_json()["l"], serde_json::json!([{"x": 1}, {"x": 2}]));
}

#[test]
fn hash_counts_content_only() {
    let hash = |text: &str| yaml::parse(text, "f").unwrap().content_hash();
    assert_eq!(hash("a: 1\nb: [x, y]\n"), hash("B:\n- x\n- y\nA: 1\n"));
    for other in
        ["a: 2\nb: [x, y]", "a: 1\nb: [y, x]", "a: 1\nb: [x]", "a: [x, y]\nb: 1", "a: '1'\nb: [x, y]", "a: 1"]
    {
        assert_ne!(hash("a: 1\nb: [x, y]"), hash(other), "{other}");
    }
    assert_ne!(hash("a: {x: 1}\nb: {y: 2}"), hash("a: {y: 2}\nb: {x: 1}"));
}

/// A tree all three formats can express: a map of scalars, lists and maps; no nulls, which TOML lacks.
fn tree() -> impl Strategy<Value = Node> {
    let key = "[a-zA-Z_][a-zA-Z0-9_-]{0,6}";
    let scalar = prop_oneof![
        "[ -~äé\n\t]{0,12}".prop_map(|text| Node::scalar(text, true, Origin::Internal)),
        (-9999_i64..9999).prop_map(|number| Node::scalar(number.to_string(), false, Origin::Internal)),
        any::<bool>().prop_map(|value| Node::scalar(value.to_string(), false, Origin::Internal)),
    ];
    let map_of = move |inner: BoxedStrategy<Node>| {
        prop::collection::btree_map(key, inner, 0..5).prop_map(|map| {
            let entries = map.into_iter().map(|(key, node)| Entry {
                key: key.into(),
                key_origin: Origin::Internal,
                node,
            });
            Node { origin: Origin::Internal, value: Value::Map(entries.collect()) }
        })
    };
    let inner = scalar.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| Node { origin: Origin::Internal, value: Value::List(items) }),
            map_of(inner.boxed()),
        ]
    });
    prop::collection::btree_map(key, inner, 0..6).prop_map(|map| {
        let entries =
            map.into_iter().map(|(key, node)| Entry { key: key.into(), key_origin: Origin::Internal, node });
        Node { origin: Origin::Internal, value: Value::Map(entries.collect()) }
    })
}

fn without_origins(node: &Node) -> Node {
    let value = match &node.value {
        Value::List(items) => Value::List(items.iter().map(without_origins).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|entry| Entry {
                    key: entry.key.clone(),
                    key_origin: Origin::Internal,
                    node: without_origins(&entry.node),
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Node { origin: Origin::Internal, value }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn block_yaml(node: &Node, indent: usize, out: &mut String) {
    let pad = "  ".repeat(indent);
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => {
            for entry in entries {
                *out += &format!("\n{pad}{}: ", quoted(&entry.key));
                block_yaml(&entry.node, indent + 1, out);
            }
        }
        Value::List(items) if !items.is_empty() => {
            for item in items {
                *out += &format!("\n{pad}- ");
                block_yaml(item, indent + 1, out);
            }
        }
        Value::Scalar { text, quoted: false } => *out += text,
        _ => *out += &node.to_json().to_string(),
    }
}

fn inline_toml(node: &Node) -> String {
    match &node.value {
        Value::Null => String::new(),
        Value::Scalar { text, quoted: true } => quoted(text),
        Value::Scalar { text, .. } => text.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(inline_toml).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let pairs: Vec<_> =
                entries.iter().map(|entry| format!("{} = {}", entry.key, inline_toml(&entry.node))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn all_formats_give_the_same_tree(tree in tree()) {
        let json_text = serde_json::to_string_pretty(&tree.to_json()).unwrap();
        let mut yaml_text = String::new();
        block_yaml(&tree, 0, &mut yaml_text);
        let toml_text: String = tree.entries().iter().map(|e| format!("{} = {}\n", e.key, inline_toml(&e.node))).collect();
        for parsed in [json::parse(&json_text, "f"), yaml::parse(&json_text, "f"), yaml::parse(&yaml_text, "f"), toml::parse(&toml_text, "f")] {
            let parsed = parsed.map_err(|error| TestCaseError::fail(format!("{error:?}\n{yaml_text}\n{toml_text}")))?;
            prop_assert_eq!(without_origins(&parsed), tree.clone());
            prop_assert_eq!(parsed.content_hash(), tree.content_hash());
        }
    }

    #[test]
    fn no_parser_panics_on_arbitrary_text(text in "\\PC{0,80}") {
        let _ = (yaml::parse(&text, "f"), json::parse(&text, "f"), toml::parse(&text, "f"));
    }

    #[test]
    fn no_parser_panics_on_likely_text(text in "[-a{}\\[\\]:,&*<>|?!#'\"=.\\\\u0-9 \t\n%@`~\u{e4}\u{feff}]{0,60}") {
        for result in [yaml::parse(&text, "f"), json::parse(&text, "f"), toml::parse(&text, "f")] {
            if let Err(finding) = result {
                prop_assert!(finding.origin().is_some() && finding.help.is_some(), "{:?}", finding);
            }
        }
    }
}
