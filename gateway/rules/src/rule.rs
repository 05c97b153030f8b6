//! From the text of a rule to its predicates.

use std::ops::Range;
use std::sync::Arc;

use fairlead_expr::{Call, Expr, ExprKind, Literal, Value, parse_partial};

use crate::View;
use crate::http::{Fault, Params, Spec, V2, V3};
use crate::keys::{Key, cover};
use crate::tree::{Node, NodeId, Predicate, Tree};

/// Which set of matchers a rule is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Syntax {
    /// The current syntax.
    #[default]
    V3,
    /// The syntax of Traefik v2: several arguments per matcher, path and host templates.
    V2,
}

/// Something wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    /// What is wrong, in Traefik's words where it has them.
    pub message: String,
    /// Byte range in the text of the rule.
    pub span: Range<usize>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A rule that has been read: immutable, and shared between tables.
#[derive(Debug)]
pub struct Rule {
    text: Box<str>,
    syntax: Syntax,
    pub(crate) tree: Tree,
    pub(crate) keys: Vec<Key>,
    hosts: Vec<Arc<str>>,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// Everything wrong with the text: syntax, unknown matchers, wrong arguments; in the order of their positions.
    pub fn parse(text: &str, syntax: Syntax) -> Result<Self, Vec<RuleError>> {
        let (expr, errors) = parse_partial(text);
        let errors = errors
            .into_iter()
            .map(|e| RuleError { message: e.message, span: e.span, help: e.help })
            .collect();
        let tree = Tree { predicates: Vec::new(), nodes: Vec::new(), root: 0 };
        let mut reader = Reader { syntax, tree, errors, hosts: Vec::new() };
        let root = expr.and_then(|expr| reader.node(&expr, false));
        let Reader { mut tree, mut errors, hosts, .. } = reader;
        match root {
            Some(root) if errors.is_empty() => {
                tree.root = root;
                let keys = cover(&tree, root);
                Ok(Self { text: text.into(), syntax, tree, keys, hosts })
            }
            _ => {
                errors.sort_by_key(|e| e.span.start);
                errors.truncate(fairlead_expr::MAX_ERRORS);
                Err(errors)
            }
        }
    }

    /// The rule as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The syntax that the text was read in.
    pub fn syntax(&self) -> Syntax {
        self.syntax
    }

    /// Whether the rule takes this request.
    pub fn matches(&self, view: &View<'_>) -> bool {
        self.tree.holds(self.tree.root, view)
    }

    /// The hosts that the rule names with `Host`, negated ones left out: lower case, in order, each once. They are
    /// the domains a certificate is wanted for; wildcards are among them.
    pub fn hosts(&self) -> Vec<Arc<str>> {
        self.hosts.clone()
    }

    /// The priority of a router that sets none: the length of the text in bytes.
    pub fn default_priority(&self) -> i64 {
        i64::try_from(self.text.len()).unwrap_or(i64::MAX)
    }
}

/// Turns an expression into a tree, collecting what is wrong with it.
struct Reader {
    syntax: Syntax,
    tree: Tree,
    errors: Vec<RuleError>,
    hosts: Vec<Arc<str>>,
}

impl Reader {
    /// The node for `expr`, or for its opposite. `None` after an error.
    fn node(&mut self, expr: &Expr, negated: bool) -> Option<NodeId> {
        match &expr.kind {
            ExprKind::Not(inner) => self.node(inner, !negated),
            ExprKind::And(parts) => self.group(parts, negated, !negated),
            ExprKind::Or(parts) => self.group(parts, negated, negated),
            ExprKind::Call(call) => self.call(call, negated),
            ExprKind::Compare(comparison) => {
                let message = format!("{} is not supported", comparison.operator);
                self.fail(
                    expr.span.clone(),
                    message,
                    Some("a rule joins matchers with `&&`, `||` and `!`".to_owned()),
                )
            }
        }
    }

