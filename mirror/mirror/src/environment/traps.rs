//! Settings that do not do what one would think, each with what the go command really does.

use std::sync::Arc;

use fairlead_diag::{Code, Finding, Findings, Origin};
use fairlead_gomod::pattern::match_prefix;

use crate::codes;
use crate::goenv::{Found, GoEnv, Setting};
use crate::list::{List, Place, Then};

/// Everything that is worth a word.
pub(super) fn find(env: &GoEnv) -> Findings {
    let mut findings = Findings::new();
    proxies(env, &mut findings);
    patterns(env, &mut findings);
    private(env, &mut findings);
    database(env, &mut findings);
    leftovers(env, &mut findings);
    findings
}

fn finding(code: &'static Code, name: &str, setting: &Setting, message: String) -> Finding {
    let origin = match &setting.found {
        Found::Environment => Origin::Env(Arc::from(name)),
        Found::File(path) => Origin::file(path.display().to_string()),
        Found::Default => Origin::Internal,
    };
    Finding::new(code, message).at(&origin).about(name)
}

fn proxies(env: &GoEnv, findings: &mut Findings) {
    let setting = env.effective("GOPROXY");
    let tell = |code, message| finding(code, "GOPROXY", &setting, message);
    let list = match List::parse(&setting.value) {
        Ok(list) => list,
        Err(error) => {
            findings.push(tell(&codes::ENV_UNREADABLE, format!("GOPROXY cannot be read: {error}")));
            return;
        }
    };
    let urls: Vec<_> = list
        .entries
        .iter()
        .filter_map(|entry| match &entry.place {
            Place::Proxy(url) => Some(url),
            _ => None,
        })
        .collect();
    let comma = list
        .entries
        .iter()
        .any(|entry| entry.then == Then::IfAbsent && matches!(entry.place, Place::Proxy(_)));
    if urls.len() > 1 && comma {
        let message = "after a comma the next proxy is asked only for 404 and 410: a proxy that answers 500, 503 or not at all ends the build";
        findings.push(
            tell(&codes::ENV_COMMA, message.to_owned())
                .help("write `|` between proxies that are to stand in for each other"),
        );
    }
    for url in urls {
        if url.scheme() == "http" && (!url.username().is_empty() || url.password().is_some()) {
            let message = format!(
                "{}: the go command refuses a user name and password over http",
                fairlead_http::fetch::redact(url)
            );
            findings.push(tell(&codes::ENV_UNREADABLE, message));
        }
    }
    let words = setting.value.split([',', '|']).map(str::trim).filter(|word| !word.is_empty());
    let ignored: Vec<&str> = words.skip_while(|word| !matches!(*word, "direct" | "off")).skip(1).collect();
    if !ignored.is_empty() {
        let count = ignored.len();
        let message =
            format!("{count} entries of GOPROXY stand behind `direct` or `off`, which end the list");
        findings.push(tell(&codes::ENV_DEAD, message));
    }
}

fn patterns(env: &GoEnv, findings: &mut Findings) {
    for name in ["GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE"] {
        let Some(setting) = env.set(name) else { continue };
        if setting.value == "none" {
            continue;
        }
        for problem in env.patterns(name).problems() {
            findings.push(finding(&codes::DEAD_PATTERN, name, setting, format!("{name}: {problem}")));
        }
    }
}

fn private(env: &GoEnv, findings: &mut Findings) {
    let no_proxy = env.effective("GONOPROXY");
    let no_sumdb = env.effective("GONOSUMDB");
    if env.effective("GOSUMDB").value != "off" {
        for glob in globs(&no_proxy.value) {
            if !covers(&no_sumdb.value, glob) {
                let message = format!(
                    "modules that match {glob} are kept from proxies but not from the checksum database: their names and versions are sent to {}",
                    database_name(env)
                );
                findings.push(
                    finding(&codes::ENV_LEAK, "GONOPROXY", &no_proxy, message)
                        .help("set GOPRIVATE instead: it is the default of GONOPROXY and of GONOSUMDB"),
                );
            }
        }
    }
    if let Some(private) = env.set("GOPRIVATE") {
        for glob in globs(&private.value) {
            if !covers(&no_proxy.value, glob) {
                let message = format!(
                    "GOPRIVATE has {glob}, but GONOPROXY is set and does not: proxies are asked for these modules"
                );
                findings.push(
                    finding(&codes::ENV_LEAK, "GONOPROXY", &no_proxy, message)
                        .help("GONOPROXY, once set, replaces GOPRIVATE; take it away or add the pattern"),
                );
            }
        }
    }
}

