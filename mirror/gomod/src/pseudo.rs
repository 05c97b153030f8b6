//! Pseudo-versions: versions made of a commit that has no tag.
//!
//! `vX.0.0-TIME-REV` where no tag precedes the commit, `vX.Y.(Z+1)-0.TIME-REV` after the release `vX.Y.Z`, and
//! `vX.Y.Z-pre.0.TIME-REV` after the pre-release `vX.Y.Z-pre`; the last two with `+incompatible` where the tag has it.
//! TIME is the commit's, `YYYYMMDDhhmmss` in UTC; REV the first 12 digits of its hash. See <https://go.dev/ref/mod#pseudo-versions>.

use thiserror::Error;

use crate::unicode::Quoted;
use crate::version;

/// Why a version tells nothing about a commit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("pseudo-version {} invalid: {reason}", Quoted(version))]
pub struct PseudoError {
    /// The version.
    pub version: String,
    /// What is wrong with it.
    pub reason: String,
}

/// True when `v` has the form of a pseudo-version.
pub fn is_pseudo(v: &str) -> bool {
    Parts::parse(v).is_some()
}

/// The pseudo-version of a commit.
///
/// `major` is `v2` and the like (empty means `v0`) and counts only where `older`, the tag before the commit, is empty or no version;
/// `time` is the commit's, in seconds since 1970 (clamped to the years 0 to 9999); `revision` the first 12 digits of its hash.
pub fn pseudo_version(major: &str, older: &str, time: i64, revision: &str) -> String {
    let commit = format!("{}-{revision}", stamp(time));
    let build = version::build(older);
    let Some(older) = version::canonical(older) else {
        let major = if major.is_empty() { "v0" } else { major };
        return format!("{major}.0.0-{commit}");
    };
    if !version::prerelease(&older).is_empty() {
        return format!("{older}.0.{commit}{build}");
    }
    let (line, patch) = older.rsplit_once('.').unwrap_or((&older, ""));
    format!("{line}.{}-0.{commit}{build}", increment(patch))
}

/// A placeholder: the pseudo-version of no commit, at the start of the year 1.
pub fn zero_pseudo(major: &str) -> String {
    pseudo_version(major, "", YEAR_ONE, "000000000000")
}

/// The commit's time, in seconds since 1970, UTC.
pub fn pseudo_time(v: &str) -> Result<i64, PseudoError> {
    let parts = Parts::required(v)?;
    seconds(parts.time).ok_or_else(|| fail(v, format!("malformed time \"{}\"", parts.time)))
}

/// The commit's revision, as the version holds it.
pub fn pseudo_rev(v: &str) -> Result<&str, PseudoError> {
    Ok(Parts::required(v)?.revision)
}

/// The tag that precedes the commit; none where the version says that there is none.
pub fn pseudo_base(v: &str) -> Result<Option<String>, PseudoError> {
    let Parts { base, build, .. } = Parts::required(v)?;
    match version::prerelease(base) {
        "" if build.is_empty() => Ok(None),
        "" => Err(fail(v, format!("lacks base version, but has build metadata {}", Quoted(build)))),
        "-0" => {
            let release = base.strip_suffix("-0").unwrap_or(base);
            let (line, patch) = release.rsplit_once('.').unwrap_or((release, ""));
            match decrement(patch) {
                Some(patch) => Ok(Some(format!("{line}.{patch}{build}"))),
                None => Err(fail(
                    v,
                    format!("version before {} would have negative patch number", Quoted(release)),
                )),
            }
        }
        _ => Ok(Some(format!("{}{build}", base.strip_suffix(".0").unwrap_or(base)))),
    }
}

/// The pieces of a pseudo-version, borrowed from it.
struct Parts<'a> {
    /// `vX.0.0`, `vX.Y.(Z+1)-0` or `vX.Y.Z-pre.0`.
    base: &'a str,
    time: &'a str,
    revision: &'a str,
    /// With its `+`.
    build: &'a str,
}

impl<'a> Parts<'a> {
    fn required(v: &'a str) -> Result<Self, PseudoError> {
        Self::parse(v).ok_or_else(|| fail(v, "syntax error".to_owned()))
    }

    fn parse(v: &'a str) -> Option<Self> {
        if !version::is_valid(v) {
            return None;
        }
        let build = version::build(v);
        let (head, revision) = v[..v.len() - build.len()].rsplit_once('-')?;
        // A dot in it would make it the last identifier of an ordinary pre-release.
        if revision.is_empty() || revision.contains('.') {
            return None;
        }
        let (head, time) = head.split_at_checked(head.len().checked_sub(TIME_LEN)?)?;
        if !time.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (release, tail) = head.split_once('-')?;
        let based = tail == "0." || tail.ends_with(".0.");
        let baseless = tail.is_empty() && release.ends_with(".0.0");
        (based || baseless).then(|| Parts { base: &head[..head.len() - 1], time, revision, build })
    }
}

