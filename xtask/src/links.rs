//! Relative links of the pages: each must lead to a file that is there, and to a heading of it when it names one.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Checks every page.
///
/// # Errors
/// With all links that lead nowhere.
pub(crate) fn check() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(root)? {
        pages.extend(Some(entry?.path()).filter(|path| is_page(path)));
    }
    collect(&root.join("docs"), &mut pages)?;
    let mut faults = Vec::new();
    for page in &pages {
        let text = std::fs::read_to_string(page)?;
        let dead = links(&text).into_iter().filter(|link| !leads_somewhere(page, link));
        faults.extend(
            dead.map(|link| format!("{}: {link}", page.strip_prefix(root).unwrap_or(page).display())),
        );
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("links that lead nowhere:\n  {}", faults.join("\n  "))
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, pages)?;
        } else if is_page(&path) {
            pages.push(path);
        }
    }
    Ok(())
}

/// Lines outside fenced code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Targets of `[text](target)` that are not addresses of the web.
fn links(text: &str) -> Vec<&str> {
    let after = prose(text).flat_map(|line| line.split("](").skip(1));
    let targets = after.filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let folder = page.parent().unwrap_or(Path::new("."));
    let target = if file.is_empty() { page.to_owned() } else { folder.join(file) };
    if heading.is_empty() {
        return target.exists();
    }
    std::fs::read_to_string(target).is_ok_and(|text| {
        let mut headings = prose(&text).filter(|line| line.starts_with('#'));
        headings.any(|line| anchor(line.trim_start_matches('#')) == heading)
    })
}

/// The anchor that a forge makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_leads_somewhere() {
        check().unwrap();
    }

    #[test]
    fn links_in_code_and_on_the_web_are_left_alone() {
        let text = "[a](b.md) and [c](https://d)\n```\n[e](f)\n```\n[g](h.md#i)";
        assert_eq!(links(text), ["b.md", "h.md#i"]);
    }

    #[test]
    fn dead_files_and_headings_are_found() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        assert!(leads_somewhere(&page, "LICENSE"));
        assert!(!leads_somewhere(&page, "nowhere.md"));
        assert!(!leads_somewhere(&page, "CONTRIBUTING.md#nothing-of-the-kind"));
    }

    #[test]
    fn anchors_are_those_of_forges() {
        assert_eq!(anchor(" What it is, in `short`"), "what-it-is-in-short");
    }
}
