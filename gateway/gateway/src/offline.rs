//! A snapshot without a running gateway: for `check` and `explain-request`, and for tests.

use std::sync::Arc;

use fairlead_diag::Findings;
use fairlead_model::Merged;
use fairlead_model::dynamic::Dynamic;
use fairlead_model::name;
use fairlead_model::statics::Static;

use crate::gateway::{self, System};
use crate::service::internal::Noop;
use crate::snapshot::Snapshot;
use crate::{build, settings};

/// Builds what a gateway would serve with these providers and systems, of which only the names count. Nothing is bound or asked; call within a runtime, where health probes
/// are started and dropped with the result.
#[must_use]
pub fn snapshot(
    statics: &Arc<Static>,
    providers: &[(&str, Arc<Dynamic>)],
    systems: &[&'static str],
    mut findings: Findings,
) -> Snapshot {
    findings.extend(settings::udp_findings(statics));
    let systems = systems.iter().map(|name| System { name, service: Arc::new(Noop), api: None }).collect();
    let shared = gateway::shared(statics, systems, gateway::metrics(statics), None);
    let entry_points = gateway::entry_points(&shared);
    let internal = Arc::new(build::internal::dynamic(statics));
    let all = providers.iter().map(|(name, dynamic)| (*name, &**dynamic));
    let merged = Merged::from_providers(all.chain([(name::INTERNAL, &*internal)]));
    build::build(&shared, &entry_points, merged, findings)
}
