//! The layer table of the house: arrows between our crates run downwards only.
//!
//! Reads `cargo metadata`; fails on a crate that is not in the table and on an arrow that runs upwards or sideways between systems.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// Crate, layer, system. Crates of the kernel belong to `base`; `any` may be used from everywhere in tests.
const TABLE: &[(&str, u8, &str)] = &[
    ("fairlead-diag", 0, "base"),
    ("fairlead-conf", 0, "base"),
    ("fairlead-expr", 0, "base"),
    ("fairlead-gotmpl", 0, "base"),
    ("fairlead-rt", 1, "base"),
    ("fairlead-telemetry", 1, "base"),
    ("fairlead-net", 1, "base"),
    ("fairlead-http", 2, "base"),
    ("fairlead-upstream", 2, "base"),
    ("fairlead-store", 2, "base"),
    ("fairlead-gomod", 0, "mirror"),
    ("fairlead-sumdb", 0, "mirror"),
    ("fairlead-mirror", 4, "mirror"),
    ("fairlead-model", 1, "gateway"),
    ("fairlead-rules", 1, "gateway"),
    ("fairlead-middleware", 3, "gateway"),
    ("fairlead-provider", 3, "gateway"),
    ("fairlead-gateway", 4, "gateway"),
    ("fairlead", 5, "bin"),
    ("fairlead-testkit", 5, "tools"),
    ("fairlead-e2e", 5, "tools"),
    ("fairlead-bench", 5, "tools"),
    ("xtask", 5, "tools"),
];

/// Arrows within a layer that are meant: the lower room is listed second.
const SIDEWAYS: &[(&str, &str)] = &[
    ("fairlead-conf", "fairlead-diag"),
    ("fairlead-upstream", "fairlead-http"),
    ("fairlead-store", "fairlead-http"),
    ("fairlead-net", "fairlead-rt"),
    ("fairlead-sumdb", "fairlead-gomod"),
];

/// Pure crates that other systems may use.
const SHARED: &[&str] = &["fairlead-model", "fairlead-gomod", "fairlead-sumdb", "fairlead-tensor"];

/// Checks every arrow of the workspace.
///
/// # Errors
/// With all arrows that must not be.
pub(crate) fn check() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().no_deps().exec().context("cargo metadata failed")?;
    let rooms: BTreeMap<&str, (u8, &str)> =
        TABLE.iter().map(|&(name, layer, system)| (name, (layer, system))).collect();
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(&room) = rooms.get(name) else {
            faults.push(format!("{name} is not in the layer table of xtask/src/layers.rs"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            let Some(&below) = rooms.get(dependency.name.as_str()) else { continue };
            if let Some(fault) = fault((name, room), (&dependency.name, below)) {
                faults.push(fault);
            }
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("the house has arrows that must not be:\n  {}", faults.join("\n  "))
}

fn fault((from, room): (&str, (u8, &str)), (to, below): (&str, (u8, &str))) -> Option<String> {
    if room.1 == "tools" {
        return None;
    }
    if below.0 > room.0 {
        return Some(format!("{from} (L{}) uses {to} (L{}): upwards", room.0, below.0));
    }
    if below.0 == room.0 && !SIDEWAYS.contains(&(from, to)) {
        return Some(format!("{from} uses {to}: sideways in L{}", room.0));
    }
    let foreign = below.1 != "base" && below.1 != room.1 && room.1 != "bin";
    (foreign && !SHARED.contains(&to))
        .then(|| format!("{from} ({}) uses {to} ({}): across systems", room.1, below.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_as_it_stands_is_sound() {
        check().unwrap();
    }

    #[test]
    fn upwards_sideways_and_across_are_found() {
        assert!(fault(("a", (1, "base")), ("b", (2, "base"))).unwrap().contains("upwards"));
        assert!(fault(("a", (1, "base")), ("b", (1, "base"))).unwrap().contains("sideways"));
        assert!(fault(("a", (4, "mirror")), ("b", (3, "gateway"))).unwrap().contains("across"));
        assert!(fault(("a", (4, "mirror")), ("fairlead-model", (1, "gateway"))).is_none());
        assert!(fault(("a", (2, "base")), ("b", (1, "base"))).is_none());
    }
}
