//! Statuses and ranges of statuses, as options write them: `404`, `500-599`, `500,502`.

use std::ops::RangeInclusive;

use fairlead_diag::Severity;

use crate::codes;
use crate::options::Problem;

/// A set of statuses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statuses(Vec<RangeInclusive<u16>>);

impl Statuses {
    /// Parses the blocks of an option.
    ///
    /// # Errors
    /// Which block is neither a number nor a range.
    pub(crate) fn parse(blocks: &[String]) -> Result<Self, String> {
        let parts = blocks.iter().flat_map(|block| block.split(','));
        parts.map(range).collect::<Result<_, _>>().map(Statuses)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a status is one of them.
    pub(crate) fn contains(&self, status: http::StatusCode) -> bool {
        self.0.iter().any(|range| range.contains(&status.as_u16()))
    }
}

/// What is wrong with the blocks of the option `status`.
pub(crate) fn problems(blocks: &[String]) -> Vec<Problem> {
    let of = |(index, block): (usize, &String)| {
        let problem = match block.split(',').map(range).collect::<Result<Vec<_>, _>>() {
            Err(message) => Some((Severity::Error, message)),
            Ok(ranges)
                if ranges
                    .iter()
                    .any(|range| *range.end() < 100 || *range.start() > 599 || range.is_empty()) =>
            {
                Some((
                    Severity::Warning,
                    format!("`{block}` names no status from 100 to 599, so it never matches"),
                ))
            }
            Ok(_) => None,
        };
        problem.map(|(severity, message)| {
            Problem::new(&codes::BAD_STATUS, message).severity(severity).at("status").at(index)
        })
    };
    blocks.iter().enumerate().filter_map(of).collect()
}

fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let text = text.trim();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) => Ok(first..=last),
        _ => Err(format!("`{text}` is neither a status nor a range of statuses")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn blocks_make_a_set() {
        let set = Statuses::parse(&blocks(&["404", "500-502,504", "418 "])).unwrap();
        for status in 100..600 {
            let expected = [404, 418, 500, 501, 502, 504].contains(&status);
            assert_eq!(set.contains(http::StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
        assert!(Statuses::parse(&[]).unwrap().is_empty());
    }

    #[test]
    fn faults_are_told_by_block() {
        let found = problems(&blocks(&["500", "5xx", "9999", "500-400", "500,-1", ""]));
        let severities: Vec<_> = found.iter().map(|problem| (problem.path[1], problem.severity)).collect();
        assert_eq!(
            severities,
            [
                (1.into(), Severity::Error),
                (2.into(), Severity::Warning),
                (3.into(), Severity::Warning),
                (4.into(), Severity::Error),
                (5.into(), Severity::Error),
            ]
        );
    }
}
