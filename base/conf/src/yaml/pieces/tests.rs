use proptest::prelude::*;

use super::*;
use crate::yaml::parse;

const SECTIONS: [Section; 2] = [["http", "routers"], ["http", "services"]];

/// What the pieces say together; `None` when they cannot be trusted.
fn assemble(text: &str) -> Option<Node> {
    let cut = cut(text, &SECTIONS)?;
    let (mut root, _) = cut.parse_rest("f.yml")?;
    for piece in &cut.pieces {
        let [top, key] = piece.section;
        let (part, _) = piece.parse("f.yml")?;
        let part = part.at(&piece.section)?;
        let section = entry_mut(entry_mut(&mut root, top)?, key)?;
        match &mut section.value {
            Value::Map(entries) => entries.extend_from_slice(part.entries()),
            _ => *section = part.clone(),
        }
        // Who puts pieces together sees names that are given twice.
        let mut names: Vec<_> = section.entries().iter().map(|entry| &entry.key).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return None;
        }
    }
    Some(root)
}

fn entry_mut<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    let Value::Map(entries) = &mut node.value else { return None };
    entries.iter_mut().find(|entry| &*entry.key == key).map(|entry| &mut entry.node)
}

fn router(name: &str) -> String {
    format!("    {name}:\n      rule: \"Host(`{name}`)\"\n      service: s\n")
}

fn file(routers: usize) -> String {
    let routers: String = (0..routers).map(|number| router(&format!("r{number}"))).collect();
    format!(
        "# mine\nhttp:\n  routers: # all\n\n{routers}  services:\n    s:\n      loadBalancer: {{}}\ntls:\n  options: {{}}\n"
    )
}

#[test]
fn a_plain_file_is_what_its_pieces_say() {
    let text = file(500);
    let cut = cut(&text, &SECTIONS).unwrap();
    assert!((5..60).contains(&cut.pieces.len()), "{}", cut.pieces.len());
    assert_eq!(cut.rest.lines().count(), text.lines().count());
    assert_eq!(assemble(&text).unwrap(), parse(&text, "f.yml").unwrap());
}

#[test]
fn a_new_entry_leaves_the_other_pieces_alone() {
    let (before, after) = (file(500), file(500).replacen("    r100:", &(router("new") + "    r100:"), 1));
    let (before, after) = (cut(&before, &SECTIONS).unwrap(), cut(&after, &SECTIONS).unwrap());
    let known: Vec<_> = before.pieces.iter().map(|piece| piece.text).collect();
    let fresh = after.pieces.iter().filter(|piece| !known.contains(&piece.text)).count();
    assert!(fresh <= 2, "{fresh}");
}

#[test]
fn what_reaches_across_a_cut_is_left_to_the_whole() {
    let tail = router("z");
    for text in [
        "http:\n  routers:\n    a: &a {rule: x}\n    b: *a\n".to_owned(),
        format!("http:\n  routers:\n    a:\n      rule: \"x\n{tail}\"\n"),
        format!("http:\n  routers:\n    a: {{rule: x,\n{tail}  }}\n"),
        format!("x: \"\nhttp:\n  routers:\n{tail}\"\n"),
        format!("x: |\n http:\n  routers:\n{tail}"),
        format!("---\na: 1\n---\nhttp:\n  routers:\n{tail}"),
        format!("%TAG !! tag:example.com,2000:\n---\nhttp:\n  routers:\n    a: !!str 1\n{tail}"),
        format!("http:\n  routers:\n    a:\n    <<: {{z: 1}}\n{tail}"),
        format!("http:\n  routers:\n    a: 1\n   b: 2\n{tail}"),
        format!("HTTP:\n  routers:\nhttp:\n  routers:\n{tail}"),
        format!("http:\n  routers:\n{tail}  services:\nhttp:\n  routers:\n{tail}"),
        format!("http:\r\n  routers:\r\n{tail}"),
    ] {
        assert_eq!(assemble(&text), None, "{text}");
    }
}

