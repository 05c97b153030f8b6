//! Templates as users write them.

use fairlead_gotmpl::{Environment, Value, reference, render};
use proptest::prelude::*;

fn data() -> Value {
    let container = Value::map([
        ("Name", Value::text("/web_1")),
        ("Ports", Value::list([80.into(), 443.into()])),
        ("Labels", Value::map([("a.b", Value::text("1")), ("c", Value::text("x"))])),
    ]);
    Value::map([("Name", Value::text("web")), ("Count", 3.into()), ("Half", 0.5.into()), ("C", container)])
}

fn result(template: &str) -> Result<String, String> {
    let environment = Environment::new()
        .variables(|name| (name == "HOME").then(|| "/home/ada".to_owned()))
        .function("greet", |args| Ok(format!("hello {}", args.len()).into()));
    render("t", template, &data(), &environment).map_err(|error| error.to_string())
}

fn check(cases: &[(&str, &str)]) {
    for (template, expected) in cases {
        assert_eq!(result(template).as_deref(), Ok(*expected), "{template}");
    }
}

fn fails(cases: &[(&str, &str)]) {
    for (template, expected) in cases {
        let error = result(template).expect_err(template);
        assert!(error.contains(expected), "{template}: {error}");
    }
}

#[test]
fn text_trim_and_comments() {
    check(&[
        ("plain } }} text", "plain } }} text"),
        ("a {{/* no */}} b", "a  b"),
        ("a {{- /* no */ -}} b", "ab"),
        ("a\n{{- 1 -}}\n b", "a1b"),
        ("{{-1}}", "-1"),
        ("{{ \"}}\" }}", "}}"),
        ("{{`a\"b`}}{{\"\\t\\x41\\u00e4\\\"\"}}{{'a'}}", "a\"b\tAä\"97"),
        (
            "{{ 0x10 }} {{ 1_000 }} {{ 1.5 }} {{ 1e6 }} {{ 0.00001 }} {{ -2 }} {{ 100000.0 }}",
            "16 1000 1.5 1e+06 1e-05 -2 100000",
        ),
    ]);
}

#[test]
fn fields_variables_and_pipelines() {
    check(&[
        ("{{ .Name }} {{.C.Name}} {{ $.Count }} {{ (.C).Name }}", "web /web_1 3 /web_1"),
        ("{{ .Missing }}|{{ .C.Ports }}|{{ .C.Labels }}", "<no value>|[80 443]|map[a.b:1 c:x]"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ end }}{{ $x }}", "2"),
        ("{{ .C.Name | trimPrefix \"/\" | replace \"_\" \"-\" | upper }}", "WEB-1"),
        ("{{ $m := dict \"a\" (dict \"b\" 1) }}{{ $m.a.b }}", "1"),
        (
            "{{ index .C.Labels \"a.b\" }}{{ index .C.Ports 1 }}{{ (index .C.Labels \"no\") }}",
            "1443<no value>",
        ),
        (
            "{{ greet 1 2 }} {{ env \"HOME\" }}{{ env \"SECRET\" }}{{ expandenv \"${HOME}/$HOME.\" }}",
            "hello 2 /home/ada/home/ada//home/ada.",
        ),
    ]);
}

