//! Durations as Go writes them.
//!
//! Grammar: Go's `time.ParseDuration` (`1h2m3s`, `1.5s`, `250ms`, `3us`), and a bare whole number, which counts seconds.

use std::fmt::{self, Write};
use std::str::FromStr;
use std::time;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// A duration that is not negative. Written as Go's `Duration.String`: `10s`, `1m30s`, `250ms`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub time::Duration);

/// A duration in nanoseconds that may be negative, such as a flush interval where −1 means "at once".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignedDuration {
    nanos: i64,
}

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not of the grammar.
    #[error("expected a duration such as 10s, 1m30s or 250ms (a bare number counts seconds), found `{0}`")]
    Malformed(String),
    /// A unit that Go does not know.
    #[error("unknown unit `{0}` in a duration; units are h, m, s, ms, us and ns")]
    Unit(String),
    /// Beyond what 64 bits of nanoseconds hold, 292 years.
    #[error("duration `{0}` is too long")]
    TooLong(String),
    /// Negative where that has no meaning.
    #[error("duration `{0}` must not be negative")]
    Negative(String),
}

impl Duration {
    /// Whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Duration(time::Duration::from_secs(seconds))
    }

    /// Whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Duration(time::Duration::from_millis(millis))
    }

    /// The duration of the standard library.
    #[must_use]
    pub const fn get(self) -> time::Duration {
        self.0
    }

    /// Whether it is zero, which most options read as "no limit".
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl SignedDuration {
    /// Whole milliseconds, which may be negative.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        SignedDuration { nanos: millis.saturating_mul(1_000_000) }
    }

    /// Nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.nanos
    }

    /// The duration, or `None` if it is negative.
    #[must_use]
    pub fn positive(self) -> Option<time::Duration> {
        u64::try_from(self.nanos).ok().map(time::Duration::from_nanos)
    }

    fn from_text(text: &str) -> Result<Self, DurationError> {
        parse_nanos(text.trim()).map(|nanos| SignedDuration { nanos })
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let signed = SignedDuration::from_text(text)?;
        signed.positive().map(Duration).ok_or_else(|| DurationError::Negative(shown(text)))
    }
}

impl FromStr for SignedDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        SignedDuration::from_text(text)
    }
}

impl From<time::Duration> for Duration {
    fn from(duration: time::Duration) -> Self {
        Duration(duration)
    }
}

impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_nanos(f, self.0.as_nanos())
    }
}

impl fmt::Display for SignedDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos < 0 {
            f.write_char('-')?;
        }
        write_nanos(f, u128::from(self.nanos.unsigned_abs()))
    }
}

/// Text and number forms, shared by both types.
macro_rules! duration_traits {
    ($type:ident) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(DurationVisitor)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

duration_traits!(Duration);
duration_traits!(SignedDuration);

/// Takes the text of a duration, or a number of seconds as text.
struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as 10s, 1m30s or 250ms (a bare number counts seconds)")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<String, E> {
        Ok(seconds.to_string())
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<String, E> {
        Ok(seconds.to_string())
    }
}

const SECOND: u64 = 1_000_000_000;

fn parse_nanos(text: &str) -> Result<i64, DurationError> {
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest.is_empty() {
        return Err(DurationError::Malformed(shown(text)));
    }
    let too_long = || DurationError::TooLong(shown(text));
    let mut nanos = 0_u64;
    if rest.bytes().all(|b| b.is_ascii_digit()) {
        nanos =
            rest.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(SECOND)).ok_or_else(too_long)?;
        rest = "";
    }
    while !rest.is_empty() {
        let (part, after) = one_part(rest, text)?;
        nanos = nanos.checked_add(part).ok_or_else(too_long)?;
        rest = after;
    }
    let nanos = i64::try_from(nanos).map_err(|_| too_long())?;
    Ok(if negative { -nanos } else { nanos })
}

