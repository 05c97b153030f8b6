//! The `.info` document with its origin, as the go command writes it.

use bytes::Bytes;
use fairlead_gomod::pseudo;
use jiff::Timestamp;
use serde::Serialize;

use super::layout::Layout;
use super::refs::Refs;
use super::repository::Remote;
use super::revision::Revision;
use crate::{Cause, Failure};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Info<'a> {
    version: &'a str,
    time: String,
    origin: Origin<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Origin<'a> {
    #[serde(rename = "VCS")]
    vcs: &'a str,
    #[serde(rename = "URL")]
    url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    subdir: &'a str,
    hash: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    tag_prefix: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    tag_sum: String,
    #[serde(rename = "Ref", skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

/// Writes the document. `asked` is what was asked for; empty for the newest.
///
/// # Errors
/// When the commit's time is out of any calendar.
pub(super) fn document(
    layout: &Layout,
    remote: &Remote,
    refs: &Refs,
    revision: &Revision,
    asked: &str,
) -> Result<Bytes, Failure> {
    let Revision { version, commit, .. } = revision;
    let corrupt = |error: String| Failure::new(Cause::Corrupt, error);
    let time = Timestamp::from_second(commit.time).map_err(|error| corrupt(error.to_string()))?;
    // How a pseudo-version was found changes with branches and tags; what it is never changes.
    let is_found = pseudo::is_pseudo(version) && version != asked;
    let is_told = !pseudo::is_pseudo(version) || is_found;
    let (tag_prefix, tag_sum) = if is_found {
        let prefix = layout.major_tag_prefix();
        let sum = refs.tag_sum(&prefix);
        (prefix, sum)
    } else {
        (String::new(), String::new())
    };
    let name = commit.name.as_deref().filter(|name| is_told && (*name != "HEAD" || asked.is_empty()));
    let origin = Origin {
        vcs: "git",
        url: &remote.origin,
        subdir: &layout.folder,
        hash: &commit.hash,
        tag_prefix,
        tag_sum,
        name: name.unwrap_or_default(),
    };
    let info = Info { version, time: time.to_string(), origin };
    serde_json::to_vec(&info).map(Bytes::from).map_err(|error| corrupt(error.to_string()))
}
