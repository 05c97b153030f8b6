//! Environment variables: `TRAEFIK_ENTRYPOINTS_WEB_ADDRESS=:80`.
//!
//! The name after the prefix is split at `_`. Neither options nor names of entry points can contain `_` there, which is
//! a limit of the naming, not of the reader.

use fairlead_diag::Origin;

use crate::Node;
use crate::paths::PathTree;

/// The prefix of variables that configure the gateway.
pub const PREFIX: &str = "TRAEFIK_";

/// The tree of all variables that begin with [`PREFIX`] without case; `None` when there is none.
pub fn parse(vars: impl Iterator<Item = (String, String)>) -> Option<Node> {
    let mut named: Vec<(String, String)> = vars.filter(|(name, _)| path_of(name).is_some()).collect();
    // The order in which a process sees its environment means nothing.
    named.sort();
    let mut tree = PathTree::default();
    for (name, value) in &named {
        let path = path_of(name).unwrap_or_default().to_ascii_lowercase();
        let parts: Vec<&str> = path.split('_').collect();
        // Not a path: not ours.
        let _ = tree.set_parts(&parts, value, &Origin::Env(name.as_str().into()));
    }
    (!tree.is_empty()).then(|| tree.into_node())
}

fn path_of(name: &str) -> Option<&str> {
    let prefix = name.get(..PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then(|| &name[PREFIX.len()..])
}
