//! What is wrong with the objects of one file, seen by themselves: rules that do not parse, options of middlewares that
//! cannot work. A provider asks before it lets a new version of a file replace one that is in force.

use std::sync::Arc;

use fairlead_diag::Findings;
use fairlead_model::dynamic::{Dynamic, Object, Objects};
use fairlead_model::name;
use fairlead_model::statics::Static;

use crate::build::{middlewares, rule};

/// A judge for the files of `provider`: the errors of what is new or changed in a configuration against the one before.
/// What another file or provider might still declare is not looked at.
pub fn judge(
    statics: &Static,
    provider: &'static str,
) -> impl Fn(&Dynamic, &Dynamic) -> Findings + Send + Sync + use<> {
    let syntax = statics.core.default_rule_syntax;
    move |new, before| {
        let mut findings = Findings::new();
        for (short, router) in changed(&new.http.routers, &before.http.routers) {
            if router.value.rule.is_empty() {
                continue;
            }
            let qualified = name::qualify(short, provider);
            let parsed = rule::parse(&qualified, router, rule::syntax(&router.value, syntax));
            findings.extend(parsed.err().into_iter().flatten().map(|fault| fault.finding));
        }
        for (short, middleware) in changed(&new.http.middlewares, &before.http.middlewares) {
            let decoded = middlewares::decode(&name::qualify(short, provider), middleware);
            if decoded.findings.has_errors() {
                findings.extend(decoded.findings.iter().cloned());
            }
        }
        findings
    }
}

/// The objects that are not what they were.
fn changed<'a, T>(
    new: &'a Objects<T>,
    before: &'a Objects<T>,
) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Object<T>>)> {
    new.iter().filter(|(name, object)| before.get(*name).is_none_or(|known| known != *object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dynamic(text: &str) -> Dynamic {
        let node = fairlead_conf::yaml::parse(text, "a.yml").unwrap();
        Dynamic::decode(&node, &mut Findings::new())
    }

    fn judged(new: &str, before: &str) -> Vec<String> {
        let judge = judge(&Static::default(), "file");
        let findings = judge(&dynamic(new), &dynamic(before));
        let told =
            |finding: &fairlead_diag::Finding| format!("{} {}", finding.code.id, finding.origin().unwrap());
        findings.iter().map(told).collect()
    }

    #[test]
    fn errors_of_what_changed_are_found_where_they_stand() {
        let good = "http: {routers: {r: {rule: 'Path(`/a`)', service: s}}}";
        let bad = "http: {routers: {r: {rule: 'Pth(`/a`)', service: s}}}";
        assert!(judged(good, bad).is_empty());
        assert_eq!(judged(bad, good), ["FLD-GW-4004 a.yml:1:29"]);
        assert!(judged(bad, bad).is_empty(), "an old fault does not hold back what is new");
        let unknown = "http: {middlewares: {m: {stripPrefix: {prefixs: [/a]}}}}";
        assert_eq!(judged(unknown, good), ["FLD-CONF-0002 a.yml:1:40"]);
        assert!(judged("http: {routers: {r: {rule: 'Path(`/a`)', service: gone}}}", good).is_empty());
    }

    #[test]
    fn the_default_syntax_counts() {
        let mut statics = Static::default();
        statics.core.default_rule_syntax = fairlead_model::statics::RuleSyntax::V2;
        let judge = judge(&statics, "file");
        let new = dynamic("http: {routers: {r: {rule: 'Path(`/a`, `/b`)', service: s}}}");
        assert!(judge(&new, &Dynamic::default()).is_empty());
    }
}
