//! What an answer must be, and what is wrong with it when it is not.
//!
//! A text is equal, or begins with `~` and is a regular expression; `absent` and `present` speak of whether there is a value; a list names all values
//! of a header in order.

use anyhow::Context;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Answer;

/// Everything that one can expect; what is absent is not looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Expect {
    /// Status code.
    pub status: Option<u16>,
    /// Headers.
    pub headers: Map<String, Value>,
    /// Headers after the body.
    pub trailers: Map<String, Value>,
    /// Statuses of interim answers.
    pub interim: Option<Vec<u16>>,
    /// The whole body.
    pub body: Option<String>,
    /// Parts of the body; regular expressions with `~`.
    pub contains: Vec<String>,
    /// What is not in the body.
    pub lacks: Vec<String>,
    /// Values at JSON pointers of the body.
    pub json: Map<String, Value>,
    /// What the backend saw.
    pub seen: Option<Seen>,
    /// Which backend answered.
    pub backend: Option<String>,
    /// The connection is closed after the answer.
    pub closed: bool,
    /// There is no answer; the error contains this.
    pub refused: Option<String>,
    /// Which certificate the server showed: a name, or `default`.
    pub certificate: Option<String>,
    /// Over all `times`, how many answers each backend gave.
    pub shares: Option<Map<String, Value>>,
}

/// What the backend saw of the request.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seen {
    method: Option<String>,
    target: Option<String>,
    version: Option<String>,
    headers: Map<String, Value>,
    trailers: Map<String, Value>,
    body: Option<String>,
}

impl Expect {
    /// Everything that is wrong with an answer.
    ///
    /// # Errors
    /// A regular expression that is none.
    pub fn faults(&self, answer: &Answer) -> anyhow::Result<Vec<String>> {
        let mut faults = Faults(Vec::new());
        if let Some(status) = self.status
            && status != answer.status
        {
            faults.0.push(format!("status: expected {status}, got {}", answer.status));
        }
        faults.headers("header", &self.headers, &answer.headers)?;
        faults.headers("trailer", &self.trailers, &answer.trailers)?;
        if let Some(expected) = &self.interim {
            let got: Vec<u16> = answer.interim.iter().map(|(status, _)| *status).collect();
            if *expected != got {
                faults.0.push(format!("interim answers: expected {expected:?}, got {got:?}"));
            }
        }
        self.text_faults(&answer.text(), &mut faults)?;
        let told = answer.json();
        for (pointer, expected) in &self.json {
            faults.value(&format!("json {pointer}"), expected, told.pointer(pointer))?;
        }
        if let Some(backend) = &self.backend {
            let got = answer.header("x-backend").next().unwrap_or("none");
            faults.text("backend", &Value::from(backend.as_str()), Some(got))?;
        }
        if let Some(seen) = &self.seen {
            seen.faults(&told, &mut faults)?;
        }
        Ok(faults.0)
    }

    /// As `faults`, for the text of a file.
    ///
    /// # Errors
    /// A regular expression that is none.
    pub fn file_faults(&self, text: &str) -> anyhow::Result<Vec<String>> {
        let mut faults = Faults(Vec::new());
        self.text_faults(text, &mut faults)?;
        let last = text.lines().last().unwrap_or_default();
        let told: Value = serde_json::from_str(last).unwrap_or_default();
        for (pointer, expected) in &self.json {
            faults.value(&format!("json {pointer}"), expected, told.pointer(pointer))?;
        }
        Ok(faults.0)
    }

    fn text_faults(&self, text: &str, faults: &mut Faults) -> anyhow::Result<()> {
        if let Some(body) = &self.body {
            faults.text("body", &Value::from(body.as_str()), Some(text))?;
        }
        for part in &self.contains {
            let there = match part.strip_prefix('~') {
                Some(pattern) => regex(pattern)?.is_match(text),
                None => text.contains(part),
            };
            if !there {
                faults.0.push(format!("not there: {part}"));
            }
        }
        for part in self.lacks.iter().filter(|part| text.contains(part.as_str())) {
            faults.0.push(format!("there, but should not be: {part}"));
        }
        Ok(())
    }
}

