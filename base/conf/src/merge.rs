//! One tree over another.

use fairlead_diag::{Finding, Findings};

use crate::{Entry, Node, Value, codes};

/// `over` on top of `base`: maps are merged by key, without case; anything else of `over` takes the place of `base`'s.
/// Values that differ and are overridden are reported as information.
#[must_use]
pub fn merge(base: Node, over: Node, findings: &mut Findings) -> Node {
    merge_at(base, over, &mut Vec::new(), findings)
}

fn merge_at(base: Node, over: Node, path: &mut Vec<Box<str>>, findings: &mut Findings) -> Node {
    match (base.value, over.value) {
        (Value::Map(base_entries), Value::Map(over_entries)) => {
            let value = Value::Map(merge_entries(base_entries, over_entries, path, findings));
            Node { origin: base.origin, value }
        }
        // Naming a section alone does not clear it.
        (base_value, Value::Null) => Node { origin: base.origin, value: base_value },
        (base_value, over_value) => {
            if !matches!(base_value, Value::Null) {
                let base = Node { origin: base.origin, value: base_value };
                let over = Node { origin: over.origin, value: over_value };
                report(&base, &over, path, findings);
                return over;
            }
            Node { origin: over.origin, value: over_value }
        }
    }
}

fn merge_entries(
    mut base: Vec<Entry>,
    over: Vec<Entry>,
    path: &mut Vec<Box<str>>,
    findings: &mut Findings,
) -> Vec<Entry> {
    for entry in over {
        let Some(index) = base.iter().position(|known| known.key.eq_ignore_ascii_case(&entry.key)) else {
            base.push(entry);
            continue;
        };
        let known = base.remove(index);
        path.push(known.key.clone());
        let node = merge_at(known.node, entry.node, path, findings);
        path.pop();
        base.insert(index, Entry { key: known.key, key_origin: known.key_origin, node });
    }
    base
}

fn report(base: &Node, over: &Node, path: &[Box<str>], findings: &mut Findings) {
    if base.content_hash() == over.content_hash() {
        return;
    }
    findings.push(
        Finding::new(&codes::OVERRIDDEN, format!("`{}` is overridden", path.join(".")))
            .label(&over.origin, "this value counts")
            .label(&base.origin, "this one is overridden"),
    );
}
