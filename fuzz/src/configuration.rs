//! Configuration: every front end, the decoders of static and dynamic options, and the checks.
//!
//! The first byte chooses the front end: `y`aml, `t`oml, `j`son, `f`lags, `e`nvironment; the rest is its text, with an
//! argument or variable on each line.

use fairlead_conf::Node;
use fairlead_diag::{Findings, render};
use fairlead_model::check::{self, Surroundings};
use fairlead_model::{Dynamic, Merged, Static, not_yet};

/// Files larger than this add time and no new ways.
const MAX_TEXT: usize = 16 << 10;

/// Reads, decodes twice and checks.
///
/// # Panics
/// When decoding the same tree twice gives two results.
pub fn run(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(&text[..text.len().min(MAX_TEXT)]);
    let mut findings = Findings::new();
    let node = match kind {
        b'y' => fairlead_conf::yaml::parse(&text, "fuzz.yml").map_err(|finding| findings.push(finding)).ok(),
        b't' => fairlead_conf::toml::parse(&text, "fuzz.toml").map_err(|finding| findings.push(finding)).ok(),
        b'j' => fairlead_conf::json::parse(&text, "fuzz.json").map_err(|finding| findings.push(finding)).ok(),
        b'f' => flags(&text).map_err(|found| findings.extend(found)).ok(),
        _ => environment(&text),
    };
    if let Some(node) = node {
        findings.extend(decode(&node));
    }
    // Every renderer must cope with whatever place and text a finding holds.
    let _ = render::text(&findings, &render::TextStyle::default());
    let _ = render::json(&findings);
    let _ = render::sarif(&findings, "0");
}

fn flags(text: &str) -> Result<Node, Findings> {
    let arguments: Vec<String> = text.lines().map(str::to_owned).collect();
    fairlead_conf::flags::parse(&arguments)
}

fn environment(text: &str) -> Option<Node> {
    let variables = text.lines().filter_map(|line| line.split_once('='));
    fairlead_conf::env::parse(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn decode(node: &Node) -> Findings {
    let mut findings = Findings::new();
    let statics = Static::decode(node, &mut findings).unwrap_or_default();
    let dynamic = Dynamic::decode(node, &mut findings);
    let mut again = Findings::new();
    let _ = Static::decode(node, &mut again);
    assert!(Dynamic::decode(node, &mut again) == dynamic, "the same tree decodes to two configurations");
    assert!(again == findings, "the same tree gives other findings");
    findings.extend(not_yet::findings_static(node));
    findings.extend(not_yet::findings_dynamic(node));
    let merged = Merged::from_providers([("file", &dynamic), ("other", &dynamic)]);
    let surroundings =
        Surroundings { statics: &statics, internal_services: &["api@internal"], internal_middlewares: &[] };
    findings.extend(check::dynamic(&merged, surroundings));
    findings
}
