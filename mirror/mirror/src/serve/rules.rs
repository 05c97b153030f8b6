//! What may pass: allow, deny and hide by module pattern and version, and a least age of releases.

use std::cmp::Ordering;
use std::time::{Duration, SystemTime};

use fairlead_gomod::pattern::Patterns;
use fairlead_gomod::version;

use crate::proof::Info;
use crate::settings::{RuleAction, RuleSettings};
use crate::{Cause, Failure};

/// Rules in order; the first that matches counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    modules: Patterns,
    versions: Constraint,
    action: RuleAction,
    reason: Box<str>,
}

/// Alternatives (`||`) of comparisons that must all hold (blanks). No alternative at all is every version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Constraint(Vec<Vec<(Comparison, String)>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Comparisons by how they are written; longer before shorter.
const COMPARISONS: [(&str, Comparison); 6] = [
    (">=", Comparison::GreaterOrEqual),
    ("<=", Comparison::LessOrEqual),
    ("!=", Comparison::NotEqual),
    (">", Comparison::Greater),
    ("<", Comparison::Less),
    ("=", Comparison::Equal),
];

impl Rules {
    /// Reads rules; for each that cannot be read, why.
    pub(super) fn parse(settings: &[RuleSettings]) -> (Self, Vec<String>) {
        let (mut rules, mut wrong) = (Vec::new(), Vec::new());
        for setting in settings {
            let modules = Patterns::parse(&setting.modules);
            if modules.is_empty() {
                wrong.push("a rule has no module patterns".to_owned());
                continue;
            }
            match Constraint::parse(&setting.versions) {
                Ok(versions) => rules.push(Rule {
                    modules,
                    versions,
                    action: setting.action,
                    reason: setting.reason.as_str().into(),
                }),
                Err(word) => {
                    wrong.push(format!("{word:?} in the versions of a rule is no comparison with a version"));
                }
            }
        }
        (Rules { rules }, wrong)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a module may be asked about at all. A module of which some versions may pass may be.
    pub(super) fn check_module(&self, path: &str) -> Result<(), Failure> {
        let mut may_some = false;
        for rule in self.rules.iter().filter(|rule| rule.modules.matches(path).is_some()) {
            match (rule.versions.is_all(), rule.action) {
                (false, action) => may_some |= action == RuleAction::Allow,
                (true, RuleAction::Allow) => return Ok(()),
                (true, _) if may_some => return Ok(()),
                (true, _) => return Err(rule.refusal(path)),
            }
        }
        Ok(())
    }

    /// Whether a version may pass.
    pub(super) fn check(&self, path: &str, version: &str) -> Result<(), Failure> {
        let matching = |rule: &&Rule| rule.modules.matches(path).is_some() && rule.versions.holds(version);
        match self.rules.iter().find(matching) {
            Some(rule) if rule.action != RuleAction::Allow => Err(rule.refusal(&format!("{path}@{version}"))),
            _ => Ok(()),
        }
    }
}

impl Rule {
    fn refusal(&self, what: &str) -> Failure {
        let reason = if self.reason.is_empty() { "a rule of this mirror" } else { &*self.reason };
        match self.action {
            RuleAction::Hide => Failure::new(Cause::NotFound, format!("not found: {what}: hidden: {reason}")),
            _ => Failure::new(Cause::Denied, format!("forbidden: {what}: {reason}")),
        }
    }
}

impl Constraint {
    fn parse(text: &str) -> Result<Self, String> {
        let alternatives = text.split("||").map(str::trim).filter(|part| !part.is_empty());
        alternatives.map(comparisons).collect::<Result<_, _>>().map(Constraint)
    }

    fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    fn holds(&self, version: &str) -> bool {
        self.is_all()
            || self.0.iter().any(|all| all.iter().all(|(comparison, bound)| comparison.holds(version, bound)))
    }
}

/// `>=v1.2.0 <v1.5.0`; a blank may follow the sign.
fn comparisons(text: &str) -> Result<Vec<(Comparison, String)>, String> {
    let (mut all, mut sign) = (Vec::new(), None);
    for word in text.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
        let found = COMPARISONS.iter().find_map(|(sign, it)| word.strip_prefix(sign).map(|rest| (*it, rest)));
        let (comparison, bound) = match (sign.take(), found) {
            (None, Some((comparison, ""))) => {
                sign = Some(comparison);
                continue;
            }
            (None, Some(found)) => found,
            (Some(comparison), None) => (comparison, word),
            (None, None) => (Comparison::Equal, word),
            (Some(_), Some(_)) => return Err(word.to_owned()),
        };
        if !version::is_valid(bound) {
            return Err(word.to_owned());
        }
        all.push((comparison, bound.to_owned()));
    }
    if sign.is_some() { Err(text.to_owned()) } else { Ok(all) }
}

