//! From settings as written to settings as meant: Go's own variables fill what is not said, a tenant's environment overrides
//! the whole, and everything that is wrong is found at once.

use std::sync::Arc;
use std::time::Duration;

use fairlead_diag::{Finding, Findings};
use fairlead_gomod::pattern::Patterns;

use super::route::is_environment;
use super::rules::Rules;
use crate::Settings;
use crate::codes::{BAD_SETTING, DEAD_PATTERN};
use crate::goenv::GoEnv;
use crate::list::{List, Place, Then};
use crate::settings::{Fallback, RouteSettings};

/// Proxies that anybody may ask, by host: a private module is never named to them.
const PUBLIC_HOSTS: [&str; 6] = [
    "proxy.golang.org",
    "goproxy.cn",
    "goproxy.io",
    "goproxy.dev",
    "mirrors.aliyun.com",
    "athens.azurefd.net",
];
/// Checksum databases that anybody may ask.
const PUBLIC_SUMDBS: [&str; 2] = ["sum.golang.org", "sum.golang.google.cn"];

/// A route as meant.
#[derive(Debug)]
pub(super) struct Plan {
    /// `default`, or `tenants/NAME/ENVIRONMENT`.
    pub(super) name: Arc<str>,
    /// Tenant and environment; `None` for the route of the settings themselves.
    pub(super) tenant: Option<(Box<str>, Box<str>)>,
    pub(super) upstreams: List,
    pub(super) private_upstreams: List,
    pub(super) private: Patterns,
    pub(super) no_sumdb: Patterns,
    /// As `GOSUMDB`; `None` is off.
    pub(super) sumdb: Option<String>,
    pub(super) rules: Rules,
    pub(super) minimum_age: Duration,
}

/// All routes, the default one first.
pub(super) fn plans(settings: &Settings, environment: &GoEnv, findings: &mut Findings) -> Vec<Plan> {
    let whole = settings.route();
    let mut plans: Vec<Plan> = plan(&whole, None, environment, findings).into_iter().collect();
    for (tenant, options) in &settings.tenants {
        if !is_name(tenant) {
            findings.push(bad(
                "tenants",
                format!("{tenant:?} is no name for a tenant: letters, digits, `-` and `_`"),
            ));
            continue;
        }
        for (name, options) in &options.environments {
            if !is_environment(name) || !is_name(name) {
                findings.push(bad(
                    "tenants",
                    format!("{name:?} is no name for an environment: letters, digits, `-` and `_`"),
                ));
                continue;
            }
            let own = over(options, &whole);
            plans.extend(plan(&own, Some((tenant, name)), environment, findings));
        }
    }
    plans
}

/// An environment's options, and the whole's where it has none.
fn over(own: &RouteSettings, whole: &RouteSettings) -> RouteSettings {
    let pick = |own: &Option<String>, whole: &Option<String>| own.clone().or_else(|| whole.clone());
    RouteSettings {
        upstreams: pick(&own.upstreams, &whole.upstreams),
        private: pick(&own.private, &whole.private),
        private_upstreams: pick(&own.private_upstreams, &whole.private_upstreams),
        no_sumdb: pick(&own.no_sumdb, &whole.no_sumdb),
        sumdb: pick(&own.sumdb, &whole.sumdb),
        fallback: own.fallback.or(whole.fallback),
        rules: if own.rules.is_empty() { whole.rules.clone() } else { own.rules.clone() },
        minimum_age: own.minimum_age.or(whole.minimum_age),
    }
}

