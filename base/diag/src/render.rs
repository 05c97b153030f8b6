//! Renderers. Each takes findings and returns a string; none prints.

mod sarif;
mod source;
mod text;

pub use sarif::sarif;
pub use text::{TextStyle, text};

use crate::{Code, Findings};

/// Findings as a JSON array, pretty-printed.
#[must_use]
pub fn json(findings: &Findings) -> String {
    serde_json::to_string_pretty(findings).unwrap_or_default()
}

/// What a code means and what to do about it, for a terminal: a heading, an empty line, and wrapped text.
#[must_use]
pub fn explain(code: &Code) -> String {
    let heading = format!("{} ({}): {}", code.id, code.severity.word(), code.title);
    let paragraphs: Vec<String> = code.explain.split("\n\n").map(wrapped).collect();
    format!("{heading}\n\n{}\n", paragraphs.join("\n\n"))
}

/// Words in lines of at most 96 characters, where no word is longer.
fn wrapped(paragraph: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in paragraph.split_whitespace() {
        let len = word.chars().count();
        if width > 0 && width + 1 + len > 96 {
            out.push('\n');
            width = 0;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += len;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::samples::UNKNOWN;
    use crate::{Finding, Origin};

    #[test]
    fn json_holds_all_that_is_known() {
        let finding = Finding::new(&UNKNOWN, "unknown key `a`")
            .at(&Origin::file("f.yml"))
            .about("router a@file")
            .evidence("value", "1")
            .help("remove it");
        let findings: Findings = [finding].into_iter().collect();
        insta::assert_snapshot!(json(&findings), @r##"
        [
          {
            "code": "FLD-T-0001",
            "severity": "error",
            "title": "unknown key",
            "message": "unknown key `a`",
            "subject": "router a@file",
            "origins": [
              {
                "origin": {
                  "kind": "file",
                  "path": "f.yml"
                }
              }
            ],
            "evidence": {
              "value": "1"
            },
            "help": "remove it"
          }
        ]
        "##);
    }

    #[test]
    fn explanation_is_wrapped() {
        insta::assert_snapshot!(explain(&UNKNOWN), @r##"
        FLD-T-0001 (error): unknown key

        No option has this name, so the value would have no effect. Most often it is a misspelling or a
        wrong indentation of the line.

        Mend it.
        "##);
    }
}
