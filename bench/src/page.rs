//! The page: prose that people keep, numbers between pairs of markers that this tool keeps.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Which numbers of the page: the name in their markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// `numbers`
    Gateway,
    /// `mirror numbers`
    Mirror,
}

impl Part {
    fn markers(self) -> (&'static str, &'static str) {
        match self {
            Part::Gateway => ("<!-- numbers -->", "<!-- /numbers -->"),
            Part::Mirror => ("<!-- mirror numbers -->", "<!-- /mirror numbers -->"),
        }
    }
}

/// Puts new numbers between the markers of a part of a page.
pub(crate) fn replace(path: &Path, part: Part, numbers: &str) -> Result<()> {
    let page = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (begin, end) = part.markers();
    let page = replaced(&page, part, numbers)
        .with_context(|| format!("{} has no numbers between `{begin}` and `{end}`", path.display()))?;
    fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

fn replaced(page: &str, part: Part, numbers: &str) -> Option<String> {
    let (begin, end) = part.markers();
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{}\n{end}{after}", numbers.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_markers_changes() {
        let page = "# A\n\n<!-- numbers -->\nold\n<!-- /numbers -->\n\nrest\n<!-- mirror numbers -->\n<!-- /mirror numbers -->\n";
        let new = replaced(page, Part::Gateway, "\nnew\n\n").unwrap();
        assert_eq!(new, page.replace("old", "new"));
        assert_eq!(replaced(&new, Part::Gateway, "new"), Some(new.clone()));
        let both = replaced(&new, Part::Mirror, "other").unwrap();
        assert!(both.contains("<!-- numbers -->\nnew\n<!-- /numbers -->"), "{both}");
        assert!(both.ends_with("<!-- mirror numbers -->\nother\n<!-- /mirror numbers -->\n"), "{both}");
        assert_eq!(replaced("no markers", Part::Gateway, "new"), None);
    }
}