#[test]
fn control() {
    check(&[
        ("{{ if .No }}a{{ else if eq .Count 3 }}b{{ else }}c{{ end }}", "b"),
        (
            "{{ with .No }}a{{ else with .C }}{{ .Name }}{{ end }}{{ with $x := 5 }}{{ . }}{{ $x }}{{ end }}",
            "/web_155",
        ),
        (
            "{{ range .C.Ports }}{{ . }},{{ end }}{{ range $i, $p := .C.Ports }}{{ $i }}={{ $p }};{{ end }}",
            "80,443,0=80;1=443;",
        ),
        ("{{ range $k, $v := .C.Labels }}{{ $k }}={{ $v }} {{ end }}", "a.b=1 c=x "),
        (
            "{{ range 3 }}{{ . }}{{ end }}{{ range $i := until 3 }}{{ $i }}{{ end }}{{ range .No }}x{{ else }}none{{ end }}",
            "012012none",
        ),
        (
            "{{ range until 9 }}{{ if eq . 2 }}{{ continue }}{{ end }}{{ if gt . 4 }}{{ break }}{{ end }}{{ . }}{{ end }}",
            "0134",
        ),
        (
            "{{ define \"t\" }}<{{ . }}{{ $ }}>{{ end }}{{ template \"t\" .Name }}{{ block \"b\" 1 }}[{{ . }}]{{ end }}{{ template \"t\" }}",
            "<webweb>[1]<<no value><no value>>",
        ),
        (
            "{{ and 1 0 }}{{ and 1 2 }}{{ or 0 \"\" 3 }}{{ or 1 (fail \"no\") }}{{ not 1 }}{{ 1 | and 2 }}",
            "0231false1",
        ),
    ]);
}

#[test]
fn functions_do_what_sprig_does() {
    check(&[
        (
            "{{ eq 1 2 1 }}{{ ne 1 2 }}{{ lt 1 2.5 }}{{ le \"a\" \"b\" }}{{ gt 1 2 }}{{ ge 2 2 }}",
            "truetruetruetruefalsetrue",
        ),
        (
            "{{ printf \"%s-%d %5.1f|%-5s|%05d|%q|%v|%x|%t|%%|%+d\" \"a\" 7 1.25 \"b\" -42 \"c\\n\" (list 1 nil) 255 true 3 }}",
            "a-7   1.2|b    |-0042|\"c\\n\"|[1 <nil>]|ff|true|%|+3",
        ),
        ("{{ printf \"%d %s\" \"x\" }}", "%!d(string=x) %!s(MISSING)"),
        ("{{ print 1 2 \"a\" \"b\" 3 }}{{ println 1 \"a\" }}", "1 2ab31 a\n"),
        (
            "{{ default \"x\" .No }}{{ default \"x\" \"y\" }}{{ .No | default 5 }}{{ empty \"\" }}{{ coalesce 0 \"\" 2 }}{{ ternary 1 2 false }}",
            "xy5true22",
        ),
        (
            "{{ title \"ab cd\" }}{{ trim \" a \" }}{{ trimAll \"$\" \"$5$\" }}{{ trimSuffix \"b\" \"ab\" }}{{ repeat 3 \"a\" }}{{ nospace \"a b\" }}",
            "Ab Cda5aaaaab",
        ),
        (
            "{{ (split \"$\" \"a$b\")._1 }}{{ splitList \",\" \"a,b\" }}{{ join \"-\" (list 1 \"b\") }}{{ contains \"b\" \"abc\" }}",
            "b[a b]1-btrue",
        ),
        (
            "{{ quote 1 \"a\\\"\" }}{{ squote \"a\" }}{{ indent 2 \"a\\nb\" }}{{ nindent 1 \"a\" }}",
            "\"1\" \"a\\\"\"'a'  a\n  b\n a",
        ),
        (
            "{{ add 1 2 3 }}{{ sub 5 2 }}{{ mul 2 3 }}{{ div 7 2 }}{{ mod 7 2 }}{{ max 1 9 3 }}{{ min 4 2 }}{{ int \"12\" }}{{ float64 \"1.5\" }}",
            "6363192121.5",
        ),
        (
            "{{ until 3 }}{{ untilStep 1 7 2 }}{{ seq 1 3 }}{{ seq 3 1 }}{{ seq 0 2 4 }}",
            "[0 1 2][1 3 5]1 2 33 2 10 2 4",
        ),
        (
            "{{ $d := dict \"a\" 1 }}{{ $_ := set $d \"b\" 2 }}{{ $d }}{{ $_ := unset $d \"a\" }}{{ hasKey $d \"a\" }}{{ keys $d }}{{ get $d \"b\" }}",
            "map[a:1 b:2]false[b]2",
        ),
        (
            "{{ $l := list 1 2 3 }}{{ first $l }}{{ last $l }}{{ rest $l }}{{ initial $l }}{{ append $l 4 }}{{ prepend $l 0 }}{{ concat $l $l }}",
            "13[2 3][1 2][1 2 3 4][0 1 2 3][1 2 3 1 2 3]",
        ),
        (
            "{{ uniq (list 1 2 1) }}{{ has 2 (list 1 2) }}{{ sortAlpha (list \"b\" \"a\") }}{{ reverse (list 1 2) }}{{ slice \"abc\" 1 2 }}{{ len (list 1) }}",
            "[1 2]true[a b][2 1]b1",
        ),
        (
            "{{ regexMatch \"^a+$\" \"aa\" }}{{ regexReplaceAll \"a(x*)b\" \"-ab-axxb-\" \"${1}W\" }}{{ regexFind \"[0-9]+\" \"a12\" }}{{ regexSplit \"z+\" \"pizza\" -1 }}",
            "true-W-xxW-12[pi a]",
        ),
        (
            "{{ b64enc \"hi\" }}{{ b64dec \"aGk=\" }}{{ sha256sum \"\" | trunc 8 }}{{ toJson (dict \"a\" (list 1 \"<\" nil)) }}{{ (fromJson \"{\\\"a\\\": [1]}\").a }}",
            "aGk=hie3b0c442{\"a\":[1,\"\\u003c\",null]}[1]",
        ),
        (
            "{{ html \"<a>\" }}{{ js \"'<\" }}{{ urlquery \"a b&ä\" }}{{ normalize \"a_b.c\" }}",
            "&lt;a&gt;\\'\\u003Ca+b%26%C3%A4a-b-c",
        ),
    ]);
}

