//! Findings for a terminal, with the lines they point at.

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin as Place, Renderer, Snippet};

use super::source::Sources;
use crate::{Finding, Findings, Label, Origin, Position, Severity};

/// How text is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextStyle {
    /// Whether to use ANSI colours.
    pub color: bool,
}

/// Each finding with its quoted lines, evidence and help, and at the end how many there are.
///
/// Lines are read from the files the findings name, within bounds. A line that cannot be read, or that looks as if it
/// held a secret, is left out.
#[must_use]
pub fn text(findings: &Findings, style: &TextStyle) -> String {
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(120);
    let mut sources = Sources::default();
    let mut out = String::new();
    for finding in findings {
        out.push_str(&renderer.render(&[group(finding, &mut sources)]));
        out.push_str("\n\n");
    }
    out.push_str(&summary(findings));
    out.push('\n');
    out
}

/// `2 errors, 1 warning`.
fn summary(findings: &Findings) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let counted =
        |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    format!("{}, {}", counted(count(Severity::Error), "error"), counted(count(Severity::Warning), "warning"))
}

fn group(finding: &Finding, sources: &mut Sources) -> Group<'static> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let mut group = Group::with_title(level.primary_title(shown(&finding.message)).id(finding.code.id));
    for (index, label) in finding.labels.iter().enumerate() {
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        group = group.element(place(label, kind, sources));
    }
    if !finding.subject.is_empty() {
        group = group.element(Level::NOTE.message(format!("about {}", shown(&finding.subject))));
    }
    for (name, value) in &finding.evidence {
        group = group.element(Level::NOTE.message(format!("{}: {}", shown(name), shown(value))));
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(shown(help)));
    }
    group
}

/// The quoted line of a label, or at least the name of its place.
fn place(label: &Label, kind: AnnotationKind, sources: &mut Sources) -> Element<'static> {
    match &label.origin {
        Origin::File { path, at } if at.line > 0 => match sources.line(path, at.line) {
            Some(line) => quote(label, kind, path, *at, line).into(),
            None => {
                Place::path(path.to_string()).line(at.line as usize).char_column(at.column as usize).into()
            }
        },
        origin => Place::path(shown(&origin.to_string())).into(),
    }
}

fn quote(
    label: &Label,
    kind: AnnotationKind,
    path: &str,
    at: Position,
    line: &str,
) -> Snippet<'static, annotate_snippets::Annotation<'static>> {
    let byte = |chars: u32| line.char_indices().nth(chars as usize).map_or(line.len(), |(byte, _)| byte);
    let start = byte(at.column.saturating_sub(1));
    let end = byte(at.column.saturating_sub(1).saturating_add(at.len.max(1)));
    let mut annotation = kind.span(start..end);
    if !label.text.is_empty() {
        annotation = annotation.label(shown(&label.text));
    }
    Snippet::source(line.to_owned()).line_start(at.line as usize).path(path.to_owned()).annotation(annotation)
}

/// The text without control characters, which could make a terminal show something else.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::samples::{EMPTY, UNKNOWN};

    fn at(path: &str, line: u32, column: u32, len: u32) -> Origin {
        Origin::File { path: path.into(), at: Position { line, column, len } }
    }

    fn shown_without(dir: &tempfile::TempDir, findings: &Findings) -> String {
        text(findings, &TextStyle::default()).replace(dir.path().to_str().unwrap(), "DIR")
    }

    #[test]
    fn quotes_the_lines_that_findings_point_at() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.yml");
        std::fs::write(&path, "http:\n  röuters:\n    - adress: 1\n  password: x\n").unwrap();
        let path = path.to_str().unwrap();
        let findings: Findings = [
            Finding::new(&UNKNOWN, "unknown key `adress`")
                .label(&at(path, 3, 7, 6), "not an option")
                .label(&at(path, 2, 3, 7), "in this section")
                .about("router a@file")
                .evidence("value", "1\u{1b}[31m")
                .help("did you mean `address`?"),
            Finding::new(&EMPTY, "no value").at(&at(path, 4, 13, 1)),
            Finding::new(&EMPTY, "far away").at(&at(path, 99, 1, 1)),
            Finding::new(&UNKNOWN, "unknown flag").at(&Origin::Flag("--x".into())),
            Finding::new(&UNKNOWN, "gone").at(&at("/nonexistent/f.yml", 1, 1, 0)),
        ]
        .into_iter()
        .collect();
        insta::assert_snapshot!(shown_without(&dir, &findings), @r##"
        error[FLD-T-0001]: unknown key `adress`
         --> DIR/f.yml:3:7
          |
        3 |     - adress: 1
          |       ^^^^^^ not an option
          |
         ::: DIR/f.yml:2:3
          |
        2 |   röuters:
          |   ------- in this section
          |
          = note: about router a@file
          = note: value: 1�[31m
          = help: did you mean `address`?

        warning[FLD-T-0002]: no value
        --> DIR/f.yml:4:13

        warning[FLD-T-0002]: far away
        --> DIR/f.yml:99:1

        error[FLD-T-0001]: unknown flag
        --> flag --x

        error[FLD-T-0001]: gone
        --> /nonexistent/f.yml:1:1

        3 errors, 2 warnings
        "##);
    }

    #[test]
    fn places_beyond_the_line_do_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.yml");
        for content in ["", "ü", "ab\n", "\t\n\n", "a\r\nb"] {
            std::fs::write(&path, content).unwrap();
            for (line, column, len) in
                [(1, 0, 0), (1, 1, 1), (1, 3, 9), (2, 1, u32::MAX), (1, u32::MAX, u32::MAX)]
            {
                let finding =
                    Finding::new(&EMPTY, "m").label(&at(path.to_str().unwrap(), line, column, len), "l");
                let shown = text(&[finding].into_iter().collect(), &TextStyle { color: true });
                assert!(shown.contains("0 errors, 1 warning"));
            }
        }
    }

    #[test]
    fn nothing_found_is_said_too() {
        assert_eq!(text(&Findings::new(), &TextStyle::default()), "0 errors, 0 warnings\n");
    }
}