/// One number with its unit at the start of `rest`: nanoseconds, and what follows.
fn one_part<'a>(rest: &'a str, whole: &str) -> Result<(u64, &'a str), DurationError> {
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, after) = rest.split_at(end);
    let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
    let (unit, after) = after.split_at(end);
    let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (integer.is_empty() && fraction.is_empty()) || fraction.contains('.') || unit.is_empty() {
        return Err(DurationError::Malformed(shown(whole)));
    }
    let scale: u64 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3600 * SECOND,
        _ => return Err(DurationError::Unit(shown(unit))),
    };
    let whole_units: u64 = match integer {
        "" => 0,
        digits => digits.parse().map_err(|_| DurationError::TooLong(shown(whole)))?,
    };
    let nanos = whole_units.checked_mul(scale).ok_or_else(|| DurationError::TooLong(shown(whole)))?;
    Ok((nanos.saturating_add(fraction_nanos(fraction, scale)), after))
}

/// Nanoseconds of the digits after the point, cut off (not rounded) as Go does.
fn fraction_nanos(digits: &str, scale: u64) -> u64 {
    let mut numerator = 0_u128;
    let mut denominator = 1_u128;
    for digit in digits.bytes().take(18) {
        numerator = numerator * 10 + u128::from(digit - b'0');
        denominator *= 10;
    }
    u64::try_from(numerator * u128::from(scale) / denominator).unwrap_or(0)
}

/// Go's form: the largest unit first, zero units left out at the front only, `0s` for nothing.
fn write_nanos(f: &mut fmt::Formatter<'_>, nanos: u128) -> fmt::Result {
    let second = u128::from(SECOND);
    if nanos == 0 {
        return f.write_str("0s");
    }
    if nanos < second {
        let (scale, unit) = match nanos {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return write!(f, "{}{}{unit}", nanos / scale, decimals(nanos % scale, scale));
    }
    let (minutes, seconds) = (nanos / (60 * second), nanos % (60 * second));
    if minutes >= 60 {
        write!(f, "{}h", minutes / 60)?;
    }
    if minutes > 0 {
        write!(f, "{}m", minutes % 60)?;
    }
    write!(f, "{}{}s", seconds / second, decimals(seconds % second, second))
}

/// `.5` of a remainder of 500 in 1000; nothing for a remainder of 0.
fn decimals(remainder: u128, scale: u128) -> String {
    if remainder == 0 {
        return String::new();
    }
    let digits = (scale + remainder).to_string();
    format!(".{}", digits[1..].trim_end_matches('0'))
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, DurationError> {
        text.parse::<SignedDuration>().map(|duration| duration.to_string())
    }

    #[test]
    fn reads_and_writes_as_go_does() {
        for (text, shown) in [
            ("10s", "10s"),
            ("10", "10s"),
            ("90", "1m30s"),
            ("1m30s", "1m30s"),
            ("250ms", "250ms"),
            ("1h", "1h0m0s"),
            ("1.5s", "1.5s"),
            (".5s", "500ms"),
            ("1500ms", "1.5s"),
            ("0", "0s"),
            ("0s", "0s"),
            ("-1ms", "-1ms"),
            ("-1", "-1s"),
            ("+3s", "3s"),
            ("1us", "1µs"),
            ("1.000001ms", "1.000001ms"),
            ("24h", "24h0m0s"),
            ("1h1ns", "1h0m0.000000001s"),
            (" 5s ", "5s"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for text in
            ["", "-", "s", "10x", "1d", "1.5", "1..5s", "10 s", "ten", "1s5", "3000000h", "9223372037"]
        {
            assert!(parsed(text).is_err(), "{text} gave {:?}", parsed(text));
        }
        assert_eq!("-1s".parse::<Duration>(), Err(DurationError::Negative("-1s".to_owned())));
        assert!(matches!("5d".parse::<Duration>(), Err(DurationError::Unit(unit)) if unit == "d"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(nanos in i64::MIN + 1..=i64::MAX) {
            let duration = SignedDuration { nanos };
            proptest::prop_assert_eq!(duration.to_string().parse::<SignedDuration>(), Ok(duration));
        }

        #[test]
        fn never_panics(text in "[-+.0-9a-zµ ]{0,24}") {
            let _ = text.parse::<Duration>();
        }
    }
}
