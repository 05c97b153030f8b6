//! Rules of routers: parsed, and each fault shown where it stands in the file.

use fairlead_conf::{Node, Value};
use fairlead_diag::{Finding, Origin};
use fairlead_model::dynamic::{Object, Router};
use fairlead_model::statics::RuleSyntax;
use fairlead_rules::{Rule, RuleError, Syntax};

use crate::codes;

/// Why a rule cannot be used.
pub(crate) struct Fault {
    /// What is wrong, for the API.
    pub(crate) message: String,
    /// The same with its place.
    pub(crate) finding: Finding,
}

/// The language that a router's rule is written in.
pub(crate) fn syntax(router: &Router, default: RuleSyntax) -> Syntax {
    match router.rule_syntax.unwrap_or(default) {
        RuleSyntax::V2 => Syntax::V2,
        RuleSyntax::V3 => Syntax::V3,
    }
}

/// The rule of the router `name`.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn parse(name: &str, object: &Object<Router>, syntax: Syntax) -> Result<Rule, Vec<Fault>> {
    Rule::parse(&object.value.rule, syntax)
        .map_err(|errors| errors.into_iter().map(|error| fault(name, object, error)).collect())
}

fn fault(name: &str, object: &Object<Router>, error: RuleError) -> Fault {
    let message = format!("router `{name}`: {}", error.message);
    let finding = Finding::new(&codes::BAD_RULE, message)
        .at(&place(object, &error))
        .about(format!("router {name}"))
        .evidence("rule", &object.value.rule);
    let finding = match &error.help {
        Some(help) => finding.help(help.as_str()),
        None => finding,
    };
    Fault { message: error.message, finding }
}

/// Where the fault stands: inside the rule when that stands in a file.
fn place(object: &Object<Router>, error: &RuleError) -> Origin {
    let place = object.value_origin(&["rule"]);
    let in_file = matches!(place, Origin::File { .. });
    let quoted = in_file && object.node.at(&["rule"]).is_some_and(is_quoted);
    let text = &object.value.rule;
    let before = text.get(..error.span.start).map_or(0, |text| text.chars().count());
    let chars = text.get(error.span.clone()).map_or(1, |text| text.chars().count().max(1));
    let shift = u32::try_from(before + usize::from(quoted)).unwrap_or(0);
    place.shifted(shift, u32::try_from(chars).unwrap_or(1))
}

fn is_quoted(node: &Node) -> bool {
    matches!(node.value, Value::Scalar { quoted: true, .. })
}