fn database(env: &GoEnv, findings: &mut Findings) {
    let setting = env.effective("GOSUMDB");
    if setting.value == "off" {
        let message = "no checksum database is asked: a module that is not in go.sum yet is believed as it comes (toolchains excepted)";
        findings.push(finding(&codes::ENV_UNVERIFIED, "GOSUMDB", &setting, message.to_owned()));
    } else if let Err(error) = crate::proof::SumDbSpec::parse(&setting.value) {
        findings.push(finding(
            &codes::ENV_UNREADABLE,
            "GOSUMDB",
            &setting,
            format!("GOSUMDB cannot be read: {error}"),
        ));
    }
    if let Some(insecure) = env.set("GOINSECURE") {
        let message =
            "GOINSECURE allows version control without TLS; it does not switch off the checksum database";
        findings.push(finding(&codes::ENV_INSECURE, "GOINSECURE", insecure, message.to_owned()));
    }
    if let Some(flags) =
        env.set("GOFLAGS").filter(|flags| flags.value.split_whitespace().any(|flag| flag == "-insecure"))
    {
        let message = "GOFLAGS has -insecure, which the go command no longer knows";
        findings.push(finding(&codes::ENV_DEAD, "GOFLAGS", flags, message.to_owned()));
    }
}

fn leftovers(env: &GoEnv, findings: &mut Findings) {
    let Some(setting) = env.set("GO111MODULE") else { return };
    let message = match setting.value.as_str() {
        "off" => "GO111MODULE=off: modules are not used at all, so neither proxies nor checksums count",
        "on" => "GO111MODULE=on is the default since Go 1.16 and can be taken away",
        _ => return,
    };
    findings.push(finding(&codes::ENV_LEFTOVER, "GO111MODULE", setting, message.to_owned()));
}

fn globs(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|glob| !glob.is_empty() && *glob != "none")
}

/// Whether every module of `glob` is surely matched by `list`: the same glob, or one that matches it as a text.
fn covers(list: &str, glob: &str) -> bool {
    globs(list).any(|other| other == glob || match_prefix(other, glob))
}

fn database_name(env: &GoEnv) -> String {
    let value = env.effective("GOSUMDB").value;
    let first = value.split_whitespace().next().unwrap_or_default();
    first.split('+').next().unwrap_or(first).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::env;
    use super::*;

    fn codes_of(set: &[(&str, &str)]) -> Vec<&'static str> {
        find(&env(set)).iter().map(|finding| finding.code.id).collect()
    }

    #[test]
    fn an_untouched_environment_has_no_traps() {
        assert!(codes_of(&[]).is_empty());
        assert!(codes_of(&[("GOPRIVATE", "*.corp.example,github.com/acme/*")]).is_empty());
    }

    #[test]
    fn each_trap_is_found() {
        for (set, code) in [
            (&[("GONOPROXY", "*.corp.example")][..], &codes::ENV_LEAK),
            (&[("GOPRIVATE", "*.corp.example"), ("GONOPROXY", "none")], &codes::ENV_LEAK),
            (&[("GOPRIVATE", "10.0.0.0/8")], &codes::DEAD_PATTERN),
            (&[("GOPROXY", "https://a.example,https://b.example,direct")], &codes::ENV_COMMA),
            (&[("GOPROXY", "direct,https://a.example")], &codes::ENV_DEAD),
            (&[("GOPROXY", "http://u:p@a.example")], &codes::ENV_UNREADABLE),
            (&[("GOPROXY", ",")], &codes::ENV_UNREADABLE),
            (&[("GOSUMDB", "off")], &codes::ENV_UNVERIFIED),
            (&[("GOSUMDB", "sum.example.org")], &codes::ENV_UNREADABLE),
            (&[("GOINSECURE", "*.corp.example")], &codes::ENV_INSECURE),
            (&[("GOFLAGS", "-mod=mod -insecure")], &codes::ENV_DEAD),
            (&[("GO111MODULE", "on")], &codes::ENV_LEFTOVER),
        ] {
            assert_eq!(codes_of(set), [code.id], "{set:?}");
        }
    }
}
