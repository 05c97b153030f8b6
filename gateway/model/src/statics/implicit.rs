//! Entry points that are there although nobody declared them.

use super::address::Address;
use super::api::INTERNAL_ENTRY_POINT;
use super::{EntryPoint, Static};

/// Name of the entry point that is made when none is declared.
const HTTP: &str = "http";

/// Adds `http` on port 80 when nothing is declared, and `traefik` on port 8080 when an internal page needs it.
pub(super) fn add_entry_points(statics: &mut Static) {
    if statics.entry_points.is_empty() {
        statics.entry_points.insert(HTTP.into(), listening_on(80));
    }
    if needs_internal(statics) && !statics.entry_points.contains_key(INTERNAL_ENTRY_POINT) {
        statics.entry_points.insert(INTERNAL_ENTRY_POINT.into(), listening_on(8080));
    }
}

fn listening_on(port: u16) -> EntryPoint {
    EntryPoint { address: Address::any(port), ..EntryPoint::default() }
}

fn needs_internal(statics: &Static) -> bool {
    let prometheus = statics.metrics.as_ref().and_then(|metrics| metrics.prometheus.as_ref());
    statics.api.as_ref().is_some_and(|api| api.insecure)
        || statics
            .ping
            .as_ref()
            .is_some_and(|ping| !ping.manual_routing && ping.entry_point == INTERNAL_ENTRY_POINT)
        || prometheus.is_some_and(|page| !page.manual_routing && page.entry_point == INTERNAL_ENTRY_POINT)
        || statics.providers.rest.as_ref().is_some_and(|rest| rest.insecure)
}
