//! The page: prose that people keep, numbers between two markers that this tool keeps.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const BEGIN: &str = "<!-- numbers -->";
const END: &str = "<!-- /numbers -->";

/// Puts new numbers between the markers of a page.
pub(crate) fn replace(path: &Path, numbers: &str) -> Result<()> {
    let page = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let page = replaced(&page, numbers)
        .with_context(|| format!("{} has no numbers between `{BEGIN}` and `{END}`", path.display()))?;
    fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

fn replaced(page: &str, numbers: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n{END}{after}", numbers.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_markers_changes() {
        let page = "# A\n\n<!-- numbers -->\nold\n<!-- /numbers -->\n\nrest\n";
        let new = replaced(page, "\nnew\n\n").unwrap();
        assert_eq!(new, "# A\n\n<!-- numbers -->\nnew\n<!-- /numbers -->\n\nrest\n");
        assert_eq!(replaced(&new, "new"), Some(new.clone()));
        assert_eq!(replaced("no markers", "new"), None);
    }
}
