//! Loading the static configuration: file, else flags, else environment. The first that has something wins, as in Traefik; a finding says
//! what was left aside.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fairlead_conf::{Node, Value};
use fairlead_diag::{Finding, Findings, Origin};
use fairlead_mirror as mirror;
use fairlead_model::not_yet;
use fairlead_model::statics::Static;

use crate::codes;

/// Names and places of a configuration file, in the order in which they are tried.
const EXTENSIONS: [&str; 3] = ["toml", "yaml", "yml"];

/// Top-level keys of a dynamic configuration.
pub(crate) const DYNAMIC_KEYS: [&str; 4] = ["http", "tcp", "udp", "tls"];

/// A static configuration with where it came from.
pub(crate) struct Loaded {
    /// The options of the gateway.
    pub statics: Static,
    /// The `mirror` section, when there is one.
    pub mirror: Option<mirror::Settings>,
    /// Everything that was found.
    pub findings: Findings,
    /// Whether anything was declared at all.
    pub declared: bool,
}

/// Loads as `fairlead gateway ARGUMENTS…` does.
pub(crate) fn load(arguments: &[String], environment: impl Iterator<Item = (String, String)>) -> Loaded {
    let mut findings = Findings::new();
    let (config_file, flags) = split_config_file(arguments);
    let environment = of_sections(environment, &mut findings);
    let file = match config_file {
        Some(path) => Some(PathBuf::from(path)),
        None => search(),
    };
    if let Some(file) = file {
        ignored(&mut findings, &file.display().to_string(), &flags, &environment);
        return from_file(&file, findings);
    }
    if !flags.is_empty() {
        ignored(&mut findings, "the flags", &[], &environment);
        let node = fairlead_conf::flags::parse(&flags);
        return finish(node, findings);
    }
    match fairlead_conf::env::parse(environment.into_iter()) {
        Some(node) => finish(Ok(node), findings),
        None => Loaded { declared: false, ..finish(Ok(Node::empty_map(Origin::Internal)), findings) },
    }
}

/// Loads one file.
pub(crate) fn from_file(path: &Path, findings: Findings) -> Loaded {
    let node = fairlead_conf::read_file(&path.display().to_string());
    finish(node.map_err(|finding| Findings::from_iter([finding])), findings)
}

/// Decodes a tree that is at hand.
pub(crate) fn from_node(node: Node) -> Loaded {
    finish(Ok(node), Findings::new())
}

fn finish(node: Result<Node, Findings>, mut findings: Findings) -> Loaded {
    let mut mirror = None;
    let statics = match node {
        Ok(node) if is_dynamic(&node) => {
            let message = "this is a dynamic configuration, and a static one is wanted here";
            findings.push(
                Finding::new(&codes::NOT_CONFIGURATION, message)
                    .at(&node.origin)
                    .help("name this file in a static configuration: `providers: {file: {filename: …}}`"),
            );
            None
        }
        Ok(mut node) => {
            mirror = take_section(&mut node, "mirror")
                .and_then(|section| mirror::Settings::decode(&section, &mut findings));
            let statics = Static::decode(&node, &mut findings);
            findings.extend(not_yet::findings_static(&node));
            statics
        }
        Err(errors) => {
            findings.extend(errors);
            None
        }
    };
    Loaded { statics: statics.unwrap_or_default(), mirror, findings, declared: true }
}

/// Takes the section of another system out of the tree: the gateway does not know it. `false` switches it off.
fn take_section(node: &mut Node, key: &str) -> Option<Node> {
    let Value::Map(entries) = &mut node.value else { return None };
    let place = entries.iter().position(|entry| entry.key.eq_ignore_ascii_case(key))?;
    let mut section = entries.remove(place).node;
    match section.text() {
        Some("false") => return None,
        Some("true" | "") => section.value = Value::Map(Vec::new()),
        _ if section.value == Value::Null => section.value = Value::Map(Vec::new()),
        _ => {}
    }
    Some(section)
}

/// Whether a tree has the sections of a dynamic configuration and none of a static one.
fn is_dynamic(node: &Node) -> bool {
    let entries = node.entries();
    let dynamic = |key: &str| DYNAMIC_KEYS.iter().any(|known| known.eq_ignore_ascii_case(key));
    !entries.is_empty() && entries.iter().all(|entry| dynamic(&entry.key))
}

/// The value of `--configFile`, and the other flags.
fn split_config_file(arguments: &[String]) -> (Option<String>, Vec<String>) {
    let mut file = None;
    let mut rest = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let name = argument.trim_start_matches('-');
        let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
        if argument.starts_with('-') && name.eq_ignore_ascii_case("configFile") {
            file = value.map(str::to_owned).or_else(|| arguments.next().cloned());
        } else {
            rest.push(argument.clone());
        }
    }
    (file, rest)
}

/// The first file of the default places that exists.
fn search() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folders = [
        Some(PathBuf::from("/etc/traefik")),
        variable("XDG_CONFIG_HOME"),
        variable("HOME").map(|home| home.join(".config")),
        Some(PathBuf::from(".")),
    ];
    let mut candidates = folders
        .into_iter()
        .flatten()
        .flat_map(|folder| EXTENSIONS.map(|ext| folder.join(format!("traefik.{ext}"))));
    candidates.find(|path| path.is_file())
}

