//! From what was asked for to a version: a tag's, or a pseudo-version of a commit; and whether a pseudo-version is the right one.
//!
//! See <https://go.dev/ref/mod#pseudo-versions> and <https://go.dev/ref/mod#non-module-compat>.

use std::cmp::Ordering;

use fairlead_gomod::modfile::Retract;
use fairlead_gomod::{path, pseudo, version};

use super::layout::{Found, Layout, join};
use super::repository::{Commit, Work};
use super::versions;
use crate::{Cause, Failure};

/// Largest go.mod that is read, in bytes.
const MAX_GO_MOD: u64 = 16 << 20;

/// A version with its commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revision {
    /// Canonical.
    pub(super) version: String,
    /// Its commit, which is here.
    pub(super) commit: Commit,
    /// The module in the commit.
    pub(super) found: Found,
}

/// What a version, a branch, a tag or a commit is as a version of a module. An empty text is a commit without a wish: `HEAD`.
pub(super) async fn resolve(layout: &Layout, work: &mut Work<'_>, asked: &str) -> Result<Revision, Failure> {
    let rev = if asked.is_empty() { "HEAD".to_owned() } else { layout.rev(asked) };
    let commit = work.commit(&rev).await.map_err(|failure| invalid(layout, asked, failure))?;
    let root_go_mod = match layout.may_be_incompatible() {
        true => work.file(&commit.hash, "go.mod", MAX_GO_MOD).await?.is_some(),
        false => true,
    };
    let mut case = Case { layout, work, asked, commit, root_go_mod };
    if pseudo::is_pseudo(asked) {
        let revision = case.canonical(asked).await?;
        case.check_pseudo().await.map_err(|failure| invalid_pseudo(layout, asked, failure))?;
        return Ok(revision);
    }
    case.version().await
}

/// One question about one commit.
struct Case<'a, 'w> {
    layout: &'a Layout,
    work: &'a mut Work<'w>,
    /// What was asked for.
    asked: &'a str,
    commit: Commit,
    /// A go.mod in the root, which rules `+incompatible` out.
    root_go_mod: bool,
}

impl Case<'_, '_> {
    /// The version of a commit: the tag asked for, the highest tag on it, or a pseudo-version after the highest tag before it.
    async fn version(&mut self) -> Result<Revision, Failure> {
        if let Some(version) =
            self.commit.tag().and_then(|tag| self.tagged(tag)).filter(|tagged| tagged.is_canonical)
            && let Ok(revision) = self.canonical(&version.version).await
        {
            return Ok(revision);
        }
        let retracted = versions::retractions(self.layout, self.work).await;
        let mut highest = String::new();
        let mut base = String::new();
        for tag in self.commit.tags.clone() {
            let Some(Tagged { version, is_canonical }) = self.tagged(&tag) else { continue };
            if version::is_valid(self.asked) && version::compare(&version, self.asked) == Ordering::Equal {
                if is_canonical {
                    return self.canonical(&version).await;
                }
                base.clone_from(&version);
            }
            let is_higher = version::compare(&highest, &version) == Ordering::Less;
            if is_canonical && is_higher && self.may_be(&version, &retracted).await? {
                highest = version;
            }
        }
        if !highest.is_empty() {
            return self.canonical(&highest).await;
        }
        if base.is_empty() {
            base = self.before(&retracted).await?;
        }
        let Commit { time, .. } = self.commit;
        let version = pseudo::pseudo_version(self.layout.pseudo_major(), &base, time, self.commit.short());
        self.canonical(&version).await
    }

    /// The version of the highest tag up to the commit; empty if there is none.
    async fn before(&mut self, retracted: &[Retract]) -> Result<String, Failure> {
        let prefix = self.layout.tag_prefix();
        if self.work.refs().tags(&format!("{prefix}v")).next().is_none() {
            return Ok(String::new());
        }
        let mut highest = String::new();
        for tag in self.work.tags_up_to(&self.commit.hash).await? {
            let Some(Tagged { version, .. }) = self.tagged(&tag) else { continue };
            let is_higher = version::compare(&highest, &version) == Ordering::Less;
            if is_higher && self.may_be(&version, retracted).await? {
                highest = version;
            }
        }
        Ok(highest)
    }

    /// Whether a tag's version can be one of this module, or the base of one.
    async fn may_be(&self, version: &str, retracted: &[Retract]) -> Result<bool, Failure> {
        let fits = self.layout.fits(version) || self.may_be_incompatible(version).await?;
        Ok(fits && !retracted.iter().any(|retract| retract.contains(version)))
    }

    async fn may_be_incompatible(&self, version: &str) -> Result<bool, Failure> {
        if self.root_go_mod || !self.layout.may_be_incompatible() {
            return Ok(false);
        }
        if self.asked.ends_with("+incompatible") {
            return Ok(true);
        }
        let file = join(version::major(version).unwrap_or_default(), "go.mod");
        Ok(self.work.file(&self.commit.hash, &file, MAX_GO_MOD).await?.is_none())
    }

    /// The version that a tag stands for.
    fn tagged(&self, tag: &str) -> Option<Tagged> {
        let name = tag.strip_prefix(&self.layout.tag_prefix())?;
        let version = version::canonical(name)?;
        if pseudo::is_pseudo(tag) || !name.starts_with(&*version) {
            return None;
        }
        Some(Tagged { is_canonical: version == name, version: version.into_owned() })
    }