    /// De Morgan: the opposite of a conjunction is a disjunction of opposites.
    fn group(&mut self, parts: &[Expr], negated: bool, all: bool) -> Option<NodeId> {
        let nodes: Vec<_> = parts.iter().map(|part| self.node(part, negated)).collect();
        let nodes = nodes.into_iter().collect::<Option<Vec<_>>>()?;
        Some(self.join(nodes, all))
    }

    fn join(&mut self, nodes: Vec<NodeId>, all: bool) -> NodeId {
        match nodes[..] {
            [only] => only,
            _ if all => self.tree.push(Node::All(nodes.into())),
            _ => self.tree.push(Node::Any(nodes.into())),
        }
    }

    fn call(&mut self, call: &Call, negated: bool) -> Option<NodeId> {
        let Some(spec) = self.spec(&call.name) else {
            let help = self.help_for(&call.name);
            return self.fail(call.name_span.clone(), format!("unsupported function: {}", call.name), help);
        };
        let args = self.texts(call)?;
        let width = match spec.params {
            Params::OneOf(_) | Params::Some => args.len().max(1),
            Params::Each => 1,
            Params::Pairs => 2,
        };
        if !self.check_args(call, spec) {
            return None;
        }
        let count = args.len().div_ceil(width).max(1);
        let nodes: Vec<_> = (0..count)
            .map(|i| {
                self.predicate(call, spec, i * width..((i + 1) * width).min(args.len()), count > 1, negated)
            })
            .collect();
        let nodes = nodes.into_iter().collect::<Option<Vec<_>>>()?;
        if !negated && matches!(spec.name, "Host" | "HostHeader") {
            self.name_hosts(&args);
        }
        let all = !matches!(spec.params, Params::Each);
        Some(self.join(nodes, all != negated))
    }

    /// The leaf for the arguments `part` of `call`.
    fn predicate(
        &mut self,
        call: &Call,
        spec: &'static Spec,
        part: Range<usize>,
        one_of_many: bool,
        negated: bool,
    ) -> Option<NodeId> {
        let own = &call.args[part];
        let texts: Vec<&str> = own.iter().filter_map(text_of).collect();
        match (spec.build)(&texts) {
            Ok(matcher) => {
                let ends = own.first().zip(own.last()).filter(|_| one_of_many);
                let part = ends.map(|(first, last)| first.span.start..last.span.end);
                let predicate = self.tree.predicates.len() as u32;
                self.tree.predicates.push(Predicate {
                    matcher,
                    name: spec.name,
                    span: call.span.clone(),
                    part,
                });
                Some(self.tree.push(Node::Leaf { predicate, negated }))
            }
            Err(Fault { arg, message, help }) => {
                let span = own.get(arg).map_or(call.span.clone(), |a| a.span.clone());
                self.fail(span, message, help.map(str::to_owned))
            }
        }
    }

