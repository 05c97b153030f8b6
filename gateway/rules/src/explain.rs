//! Why a request goes where it goes: every rule of a table, and the first predicate that kept it from matching.

use std::ops::Range;

use crate::tree::{Node, NodeId, Predicate};
use crate::{Rule, Table, View};

/// What one rule says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The index of the rule in the list that the table was built from.
    pub index: usize,
    /// Whether it takes the request. Of several that do, the first one gets it.
    pub matched: bool,
    /// What failed, if it does not.
    pub failed: Option<FailedPredicate>,
}

/// A predicate that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedPredicate {
    /// Byte range of the call in the text of the rule.
    pub span: Range<usize>,
    /// The predicate as written, with `!` if its opposite was asked for.
    pub text: String,
    /// What the request has, as a phrase: "request host is `a.b`". Bounded, and without credentials.
    pub actual: String,
}

impl Table {
    /// The verdicts of all rules, in the order of evaluation. Unlike [`Table::find`] this asks every rule.
    pub fn explain(&self, view: &View<'_>) -> Vec<Verdict> {
        let verdict = |route: &crate::table::Route| {
            let failed = route.rule.explain(view);
            Verdict { index: route.index, matched: failed.is_none(), failed }
        };
        self.routes.iter().map(verdict).collect()
    }
}

impl Rule {
    /// The first predicate that keeps the rule from taking this request. Of alternatives that all fail, the one is
    /// told of which the most predicates hold. `None`: the rule takes it.
    pub fn explain(&self, view: &View<'_>) -> Option<FailedPredicate> {
        let (predicate, negated) = self.outcome(self.tree.root, view).failed?;
        let predicate = self.tree.predicate(predicate);
        let text = format!("{}{}", if negated { "!" } else { "" }, self.text_of(predicate));
        Some(FailedPredicate { span: predicate.span.clone(), text, actual: predicate.matcher.actual(view) })
    }

    fn text_of(&self, predicate: &Predicate) -> String {
        match &predicate.part {
            Some(part) => format!("{}({})", predicate.name, &self.text()[part.clone()]),
            None => self.text()[predicate.span.clone()].to_owned(),
        }
    }

    fn outcome(&self, id: NodeId, view: &View<'_>) -> Outcome {
        match self.tree.node(id) {
            Node::Leaf { predicate, negated } => {
                if self.tree.predicate(*predicate).test(view) != *negated {
                    Outcome { passed: 1, failed: None }
                } else {
                    Outcome { passed: 0, failed: Some((*predicate, *negated)) }
                }
            }
            Node::All(parts) => parts.iter().map(|&part| self.outcome(part, view)).fold(
                Outcome { passed: 0, failed: None },
                |sum, part| Outcome { passed: sum.passed + part.passed, failed: sum.failed.or(part.failed) },
            ),
            Node::Any(parts) => parts
                .iter()
                .map(|&part| self.outcome(part, view))
                .reduce(|best, part| if part.is_nearer(&best) { part } else { best })
                .unwrap_or(Outcome { passed: 0, failed: None }),
        }
    }
}

/// How far a condition is from holding.
struct Outcome {
    passed: usize,
    /// The first predicate that failed, and whether its opposite was asked for.
    failed: Option<(u32, bool)>,
}

impl Outcome {
    fn is_nearer(&self, other: &Self) -> bool {
        match (&self.failed, &other.failed) {
            (None, Some(_)) => true,
            (Some(_), Some(_)) => self.passed > other.passed,
            (_, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Request, entry, rule, rule_v2};
    use crate::{Table, Verdict};

    fn failed(text: &str, request: Request) -> (String, String) {
        let failed = rule(text).explain(&request.view()).unwrap_or_else(|| panic!("{text} matched"));
        assert_eq!(failed.text.trim_start_matches('!'), &text[failed.span.clone()]);
        (failed.text, failed.actual)
    }

    #[test]
    fn the_first_failure_is_told() {
        let (text, actual) = failed("Host(`a.b`) && Path(`/x`)", Request::new().host("c.d").path("/y"));
        assert_eq!((text.as_str(), actual.as_str()), ("Host(`a.b`)", "request host is `c.d`"));
        let (text, actual) =
            failed("Host(`a`) && !(Path(`/x`) || Method(`PUT`))", Request::new().host("a").path("/x"));
        assert_eq!((text.as_str(), actual.as_str()), ("!Path(`/x`)", "request path is `/x`"));
    }

    #[test]
    fn the_nearest_alternative_is_told() {
        let rule = "Host(`a`) || Host(`b`) && PathPrefix(`/x`) && Method(`PUT`)";
        assert_eq!(failed(rule, Request::new().host("b").path("/x")).0, "Method(`PUT`)");
        assert_eq!(failed(rule, Request::new().host("c").path("/y")).0, "Host(`a`)");
    }

    #[test]
    fn what_the_request_has() {
        let request =
            Request::new().header("X-A", "1").header("X-A", "2").query("k=v").header("Cookie", "s=1");
        for (rule, actual) in [
            ("Header(`X-A`, `3`)", "request header `x-a` is `1`, `2`"),
            ("Header(`X-B`, `3`)", "request has no header `x-b`"),
            ("Header(`Cookie`, `3`)", "request header `cookie` has another value"),
            ("Query(`k`, `w`)", "request query parameter `k` is `v`"),
            ("QueryRegexp(`l`, `w`)", "request has no query parameter `l`"),
            ("ClientIP(`10.0.0.0/8`)", "peer address is `127.0.0.1`"),
            ("Method(`PUT`)", "request method is `GET`"),
        ] {
            assert_eq!(failed(rule, request.clone()).1, actual);
        }
        let long = failed("Path(`/`)", Request::new().path(&"/é".repeat(5000))).1;
        assert!(long.len() < 400, "{long}");
    }

    #[test]
    fn one_of_many_arguments_is_named() {
        let rule = rule_v2("Path(`/a`, `/b`) && Host(`x`, `y`)");
        let told = rule.explain(&Request::new().host("y").path("/c").view()).unwrap();
        assert_eq!(told.text, "Path(`/a`)");
        assert_eq!(&rule.text()[told.span], "Path(`/a`, `/b`)");
    }

    #[test]
    fn verdicts_come_in_order() {
        let table = Table::build(vec![
            entry("Host(`a`)", 1, "low"),
            entry("Host(`b`)", 3, "top"),
            entry("Path(`/`)", 2, "mid"),
        ]);
        let verdicts = table.explain(&Request::new().host("a").path("/").view());
        let told: Vec<_> = verdicts.iter().map(|Verdict { index, matched, .. }| (*index, *matched)).collect();
        assert_eq!(told, [(1, false), (2, true), (0, true)]);
    }
}