/// One route; `None` when a list of it cannot be read.
fn plan(
    options: &RouteSettings,
    tenant: Option<(&String, &String)>,
    environment: &GoEnv,
    findings: &mut Findings,
) -> Option<Plan> {
    let name =
        tenant.map_or_else(|| "default".to_owned(), |(tenant, name)| format!("tenants/{tenant}/{name}"));
    let effective = |variable: &str| environment.effective(variable).value;
    let upstreams =
        list("upstreams", &options.upstreams.clone().unwrap_or_else(|| effective("GOPROXY")), findings);
    let private_upstreams =
        list("privateUpstreams", options.private_upstreams.as_deref().unwrap_or("direct"), findings);
    if let Some(list) = &private_upstreams {
        refuse_public(list, findings);
    }
    // What GONOPROXY keeps from proxies is not for the public ones either.
    let private =
        options.private.clone().unwrap_or_else(|| joined(&[effective("GOPRIVATE"), effective("GONOPROXY")]));
    let sumdb = options.sumdb.clone().unwrap_or_else(|| effective("GOSUMDB"));
    let sumdb = Some(sumdb.trim().to_owned()).filter(|text| !text.is_empty() && text != "off");
    let mut no_sumdb = match (&options.no_sumdb, &options.private) {
        (Some(patterns), _) => patterns.clone(),
        (None, Some(private)) => private.clone(),
        (None, None) => joined(&[effective("GONOSUMDB"), private.clone()]),
    };
    if sumdb.as_deref().is_some_and(is_public_sumdb) {
        no_sumdb = joined(&[no_sumdb, private.clone()]);
    }
    let private = patterns("private", &private, findings);
    // What is said of the private ones needs not be said twice.
    let mut of_no_sumdb = Findings::new();
    let no_sumdb = patterns("noSumdb", &no_sumdb, &mut of_no_sumdb);
    let is_new = |finding: &Finding| {
        !private.problems().iter().any(|known| finding.message.ends_with(&known.to_string()))
    };
    findings.extend(of_no_sumdb.into_iter().filter(is_new));
    let (rules, wrong) = Rules::parse(&options.rules);
    findings.extend(wrong.into_iter().map(|why| bad("rules", why).about(&*name)));
    Some(Plan {
        name: name.as_str().into(),
        tenant: tenant.map(|(tenant, name)| (tenant.as_str().into(), name.as_str().into())),
        upstreams: with_fallback(upstreams?, options.fallback),
        private_upstreams: with_fallback(private_upstreams?, options.fallback),
        private,
        no_sumdb,
        sumdb,
        rules,
        minimum_age: options.minimum_age.unwrap_or_default().get(),
    })
}

fn list(option: &str, text: &str, findings: &mut Findings) -> Option<List> {
    match List::parse(text) {
        Ok(list) => Some(list),
        Err(error) => {
            findings.push(bad(option, error.to_string()));
            None
        }
    }
}

fn patterns(option: &str, text: &str, findings: &mut Findings) -> Patterns {
    let patterns = Patterns::parse(if text == "none" { "" } else { text });
    for problem in patterns.problems() {
        let message = format!("a pattern of `{option}` never matches: {problem}");
        findings.push(Finding::new(&DEAD_PATTERN, message).about(option));
    }
    patterns
}

fn refuse_public(list: &List, findings: &mut Findings) {
    for entry in &list.entries {
        let Place::Proxy(url) = &entry.place else { continue };
        if url.host_str().is_some_and(|host| PUBLIC_HOSTS.contains(&host)) {
            let message = format!(
                "private modules would be named to the public proxy {}",
                fairlead_http::fetch::redact(url)
            );
            findings.push(bad("privateUpstreams", message));
        }
    }
}

/// The policy takes the separators' place.
fn with_fallback(mut list: List, fallback: Option<Fallback>) -> List {
    let then = match fallback {
        None => return list,
        Some(Fallback::None) => {
            list.entries.truncate(1);
            Then::End
        }
        Some(Fallback::NotFound) => Then::IfAbsent,
        Some(Fallback::Any) => Then::Always,
    };
    let last = list.entries.len().saturating_sub(1);
    for (at, entry) in list.entries.iter_mut().enumerate() {
        entry.then = if at == last { Then::End } else { then };
    }
    list
}

