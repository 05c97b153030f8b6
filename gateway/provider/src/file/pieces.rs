//! The pieces of a large YAML file: of its next version only those are parsed and decoded that changed.
//!
//! What stays the same but moves, because lines were added above, is moved along. A version that has anything to
//! complain about, such as a name that is given twice, is read as a whole: then the findings are those of the whole.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;

use fairlead_conf::yaml::pieces::{Section, cut};
use fairlead_conf::{Node, Spent};
use fairlead_diag::Findings;
use fairlead_model::Dynamic;
use fairlead_model::not_yet::{self, Places};

use super::merge::merge;

/// Sections with many entries.
const SECTIONS: [Section; 3] = [["http", "routers"], ["http", "services"], ["http", "middlewares"]];
/// Bytes of a file that is worth it.
const LARGE: usize = 64 << 10;

/// The pieces of the last version that could be read in pieces, by hash.
#[derive(Default)]
pub(super) struct Pieces(HashMap<u64, Piece>);

#[derive(Clone)]
struct Piece {
    /// Number of its first line.
    line: u32,
    dynamic: Arc<Dynamic>,
    places: Places,
    spent: Spent,
}

impl Pieces {
    /// What a text declares, and its options without effect. `None` when it is to be read as a whole.
    pub(super) fn decode(
        &mut self,
        path: &str,
        text: &str,
        hasher: &impl BuildHasher,
    ) -> Option<(Arc<Dynamic>, Findings)> {
        if text.len() < LARGE || !is_yaml(path) {
            return None;
        }
        let cut = cut(text, &SECTIONS)?;
        let mut pieces = Vec::with_capacity(cut.pieces.len() + 1);
        let hash = hasher.hash_one(&cut.rest);
        pieces.push((hash, self.piece(hash, 1, || cut.parse_rest(path))?));
        for piece in &cut.pieces {
            let hash = hasher.hash_one((piece.section, piece.text));
            pieces.push((hash, self.piece(hash, piece.line, || piece.parse(path))?));
        }
        let parts = || pieces.iter().map(|(_, piece)| piece);
        let (dynamic, duplicates) = merge(parts().map(|piece| &piece.dynamic));
        if !duplicates.is_empty() || !Spent::fits(parts().map(|piece| piece.spent)) {
            return None;
        }
        let places: Vec<&Places> = parts().map(|piece| &piece.places).collect();
        let without_effect = not_yet::findings_dynamic_in(&places);
        self.0 = pieces.into_iter().collect();
        Some((dynamic, without_effect))
    }

    /// The piece that is known, where it stands now, or a new one. `None` when there is anything to find in it.
    fn piece(&self, hash: u64, line: u32, parse: impl FnOnce() -> Option<(Node, Spent)>) -> Option<Piece> {
        if let Some(known) = self.0.get(&hash) {
            return Some(known.at_line(line));
        }
        let (node, spent) = parse()?;
        let mut findings = Findings::new();
        let dynamic = Arc::new(Dynamic::decode(&node, &mut findings));
        findings.is_empty().then(|| Piece { line, dynamic, places: not_yet::places_dynamic(&node), spent })
    }
}

impl Piece {
    fn at_line(&self, line: u32) -> Piece {
        let by = i64::from(line) - i64::from(self.line);
        let mut piece = Piece { line, ..self.clone() };
        if by != 0 {
            piece.dynamic = Arc::new(self.dynamic.moved(by));
            piece.places.move_lines(by);
        }
        piece
    }
}

fn is_yaml(path: &str) -> bool {
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["yml", "yaml"].iter().any(|known| known.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests;