/// Digits of a commit's time.
const TIME_LEN: usize = 14;
/// 0001-01-01T00:00:00Z, and the first and last second whose year has four digits.
const YEAR_ONE: i64 = -62_135_596_800;
const FIRST_SECOND: i64 = -62_167_219_200;
const LAST_SECOND: i64 = 253_402_300_799;
const DAY: i64 = 86_400;

fn fail(v: &str, reason: String) -> PseudoError {
    PseudoError { version: v.to_owned(), reason }
}

fn stamp(time: i64) -> String {
    let time = time.clamp(FIRST_SECOND, LAST_SECOND);
    let (year, month, day) = date(time.div_euclid(DAY));
    let second = time.rem_euclid(DAY);
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// Takes 14 digits; none where they are no time.
fn seconds(stamp: &str) -> Option<i64> {
    let field = |range: std::ops::Range<usize>| stamp.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (field(0..4)?, field(4..6)?, field(6..8)?);
    let (hour, minute, second) = (field(8..10)?, field(10..12)?, field(12..14)?);
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days(year, month, day);
    // The 30th of February and the like come back as another day.
    (date(days) == (year, month, day)).then_some(days * DAY + hour * 3600 + minute * 60 + second)
}

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar, counted in years that begin in March,
/// so that the leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days`]: year, month, day.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// Adds one to a decimal number of any size.
fn increment(decimal: &str) -> String {
    let kept = decimal.trim_end_matches('9');
    let zeros = "0".repeat(decimal.len() - kept.len());
    match kept.as_bytes().split_last() {
        None => format!("1{zeros}"),
        Some((&last, head)) => format!("{}{}{zeros}", String::from_utf8_lossy(head), char::from(last + 1)),
    }
}

/// Takes one from a decimal number of any size; none from zero.
fn decrement(decimal: &str) -> Option<String> {
    let kept = decimal.trim_end_matches('0');
    let nines = "9".repeat(decimal.len() - kept.len());
    let (&last, head) = kept.as_bytes().split_last()?;
    if head.is_empty() && last == b'1' && !nines.is_empty() {
        return Some(nines);
    }
    Some(format!("{}{}{nines}", String::from_utf8_lossy(head), char::from(last - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2016-12-08T16:11:01Z
    const TIME: i64 = 1_481_213_461;

    #[test]
    fn each_form_is_made_and_taken_apart_again() {
        // major, tag before, pseudo-version
        let cases = [
            ("", "", "v0.0.0-20161208161101-abcdef123456"),
            ("v2", "", "v2.0.0-20161208161101-abcdef123456"),
            ("v2", "no version", "v2.0.0-20161208161101-abcdef123456"),
            ("v1", "v1.2.3", "v1.2.4-0.20161208161101-abcdef123456"),
            ("v1", "v1.2.99", "v1.2.100-0.20161208161101-abcdef123456"),
            ("v1", "v1.2.18446744073709551615", "v1.2.18446744073709551616-0.20161208161101-abcdef123456"),
            ("v1", "v1.2.3-pre", "v1.2.3-pre.0.20161208161101-abcdef123456"),
            ("v1", "v1.2.3-0", "v1.2.3-0.0.20161208161101-abcdef123456"),
            ("v2", "v2.0.9+incompatible", "v2.0.10-0.20161208161101-abcdef123456+incompatible"),
            ("v2", "v2.0.0-a.1+incompatible", "v2.0.0-a.1.0.20161208161101-abcdef123456+incompatible"),
        ];
        for (major, older, expected) in cases {
            let v = pseudo_version(major, older, TIME, "abcdef123456");
            assert_eq!(v, expected);
            assert!(is_pseudo(&v), "{v}");
            assert_eq!(pseudo_time(&v), Ok(TIME), "{v}");
            assert_eq!(pseudo_rev(&v), Ok("abcdef123456"), "{v}");
            let base = version::is_valid(older).then(|| older.to_owned());
            assert_eq!(pseudo_base(&v), Ok(base), "{v}");
            assert_eq!(crate::path::canonical_version(&v).as_deref(), Some(expected));
        }
    }

    #[test]
    fn it_lies_between_its_tag_and_the_next() {
        let after = |older| pseudo_version("v1", older, TIME, "abcdef123456");
        for (low, high) in [
            ("v1.2.3", "v1.2.4-1"),
            ("v1.2.3", "v1.2.4-alpha"),
            ("v1.2.3-rc1", "v1.2.3-rc2"),
            ("v1.2.3-rc", "v1.2.3-rc.1"),
        ] {
            assert!(version::compare(low, &after(low)).is_lt(), "{low}");
            assert!(version::compare(&after(low), high).is_lt(), "{high}");
        }
    }

    #[test]
    fn ordinary_versions_are_none() {
        let cases = [
            "",
            "v1.0.0",
            "v1",
            "v1.0.0-20161208161101",
            "v1.2.3-20161208161101-abcdef123456",
            "v0.1.0-20161208161101-abcdef123456",
            "v1.0.0-pre.20161208161101-abcdef123456",
            "v1.0.0-pre0.20161208161101-abcdef123456",
            "v1.0.0-0.2016120816110-abcdef123456",
            "v1.0.0-0.020161208161101-abcdef123456",
            "v1.0.0-0.20161208161101-",
            "v1.0.0-0.20161208161101-abc.def",
            "v1.0.0-0.20161208161101-abc-def",
            "v1.0-0.20161208161101-abcdef123456",
            "v01.0.0-0.20161208161101-abcdef123456",
        ];
        for v in cases {
            assert!(!is_pseudo(v), "{v}");
            let error = pseudo_rev(v).unwrap_err();
            assert_eq!(error.to_string(), format!("pseudo-version {v:?} invalid: syntax error"));
            assert!(pseudo_time(v).is_err() && pseudo_base(v).is_err(), "{v}");
        }
    }

    #[test]
    fn bases_that_cannot_be_are_errors() {
        for (v, reason) in [
            (
                "v2.0.0-20161208161101-abcdef123456+incompatible",
                "lacks base version, but has build metadata \"+incompatible\"",
            ),
            (
                "v2.1.0-0.20161208161101-abcdef123456",
                "version before \"v2.1.0\" would have negative patch number",
            ),
        ] {
            assert!(is_pseudo(v));
            assert_eq!(pseudo_base(v).unwrap_err().reason, reason);
        }
    }

    #[test]
    fn the_zero_pseudo_version() {
        assert_eq!(zero_pseudo(""), "v0.0.0-00010101000000-000000000000");
        assert_eq!(zero_pseudo("v2"), "v2.0.0-00010101000000-000000000000");
        assert_eq!(pseudo_time(&zero_pseudo("v3")), Ok(YEAR_ONE));
        assert_eq!(pseudo_base(&zero_pseudo("v3")), Ok(None));
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (stamp, expected) in [
            ("19700101000000", Some(0)),
            ("19691231235959", Some(-1)),
            ("20000229120000", Some(951_825_600)),
            ("20240229235959", Some(1_709_251_199)),
            ("20380119031408", Some(2_147_483_648)),
            ("00000101000000", Some(FIRST_SECOND)),
            ("99991231235959", Some(LAST_SECOND)),
            ("19000229000000", None),
            ("20230229000000", None),
            ("20230431000000", None),
            ("20230001000000", None),
            ("20231301000000", None),
            ("20230100000000", None),
            ("20230101240000", None),
            ("20230101006000", None),
            ("20230101000060", None),
        ] {
            assert_eq!(seconds(stamp), expected, "{stamp}");
            if let Some(time) = expected {
                assert_eq!(super::stamp(time), stamp);
            }
        }
        assert_eq!(super::stamp(i64::MIN), "00000101000000");
        assert_eq!(super::stamp(i64::MAX), "99991231235959");
    }

    #[test]
    fn days_follow_one_another_for_a_whole_cycle() {
        let (mut year, mut month, mut day) = (1600, 1, 1);
        let first = days(year, month, day);
        for number in first..first + 146_097 {
            assert_eq!(date(number), (year, month, day));
            assert_eq!(days(year, month, day), number);
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let length = match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (day, month, year) = match (day < length, month < 12) {
                (true, _) => (day + 1, month, year),
                (false, true) => (1, month + 1, year),
                (false, false) => (1, 1, year + 1),
            };
        }
        assert_eq!((year, month, day), (2000, 1, 1));
    }

    #[test]
    fn decimals_of_any_size() {
        for (less, more) in [
            ("0", "1"),
            ("9", "10"),
            ("19", "20"),
            ("99", "100"),
            ("109", "110"),
            ("99999999999999999999", "100000000000000000000"),
        ] {
            assert_eq!(increment(less), more);
            assert_eq!(decrement(more).as_deref(), Some(less));
        }
        assert_eq!(decrement("0"), None);
    }
}
