//! A table for people: one row for each mirror.

use std::fmt::Write as _;

use super::{clean, telling};
use crate::check::{State, Verdict};

/// How a table looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStyle {
    /// ANSI colours for states.
    pub colour: bool,
}

/// Longest text of the last column, in characters.
const MAX_WHY: usize = 120;
const HEAD: [&str; 6] = ["STATE", "EXIT", "TIME", "KIND", "MIRROR", "WHY"];

/// One row for each verdict, and a line that counts.
#[must_use]
pub fn table(verdicts: &[Verdict], style: &TableStyle) -> String {
    let rows: Vec<[String; 6]> = verdicts.iter().map(row).collect();
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    line(&mut text, &HEAD.map(str::to_owned), &widths, None);
    for (row, verdict) in rows.iter().zip(verdicts) {
        line(&mut text, row, &widths, style.colour.then(|| colour(verdict.state)));
    }
    let good = verdicts.iter().filter(|verdict| verdict.exit_code == 0).count();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{good} of {} mirrors can be used", verdicts.len());
    text
}

fn row(verdict: &Verdict) -> [String; 6] {
    let why = telling(verdict).map(|edge| format!("{}: {}", edge.reason.word(), edge.text));
    let why = clean(&why.unwrap_or_default());
    let cut = why.char_indices().nth(MAX_WHY).map(|(at, _)| format!("{}…", &why[..at]));
    let time = if verdict.from_cache { "kept".to_owned() } else { format!("{} ms", verdict.took_ms) };
    [
        verdict.state.word().to_owned(),
        verdict.exit_code.to_string(),
        time,
        verdict.kind.word().to_owned(),
        clean(&verdict.url),
        cut.unwrap_or(why),
    ]
}

fn line(text: &mut String, cells: &[String; 6], widths: &[usize; 6], colour: Option<&str>) {
    let start = text.len();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let pad = " ".repeat(width.saturating_sub(cell.chars().count()) + 2);
        match (at, colour) {
            (0, Some(colour)) => text.extend([colour, cell, "\u{1b}[0m", &pad]),
            // Times and codes are read from the right.
            (1 | 2, _) => text.extend([&pad[2..], cell, "  "]),
            _ => text.extend([cell.as_str(), &pad]),
        }
    }
    text.truncate(start + text[start..].trim_end().len());
    text.push('\n');
}

fn colour(state: State) -> &'static str {
    match state {
        State::Active => "\u{1b}[32m",
        State::Unknown => "\u{1b}[2m",
        State::Degraded | State::Stale => "\u{1b}[33m",
        State::Down => "\u{1b}[31m",
        State::Untrusted => "\u{1b}[1;31m",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{active, untrusted};
    use super::*;

    #[test]
    fn columns_are_aligned_and_clean() {
        let expected = "\
STATE      EXIT    TIME  KIND     MIRROR                      WHY
ACTIVE        0    kept  goproxy  https://good.example/       valid: answers for a.example/m@v1.0.0
UNTRUSTED     3  150 ms  goproxy  https://m.example/go?t=***  pin-mismatch: zip of a.example/m@v1.0.0 is not the one that is known [31m
1 of 2 mirrors can be used
";
        assert_eq!(table(&[active(), untrusted()], &TableStyle::default()), expected);
    }

    #[test]
    fn colours_come_when_asked_for() {
        let plain = table(&[untrusted()], &TableStyle::default());
        let coloured = table(&[untrusted()], &TableStyle { colour: true });
        assert!(!plain.contains('\u{1b}') && coloured.contains("\u{1b}[1;31mUNTRUSTED\u{1b}[0m"));
        assert_eq!(coloured.replace("\u{1b}[1;31m", "").replace("\u{1b}[0m", ""), plain);
    }

    #[test]
    fn long_reasons_are_cut() {
        let mut verdict = untrusted();
        verdict.path[1].text = "ü".repeat(500);
        let text = table(&[verdict], &TableStyle::default());
        let row = text.lines().nth(1).unwrap();
        assert!(row.ends_with('…') && row.chars().count() < 220, "{row}");
    }
}
