//! HTTP routers that cannot be told apart: same entry point, same rule, same priority.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use fairlead_diag::Finding;

use super::Check;
use crate::codes;
use crate::dynamic::{Merged, Object, Router};

/// Routers named in one finding.
const MOST: usize = 10;

/// What a router is chosen by: entry point, whether it is for TLS, priority, rule.
type Key<'a> = (&'a str, bool, i64, &'a str);

/// Rules, as far as they are to be told apart.
type Rules<'a> = HashSet<&'a str, foldhash::fast::RandomState>;

pub(super) fn check(check: &mut Check<'_>) {
    let statics = check.surroundings.statics;
    let default = statics.default_entry_points();
    let mut groups: HashMap<Key<'_>, Vec<(&Arc<str>, &Object<Router>)>> = HashMap::new();
    for (name, object) in alike(check.merged) {
        let router = &object.value;
        let named: Vec<&str> = router.entry_points.iter().map(String::as_str).collect();
        for point in if named.is_empty() { &default } else { &named } {
            let Some(tls) = statics.entry_points.get(*point).map(|point| point.http.tls.is_some()) else {
                continue;
            };
            let key = (*point, tls || router.tls.is_some(), priority(router), router.rule.trim());
            groups.entry(key).or_default().push((name, object));
        }
    }
    let mut tied: Vec<_> = groups.into_iter().filter(|(_, routers)| routers.len() > 1).collect();
    tied.sort_unstable_by(|(a, _), (b, _)| (a.3, a.0, a.1).cmp(&(b.3, b.0, b.1)));
    // One finding for the same routers, however many entry points they share.
    tied.dedup_by(|(_, a), (_, b)| a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.0 == b.0));
    for (key, routers) in tied {
        check.findings.push(tie(key, &routers));
    }
}

/// The routers whose rule another router has too. Only those can tie, and mostly there are none.
fn alike(merged: &Merged) -> Vec<(&Arc<str>, &Object<Router>)> {
    let routers = || {
        let all = merged.http.routers.iter().map(|(name, object)| (name, &**object));
        all.filter(|(_, object)| !object.value.rule.trim().is_empty() && object.value.parent_refs.is_empty())
    };
    let mut seen: Rules<'_> =
        HashSet::with_capacity_and_hasher(merged.http.routers.len(), Default::default());
    let rules = routers().map(|(_, object)| object.value.rule.trim());
    let shared: Rules<'_> = rules.filter(|rule| !seen.insert(rule)).collect();
    if shared.is_empty() {
        return Vec::new();
    }
    routers().filter(|(_, object)| shared.contains(object.value.rule.trim())).collect()
}

/// The priority that counts: the given one, else the length of the rule in bytes.
fn priority(router: &Router) -> i64 {
    match router.priority {
        0 => i64::try_from(router.rule.len()).unwrap_or(i64::MAX),
        given => given,
    }
}

fn tie((point, _, priority, rule): Key<'_>, routers: &[(&Arc<str>, &Object<Router>)]) -> Finding {
    let names: Vec<String> = routers.iter().take(MOST).map(|(name, _)| format!("`{name}`")).collect();
    let more = routers.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!(
        "routers {}{more} on entry point `{point}` have the same rule and the same priority {priority}",
        names.join(", ")
    );
    let last = routers[routers.len() - 1].0;
    let finding = Finding::new(&codes::TIE, message).about(format!("router {last}")).evidence("rule", rule);
    let finding = routers.iter().rev().take(MOST).fold(finding, |finding, (name, object)| {
        finding.label(&object.value_origin(&["rule"]), format!("rule of `{name}`"))
    });
    finding.help("remove one of them, or say by `priority` which one comes first")
}