    /// The arguments as strings; numbers are errors.
    fn texts<'a>(&mut self, call: &'a Call) -> Option<Vec<&'a str>> {
        let texts: Option<Vec<_>> = call.args.iter().map(text_of).collect();
        if texts.is_none() {
            for number in call.args.iter().filter(|a| text_of(a).is_none()) {
                let help = format!("write `{number}` in back-ticks or double quotes");
                self.fail::<()>(
                    number.span.clone(),
                    "expected a string, found a number".to_owned(),
                    Some(help),
                );
            }
        }
        texts
    }

    fn check_args(&mut self, call: &Call, spec: &Spec) -> bool {
        let got = call.args.len();
        if got == 0 {
            self.fail::<()>(call.span.clone(), format!("no args for matcher {}", spec.name), None);
            return false;
        }
        let expected = match spec.params {
            Params::OneOf(counts) if !counts.contains(&got) => {
                let counts: Vec<_> = counts.iter().map(usize::to_string).collect();
                format!("expected one of [{}]", counts.join(" "))
            }
            Params::Pairs if got % 2 == 1 => "expected pairs of name and value".to_owned(),
            _ => return self.check_not_empty(call, spec),
        };
        let help = match (spec.params, got) {
            (Params::OneOf([1]), 2..) => Some(format!("write one {} for each, joined with `||`", spec.name)),
            _ => None,
        };
        self.fail::<()>(
            call.span.clone(),
            format!("unexpected number of parameters; got {got}, {expected}"),
            help,
        );
        false
    }

    fn check_not_empty(&mut self, call: &Call, spec: &Spec) -> bool {
        let Some(empty) = call.args.iter().find(|arg| text_of(arg) == Some("")) else { return true };
        let args: Vec<_> = call.args.iter().filter_map(text_of).collect();
        let message = format!("empty args for matcher {}, [{}]", spec.name, args.join(" "));
        self.fail::<()>(empty.span.clone(), message, None);
        false
    }

    fn spec(&self, name: &str) -> Option<&'static Spec> {
        catalogue(self.syntax).iter().find(|spec| is_name(name, spec.name))
    }

    fn help_for(&self, name: &str) -> Option<String> {
        let (other, label) = match self.syntax {
            Syntax::V3 => (Syntax::V2, "v2"),
            Syntax::V2 => (Syntax::V3, "v3"),
        };
        let near = nearest(name, catalogue(self.syntax));
        if catalogue(other).iter().any(|spec| is_name(name, spec.name)) {
            let instead = near.map(|n| format!("; here it is `{n}`")).unwrap_or_default();
            return Some(format!("`{name}` belongs to the {label} syntax{instead}"));
        }
        near.map(|n| format!("did you mean `{n}`?"))
    }

    fn name_hosts(&mut self, hosts: &[&str]) {
        for host in hosts {
            let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
            if !self.hosts.iter().any(|h| **h == *host) {
                self.hosts.push(host.into());
            }
        }
    }

    fn fail<T>(&mut self, span: Range<usize>, message: String, help: Option<String>) -> Option<T> {
        self.errors.push(RuleError { message, span, help });
        None
    }
}

fn catalogue(syntax: Syntax) -> &'static [Spec] {
    match syntax {
        Syntax::V3 => V3,
        Syntax::V2 => V2,
    }
}

fn text_of(literal: &Literal) -> Option<&str> {
    match &literal.value {
        Value::Text(text) => Some(text),
        Value::Int(_) | Value::Float(_) => None,
    }
}

/// A name counts as documented, in lower case, in upper case, and with only its first letter in upper case.
fn is_name(given: &str, name: &str) -> bool {
    if !given.eq_ignore_ascii_case(name) {
        return false;
    }
    let rest_lower = !given[1..].bytes().any(|b| b.is_ascii_uppercase());
    given == name || rest_lower || !given.bytes().any(|b| b.is_ascii_lowercase())
}

