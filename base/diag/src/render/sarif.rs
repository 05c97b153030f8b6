//! SARIF 2.1.0 (OASIS), as code-scanning services read it.

use serde::Serialize;

use crate::{Code, Finding, Findings, Label, Origin, Severity};

/// Findings as one SARIF run of Fairlead `version`. The rules are the codes that occur, in order of first use.
#[must_use]
pub fn sarif(findings: &Findings, version: &str) -> String {
    let mut codes: Vec<&'static Code> = Vec::new();
    let results = findings
        .iter()
        .map(|finding| {
            let index = codes.iter().position(|code| *code == finding.code).unwrap_or_else(|| {
                codes.push(finding.code);
                codes.len() - 1
            });
            result(finding, index)
        })
        .collect();
    let rules = codes.into_iter().map(rule).collect();
    let driver = Driver { name: "Fairlead", version, rules };
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run { tool: Tool { driver }, column_kind: "unicodeCodePoints", results }],
    };
    serde_json::to_string_pretty(&log).unwrap_or_default()
}

fn rule(code: &'static Code) -> Rule {
    Rule {
        id: code.id,
        short_description: Text::new(code.title),
        full_description: Text::new(code.explain),
        default_configuration: Level { level: level(code.severity) },
    }
}

fn result(finding: &Finding, rule_index: usize) -> Outcome {
    let mut text = finding.message.clone();
    for (name, value) in &finding.evidence {
        text.push_str(&format!("\n{name}: {value}"));
    }
    if let Some(help) = &finding.help {
        text.push_str(&format!("\nhelp: {help}"));
    }
    let mut locations = finding.labels.iter().map(location);
    let first = match locations.next() {
        Some(first) => Some(first),
        None if finding.subject.is_empty() => None,
        None => Some(Location::named(finding.subject.to_string())),
    };
    Outcome {
        rule_id: finding.code.id,
        rule_index,
        level: level(finding.severity),
        message: Text { text },
        locations: first.into_iter().collect(),
        related_locations: locations.collect(),
    }
}

fn location(label: &Label) -> Location {
    let message = (!label.text.is_empty()).then(|| Text::new(&label.text));
    let Origin::File { path, at } = &label.origin else {
        return Location { message, ..Location::named(label.origin.to_string()) };
    };
    let region = (at.line > 0).then(|| Region {
        start_line: at.line,
        start_column: at.column.max(1),
        end_column: (at.len > 0).then(|| at.column.max(1).saturating_add(at.len)),
    });
    let physical_location = Physical { artifact_location: Artifact { uri: uri(path) }, region };
    Location { physical_location: Some(physical_location), logical_locations: Vec::new(), message }
}

/// A path as a relative or `file:` URI reference (RFC 3986).
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                uri.push(byte.into());
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

impl Text {
    fn new(text: &str) -> Self {
        Text { text: text.to_owned() }
    }
}

impl Location {
    /// Something that is in no file.
    fn named(name: String) -> Self {
        let logical_locations = vec![Logical { fully_qualified_name: name }];
        Location { physical_location: None, logical_locations, message: None }
    }
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    column_kind: &'static str,
    results: Vec<Outcome>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
struct Driver<'a> {
    name: &'static str,
    version: &'a str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Text,
    full_description: Text,
    default_configuration: Level,
}

#[derive(Serialize)]
struct Level {
    level: &'static str,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

/// A `result` of SARIF.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<Physical>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<Logical>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_column: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Logical {
    fully_qualified_name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Position;
    use crate::code::samples::{EMPTY, UNKNOWN};

    #[test]
    fn codes_become_rules_and_origins_locations() {
        let place = Origin::File { path: "dir/a b.yml".into(), at: Position { line: 3, column: 7, len: 6 } };
        let findings: Findings = [
            Finding::new(&EMPTY, "no value").at(&Origin::Flag("--x".into())),
            Finding::new(&UNKNOWN, "unknown key")
                .at(&place)
                .label(&Origin::file("/etc/b.yml"), "and here")
                .help("remove it"),
            Finding::new(&UNKNOWN, "unknown key").about("router a@file"),
        ]
        .into_iter()
        .collect();
        insta::assert_snapshot!(sarif(&findings, "1.2.3"), @r##"
        {
          "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
          "version": "2.1.0",
          "runs": [
            {
              "tool": {
                "driver": {
                  "name": "Fairlead",
                  "version": "1.2.3",
                  "rules": [
                    {
                      "id": "FLD-T-0002",
                      "shortDescription": {
                        "text": "key without a value"
                      },
                      "fullDescription": {
                        "text": "Set it."
                      },
                      "defaultConfiguration": {
                        "level": "warning"
                      }
                    },
                    {
                      "id": "FLD-T-0001",
                      "shortDescription": {
                        "text": "unknown key"
                      },
                      "fullDescription": {
                        "text": "No option has this name, so the value would have no effect. Most often it is a misspelling or a wrong indentation of the line.\n\nMend it."
                      },
                      "defaultConfiguration": {
                        "level": "error"
                      }
                    }
                  ]
                }
              },
              "columnKind": "unicodeCodePoints",
              "results": [
                {
                  "ruleId": "FLD-T-0002",
                  "ruleIndex": 0,
                  "level": "warning",
                  "message": {
                    "text": "no value"
                  },
                  "locations": [
                    {
                      "logicalLocations": [
                        {
                          "fullyQualifiedName": "flag --x"
                        }
                      ]
                    }
                  ]
                },
                {
                  "ruleId": "FLD-T-0001",
                  "ruleIndex": 1,
                  "level": "error",
                  "message": {
                    "text": "unknown key\nhelp: remove it"
                  },
                  "locations": [
                    {
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "dir/a%20b.yml"
                        },
                        "region": {
                          "startLine": 3,
                          "startColumn": 7,
                          "endColumn": 13
                        }
                      }
                    }
                  ],
                  "relatedLocations": [
                    {
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "file:///etc/b.yml"
                        }
                      },
                      "message": {
                        "text": "and here"
                      }
                    }
                  ]
                },
                {
                  "ruleId": "FLD-T-0001",
                  "ruleIndex": 1,
                  "level": "error",
                  "message": {
                    "text": "unknown key"
                  },
                  "locations": [
                    {
                      "logicalLocations": [
                        {
                          "fullyQualifiedName": "router a@file"
                        }
                      ]
                    }
                  ]
                }
              ]
            }
          ]
        }
        "##);
    }
}
