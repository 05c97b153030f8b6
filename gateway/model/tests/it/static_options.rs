//! Every static option, written as a flag.

use fairlead_diag::Findings;
use fairlead_model::Static;
use serde_json::Value;

struct StaticOption {
    path: &'static str,
    default: &'static str,
}

/// Options whose default is not what a fresh section holds: the flag's own value is documented instead.
const DOCUMENTED_BY_FLAG: [&str; 1] = ["certificatesresolvers._name_.tailscale"];

/// Required, so that it has no default; a section without it prints a placeholder and is refused by `Static::decode`.
const REQUIRED: &str = "entrypoints._name_.address";

fn options() -> Vec<StaticOption> {
    let lines = fairlead_model::statics::OPTION_LIST.lines().filter(|line| !line.starts_with('#'));
    let options: Vec<_> = lines
        .map(|line| {
            let (path, default) = line.split_once(" =").unwrap();
            StaticOption { path, default: default.trim() }
        })
        .collect();
    assert_eq!(options.len(), 540);
    options
}

/// A value that the option takes: its default, else one that fits.
fn sample(option: &StaticOption) -> &'static str {
    match option.path {
        "entrypoints._name_.address" => ":80",
        path if path.ends_with(".settings")
            || path.ends_with("service")
            || path == "entrypoints._name_.http" =>
        {
            "true"
        }
        path if path.ends_with("names._name_") => "redact",
        path if path.ends_with(".http.tls.domains") || path.ends_with(".crossprovidernamespaces") => "a",
        _ if option.default.is_empty() => "sample",
        _ => option.default,
    }
}

fn decode(flag: &str) -> (Option<Static>, Findings) {
    let node = fairlead_conf::flags::parse(&[flag.replace("_name_", "foo")]).unwrap();
    let mut findings = Findings::new();
    let decoded = fairlead_conf::decode(&node, &mut findings);
    (decoded, findings)
}

#[test]
fn every_option_is_known_and_takes_its_default() {
    let mut faults = Vec::new();
    for option in options() {
        // A list of sections has no text form of its own.
        if option.path == "entrypoints._name_.http.tls.domains" {
            continue;
        }
        let flag = format!("--{}={}", option.path, sample(&option));
        let (_, findings) = decode(&flag);
        faults.extend(findings.iter().map(|finding| format!("{flag}: {}", finding.message)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_default_is_the_documented_one() {
    let mut faults = Vec::new();
    for option in options() {
        if DOCUMENTED_BY_FLAG.contains(&option.path) || option.path == REQUIRED || option.path.contains("[0]")
        {
            continue;
        }
        let statics = with_sections_above(option.path);
        let mut json = serde_json::to_value(&statics).unwrap();
        // Shown only when it differs from its defaults.
        if let Some(point) = statics.entry_points.get("foo") {
            json["entryPoints"]["foo"]["observability"] = serde_json::to_value(&point.observability).unwrap();
        }
        let found = option.path.replace("_name_", "foo").split('.').try_fold(&json, |value, key| {
            value
                .as_object()?
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(key))
                .map(|(_, value)| value)
        });
        if !same(found, option.default, option.path) {
            faults.push(format!("{} should be {:?}, is {found:?}", option.path, option.default));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A configuration that only switches on the innermost section above the option that can be switched on.
fn with_sections_above(path: &str) -> Static {
    let mut above = path;
    while let Some((parent, _)) = above.rsplit_once('.') {
        above = parent;
        if let (Some(statics), findings) = decode(&format!("--{above}=true"))
            && findings.is_empty()
        {
            return statics;
        }
    }
    Static::default()
}

fn same(found: Option<&Value>, default: &str, path: &str) -> bool {
    match found {
        None => matches!(default, "" | "false" | "0"),
        // Declared by its own name above.
        Some(Value::Object(_)) => path.ends_with("_name_") || default.is_empty(),
        Some(Value::Array(items)) => {
            let parts: Vec<&str> = default.split(", ").filter(|part| !part.is_empty()).collect();
            parts.len() == items.len()
                && parts.iter().zip(items).all(|(part, item)| same(Some(item), part, path))
        }
        Some(Value::Bool(value)) => value.to_string() == default,
        Some(Value::Number(value)) => value.as_f64() == default.parse().ok(),
        Some(Value::String(text)) => text == default || is_seconds(text, default),
        Some(Value::Null) => false,
    }
}

/// Whether a duration is this number of seconds.
fn is_seconds(text: &str, seconds: &str) -> bool {
    let (Ok(duration), Ok(seconds)) = (text.parse::<fairlead_conf::Duration>(), seconds.parse()) else {
        return false;
    };
    duration == fairlead_conf::Duration::from_secs(seconds)
}

#[test]
fn an_entry_point_prints_as_the_api_shows_it() {
    let statics = with_sections_above("entrypoints._name_.address");
    insta::assert_json_snapshot!("entry_point", statics.entry_points["foo"]);
}

#[test]
fn secrets_are_not_printed() {
    let (statics, findings) = decode("--providers.redis.password=hunter2");
    assert!(findings.is_empty());
    let statics = statics.unwrap();
    assert_eq!(statics.providers.redis.as_ref().unwrap().password.reveal(), "hunter2");
    assert!(!format!("{statics:?}").contains("hunter2"));
    assert!(!serde_json::to_string(&statics).unwrap().contains("hunter2"));
}

/// The table of options without effect must not name what does not exist.
#[test]
fn options_without_effect_are_options() {
    let known: Vec<&str> = options().iter().map(|option| option.path).collect();
    for option in fairlead_model::not_yet::STATIC {
        let path = option.path.to_ascii_lowercase().replace('*', "_name_");
        let below = format!("{path}.");
        assert!(known.iter().any(|known| *known == path || known.starts_with(&below)), "{}", option.path);
    }
}
