//! Whether a Go module mirror is behind another one. Clocks are not asked: versions carry their own times.

use std::time::Instant;

use fairlead_gomod::{pseudo, version};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use url::Url;

use super::canary::Canary;
use super::goproxy::conforms;
use super::probe::{Probe, below};
use super::state::Reason;
use super::trouble::{Trouble, sound};
use super::verdict::Status;
use crate::Wanted;
use crate::proof::{self, Info};
use crate::source::MAX_DOCUMENT;

/// Most module paths that are compared.
const MAX_PATHS: usize = 3;

/// Compares the newest versions of some canaries with those of the reference, if there is one.
pub(super) async fn look(probe: &Probe<'_>) {
    let Some(reference) = &probe.options().reference else { return };
    let tagged = probe.options().canaries.iter().filter_map(|canary| match canary {
        Canary::Present { module, .. } if !pseudo::is_pseudo(&module.version) => Some(&module.path),
        _ => None,
    });
    for path in tagged.take(MAX_PATHS) {
        let started = Instant::now();
        let (ours, theirs) = (newest(probe, probe.url, path).await, newest(probe, reference, path).await);
        let name = format!("freshness {path}");
        let trouble = match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => match lag(&ours, &theirs, probe.options().max_lag) {
                None => {
                    let evidence = vec![("newest".to_owned(), ours.version)];
                    probe.looked(name, Status::Ok, started, evidence);
                    continue;
                }
                Some(lag) => Trouble::new(
                    Reason::Lagging,
                    format!(
                        "{path} is at {}, the reference at {}, {lag} s later",
                        ours.version, theirs.version
                    ),
                )
                .with("newest", ours.version)
                .with("newestOfReference", theirs.version)
                .with("lagSeconds", lag.to_string()),
            },
            (Err(trouble), _) => trouble,
            (_, Err(trouble)) => Trouble { reason: Reason::ReferenceUnreachable, ..trouble },
        };
        probe.trouble(probe.failed(name, started, trouble));
    }
}

/// By how many seconds ours is too old; `None` when it is not.
fn lag(ours: &Info, theirs: &Info, max: std::time::Duration) -> Option<u64> {
    if version::compare(&theirs.version, &ours.version).is_le() {
        return None;
    }
    let second = |time: Option<Timestamp>| time.map(Timestamp::as_second);
    let lag = second(theirs.time)?.saturating_sub(second(ours.time)?);
    u64::try_from(lag).ok().filter(|lag| *lag > max.as_secs())
}

/// The newest version by `@latest`, or by the list where there is no such document.
async fn newest(probe: &Probe<'_>, base: &Url, path: &str) -> Result<Info, Trouble> {
    let wanted = Wanted::Latest(path.to_owned());
    let document = get(probe, base, &wanted).await?;
    if !matches!(document.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        let document = sound(document)?;
        conforms(&wanted, &document)?;
        return info(&document.body);
    }
    let list = sound(get(probe, base, &Wanted::List(path.to_owned())).await?)?;
    let text = String::from_utf8_lossy(&list.body);
    let versions = text.lines().filter_map(|line| line.split_whitespace().next());
    let valid = versions.filter(|text| fairlead_gomod::path::check(path, text).is_ok());
    // The go command prefers releases.
    let newest = valid.max_by(|a, b| {
        let is_release = |v: &str| version::prerelease(v).is_empty();
        is_release(a).cmp(&is_release(b)).then_with(|| version::compare(a, b))
    });
    let Some(newest) = newest else {
        return Err(Trouble::new(Reason::ListIncomplete, format!("{path} has no versions")));
    };
    let wanted = Wanted::Info(fairlead_gomod::path::Module::new(path, newest));
    let document = sound(get(probe, base, &wanted).await?)?;
    conforms(&wanted, &document)?;
    info(&document.body)
}

async fn get(
    probe: &Probe<'_>,
    base: &Url,
    wanted: &Wanted,
) -> Result<fairlead_http::fetch::Document, Trouble> {
    probe.session.wire.get(&below(base, &wanted.key()), HeaderMap::new(), MAX_DOCUMENT).await
}

fn info(bytes: &[u8]) -> Result<Info, Trouble> {
    proof::info(bytes).map_err(|failure| Trouble::new(Reason::Protocol, failure.text.as_ref()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_a_newer_version_that_is_late_counts() {
        let at = |version: &str, time: &str| Info { version: version.to_owned(), time: time.parse().ok() };
        let day = Duration::from_secs(86_400);
        let old = at("v1.0.0", "2024-01-01T00:00:00Z");
        for (theirs, expected) in [
            (at("v1.1.0", "2024-01-03T00:00:00Z"), Some(172_800)),
            (at("v1.1.0", "2024-01-01T12:00:00Z"), None),
            (at("v1.0.0", "2024-02-01T00:00:00Z"), None),
            (at("v0.9.0", "2024-02-01T00:00:00Z"), None),
            (at("v1.1.0", "no time"), None),
        ] {
            assert_eq!(lag(&old, &theirs, day), expected, "{theirs:?}");
        }
    }
}
