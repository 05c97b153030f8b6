//! The versions of a module: its tags.

use fairlead_gomod::modfile::{ModFile, Retract};
use fairlead_gomod::{pseudo, version};

use super::layout::Layout;
use super::repository::Work;
use crate::Failure;

/// Largest go.mod that is read, in bytes.
const MAX_GO_MOD: u64 = 16 << 20;

/// Tagged versions in their order, `+incompatible` ones last; no pseudo-versions.
///
/// A version of v2 or above of a module without a major version in its path is `+incompatible`, unless the module has come to
/// use go.mod files: before it, or with that major version.
pub(super) async fn list(layout: &Layout, work: &mut Work<'_>) -> Result<Vec<String>, Failure> {
    let prefix = layout.tag_prefix();
    let (mut list, mut incompatible) = (Vec::new(), Vec::new());
    for (tag, _) in work.refs().tags(&prefix) {
        let name = &tag[prefix.len()..];
        if version::canonical(name).is_none_or(|canonical| canonical != name) || pseudo::is_pseudo(name) {
            continue;
        }
        if layout.fits(name) {
            list.push(name.to_owned());
        } else if layout.may_be_incompatible() {
            incompatible.push(name.to_owned());
        }
    }
    list.sort_by(|v, w| version::order(v, w));
    incompatible.sort_by(|v, w| version::order(v, w));
    if incompatible.is_empty() {
        return Ok(list);
    }
    if let Some(last) = list.last()
        && has_go_mod(work, last).await?
    {
        return Ok(list);
    }
    for same_major in incompatible.chunk_by(|v, w| version::major(v) == version::major(w)) {
        let Some(last) = same_major.last() else { continue };
        if !has_go_mod(work, last).await? {
            list.extend(same_major.iter().map(|version| format!("{version}+incompatible")));
        }
    }
    Ok(list)
}

/// The newest of a list: the highest release, else the highest pre-release.
pub(super) fn newest(list: &[String]) -> Option<&String> {
    list.iter().rev().find(|version| version::prerelease(version).is_empty()).or(list.last())
}

/// The retractions that the newest version tells of. What cannot be read retracts nothing.
pub(super) async fn retractions(layout: &Layout, work: &mut Work<'_>) -> Vec<Retract> {
    let Ok(mut list) = list(layout, work).await else { return Vec::new() };
    list.retain(|version| !version.ends_with("+incompatible"));
    let Some(newest) = newest(&list) else { return Vec::new() };
    let Ok(commit) = work.commit(&layout.rev(newest)).await else { return Vec::new() };
    let Ok(found) = layout.find(work, &commit.hash, newest).await else { return Vec::new() };
    let go_mod = found.go_mod.and_then(|text| ModFile::parse_lax(&text).ok());
    go_mod.map(|go_mod| go_mod.retract).unwrap_or_default()
}

async fn has_go_mod(work: &mut Work<'_>, tag: &str) -> Result<bool, Failure> {
    let commit = work.commit(tag).await?;
    Ok(work.file(&commit.hash, "go.mod", MAX_GO_MOD).await?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_newer_than_any_pre_release() {
        let of = |list: &[&str]| newest(&list.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>()).cloned();
        assert_eq!(of(&["v1.0.0", "v1.1.0", "v1.2.0-rc.1"]).as_deref(), Some("v1.1.0"));
        assert_eq!(of(&["v1.0.0-a", "v1.0.0-b"]).as_deref(), Some("v1.0.0-b"));
        assert_eq!(of(&[]), None);
    }
}