/// The variables that name a section. Others are passed over, as in Traefik, but not in silence. What Kubernetes sets for a
/// service called `traefik` is not meant for us.
fn of_sections(
    environment: impl Iterator<Item = (String, String)>,
    findings: &mut Findings,
) -> Vec<(String, String)> {
    let sections = sections();
    let mut ours = Vec::new();
    for (name, value) in environment {
        let Some(path) = after_prefix(&name) else { continue };
        let section = path.split('_').next().unwrap_or_default().to_ascii_lowercase();
        match section.as_str() {
            known if sections.contains(known) => ours.push((name, value)),
            "service" | "port" => {}
            unknown => {
                let message = format!("the variable {name} names no section, so it is ignored");
                let finding = Finding::new(&codes::IGNORED, message).at(&Origin::Env(name.as_str().into()));
                let near = fairlead_conf::nearest(unknown, sections.iter().copied());
                findings.push(match near {
                    Some(near) => finding.help(format!("did you mean `{}`?", near.to_ascii_uppercase())),
                    None => finding,
                });
            }
        }
    }
    ours
}

/// What stands behind `TRAEFIK_`, without case.
fn after_prefix(name: &str) -> Option<&str> {
    let prefix = name.get(..fairlead_conf::env::PREFIX.len())?;
    prefix.eq_ignore_ascii_case(fairlead_conf::env::PREFIX).then(|| &name[prefix.len()..])
}

/// The top-level sections of a static configuration, in lower case.
fn sections() -> BTreeSet<&'static str> {
    let options = fairlead_model::statics::OPTION_LIST.lines().filter(|line| !line.starts_with('#'));
    let first = options.filter_map(|line| line.split(['.', ' ']).next());
    first.chain(["mirror"]).collect()
}

/// Says what was left aside because something earlier won.
fn ignored(findings: &mut Findings, winner: &str, flags: &[String], environment: &[(String, String)]) {
    let names = |all: Vec<&str>| all.join(", ");
    let flag_names: Vec<&str> = flags.iter().map(|flag| flag.split('=').next().unwrap_or(flag)).collect();
    let variables: Vec<&str> = environment.iter().map(|(name, _)| name.as_str()).collect();
    for (what, all, origin) in [
        ("flags", &flag_names, flag_names.first().map(|name| Origin::Flag(Arc::from(*name)))),
        ("environment variables", &variables, variables.first().map(|name| Origin::Env(Arc::from(*name)))),
    ] {
        let Some(origin) = origin else { continue };
        let message =
            format!("{what} are ignored because {winner} has the configuration: {}", names(all.clone()));
        findings.push(
            Finding::new(&codes::IGNORED, message).at(&origin).help(
                "put everything in one place: file, flags and environment are not merged, as in Traefik",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn flags_make_a_configuration() {
        let loaded = load(&words(&["--entryPoints.web.address=127.0.0.1:81"]), std::iter::empty());
        assert!(!loaded.findings.has_errors(), "{:?}", loaded.findings);
        assert_eq!(loaded.statics.entry_points["web"].address.port, 81);
    }

    #[test]
    fn environment_is_left_aside_when_there_are_flags() {
        let environment = [("TRAEFIK_PING".to_owned(), "true".to_owned())].into_iter();
        let loaded = load(&words(&["--api.insecure"]), environment);
        assert!(loaded.statics.ping.is_none());
        assert!(loaded.findings.iter().any(|finding| finding.code == &codes::IGNORED));
    }

    #[test]
    fn environment_alone_counts() {
        let environment = [("TRAEFIK_ENTRYPOINTS_WEB_ADDRESS".to_owned(), ":82".to_owned())].into_iter();
        let loaded = load(&[], environment);
        assert_eq!(loaded.statics.entry_points["web"].address.port, 82);
    }

    #[test]
    fn variables_that_name_no_section_are_passed_over() {
        let environment = [
            ("TRAEFIK_ENTRYPOINTS_WEB_ADDRESS", ":82"),
            ("TRAEFIK_SERVICE_HOST", "10.0.0.1"),
            ("TRAEFIK_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("TRAEFIK_ENTRYPOINT_WEB_ADDRESS", ":83"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let loaded = load(&[], environment.into_iter());
        assert_eq!(loaded.statics.entry_points["web"].address.port, 82);
        let ignored: Vec<_> =
            loaded.findings.iter().filter(|finding| finding.code == &codes::IGNORED).collect();
        assert_eq!(ignored.len(), 1, "{:?}", loaded.findings);
        assert_eq!(ignored[0].help.as_deref(), Some("did you mean `ENTRYPOINTS`?"));
    }

    #[test]
    fn a_named_file_that_is_missing_is_an_error() {
        let loaded = load(&words(&["--configfile=/nowhere/traefik.yml"]), std::iter::empty());
        assert!(loaded.findings.has_errors());
    }
}