fn is_public_sumdb(text: &str) -> bool {
    let name = text.split([' ', '+']).next().unwrap_or_default();
    PUBLIC_SUMDBS.contains(&name)
}

/// Pattern lists as one; `none` and nothing add nothing.
fn joined(lists: &[String]) -> String {
    let mut all: Vec<&str> = Vec::new();
    for list in lists.iter().map(String::as_str) {
        if !list.is_empty() && list != "none" && !all.contains(&list) {
            all.push(list);
        }
    }
    all.join(",")
}

/// Names that are one segment of a path and of a key.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

pub(super) fn bad(option: &str, message: impl Into<String>) -> Finding {
    Finding::new(&BAD_SETTING, message).about(format!("mirror.{option}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn resolve(yaml: &str, variables: &[(&str, &str)]) -> (Vec<Plan>, Findings) {
        let mut findings = Findings::new();
        let node = fairlead_conf::yaml::parse(yaml, "fairlead.yml").unwrap();
        let settings = Settings::decode(&node, &mut findings).unwrap();
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let plans = plans(&settings, &GoEnv::from_parts(find, Path::new(""), ""), &mut findings);
        (plans, findings)
    }

    #[test]
    fn nothing_said_is_what_go_does() {
        let (plans, findings) = resolve("{}", &[]);
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(plans[0].upstreams.to_string(), "https://proxy.golang.org/,direct");
        assert_eq!(plans[0].private_upstreams.to_string(), "direct");
        assert_eq!(plans[0].sumdb.as_deref(), Some("sum.golang.org"));
        let (plans, _) = resolve(
            "{}",
            &[("GOPROXY", "a.example|direct"), ("GOPRIVATE", "*.corp.example"), ("GOSUMDB", "off")],
        );
        assert_eq!(plans[0].upstreams.to_string(), "https://a.example/|direct");
        assert!(plans[0].private.matches("git.corp.example/x").is_some());
        assert!(plans[0].no_sumdb.matches("git.corp.example/x").is_some());
        assert_eq!(plans[0].sumdb, None);
    }

    #[test]
    fn what_is_private_is_never_asked_of_the_public_database() {
        let (plans, _) = resolve("{private: corp.example, noSumdb: other.example}", &[]);
        assert!(plans[0].no_sumdb.matches("corp.example/x").is_some());
        let (plans, _) = resolve("{private: corp.example, noSumdb: none, sumdb: sum.corp.example+k}", &[]);
        assert!(plans[0].no_sumdb.matches("corp.example/x").is_none(), "their own database may be asked");
        let (plans, _) = resolve("{}", &[("GONOPROXY", "corp.example")]);
        assert!(plans[0].private.matches("corp.example/x").is_some());
    }

    #[test]
    fn an_environment_overrides_single_options() {
        let (plans, findings) = resolve(
            "upstreams: a.example\nprivate: corp.example\nfallback: any\ntenants:\n  acme:\n    environments:\n      prod: {upstreams: 'b.example,c.example'}\n",
            &[],
        );
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(&*plans[1].name, "tenants/acme/prod");
        assert_eq!(plans[1].upstreams.to_string(), "https://b.example/|https://c.example/");
        assert!(plans[1].private.matches("corp.example/x").is_some());
    }

    #[test]
    fn all_that_is_wrong_is_found_at_once() {
        let (plans, findings) = resolve(
            "upstreams: ',,'\nprivate: 10.0.0.0/8\nprivateUpstreams: 'https://proxy.golang.org'\nrules:\n- {modules: x.example, versions: 1.x, action: deny}\ntenants:\n  a.b: {environments: {prod: {}}}\n  ok: {environments: {sumdb: {}}}\n",
            &[],
        );
        assert!(plans.is_empty());
        let text = format!("{findings:?}");
        for part in ["no entries", "10.0.0.0/8", "public proxy", "1.x", "a.b", "\\\"sumdb\\\""] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
