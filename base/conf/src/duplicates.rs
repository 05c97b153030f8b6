//! The same key twice in one map.

use fairlead_diag::Finding;

use crate::{Entry, codes};

/// Refuses a map that has a key twice, exactly as written. Spellings that differ in case are for the decoder to judge:
/// they are one option, but two headers.
pub(crate) fn refuse_duplicates(entries: &[Entry]) -> Result<(), Finding> {
    match first_duplicate(entries) {
        None => Ok(()),
        Some((first, second)) => {
            Err(Finding::new(&codes::DUPLICATE_KEY, format!("the key `{}` is given twice", second.key))
                .label(&second.key_origin, "given again here")
                .label(&first.key_origin, "first given here")
                .help("remove or rename one of the two"))
        }
    }
}

fn first_duplicate(entries: &[Entry]) -> Option<(&Entry, &Entry)> {
    // Most maps are small; sorting pays only for the large ones.
    if entries.len() <= 12 {
        return entries.iter().enumerate().find_map(|(index, second)| {
            entries[..index].iter().find(|first| first.key == second.key).map(|first| (first, second))
        });
    }
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    sorted.windows(2).find(|pair| pair[0].key == pair[1].key).map(|pair| (pair[0], pair[1]))
}
