//! A map from tenants and environments to the mirrors that they use, for CI jobs of many teams.
//!
//! The file names for each tenant and environment what is set; `default` stands in for what is not named. An unknown tenant
//! gets the default with a warning, or is an error when the file says so.

use std::fmt::Write as _;

use fairlead_conf::Node;
use fairlead_diag::{Finding, Findings};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::codes;

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TenantMap {
    /// What counts where a tenant says nothing.
    pub default: Mirrors,
    /// By tenant, then by environment; the environment `default` stands in for others.
    pub tenants: IndexMap<String, IndexMap<String, Mirrors>>,
    /// What an unknown tenant or environment is.
    pub unknown: Unknown,
}

/// What an unknown tenant or environment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// It gets the default, and a warning says so.
    #[default]
    Warn,
    /// It gets nothing.
    Error,
}

/// Where a tenant gets things from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Mirrors {
    /// Container registry: `REGISTRY_MIRROR`.
    pub registry: Option<String>,
    /// `GOPROXY`.
    pub goproxy: Option<String>,
    /// `GOSUMDB`.
    pub gosumdb: Option<String>,
    /// `GOPRIVATE`.
    pub goprivate: Option<String>,
    /// `GONOSUMDB`.
    pub gonosumdb: Option<String>,
    /// `GOINSECURE`.
    pub goinsecure: Option<String>,
}

/// How variables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// `export NAME='value'`
    Shell,
    /// `NAME=value` lines for `$GITHUB_ENV`.
    GitHub,
    /// `NAME=value` lines for a dotenv report of GitLab.
    GitLabDotenv,
    /// A JSON object.
    Json,
}

impl TenantMap {
    /// Reads the file.
    #[must_use]
    pub fn decode(node: &Node, findings: &mut Findings) -> Option<Self> {
        fairlead_conf::decode(node, findings)
    }

    /// What a tenant uses in an environment.
    ///
    /// # Errors
    /// A finding when it is unknown and the file wants that to be an error; otherwise the warning is the second value.
    pub fn mirrors(&self, tenant: &str, environment: &str) -> Result<(Mirrors, Option<Finding>), Finding> {
        let environments = self.tenants.get(tenant);
        let own = environments.and_then(|all| all.get(environment).or_else(|| all.get("default")));
        if let Some(own) = own {
            return Ok((own.or(&self.default), None));
        }
        let what = match environments {
            None => format!("tenant {tenant:?} is not in the map"),
            Some(_) => format!("tenant {tenant:?} has no environment {environment:?} and no `default`"),
        };
        let near = fairlead_conf::nearest(tenant, self.tenants.keys().map(String::as_str));
        let hint = near.filter(|_| environments.is_none()).map(|near| format!("; did you mean {near:?}?"));
        let finding = Finding::new(&codes::UNKNOWN_TENANT, format!("{what}{}", hint.unwrap_or_default()));
        match self.unknown {
            Unknown::Warn => Ok((self.default.clone(), Some(finding))),
            Unknown::Error => Err(finding.severity(fairlead_diag::Severity::Error)),
        }
    }
}

impl Mirrors {
    /// The variables that are set, in a fixed order.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("REGISTRY_MIRROR", &self.registry),
            ("GOPROXY", &self.goproxy),
            ("GOSUMDB", &self.gosumdb),
            ("GOPRIVATE", &self.goprivate),
            ("GONOSUMDB", &self.gonosumdb),
            ("GOINSECURE", &self.goinsecure),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }

    fn or(&self, default: &Mirrors) -> Mirrors {
        let pick = |own: &Option<String>, other: &Option<String>| own.clone().or_else(|| other.clone());
        Mirrors {
            registry: pick(&self.registry, &default.registry),
            goproxy: pick(&self.goproxy, &default.goproxy),
            gosumdb: pick(&self.gosumdb, &default.gosumdb),
            goprivate: pick(&self.goprivate, &default.goprivate),
            gonosumdb: pick(&self.gonosumdb, &default.gonosumdb),
            goinsecure: pick(&self.goinsecure, &default.goinsecure),
        }
    }
}

/// Writes variables for a place that reads them.
///
/// # Errors
/// The name of a variable whose value the syntax cannot carry: a line break in a file of lines.
pub fn write(variables: &[(&str, &str)], syntax: Syntax) -> Result<String, String> {
    let mut out = String::new();
    if syntax == Syntax::Json {
        let object: serde_json::Map<String, serde_json::Value> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        return Ok(format!("{:#}\n", serde_json::Value::Object(object)));
    }
    for (name, value) in variables {
        if value.chars().any(char::is_control) {
            return Err(format!("{name} has a control character, which {syntax:?} cannot carry"));
        }
        let _ = match syntax {
            Syntax::Shell => writeln!(out, "export {name}='{}'", value.replace('\'', r"'\''")),
            _ => writeln!(out, "{name}={value}"),
        };
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "default: {goproxy: 'https://m.example', gosumdb: sum.golang.org}\n\
        tenants:\n  acme:\n    prod: {goproxy: 'https://acme.example|direct', registry: r.example}\n  other:\n    default: {goprivate: '*.o.example'}\n";

    fn map(text: &str) -> TenantMap {
        let mut findings = Findings::new();
        let map = TenantMap::decode(&fairlead_conf::yaml::parse(text, "tenants.yml").unwrap(), &mut findings);
        assert!(findings.is_empty(), "{findings:?}");
        map.unwrap()
    }

    #[test]
    fn what_a_tenant_does_not_say_is_the_default() {
        let (mirrors, warning) = map(FILE).mirrors("acme", "prod").unwrap();
        assert!(warning.is_none());
        assert_eq!(
            mirrors.variables(),
            [
                ("REGISTRY_MIRROR", "r.example"),
                ("GOPROXY", "https://acme.example|direct"),
                ("GOSUMDB", "sum.golang.org")
            ]
        );
        let (mirrors, _) = map(FILE).mirrors("other", "anything").unwrap();
        assert_eq!(mirrors.goprivate.as_deref(), Some("*.o.example"));
    }

    #[test]
    fn an_unknown_tenant_is_a_warning_or_an_error() {
        let (mirrors, warning) = map(FILE).mirrors("acmee", "prod").unwrap();
        assert_eq!(mirrors.goproxy.as_deref(), Some("https://m.example"));
        assert!(warning.unwrap().message.contains("did you mean \"acme\""));
        let strict = map(&format!("{FILE}unknown: error\n"));
        assert!(strict.mirrors("acme", "staging").is_err());
    }

    #[test]
    fn values_are_quoted_for_their_place() {
        let shell = write(&[("GOPROXY", "it's|x")], Syntax::Shell).unwrap();
        assert_eq!(shell, "export GOPROXY='it'\\''s|x'\n");
        assert!(write(&[("GOPROXY", "a\nPATH=/evil")], Syntax::GitHub).is_err());
        assert_eq!(write(&[("A", "b")], Syntax::Json).unwrap(), "{\n  \"A\": \"b\"\n}\n");
    }
}
