//! What cannot work in a static configuration although every option is well formed.

use fairlead_conf::Node;
use fairlead_diag::{Finding, Findings};

use super::Static;
use crate::codes;

/// Reports what cannot work. `node` is where the configuration was read from.
pub(super) fn check(statics: &Static, node: &Node, findings: &mut Findings) {
    if statics.entry_points.is_empty() {
        findings.push(Finding::new(&codes::NO_ADDRESS, "no entry point").at(&node.origin));
    }
}