impl Seen {
    fn faults(&self, told: &Value, faults: &mut Faults) -> anyhow::Result<()> {
        for (what, expected) in [
            ("method", &self.method),
            ("target", &self.target),
            ("version", &self.version),
            ("body", &self.body),
        ] {
            if let Some(expected) = expected {
                faults.text(
                    &format!("{what} at the backend"),
                    &Value::from(expected.as_str()),
                    told[what].as_str(),
                )?;
            }
        }
        faults.headers("header at the backend", &self.headers, &pairs(&told["headers"]))?;
        faults.headers("trailer at the backend", &self.trailers, &pairs(&told["trailers"]))
    }
}

fn pairs(told: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    told.as_array().into_iter().flatten().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

struct Faults(Vec<String>);

impl Faults {
    fn headers(
        &mut self,
        what: &str,
        expected: &Map<String, Value>,
        got: &[(String, String)],
    ) -> anyhow::Result<()> {
        for (name, expected) in expected {
            let values: Vec<&str> = got
                .iter()
                .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
                .collect();
            if let Value::Array(expected) = expected {
                let expected: Vec<&str> = expected.iter().filter_map(Value::as_str).collect();
                if expected != values {
                    self.0.push(format!("{what} {name}: expected {expected:?}, got {values:?}"));
                }
                continue;
            }
            self.text(&format!("{what} {name}"), expected, values.first().copied())?;
        }
        Ok(())
    }

    fn text(&mut self, what: &str, expected: &Value, got: Option<&str>) -> anyhow::Result<()> {
        let text = expected.as_str().map_or_else(|| expected.to_string(), str::to_owned);
        let fits = match (text.as_str(), got) {
            ("absent", None) | ("present", Some(_)) => true,
            ("absent", Some(_)) | (_, None) => false,
            (text, Some(got)) => match text.strip_prefix('~') {
                Some(pattern) => regex(pattern)?.is_match(got),
                None => text == got,
            },
        };
        if !fits {
            self.0.push(format!("{what}: expected {expected}, got {got:?}"));
        }
        Ok(())
    }

    fn value(&mut self, what: &str, expected: &Value, got: Option<&Value>) -> anyhow::Result<()> {
        match (expected, got) {
            (Value::String(_), Some(Value::String(got))) => self.text(what, expected, Some(got)),
            (Value::String(text), got) if text == "absent" || text == "present" => {
                self.text(what, expected, got.map(|_| "something"))
            }
            (expected, Some(got)) if expected == got => Ok(()),
            (Value::String(text), Some(got)) if text.starts_with('~') => {
                self.text(what, expected, Some(&got.to_string()))
            }
            _ => {
                self.0.push(format!("{what}: expected {expected}, got {got:?}"));
                Ok(())
            }
        }
    }
}

fn regex(pattern: &str) -> anyhow::Result<Regex> {
    Regex::new(pattern).with_context(|| format!("`{pattern}` is no regular expression"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(expect: Value) -> usize {
        let answer = Answer {
            status: 200,
            headers: vec![("X-A".into(), "1".into()), ("x-a".into(), "2".into())],
            body: br#"{"method":"GET","n":3,"headers":[["host","h"]]}"#.to_vec(),
            ..Answer::default()
        };
        serde_json::from_value::<Expect>(expect).unwrap().faults(&answer).unwrap().len()
    }

    #[test]
    fn what_is_as_expected_has_no_faults() {
        assert_eq!(
            faults(json!({
                "status": 200, "headers": { "x-a": ["1", "2"], "x-b": "absent" }, "contains": ["GET", "~n.:3"],
                "json": { "/n": 3, "/method": "~^G", "/nothing": "absent" },
                "seen": { "method": "GET", "headers": { "Host": "h" } }
            })),
            0
        );
    }

    #[test]
    fn everything_wrong_is_told() {
        assert_eq!(
            faults(json!({
                "status": 404, "headers": { "x-a": "absent", "x-b": "present", "X-A": "2" }, "contains": ["POST"],
                "lacks": ["GET"], "json": { "/n": 4 }, "seen": { "method": "PUT" }, "interim": [103], "backend": "a"
            })),
            10
        );
    }
}