#[test]
fn faults_have_a_place_and_say_what_to_do() {
    fails(&[
        ("a\n  {{ uper .Name }}", "t:2:6: function `uper` is not known; did you mean `upper`?"),
        ("{{ if true }}a", "t:1:1: the block is not closed; add {{end}}"),
        ("{{ end }}", "no block is open"),
        ("{{ .Name", "the text ends before"),
        ("{{ \"abc }}", "t:1:4: the text is not closed"),
        ("{{ }}", "a value or function is missing"),
        ("{{ $x }}", "variable $x is not defined"),
        ("{{ .Name.Sub }}", "cannot take .Sub of text"),
        ("{{ .Name 1 }}", "only functions take arguments"),
        ("{{ template \"no\" }}", "is not defined"),
        ("{{ range .Name }}{{ end }}", "range cannot go over text"),
        ("{{ upper }}", "upper: wrong number of arguments (0); usage: upper TEXT"),
        ("{{ index .C.Ports 9 }}", "index 9 is beyond the length 2"),
        ("{{ break }}", "outside of {{range}}"),
        ("{{ fail \"stop\" }}", "fail: stop"),
        ("{{ div 1 0 }}", "division by zero"),
        ("{{ regexMatch \"(\" \"\" }}", "not a regular expression"),
        ("{{ if 1 }}{{ else }}{{ else }}{{ end }}", "a second {{else}}"),
        ("{{ lt 1 \"a\" }}", "cannot compare"),
    ]);
}

