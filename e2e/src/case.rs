//! The form of a case file.
//!
//! ```yaml
//! about: what this shows
//! static: {…}                  # laid over the default: entry points web, websecure and traefik, API, ping, file provider
//! dynamic: {…}                 # becomes dynamic/case.yml
//! backends: {a: http}          # http, tls, mtls, websocket, dead, or a raw one: close, silence, half-head, half-body, garbage, hints
//! certificates: {shop: [shop.example]}
//! clients: {bob: bob}          # client certificates of the same authority; strangers: of another one
//! steps:
//! - send: GET http://shop.example/path
//!   headers: {X-A: b}
//!   expect: {status: 200, headers: {X-B: c, X-C: absent}, seen: {target: /path}}
//! ```
//!
//! Everywhere `${web}`, `${websecure}`, `${traefik}` and `${other}` stand for ports, `${dir}` for the folder, `${backend.a}` for a URL,
//! `${backend.a.addr}` for host and port, `${cert.shop}`, `${key.shop}` and `${ca}` for PEM files. An unknown one is an error.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use fairlead_diag::Findings;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Expect, Protocol};

/// One case file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// What it shows, in a sentence.
    pub about: String,
    /// Static configuration, laid over the default one.
    #[serde(default, rename = "static")]
    pub statics: Map<String, Value>,
    /// Dynamic configuration.
    pub dynamic: Option<Value>,
    /// Further files, as text, below the folder.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Peers.
    #[serde(default)]
    pub backends: BTreeMap<String, String>,
    /// Server certificates: names each is for.
    #[serde(default)]
    pub certificates: BTreeMap<String, Vec<String>>,
    /// Client certificates of the same authority: common names.
    #[serde(default)]
    pub clients: BTreeMap<String, String>,
    /// Client certificates of another authority.
    #[serde(default)]
    pub strangers: BTreeMap<String, String>,
    /// Subjects for which this case says nothing, with the reason.
    #[serde(default)]
    pub not_for: BTreeMap<String, String>,
    /// What happens; tests with a client of their own have none.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// One thing that is done or looked at, and what it must bring.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    /// What it shows; the request when absent.
    pub name: String,
    /// A request: `METHOD scheme://host/target`.
    pub send: Option<String>,
    /// Bytes (one for each character up to U+00FF) in place of a request.
    pub raw: Option<String>,
    /// A file to write.
    pub write: Option<Write>,
    /// A file to remove.
    pub remove: Option<String>,
    /// A backend to stop.
    pub stop: Option<String>,
    /// A signal to send: HUP, USR1 or TERM.
    pub signal: Option<String>,
    /// A file to look at.
    pub file: Option<String>,
    /// Entry point; by default `web` or `websecure` by the scheme.
    pub at: Option<String>,
    /// Request headers; a list gives several of one name.
    pub headers: Map<String, Value>,
    /// Request body.
    pub body: String,
    /// Request trailers (HTTP/2).
    pub trailers: BTreeMap<String, String>,
    /// Protocol.
    pub protocol: Protocol,
    /// Server name when it is not the host's; empty for none.
    pub sni: Option<String>,
    /// Client certificate.
    pub client: Option<String>,
    /// Answers to read on the connection; the last one counts.
    pub answers: Option<usize>,
    /// How often it is sent; every answer must be as expected.
    pub times: Option<usize>,
    /// Repeat until it is as expected.
    pub until: bool,
    /// What it must bring.
    pub expect: Map<String, Value>,
    /// What another subject brings on purpose.
    pub differs: BTreeMap<String, Differs>,
}

/// A file to write: text, or a tree that becomes JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Path below the folder.
    pub file: String,
    /// Content as it is.
    pub text: Option<String>,
    /// Content as a tree.
    pub tree: Option<Value>,
}

/// A deliberate difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differs {
    /// Why; a sentence of the compatibility page.
    pub reason: String,
    /// Replaces these keys of the step's expectation; without it the step is left out.
    pub expect: Option<Map<String, Value>>,
}

impl Case {
    /// Reads the tree of a case file, before anything is put in.
    ///
    /// # Errors
    /// No YAML.
    pub fn tree(path: &Path) -> anyhow::Result<Value> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Case::parse(&text, &path.display().to_string())
    }

    /// As `tree`, from text.
    ///
    /// # Errors
    /// No YAML.
    pub fn parse(text: &str, name: &str) -> anyhow::Result<Value> {
        let fault = |finding: fairlead_diag::Finding| anyhow::anyhow!("{finding:?}");
        let node = fairlead_conf::yaml::parse(text, name).map_err(fault)?;
        let mut findings = Findings::new();
        match fairlead_conf::decode(&node, &mut findings) {
            Some(tree) if findings.is_empty() => Ok(tree),
            _ => bail!("{name}: {findings:?}"),
        }
    }

    /// Decodes a tree with these words put in for the placeholders.
    ///
    /// # Errors
    /// A placeholder that stands for nothing, or not the form of a case.
    pub fn decode(tree: &Value, words: &BTreeMap<String, String>) -> anyhow::Result<Case> {
        let text = fill(&tree.to_string(), words)?;
        serde_json::from_str(&text).with_context(|| format!("not the form of a case: {text}"))
    }
}

impl Step {
    /// What this step must bring from `subject`; `None` when it says nothing about it.
    ///
    /// # Errors
    /// Not the form of an expectation.
    pub fn expectation(&self, subject: &str) -> anyhow::Result<Option<Expect>> {
        let mut expect = self.expect.clone();
        if let Some(differs) = self.differs.get(subject) {
            let Some(other) = &differs.expect else { return Ok(None) };
            for (key, value) in other {
                if value == "any" {
                    expect.remove(key);
                } else {
                    expect.insert(key.clone(), value.clone());
                }
            }
        }
        let expect =
            serde_json::from_value(Value::Object(expect)).context("not the form of an expectation")?;
        Ok(Some(expect))
    }
}

fn fill(text: &str, words: &BTreeMap<String, String>) -> anyhow::Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else { break };
        let word = words.get(name).with_context(|| format!("`${{{name}}}` stands for nothing"))?;
        out.push_str(before);
        out.push_str(word);
        rest = after;
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_or_told() {
        let words = BTreeMap::from([("web".to_owned(), "1".to_owned())]);
        assert_eq!(fill("a ${web}, ${web}", &words).unwrap(), "a 1, 1");
        assert!(fill("${wbe}", &words).is_err());
    }
}
