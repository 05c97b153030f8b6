//! `mirror env`: what Go's variables mean together. Which module goes where, who learns its name, what verifies it, and which
//! settings do not do what people expect of them.

mod traps;

use fairlead_diag::Findings;
use serde::Serialize;

use crate::goenv::{GoEnv, NAMES};
use crate::list::{List, Place, Then};

/// A variable as it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its value, secrets left out.
    pub value: String,
    /// Where it was found.
    pub found: String,
}

/// What happens to one module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// Module path.
    pub module: String,
    /// Where the go command asks, in order, each with what makes it ask the next.
    pub asks: Vec<String>,
    /// The pattern of `GONOPROXY` that keeps it from proxies.
    pub no_proxy_by: Option<String>,
    /// What verifies it: a database, or why nothing does.
    pub verified: String,
    /// Whether a checksum database verifies it.
    pub is_verified: bool,
    /// Whether version control may be spoken to without TLS.
    pub insecure: bool,
    /// Who learns that the module exists.
    pub told: Vec<String>,
}

/// Everything there is to say.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The variables.
    pub variables: Vec<Variable>,
    /// The modules that were asked about.
    pub modules: Vec<Way>,
    /// What does not do what one would think.
    pub findings: Findings,
}

/// Explains an environment, and what it means for some modules.
#[must_use]
pub fn explain(env: &GoEnv, modules: &[String]) -> Report {
    let variables = NAMES.iter().map(|name| variable(env, name)).collect();
    let modules = modules.iter().map(|module| way(env, module)).collect();
    Report { variables, modules, findings: traps::find(env) }
}

fn variable(env: &GoEnv, name: &'static str) -> Variable {
    let setting = env.effective(name);
    let value = match name {
        "GOPROXY" => List::parse(&setting.value).map_or(setting.value, |list| list.to_string()),
        _ => setting.value,
    };
    Variable { name, value, found: setting.found.to_string() }
}

/// What the go command does with one module (`cmd/go/internal/modfetch`, `proxy.go` and `sumdb.go`).
fn way(env: &GoEnv, module: &str) -> Way {
    let no_proxy = env.patterns("GONOPROXY").matches(module).map(str::to_owned);
    let insecure = env.patterns("GOINSECURE").matches(module).is_some();
    let host = module.split('/').next().unwrap_or(module);
    let mut told = Vec::new();
    let asks = match (&no_proxy, List::parse(&env.effective("GOPROXY").value)) {
        (Some(_), _) => {
            told.push(host.to_owned());
            vec![format!("version control of {host}")]
        }
        (None, Ok(list)) => asks(&list, host, &mut told),
        (None, Err(error)) => vec![format!("nobody: GOPROXY cannot be read ({error})")],
    };
    let (verified, is_verified) = verified(env, module);
    if is_verified {
        told.push(format!("{verified}, through the first proxy that passes it on"));
    }
    Way { module: module.to_owned(), asks, no_proxy_by: no_proxy, verified, is_verified, insecure, told }
}

fn asks(list: &List, host: &str, told: &mut Vec<String>) -> Vec<String> {
    let mut asks = Vec::new();
    for entry in &list.entries {
        let place = match &entry.place {
            Place::Proxy(url) => {
                told.push(url.host_str().unwrap_or("a local folder").to_owned());
                fairlead_http::fetch::redact(url)
            }
            Place::Direct => {
                told.push(host.to_owned());
                format!("version control of {host}")
            }
            Place::Off => "nobody (off)".to_owned(),
        };
        asks.push(match entry.then {
            Then::IfAbsent => {
                format!("{place}; after 404 or 410 the next, any other failure ends the search")
            }
            Then::Always => format!("{place}; after any failure the next"),
            Then::End => place,
        });
    }
    asks
}

fn verified(env: &GoEnv, module: &str) -> (String, bool) {
    let database = env.effective("GOSUMDB").value;
    if let Some(pattern) = env.patterns("GONOSUMDB").matches(module) {
        return (format!("only by go.sum: GONOSUMDB has {pattern}"), false);
    }
    // The go command verifies toolchains whatever GOSUMDB says.
    if database == "off" && module != "golang.org/toolchain" {
        return ("only by go.sum: GOSUMDB is off".to_owned(), false);
    }
    let name = database.split_whitespace().next().unwrap_or_default();
    (name.split('+').next().unwrap_or(name).to_owned(), true)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    pub(super) fn env(set: &[(&str, &str)]) -> GoEnv {
        let lookup = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        GoEnv::from_parts(lookup, Path::new(""), "")
    }

    fn way_of(set: &[(&str, &str)], module: &str) -> Way {
        explain(&env(set), &[module.to_owned()]).modules.remove(0)
    }

    #[test]
    fn a_public_module_goes_down_the_list_and_is_verified() {
        let way = way_of(&[], "github.com/a/b");
        assert_eq!(way.asks.len(), 2);
        assert!(way.is_verified && way.verified == "sum.golang.org");
        assert_eq!(way.told[..2], ["proxy.golang.org", "github.com"]);
    }

    #[test]
    fn a_private_module_is_told_to_its_host_only() {
        let way = way_of(&[("GOPRIVATE", "*.corp.example")], "git.corp.example/team/lib");
        assert_eq!(way.told, ["git.corp.example"]);
        assert_eq!(way.no_proxy_by.as_deref(), Some("*.corp.example"));
        assert!(!way.is_verified);
    }

    #[test]
    fn gonoproxy_alone_tells_the_database() {
        let way = way_of(&[("GONOPROXY", "*.corp.example")], "git.corp.example/team/lib");
        assert!(way.is_verified, "{way:?}");
        assert!(way.told.iter().any(|who| who.contains("sum.golang.org")));
    }

    #[test]
    fn toolchains_are_verified_even_when_the_database_is_off() {
        assert!(way_of(&[("GOSUMDB", "off")], "golang.org/toolchain").is_verified);
        assert!(!way_of(&[("GOSUMDB", "off")], "golang.org/x/sys").is_verified);
    }

    #[test]
    fn secrets_of_the_list_are_not_shown() {
        let report = explain(&env(&[("GOPROXY", "https://me:secret@m.example")]), &["a.example/x".into()]);
        assert!(!serde_json::to_string(&report).unwrap().contains("secret"));
    }
}
