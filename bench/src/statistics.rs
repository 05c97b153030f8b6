//! Medians and quartiles: one bad round on a shared machine must not move the result.

use serde::Serialize;

/// The middle of a set of numbers and its spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// A quarter of the numbers lies below.
    pub(crate) low: f64,
    /// The median.
    pub(crate) median: f64,
    /// A quarter of the numbers lies above.
    pub(crate) high: f64,
}

/// Median and quartiles; `None` of nothing.
pub(crate) fn spread(numbers: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut sorted: Vec<f64> = numbers.into_iter().filter(|number| number.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| quantile(&sorted, share);
    Some(Spread { low: at(0.25)?, median: at(0.5)?, high: at(0.75)? })
}

/// The median; `None` of nothing.
pub(crate) fn median(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    spread(numbers).map(|spread| spread.median)
}

/// The value below which a share of sorted numbers lies, interpolated.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = last as f64 * share.clamp(0.0, 1.0);
    let below = place.floor() as usize;
    let (low, high) = (*sorted.get(below)?, *sorted.get((below + 1).min(last))?);
    Some((high - low).mul_add(place.fract(), low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_found() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([4.0, 1.0]), Some(2.5));
        assert_eq!(spread([5.0, 1.0, 3.0, 2.0, 4.0]), Some(Spread { low: 2.0, median: 3.0, high: 4.0 }));
        assert_eq!(median([f64::NAN, 7.0]), Some(7.0), "a ratio to nothing does not count");
    }
}