#[test]
fn hostile_templates_end_with_a_fault() {
    let doubling = "{{ $x := list 1 }}{{ range until 60 }}{{ $x = list $x $x }}{{ end }}";
    let texts = "{{ $x := \"abcdefgh\" }}{{ range until 60 }}{{ $x = print $x $x }}{{ end }}";
    for template in [
        "{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}".to_owned(),
        "{{ range 1000000000000 }}{{ end }}".to_owned(),
        "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}".to_owned(),
        "{{ repeat 1000000000 \"x\" }}".to_owned(),
        "{{ until 1000000000 }}".to_owned(),
        "{{ seq 1 9223372036854775807 }}".to_owned(),
        "{{ untilStep 0 5 0 }}{{ fail \"end\" }}".to_owned(),
        "{{ indent 1000000000 \"a\" }}".to_owned(),
        "{{ printf \"%999999999d\" 1 }}".to_owned(),
        "{{ printf \"%.999999999f\" 1.0 }}".to_owned(),
        "{{ range 100 }}{{ repeat 100000 \"x\" }}{{ end }}".to_owned(),
        format!("{doubling}{{{{ $x }}}}"),
        format!("{doubling}{{{{ toJson $x }}}}"),
        format!(
            "{doubling}{{{{ $y := list 1 }}}}{{{{ range until 60 }}}}{{{{ $y = list $y $y }}}}{{{{ end }}}}{{{{ eq $x $y }}}}"
        ),
        "{{ $x := list }}{{ range until 100000 }}{{ $x = list $x }}{{ end }}".to_owned(),
        texts.to_owned(),
        "{{ $x := repeat 4000000 \"a\" }}{{ replace \"\" $x $x }}".to_owned(),
        "{{ $x := repeat 4000000 \"a\" }}{{ range 100000 }}{{ contains \"b\" $x }}{{ end }}".to_owned(),
        "{{ range 100000 }}{{ regexMatch \"a{1000}\" \"\" }}{{ end }}".to_owned(),
        "{{ regexMatch \"(a{1000}){1000}\" \"\" }}".to_owned(),
        format!("{}{}", "{{ if 1 }}".repeat(5000), "{{ end }}".repeat(5000)),
        format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)),
        "{{ fromJson (repeat 4000 \"[\") }}".to_owned(),
    ] {
        assert!(result(&template).is_err(), "{}", &template[..template.len().min(80)]);
    }
}

#[test]
fn the_reference_lists_every_function_once() {
    let table = reference();
    for name in ["and A", "or A", "upper TEXT", "toJson A", "until N", "printf FORMAT"] {
        assert_eq!(table.matches(&format!("| `{name}")).count(), 1, "{name}");
    }
    assert!(table.lines().count() > 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,60}", action in "\\PC{0,40}") {
        let _ = result(&text);
        let _ = result(&format!("{{{{{action}}}}}"));
    }

    #[test]
    fn text_without_actions_is_unchanged(text in "[^{]{0,60}") {
        prop_assert_eq!(result(&text), Ok(text));
    }

    #[test]
    fn likely_actions_never_panic(parts in prop::collection::vec(prop::sample::select(vec![
        "{{", "}}", "{{-", "-}}", " ", "if", "else", "end", "range", "with", "define", "template", "block", "break", "\"t\"",
        "$x", ":=", "=", ",", "|", "(", ")", ".", ".C", ".Name", "1", "-1", "9223372036854775807", "1.5", "nil", "ä", "'", "`",
        "list", "dict", "printf", "\"%*d%-5v%.3s\"", "index", "slice", "seq", "until", "substr", "trunc", "repeat", "round",
        "split", "\"ä\"", "mod", "div", "min", "/*", "*/", "\n",
    ]), 0..40)) {
        let _ = result(&parts.concat());
        let _ = result(&format!("{{{{ {} }}}}", parts.join(" ")));
    }

    #[test]
    fn every_function_takes_any_arguments(name in prop::sample::select(names()), args in prop::collection::vec(prop::sample::select(vec![
        "\"äb\"", "\"\"", "-1", "0", "1", "7", "9223372036854775807", "-9223372036854775808", "1.5", "-1e300", "nil", "true", ".C", ".C.Ports", ".Name", "\"%5.2d\"", "\"(a*)\"",
    ]), 0..5)) {
        let _ = result(&format!("{{{{ {name} {} }}}}", args.join(" ")));
    }
}

/// The names in the reference.
fn names() -> Vec<String> {
    let table = reference();
    table
        .lines()
        .skip(2)
        .filter_map(|line| line.strip_prefix("| `")?.split([' ', '`']).next().map(str::to_owned))
        .collect()
}