impl Comparison {
    fn holds(self, version: &str, bound: &str) -> bool {
        let order = version::compare(version, bound);
        match self {
            Comparison::Equal => order == Ordering::Equal,
            Comparison::NotEqual => order != Ordering::Equal,
            Comparison::Less => order == Ordering::Less,
            Comparison::LessOrEqual => order != Ordering::Greater,
            Comparison::Greater => order == Ordering::Greater,
            Comparison::GreaterOrEqual => order != Ordering::Less,
        }
    }
}

/// Whether a version is at least so old. One without a time is not.
pub(super) fn is_older_than(info: &Info, least: Duration, now: SystemTime) -> bool {
    info.time.is_some_and(|time| now.duration_since(SystemTime::from(time)).is_ok_and(|age| age >= least))
}

/// Why a version may not pass yet.
pub(super) fn too_young(path: &str, info: &Info, least: Duration) -> Failure {
    let least = fairlead_conf::Duration(least);
    let time = info.time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string());
    let text =
        format!("forbidden: {path}@{} was released at {time}: it is younger than {least}", info.version);
    Failure::new(Cause::Denied, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(all: &[(&str, &str, RuleAction)]) -> Rules {
        let settings: Vec<RuleSettings> = all
            .iter()
            .map(|(modules, versions, action)| RuleSettings {
                modules: (*modules).to_owned(),
                versions: (*versions).to_owned(),
                action: *action,
                reason: String::new(),
            })
            .collect();
        let (rules, wrong) = Rules::parse(&settings);
        assert!(wrong.is_empty(), "{wrong:?}");
        rules
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let rules = rules(&[
            ("good.example/kept", "v1.2.3 || v1.2.4", RuleAction::Allow),
            ("good.example", ">=v1.2.0 <v1.5.0", RuleAction::Deny),
            ("evil.example", "", RuleAction::Hide),
        ]);
        let verdict = |path: &str, version: &str| rules.check(path, version).map_err(|failure| failure.cause);
        assert_eq!(verdict("good.example/kept", "v1.2.3"), Ok(()));
        assert_eq!(verdict("good.example/kept", "v1.4.9"), Err(Cause::Denied));
        assert_eq!(verdict("good.example/kept", "v1.5.0"), Ok(()));
        assert_eq!(verdict("evil.example/x", "v1.0.0"), Err(Cause::NotFound));
        assert!(rules.check_module("good.example").is_ok());
        assert!(rules.check_module("evil.example/x").is_err());
        assert!(rules.check_module("other.example").is_ok());
    }

    #[test]
    fn a_module_of_which_some_versions_pass_may_be_listed() {
        let rules = rules(&[("a.example", "v1.0.0", RuleAction::Allow), ("a.example", "", RuleAction::Deny)]);
        assert!(rules.check_module("a.example/x").is_ok());
        assert!(
            rules.check("a.example/x", "v1.0.0").is_ok() && rules.check("a.example/x", "v1.0.1").is_err()
        );
    }

    #[test]
    fn versions_that_are_none_are_refused() {
        for text in [">=1.2.0", "v1.x", "> > v1.0.0", ">=", "v1.0.0 ||| v2.0.0"] {
            assert!(Constraint::parse(text).is_err(), "{text}");
        }
        assert!(Constraint::parse(">= v1.2.0, < v1.5.0 || =v2.0.0").is_ok());
        assert!(Constraint::parse("").unwrap().is_all());
    }

    #[test]
    fn age_is_told_by_the_time_in_the_info() {
        let info = crate::proof::info(br#"{"Version":"v1.0.0","Time":"2024-01-02T03:04:05Z"}"#).unwrap();
        let day = Duration::from_secs(24 * 3600);
        let released: SystemTime = "2024-01-02T03:04:05Z".parse::<jiff::Timestamp>().unwrap().into();
        assert!(!is_older_than(&info, day, released + day / 2) && is_older_than(&info, day, released + day));
        assert!(!is_older_than(&info, day, released - day), "a time to come is young");
        let timeless = crate::proof::info(br#"{"Version":"v1.0.0"}"#).unwrap();
        assert!(!is_older_than(&timeless, day, SystemTime::now()));
    }
}
