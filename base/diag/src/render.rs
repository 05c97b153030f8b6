//! Renderers. Each takes findings and returns a string; none prints.

use crate::Findings;

/// Findings as a JSON array, pretty-printed.
#[must_use]
pub fn json(findings: &Findings) -> String {
    serde_json::to_string_pretty(findings).unwrap_or_default()
}
