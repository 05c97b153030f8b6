//! The table against a plain scan, and the work a look-up takes whatever the place of its rule.

use std::sync::Arc;

use fairlead_expr::{Expr, ExprKind};
use proptest::prelude::*;

use super::*;
use crate::testing::{Request, entry, rule, steps_of};

/// The answer of a scan in the documented order.
fn scan(entries: &[Entry], view: &View<'_>) -> Option<usize> {
    let takes = |entry: &Entry| entry.rule.matches(view);
    let first = entries.iter().enumerate().filter(|(_, entry)| takes(entry)).min_by(|(i, a), (j, b)| {
        let by_rank = b.rank.priority.cmp(&a.rank.priority).then(a.rank.precedence.cmp(&b.rank.precedence));
        by_rank.then(a.rank.name.cmp(&b.rank.name)).then(i.cmp(j))
    });
    first.map(|(index, _)| index)
}

fn any_path() -> impl Strategy<Value = String> {
    prop_oneof!["/[ab]{0,5}", "/[ab]{0,2}/[ab]{0,2}"]
}

fn any_leaf() -> impl Strategy<Value = String> {
    let host = prop::sample::select(vec!["a.x", "b.x", "x", "*.x", "*", "*.a.x", "A.X.", "c"]);
    prop_oneof![
        4 => host.prop_map(|h| format!("Host(`{h}`)")),
        4 => any_path().prop_map(|p| format!("PathPrefix(`{p}`)")),
        3 => any_path().prop_map(|p| format!("Path(`{p}`)")),
        1 => any_path().prop_map(|p| format!("PathRegexp(`^{p}`)")),
        1 => Just("PathRegexp(`b$`)".to_owned()),
        1 => Just(r"HostRegexp(`^[ab]\.`)".to_owned()),
        1 => prop::sample::select(vec!["GET", "post"]).prop_map(|m| format!("Method(`{m}`)")),
        1 => Just("Header(`K`, `v`)".to_owned()),
        1 => Just("Query(`q`, `1`)".to_owned()),
        1 => Just("ClientIP(`10.0.0.0/8`)".to_owned()),
    ]
}

fn any_rule() -> impl Strategy<Value = String> {
    any_leaf().prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" && "))),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" || "))),
            1 => inner.prop_map(|part| format!("!{part}")),
        ]
    })
}

fn any_entry() -> impl Strategy<Value = Entry> {
    (any_rule(), 0..4_i64, 0..2_u32, "[ab]").prop_map(|(text, priority, precedence, name)| Entry {
        rule: Arc::new(rule(&text)),
        rank: Rank { priority, precedence, name: name.as_str().into() },
    })
}

fn any_request() -> impl Strategy<Value = Request> {
    let host = prop::sample::select(vec!["a.x", "b.x", "x", "d.a.x", "c", "", ".x", "d.d"]);
    let path = prop_oneof![9 => any_path(), 1 => Just("*".to_owned())];
    (host, path, any::<[bool; 4]>()).prop_map(|(host, path, [post, header, query, peer])| {
        let mut request = Request::new().host(host).path(&path);
        if post {
            request = request.method("POST");
        }
        if header {
            request = request.header("k", "v");
        }
        if query {
            request = request.query("q=0&q=1");
        }
        if peer { request.peer("10.0.0.1") } else { request }
    })
}

