//! Configurations for tests.

use fairlead_conf::Node;
use fairlead_diag::{Findings, Origin};

/// A tree from YAML.
pub(crate) fn yaml(text: &str) -> Node {
    fairlead_conf::yaml::parse(text, "test.yml").unwrap()
}

/// Findings as `CODE line:column message`.
pub(crate) fn lines(findings: &Findings) -> Vec<String> {
    let line = |finding: &fairlead_diag::Finding| {
        let place = match finding.origin() {
            Some(Origin::File { at, .. }) => format!("{}:{}", at.line, at.column),
            _ => "-".to_owned(),
        };
        format!("{} {place} {}", finding.code.id, finding.message)
    };
    findings.iter().map(line).collect()
}
