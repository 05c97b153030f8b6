//! What a source may expand to. All parsers spend from the same budget.

use fairlead_diag::{Finding, Origin};

use crate::codes;

/// Levels of nesting. The readers, the decoder and `Drop` recurse once per level.
pub(crate) const MAX_DEPTH: usize = 64;
/// Values in one source, after aliases are expanded.
pub(crate) const MAX_NODES: usize = 1_000_000;
/// Bytes of text in one source, before and after aliases are expanded.
pub(crate) const MAX_BYTES: usize = 64 << 20;

/// What is left of the bounds.
pub(crate) struct Budget {
    nodes: usize,
    bytes: usize,
}

/// What a part of a source took from the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    nodes: usize,
    bytes: usize,
}

impl Spent {
    /// Whether parts that took this much are within the bounds together.
    #[must_use]
    pub fn fits(parts: impl IntoIterator<Item = Spent>) -> bool {
        let all = parts.into_iter().fold(Spent::default(), |all, part| Spent {
            nodes: all.nodes.saturating_add(part.nodes),
            bytes: all.bytes.saturating_add(part.bytes),
        });
        all.nodes <= MAX_NODES && all.bytes <= MAX_BYTES
    }
}

impl Budget {
    /// What was taken.
    pub(crate) fn spent(&self) -> Spent {
        Spent { nodes: MAX_NODES - self.nodes, bytes: MAX_BYTES - self.bytes }
    }

    /// A fresh one for a text, if the text itself is within bounds.
    pub(crate) fn for_text(text: &str, path: &str) -> Result<Self, Finding> {
        if text.len() > MAX_BYTES {
            let size = format!("{} bytes of text, more than {MAX_BYTES}", text.len());
            return Err(too_large(&size, &Origin::file(path)));
        }
        Ok(Budget { nodes: MAX_NODES, bytes: MAX_BYTES })
    }

    /// Takes values and bytes of text for something at `origin`.
    pub(crate) fn spend(&mut self, nodes: usize, bytes: usize, origin: &Origin) -> Result<(), Finding> {
        match (self.nodes.checked_sub(nodes), self.bytes.checked_sub(bytes)) {
            (Some(nodes), Some(bytes)) => {
                *self = Budget { nodes, bytes };
                Ok(())
            }
            (None, _) => Err(too_large(&format!("expands to more than {MAX_NODES} values"), origin)),
            (_, None) => Err(too_large(&format!("expands to more than {MAX_BYTES} bytes of text"), origin)),
        }
    }
}

/// Refuses what is nested deeper than [`MAX_DEPTH`].
pub(crate) fn check_depth(depth: usize, origin: &Origin) -> Result<(), Finding> {
    if depth > MAX_DEPTH {
        return Err(too_large(&format!("nested deeper than {MAX_DEPTH} levels"), origin));
    }
    Ok(())
}

fn too_large(what: &str, origin: &Origin) -> Finding {
    Finding::new(&codes::TOO_LARGE, format!("configuration is too large: {what}"))
        .at(origin)
        .help("split the file, or write values out instead of aliasing aliases")
}