/// What an expression means without any rewriting.
fn meaning(text: &str, expr: &Expr, view: &View<'_>) -> bool {
    match &expr.kind {
        ExprKind::And(parts) => parts.iter().all(|part| meaning(text, part, view)),
        ExprKind::Or(parts) => parts.iter().any(|part| meaning(text, part, view)),
        ExprKind::Not(inner) => !meaning(text, inner, view),
        ExprKind::Call(call) => rule(&text[call.span.clone()]).matches(view),
        ExprKind::Compare(_) => panic!("no comparison in rules"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_index_answers_as_a_scan(
        entries in prop::collection::vec(any_entry(), 0..40),
        requests in prop::collection::vec(any_request(), 12),
    ) {
        let table = Table::build(entries.clone());
        for request in &requests {
            let view = request.view();
            let expected = scan(&entries, &view);
            prop_assert_eq!(table.find(&view), expected);
            let told = table.explain(&view).into_iter().find(|verdict| verdict.matched);
            prop_assert_eq!(told.map(|verdict| verdict.index), expected);
        }
    }

    #[test]
    fn nested_prefixes_answer_as_a_scan(
        paths in prop::collection::vec(("/a{0,12}b{0,2}", 0..30_i64, any::<bool>(), any::<bool>()), 1..40),
        asked in prop::collection::vec("/a{0,14}b{0,3}", 12),
    ) {
        let entries: Vec<_> = paths.iter().map(|(path, priority, exact, with_rest)| {
            let name = if *exact { "Path" } else { "PathPrefix" };
            let rest = if *with_rest { " && Method(`PUT`)" } else { "" };
            entry(&format!("{name}(`{path}`){rest}"), *priority, "r")
        }).collect();
        let table = Table::build(entries.clone());
        for path in &asked {
            for method in ["GET", "PUT"] {
                let request = Request::new().path(path).method(method);
                prop_assert_eq!(table.find(&request.view()), scan(&entries, &request.view()));
            }
        }
    }

    #[test]
    fn a_rule_means_what_its_expression_says(text in any_rule(), request in any_request()) {
        let expr = fairlead_expr::parse(&text).unwrap();
        let view = request.view();
        prop_assert_eq!(rule(&text).matches(&view), meaning(&text, &expr, &view), "{}", text);
    }
}

#[test]
fn ties_are_broken_by_precedence_then_name_then_place() {
    let tied = |precedence, name: &str| {
        let mut entry = entry("Path(`/`)", 7, name);
        entry.rank.precedence = precedence;
        entry
    };
    let find = |entries: Vec<Entry>| Table::build(entries).find(&Request::new().view());
    assert_eq!(find(vec![tied(1, "a"), tied(0, "z"), tied(0, "y")]), Some(2));
    assert_eq!(find(vec![tied(0, "a"), tied(0, "a")]), Some(0));
    assert_eq!(find(vec![]), None);
}

#[test]
fn the_longest_prefix_wins_by_default_and_priority_over_it() {
    let by_length = |text: &str| entry(text, rule(text).default_priority(), text);
    let entries = vec![
        by_length("PathPrefix(`/`)"),
        by_length("PathPrefix(`/api`)"),
        by_length("PathPrefix(`/api/v1`)"),
    ];
    let request = Request::new().path("/api/v1/x");
    assert_eq!(Table::build(entries.clone()).find(&request.view()), Some(2));
    let mut raised = entries;
    raised[0].rank.priority = 100;
    assert_eq!(Table::build(raised).find(&request.view()), Some(0));
}

/// Builds `count` rules of one shape, and the greatest number of steps that finding any of them takes.
fn most_steps(
    count: usize,
    extra: &[Entry],
    rule_at: impl Fn(usize) -> String,
    ask: impl Fn(usize) -> Request,
) -> usize {
    let mut entries: Vec<_> = (0..count).map(|i| entry(&rule_at(i), -(i as i64), "r")).collect();
    entries.extend_from_slice(extra);
    let table = Table::build(entries);
    let places = (0..count).step_by(7).chain([count - 1]);
    let steps = places.map(|i| {
        let request = ask(i);
        let (steps, found) = steps_of(|| table.find(&request.view()));
        // Rules beside the shape may come first, never another of the shape.
        assert!(found.is_some_and(|f| f == i || f >= count), "{found:?} for {i}");
        steps
    });
    steps.max().unwrap_or_default()
}

const MANY: usize = 10_000;

#[test]
fn own_hosts_cost_nothing_to_ask() {
    let host = |i| Request::new().host(&format!("h{i}.example.com"));
    assert_eq!(most_steps(MANY, &[], |i| format!("Host(`h{i}.example.com`)"), host), 0);
    assert_eq!(most_steps(MANY, &[], |i| format!("Host(`h{i}.example.com`) && Method(`GET`)"), host), 1);
    let wildcard = |i| Request::new().host(&format!("x.h{i}.example.com"));
    assert_eq!(most_steps(MANY, &[], |i| format!("Host(`*.h{i}.example.com`)"), wildcard), 0);
}

#[test]
fn paths_of_one_host_cost_nothing_to_ask() {
    let ask = |i| Request::new().host("a").path(&format!("/p{i:05}"));
    assert_eq!(most_steps(MANY, &[], |i| format!("Host(`a`) && PathPrefix(`/p{i:05}`)"), ask), 0);
    assert_eq!(most_steps(MANY, &[], |i| format!("Path(`/p{i:05}`) && Host(`a`)"), ask), 0);
    assert_eq!(most_steps(MANY, &[], |i| format!("PathRegexp(`^/p{i:05}$`)"), ask), 1);
}

#[test]
fn prefixes_of_each_other_cost_a_logarithm() {
    let count = 1_000;
    // The longest comes first, as by default priority; each is asked for with a path that leaves the chain there, and sorts after all of it.
    let path = |i: usize| format!("/{}", "a".repeat(count - i));
    let ask = |i: usize| Request::new().path(&format!("{}b", path(i)));
    let steps = most_steps(count, &[], |i| format!("PathPrefix(`{}`)", path(i)), ask);
    assert!(steps <= 30, "{steps}");
    let steps = most_steps(count, &[], |i| format!("PathPrefix(`{}`) && Method(`GET`)", path(i)), ask);
    assert!(steps <= 31, "{steps}");
}

#[test]
fn rules_for_everything_do_not_make_others_slow() {
    let own = |i: usize| format!("Host(`a`) && PathPrefix(`/p{i:05}`)");
    let ask = |i| Request::new().host("a").path(&format!("/p{i:05}"));
    let first = [entry("PathPrefix(`/`)", i64::MAX, "first")];
    assert_eq!(most_steps(MANY, &first, own, ask), 0);
    let asked = [entry("Header(`K`, `v`)", i64::MAX, "first"), entry("PathPrefix(`/`)", i64::MIN, "last")];
    assert_eq!(most_steps(MANY, &asked, own, ask), 1);
    // Once a better rule is known, a worse one is not asked.
    let last = [entry("Header(`K`, `v`)", i64::MIN, "last")];
    assert_eq!(most_steps(MANY, &last, own, ask), 0);
}