fn nearest(name: &str, specs: &[Spec]) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let near =
        specs.iter().map(|spec| (strsim::jaro_winkler(&name, &spec.name.to_ascii_lowercase()), spec.name));
    let best = near.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.8).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{errors, errors_v2, matches, rule};

    #[test]
    fn names_have_four_spellings() {
        for name in ["HostRegexp", "hostregexp", "HOSTREGEXP", "Hostregexp"] {
            assert!(Rule::parse(&format!("{name}(`a`)"), Syntax::V3).is_ok(), "{name}");
        }
        for name in ["hostRegexp", "HostRegExp", "hOST"] {
            assert_eq!(errors(&format!("{name}(`a`)")), [format!("unsupported function: {name}")]);
        }
    }

    #[test]
    fn unknown_names_have_a_neighbour() {
        let text = "Path(`/`) && Hosst(`a`)";
        let errors = Rule::parse(text, Syntax::V3).unwrap_err();
        assert_eq!(errors[0].message, "unsupported function: Hosst");
        assert_eq!(&text[errors[0].span.clone()], "Hosst");
        assert_eq!(errors[0].help.as_deref(), Some("did you mean `Host`?"));
        let help = |text, syntax| Rule::parse(text, syntax).unwrap_err()[0].help.clone().unwrap_or_default();
        assert_eq!(
            help("Headers(`a`, `b`)", Syntax::V3),
            "`Headers` belongs to the v2 syntax; here it is `Header`"
        );
        assert!(help("PathRegexp(`a`)", Syntax::V2).starts_with("`PathRegexp` belongs to the v3 syntax"));
        assert_eq!(help("Zzz(`a`)", Syntax::V3), "");
    }

    #[test]
    fn arguments_are_counted_and_typed() {
        assert_eq!(errors("Host(`a`, `b`)"), ["unexpected number of parameters; got 2, expected one of [1]"]);
        assert_eq!(errors("Query()"), ["no args for matcher Query"]);
        assert_eq!(
            errors("Query(`a`, `b`, `c`)"),
            ["unexpected number of parameters; got 3, expected one of [1 2]"]
        );
        assert_eq!(errors("Header(`a`, ``)"), ["empty args for matcher Header, [a ]"]);
        assert_eq!(errors("Host(1)"), ["expected a string, found a number"]);
        assert_eq!(errors_v2("Host()"), ["no args for matcher Host"]);
        assert!(errors_v2("Headers(`a`)")[0].contains("expected pairs"));
        assert_eq!(errors("Host(`a`) > 1"), ["> is not supported"]);
    }

    #[test]
    fn all_errors_of_a_rule_are_reported() {
        let text = "Hosst(`a`) && Path(`x`) || Host(y) && Method(`GET`, `PUT`)";
        let errors = Rule::parse(text, Syntax::V3).unwrap_err();
        let spans: Vec<_> = errors.iter().map(|e| &text[e.span.clone()]).collect();
        assert_eq!(spans, ["Hosst", "`x`", "y", "Method(`GET`, `PUT`)"]);
        assert_eq!(super::Rule::parse("", Syntax::V3).unwrap_err()[0].message, "expression is empty");
    }

    #[test]
    fn not_is_pushed_inwards() {
        let text = "!(Host(`a`) && (Path(`/x`) || !Method(`GET`)))";
        assert!(!matches(text, |r| r.host("a").path("/x")));
        assert!(matches(text, |r| r.host("b").path("/x")));
        assert!(matches(text, |r| r.host("a").path("/y").method("GET")));
        assert!(!matches(text, |r| r.host("a").path("/y").method("PUT")));
        assert!(matches("!!Host(`a`)", |r| r.host("a")));
    }

    #[test]
    fn hosts_are_the_named_ones() {
        let hosts = |text, syntax| {
            Rule::parse(text, syntax).unwrap().hosts().iter().map(|h| h.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            hosts("Host(`A.b.`) || Host(`*.c`) && !Host(`d`) || Host(`a.b`)", Syntax::V3),
            ["a.b", "*.c"]
        );
        assert_eq!(hosts("Host(`a`, `b`) && HostHeader(`c`)", Syntax::V2), ["a", "b", "c"]);
        assert_eq!(hosts("!(Path(`/`) || !Host(`e`))", Syntax::V3), ["e"]);
        assert_eq!(rule("Host(`a`) || Path(`/é`)").default_priority(), 24);
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_an_answer(text in "((Host|Path|Query|X|Header)?[`\"(),!&| \n{}:a-z/\\[*.-]{0,6}){0,8}") {
            for syntax in [Syntax::V3, Syntax::V2] {
                if let Err(errors) = Rule::parse(&text, syntax) {
                    proptest::prop_assert!(!errors.is_empty());
                    proptest::prop_assert!(errors.iter().all(|e| text.get(e.span.clone()).is_some()));
                }
            }
        }
    }
}
