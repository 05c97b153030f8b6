//! go.mod files as people and tools write them.

use fairlead_gomod::modfile::{MAX_BYTES, MAX_ERRORS, MAX_LINES, ModError, ModFile, Position};
use fairlead_gomod::path::Module;

fn at(line: u32, column: u32) -> Position {
    Position { line, column }
}

fn parse(text: &str) -> ModFile {
    let parsed = ModFile::parse(text.as_bytes());
    assert!(parsed.is_ok(), "{text}\n{parsed:?}");
    parsed.unwrap_or_default()
}

fn errors(text: &str) -> Vec<String> {
    ModFile::parse(text.as_bytes()).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

const WHOLE: &str = r#"// Copyright.

// Package notes.
//
// Deprecated: use example.com/m/v3
// instead.
module example.com/m/v2 // main

go 1.23.0

toolchain go1.24.1

godebug default=go1.21

require (
	github.com/Azure/sdk v1.2.3
	gopkg.in/yaml.v3 v3.0.1 // indirect

	example.com/old v2.0.0+incompatible // indirect; for tests
	"example.com/quoted" v0.0.0-20200101000000-abcdef123456 // not indirect
)
require example.com/short v1

exclude example.com/bad v1.0.1

replace (
	example.com/old => ../old
	example.com/a v1.0.0 => example.com/fork v1.0.1
)

// Leaked secrets.
retract (
	v2.0.1
	[v2.1.0, v2.1.9] // Broken on arm.
	// Wrong licence,
	// sorry.
	v2.2.0

	v2.3.0
)

tool example.com/tool/cmd/x

ignore (
	./node_modules
	static
)
"#;

#[test]
fn every_directive_is_read_with_its_position() {
    let file = parse(WHOLE);
    let module = file.module.as_ref().unwrap();
    assert_eq!((module.path.as_str(), module.at), ("example.com/m/v2", at(7, 1)));
    assert_eq!(module.deprecated.as_deref(), Some("use example.com/m/v3\ninstead.\nmain"));
    assert_eq!(file.path(), Some("example.com/m/v2"));
    assert_eq!(file.go.as_ref().map(|go| (go.version.as_str(), go.at)), Some(("1.23.0", at(9, 1))));
    assert_eq!(
        file.toolchain.as_ref().map(|toolchain| (toolchain.name.as_str(), toolchain.at)),
        Some(("go1.24.1", at(11, 1)))
    );
    assert_eq!((file.godebug[0].key.as_str(), file.godebug[0].value.as_str()), ("default", "go1.21"));

    let require: Vec<_> = file
        .require
        .iter()
        .map(|require| (require.module.to_string(), require.indirect, require.at))
        .collect();
    assert_eq!(
        require,
        [
            ("github.com/Azure/sdk@v1.2.3".to_owned(), false, at(16, 2)),
            ("gopkg.in/yaml.v3@v3.0.1".to_owned(), true, at(17, 2)),
            ("example.com/old@v2.0.0+incompatible".to_owned(), true, at(19, 2)),
            ("example.com/quoted@v0.0.0-20200101000000-abcdef123456".to_owned(), false, at(20, 2)),
            ("example.com/short@v1.0.0".to_owned(), false, at(22, 1)),
        ]
    );
    assert_eq!(
        (&file.exclude[0].module, file.exclude[0].at),
        (&Module::new("example.com/bad", "v1.0.1"), at(24, 1))
    );
    assert_eq!(
        (&file.replace[0].old, &file.replace[0].new),
        (&Module::new("example.com/old", ""), &Module::new("../old", ""))
    );
    assert_eq!(
        (&file.replace[1].old, &file.replace[1].new, file.replace[1].at),
        (&Module::new("example.com/a", "v1.0.0"), &Module::new("example.com/fork", "v1.0.1"), at(28, 2))
    );
    assert_eq!((file.tool[0].path.as_str(), file.tool[0].at), ("example.com/tool/cmd/x", at(42, 1)));
    assert_eq!(
        file.ignore.iter().map(|ignore| ignore.path.as_str()).collect::<Vec<_>>(),
        ["./node_modules", "static"]
    );
}

#[test]
fn a_retraction_has_the_nearest_comment_for_its_reason() {
    let file = parse(WHOLE);
    let retract: Vec<_> =
        file.retract.iter().map(|retract| (&*retract.low, &*retract.high, &*retract.rationale)).collect();
    assert_eq!(
        retract,
        [
            ("v2.0.1", "v2.0.1", "Leaked secrets."),
            ("v2.1.0", "v2.1.9", "Broken on arm."),
            ("v2.2.0", "v2.2.0", "Wrong licence,\nsorry."),
            // The blank line above it counts as a comment of its own.
            ("v2.3.0", "v2.3.0", ""),
        ]
    );
    let interval = &file.retract[1];
    for version in ["v2.1.0", "v2.1.5-rc.1", "v2.1.9"] {
        assert!(interval.contains(version), "{version}");
    }
    for version in ["v2.1.0-rc.1", "v2.1.10", "v2.0.0", ""] {
        assert!(!interval.contains(version), "{version}");
    }
}

#[test]
fn layout_does_not_matter() {
    for text in [
        "module x.y/m\nrequire a.b/c v1.0.0\n",
        "module x.y/m\r\nrequire a.b/c v1.0.0\r\n",
        "\n\n\tmodule   x.y/m\t\nrequire(\na.b/c v1.0.0\n)",
        "module (\n\tx.y/m\n)\nrequire (\n\n\t// c\n\n\ta.b/c v1.0.0 // d\n\n) // e\n",
        "module x.y/m// c\nrequire () // empty\nexclude ( )\nrequire \"a.b/c\" \"v1.0.0\"",
    ] {
        let file = parse(text);
        assert_eq!(file.path(), Some("x.y/m"), "{text:?}");
        assert_eq!(file.require.len(), 1, "{text:?}");
        assert_eq!(file.require[0].module, Module::new("a.b/c", "v1.0.0"), "{text:?}");
    }
    assert_eq!(parse(""), ModFile::default());
    assert_eq!(parse("// nothing\n\n// at all"), ModFile::default());
}

#[test]
fn broken_syntax_is_one_error_at_its_place() {
    for (text, expected) in [
        ("module x.y/m\n\nrequire (\n\ta.b/c v1.0.0\n", "5:1: unterminated block, begun at 3:1"),
        ("require (\n) x\n", "2:3: expected the line to end after the closing parenthesis"),
        ("module \"x.y\nfoo\n", "1:12: unexpected newline in string"),
        ("module é \"x.y", "1:10: unexpected end of file in string"),
        ("module x.y/m /* c */\n", "1:14: comments must begin with //, not with /*"),
        ("module x.y/m/*c*/\n", "1:13: comments must begin with //, not with /*"),
        ("module x.y/m\n\u{a0}\n", "2:1: unexpected character '\\u{a0}'"),
        ("\u{feff}module x.y/m\n", "1:1: unexpected character '\\u{feff}'"),
        ("bad line\nmodule \0\n", "2:8: unexpected character '\\0'"),
    ] {
        assert_eq!(errors(text), [expected], "{text:?}");
        assert!(ModFile::parse_lax(text.as_bytes()).is_err(), "{text:?}");
    }
}

#[test]
fn each_wrong_directive_is_an_error() {
    for (line, expected) in [
        ("use ./x", "unknown directive: \"use\""),
        ("\"require\" a.b/c v1.0.0", "unknown directive: \"\\\"require\\\"\""),
        ("go 1.21\ngo 1.22", "repeated go statement"),
        ("go 1", "invalid go version \"1\": must match format 1.23.0"),
        ("go \"1.21\"", "invalid go version \"\\\"1.21\\\"\": must match format 1.23.0"),
        ("go 1.21 1.22", "go directive expects exactly one argument"),
        ("go (\n1.21\n)", "unknown block type: \"go\""),
        ("require x (\n)", "unknown block type: \"require x\""),
        ("toolchain 1.21", "invalid toolchain version \"1.21\": must match format go1.23.0 or default"),
        ("toolchain default\ntoolchain default", "repeated toolchain statement"),
        ("godebug a", "usage: godebug key=value"),
        ("godebug a=\"b\"", "usage: godebug key=value"),
        ("require a.b/c", "usage: require module/path v1.2.3"),
        ("require a.b/c v1.0.0 => x", "usage: require module/path v1.2.3"),
        ("require a.b/c master", "require \"a.b/c\": version \"master\" invalid: must be of the form v1.2.3"),
        ("require a.b/c v2.0.0", "require \"a.b/c\": version \"v2.0.0\" invalid: should be v0 or v1, not v2"),
        ("require a.b/c/v2 v1.0.0", "require \"a.b/c/v2\": version \"v1.0.0\" invalid: should be v2, not v1"),
        ("require a.b/v1 v1.0.0", "require \"a.b/v1\": invalid module path"),
        ("require 'a.b/c' v1.0.0", "unquoted string cannot contain quotes: \"'a.b/c'\""),
        ("require `a.b/c` v1.0.0", "unquoted string cannot contain quotes: \"`a.b/c`\""),
        ("require \"a.b/\\q\" v1.0.0", "invalid quoted string: \"\\\"a.b/\\\\q\\\"\""),
        ("exclude a.b/c", "usage: exclude module/path v1.2.3"),
        (
            "replace a.b/c ../d",
            "usage: replace module/path [v1.2.3] => other/module v1.4.0, or => ../local/directory",
        ),
        (
            "replace a.b/c => d.e/f",
            "replacement module without version must be directory path (rooted or starting with . or ..)",
        ),
        (
            "replace a.b/c => d.e/f@v1.0.0",
            "replacement module must match format 'path version', not 'path@version'",
        ),
        ("replace a.b/c => ../d v1.0.0", "replacement module directory path \"../d\" cannot have version"),
        ("replace a.b/c => .\\d", "replacement directory appears to be Windows path"),
        (
            "replace a.b/c v2.0.0 => ../d",
            "replace \"a.b/c\": version \"v2.0.0\" invalid: should be v0 or v1, not v2",
        ),
        ("retract", "expected '[' or version"),
        ("retract [v1.0.0", "incomplete version interval, expected '[low, high]'"),
        ("retract [v1.0.0 v1.1.0]", "malformed version interval, expected '[low, high]'"),
        ("retract v1.0.0 v1.1.0", "unexpected token after version: \"v1.1.0\""),
        ("tool", "tool directive expects exactly one argument"),
        ("ignore a b", "ignore directive expects exactly one argument"),
        ("module x.y/n", "repeated module statement"),
        (")", "unknown directive: \")\""),
    ] {
        let found = errors(&format!("module x.y/m\n{line}\n"));
        let lines = line.lines().count();
        let place = if line.starts_with("go 1.21\n") || line.starts_with("toolchain default\n") {
            lines + 1
        } else {
            2
        };
        assert_eq!(found, [format!("{place}:1: {expected}")], "{line}");
    }
    assert_eq!(
        errors("module\nmodule x.y/m\n"),
        ["1:1: usage: module module/path", "2:1: repeated module statement"]
    );
}

#[test]
fn replacements_may_be_folders_of_any_system() {
    for folder in [".", "..", "./x", "../x", "/x", "\"./a b\"", "c:/x"] {
        assert_eq!(parse(&format!("replace a.b/c => {folder}\n")).replace[0].new.version, "");
    }
}

#[test]
fn a_dependency_may_say_what_is_not_known_yet() {
    let text = "module x.y/m\ngo 1.99-next\nrequire a.b/c v1.0.0\nfuture 1 2 3\nfuture (\n\tany thing\n)\nrequire for (\n\ta.b/d master\n)\n\
        replace a.b/c => whatever\nexclude broken\ntoolchain none\ngodebug\ntool\nretract [v1.0.0\nretract v1.1.0 because\nignore ./x\n";
    assert_eq!(errors(text).len(), 11);
    let file = ModFile::parse_lax(text.as_bytes()).unwrap();
    assert_eq!(file.path(), Some("x.y/m"));
    assert_eq!(file.go.unwrap().version, "1.99");
    assert_eq!(file.require.len(), 1);
    assert_eq!(file.retract.len(), 1);
    assert_eq!(file.retract[0].low, "v1.1.0");
    assert_eq!(file.ignore.len(), 1);
    assert!(
        file.replace.is_empty()
            && file.exclude.is_empty()
            && file.tool.is_empty()
            && file.toolchain.is_none()
    );

    for text in ["require a.b/c master", "require a.b/c", "go next", "module x.y/m\nmodule x.y/n"] {
        assert!(ModFile::parse_lax(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn stray_bytes_do_no_harm_in_comments() {
    let file = ModFile::parse(b"// caf\xe9\nmodule x.y/m // \xff\nrequire a.b/\xe9 v1.0.0\n").unwrap();
    assert_eq!(file.path(), Some("x.y/m"));
    assert!(fairlead_gomod::path::check_path(&file.require[0].module.path).is_err());
}

#[test]
fn a_captive_portal_is_no_go_mod() {
    let page =
        "<!doctype html>\n<html><head><title>Sign in</title></head>\n<body>module access</body></html>\n";
    assert!(ModFile::parse_lax(page.as_bytes()).is_ok_and(|file| file == ModFile::default()));
    assert_eq!(errors(page).len(), 3);
}

#[test]
fn errors_lines_and_bytes_are_limited() {
    let errors = ModFile::parse("x\n".repeat(1_000).as_bytes()).unwrap_err();
    assert_eq!(errors.len(), MAX_ERRORS);

    let lax = |lines: usize| ModFile::parse_lax("x\n".repeat(lines).as_bytes());
    assert_eq!(lax(MAX_LINES), Ok(ModFile::default()));
    let error: ModError = lax(MAX_LINES + 1).unwrap_err().remove(0);
    assert_eq!((error.line, error.message.as_str()), (200_001, "more than 200000 lines"));

    let huge = vec![b'/'; MAX_BYTES + 1];
    assert!(ModFile::parse(&huge).unwrap_err()[0].message.contains("more than the 16777216"));
    assert_eq!(ModFile::parse(&huge[1..]), Ok(ModFile::default()));
}

#[test]
fn work_and_memory_follow_the_size() {
    // Each would be slow or large if something in it were done anew for every line, token or character.
    let long = 1 << 17;
    let one_comment =
        format!("{}retract (\n{})\n", "// why\n".repeat(long / 8), "v1.0.0\n".repeat(long / 64));
    let file = parse(&one_comment);
    assert_eq!(file.retract.len(), long / 64);
    for text in [
        format!("module {}\n", "a".repeat(long)),
        format!("module \"{}\"\n", "\\\\".repeat(long)),
        format!("{}module x\n", " ".repeat(long)),
        "(".repeat(long),
        ",".repeat(long),
        "a/".repeat(long / 2),
        format!("x ({}", "\n".repeat(long)),
        format!("x (\n{}", "//\n".repeat(long / 3)),
        "\"".repeat(long),
        format!("\"{}", "\\\n".repeat(long / 2)),
        "( )".repeat(long / 3),
    ] {
        let _ = (ModFile::parse(text.as_bytes()), ModFile::parse_lax(text.as_bytes()));
    }
}