#[test]
fn pieces_spend_as_much_as_the_whole_and_nest_as_deep() {
    let deep = |levels: usize| {
        format!("http:\n  routers:\n    a:\n      x: {}{}\n", "[".repeat(levels), "]".repeat(levels))
    };
    let bound = (1..80).find(|levels| parse(&deep(*levels), "f").is_err()).unwrap();
    assert_eq!((1..80).find(|levels| assemble(&deep(*levels)).is_none()), Some(bound));
    let text = file(200);
    let cut = cut(&text, &SECTIONS).unwrap();
    let parts: Vec<Spent> = cut.pieces.iter().map(|piece| piece.parse("f").unwrap().1).collect();
    assert!(Spent::fits(parts.iter().copied()));
    assert!(!Spent::fits(parts.iter().copied().cycle().take(parts.len() * 2000)));
}

/// Lines that a cut may trip over, with the number of spaces before them left to chance.
const CONTENTS: [&str; 40] = [
    "http:",
    "routers:",
    "services:",
    "other: 1",
    "a:",
    "b:",
    "c: 1",
    "d: {x: 1}",
    "e: [",
    "]",
    "f: {",
    "}",
    "\"q\": 1",
    "g: \"open",
    "close\"",
    "h: 'open",
    "it''s'",
    "i: |",
    "j: >-",
    "k: |+",
    "l: |2",
    "text",
    "- item",
    "-",
    "? m",
    ": n",
    "# comment",
    "",
    "o: &anchor 1",
    "p: *anchor",
    "<<: {z: 1}",
    "<<: *anchor",
    "---",
    "...",
    "r: !!str 1",
    "s: # c",
    "t: x # c",
    "u: https://x:1",
    "v:w",
    "ü: ö # ä",
];

fn line() -> impl Strategy<Value = String> {
    let indent = prop_oneof![8 => Just(4_usize), 4 => Just(6), 2 => Just(2), 2 => Just(0), 1 => 0..9_usize];
    (indent, prop::sample::select(&CONTENTS[..]))
        .prop_map(|(indent, content)| format!("{}{content}\n", " ".repeat(indent)))
}

/// Where a tree and the text read as a whole begin to differ: in content or in place.
fn first_difference(node: &Node, text: &str) -> Option<(String, String)> {
    let whole = parse(text, "f.yml");
    if whole.as_ref() == Ok(node) {
        return None;
    }
    let whole = format!("{whole:#?}");
    let pieces = format!("{:#?}", Ok::<_, ()>(node));
    let differs = whole.lines().zip(pieces.lines()).find(|(whole, pieces)| whole != pieces);
    Some(differs.map(|(whole, pieces)| (whole.to_owned(), pieces.to_owned())).unwrap_or_default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn pieces_never_say_anything_else(lines in prop::collection::vec(line(), 0..14), tail in any::<bool>()) {
        let lines = lines.concat();
        let plain = if tail { file(3) } else { "http:\n  routers:\n    first: 1\n".to_owned() };
        let (front, back) = plain.split_at(plain.find("    ").unwrap());
        for text in [format!("{front}{lines}{back}"), format!("{plain}{lines}"), format!("{lines}{plain}")] {
            if let Some(node) = assemble(&text) {
                prop_assert_eq!(first_difference(&node, &text), None, "{}", text);
            }
        }
    }

    #[test]
    fn edits_of_a_large_file_are_read_alike(
        edits in prop::collection::vec((0..200_usize, any::<bool>(), line()), 1..4),
        cut_short in prop::option::of(0..4000_usize),
    ) {
        let text = file(60);
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        for (at, insert, line) in &edits {
            let at = at % lines.len();
            if *insert {
                lines.insert(at, line);
            } else {
                lines.remove(at);
            }
        }
        let mut text = lines.concat();
        text.truncate(cut_short.filter(|at| text.is_char_boundary(*at)).unwrap_or(text.len()));
        if let Some(node) = assemble(&text) {
            prop_assert_eq!(first_difference(&node, &text), None);
        }
    }
}