    /// A version in its canonical form, if the commit has the module and the version goes with it.
    async fn canonical(&self, version: &str) -> Result<Revision, Failure> {
        let Case { layout, asked, .. } = self;
        let found = layout.find(self.work, &self.commit.hash, version).await;
        let found = found.map_err(|failure| invalid(layout, version, failure))?;
        let is_asked = asked.strip_suffix("+incompatible").unwrap_or(asked) == version;
        let version = if is_asked { asked } else { version };
        let base = version.strip_suffix("+incompatible").unwrap_or(version);
        let checked = self.with_suffix(version, base).await?;
        let is_canonical = path::canonical_version(asked).is_some_and(|canonical| canonical == *asked);
        let asked_base = asked.strip_suffix("+incompatible").unwrap_or(asked);
        if is_canonical && asked_base != base {
            let text = format!("resolves to version {version} ({asked_base} is not a tag)");
            return Err(invalid(layout, asked, Failure::new(Cause::NotFound, text)));
        }
        let version =
            checked.map_err(|text| invalid(layout, version, Failure::new(Cause::NotFound, text)))?;
        Ok(Revision { version, commit: self.commit.clone(), found })
    }

    /// The version with `+incompatible` where it needs that, or why it cannot be one of this module.
    async fn with_suffix(&self, version: &str, base: &str) -> Result<Result<String, String>, Failure> {
        let layout = self.layout;
        if layout.fits(base) {
            if version != base {
                let major = version::major(version).unwrap_or_default();
                return Ok(Err(format!(
                    "+incompatible suffix not allowed: major version {major} is compatible"
                )));
            }
            return Ok(Ok(version.to_owned()));
        }
        if self.may_be_incompatible(base).await? {
            return Ok(Ok(format!("{base}+incompatible")));
        }
        Ok(Err(match layout.has_major() {
            true => "module path includes a major version suffix, so major version must match".to_owned(),
            false => {
                let path = layout.path_of_major(version);
                format!("module contains a go.mod file, so module path must match major version ({path:?})")
            }
        }))
    }

    /// Whether a pseudo-version has the commit's own digits and time, and a tag before the commit as its base.
    async fn check_pseudo(&mut self) -> Result<(), Failure> {
        let wrong = |text: String| Err(Failure::new(Cause::NotFound, text));
        let of = |error: pseudo::PseudoError| Failure::new(Cause::NotFound, error.reason);
        let (rev, short) = (pseudo::pseudo_rev(self.asked).map_err(of)?, self.commit.short());
        if rev != short {
            return wrong(match (rev.starts_with(short), short.starts_with(rev)) {
                (true, _) => format!("revision is longer than canonical (expected {short})"),
                (_, true) => format!("revision is shorter than canonical (expected {short})"),
                _ => format!("does not match short name of revision (expected {short})"),
            });
        }
        if pseudo::pseudo_time(self.asked).map_err(of)? != self.commit.time {
            let right = pseudo::pseudo_version("", "", self.commit.time, short);
            let stamp = right.split('-').nth(1).unwrap_or_default();
            return wrong(format!("does not match version-control timestamp (expected {stamp})"));
        }
        let plain = self.asked.strip_suffix("+incompatible").unwrap_or(self.asked);
        match pseudo::pseudo_base(plain).map_err(of)? {
            Some(base) => self.check_base(&base).await,
            None if self.layout.pseudo_major().is_empty() && version::major(self.asked) == Some("v1") => {
                wrong("major version without preceding tag must be v0, not v1".to_owned())
            }
            None => Ok(()),
        }
    }

    async fn check_base(&mut self, base: &str) -> Result<(), Failure> {
        let wrong = |text: String| Err(Failure::new(Cause::NotFound, text));
        let prefix = self.layout.tag_prefix();
        let wanted = format!("{prefix}{base}");
        let short = self.commit.short().to_owned();
        if self.commit.tags.contains(&wanted) {
            return wrong(format!(
                "tag ({wanted}) found on revision {short} is already canonical, so should not be replaced with a pseudo-version derived from that tag"
            ));
        }
        let refs = std::sync::Arc::clone(self.work.refs());
        let same = |tag: &&str| version::compare(&tag[prefix.len()..], base) == Ordering::Equal;
        let mut last = None;
        for tag in refs.tags(&wanted).map(|(tag, _)| tag).filter(same) {
            last = Some(tag);
            if self.work.descends(&self.commit.hash, tag).await? {
                return Ok(());
            }
        }
        wrong(match last {
            Some(tag) => format!("revision {short} is not a descendent of preceding tag ({tag})"),
            None => format!("preceding tag ({base}) not found"),
        })
    }
}

/// A tag read as a version.
struct Tagged {
    /// Canonical, without build.
    version: String,
    /// The tag says just that.
    is_canonical: bool,
}

fn invalid(layout: &Layout, version: &str, failure: Failure) -> Failure {
    about(layout, version, "version", failure)
}

fn invalid_pseudo(layout: &Layout, version: &str, failure: Failure) -> Failure {
    about(layout, version, "pseudo-version", failure)
}

/// Says of which version an absence is, as the go command does. Other failures are about the server.
fn about(layout: &Layout, version: &str, noun: &str, mut failure: Failure) -> Failure {
    if failure.cause.is_absence() {
        let version: String = version.chars().filter(|c| !c.is_control()).take(200).collect();
        let at = if version.is_empty() { version } else { format!("@{version}") };
        failure.text = format!("{}{at}: invalid {noun}: {}", layout.path, failure.text).into();
    }
    failure
}
