//! The match tables that find the router of a request, and the routers that no request finds.

use std::sync::Arc;

use fairlead_diag::{Finding, Findings};
use fairlead_model::statics::Static;
use fairlead_model::{Merged, name};
use fairlead_rules::{Entry, Rank, Table};
use hashbrown::HashMap;

use super::Built;
use super::routers::declared;
use crate::codes;
use crate::router::Router;
use crate::shared::Shared;
use crate::snapshot::Routes;

/// The match tables of each entry point: plain and TLS.
pub(super) fn tables(
    shared: &Shared,
    entry_points: usize,
    config: &Merged,
    built: &Built,
    findings: &mut Findings,
) -> Vec<(Routes, Routes)> {
    let precedence = precedence(&shared.statics);
    let mut lists: Vec<[Vec<Arc<Router>>; 2]> = (0..entry_points).map(|_| Default::default()).collect();
    for router in built.routers.values() {
        for (place, tls, router) in &router.places {
            if let Some(lists) = lists.get_mut(*place) {
                lists[usize::from(*tls)].push(Arc::clone(router));
            }
        }
    }
    let table = |routers: Vec<Arc<Router>>, findings: &mut Findings| {
        let rank = |router: &Router| Rank {
            priority: router.priority,
            precedence: precedence.get(name::provider(&router.name)).copied().unwrap_or(u32::MAX),
            name: Arc::clone(&router.name),
        };
        shadowed(&routers, config, findings);
        let entries =
            routers.iter().map(|router| Entry { rule: Arc::clone(&router.rule), rank: rank(router) });
        Routes { table: Table::build(entries.collect()), routers }
    };
    lists.into_iter().map(|[plain, tls]| (table(plain, findings), table(tls, findings))).collect()
}

/// Finds routers whose very rule another router of the entry point has with a higher priority. Equal priorities are a tie, which the model reports.
fn shadowed(routers: &[Arc<Router>], config: &Merged, findings: &mut Findings) {
    let mut first: HashMap<&str, &Arc<Router>> = HashMap::with_capacity(routers.len());
    for router in routers {
        let best = first.entry(router.rule.text()).or_insert(router);
        if best.priority == router.priority {
            continue;
        }
        let (winner, loser) = if router.priority > best.priority { (router, *best) } else { (*best, router) };
        *best = winner;
        let message = format!(
            "router `{}` never matches: `{}` has the same rule and a higher priority ({} against {})",
            loser.name, winner.name, winner.priority, loser.priority
        );
        let finding = Finding::new(&codes::SHADOWED, message).about(format!("router {}", loser.name));
        let labels = [(loser, "never matches"), (winner, "takes its requests")];
        let finding = labels.into_iter().fold(finding, |finding, (router, text)| {
            match declared(config, &router.name) {
                Some(object) => finding.label(&object.value_origin(&["rule"]), text),
                None => finding,
            }
        });
        findings.push(finding.evidence("rule", router.rule.text()));
    }
}

fn precedence(statics: &Static) -> HashMap<&str, u32> {
    let order = statics.providers.precedence.iter().zip(1..);
    let mut ranks: HashMap<&str, u32> = order.map(|(provider, rank)| (provider.as_str(), rank)).collect();
    ranks.insert(name::INTERNAL, 0);
    ranks
}
