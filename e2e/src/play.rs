//! Plays a case: starts everything, goes through the steps, and tells what was sent, expected and got where they differ.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;
use serde_json::{Map, Value};

use crate::client::{Ask, ask};
use crate::subject::eventually;
use crate::{Answer, Case, Expect, Hello, Stage, Step, Subject};

/// How long a whole case may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Plays the case in `path`. `Ok(Some(reason))` when it says nothing about this subject.
///
/// # Errors
/// What did not happen as the case says.
pub async fn play(path: &Path) -> anyhow::Result<Option<String>> {
    let kind = Stage::kind()?.word();
    let tree = Case::tree(path)?;
    if let Some(reason) = tree["notFor"][kind].as_str() {
        return Ok(Some(reason.to_owned()));
    }
    let mut stage = Stage::new(&tree)?;
    let case = Case::decode(&tree, &stage.words)?;
    let mut subject = stage.start(&case).await?;
    let steps = async {
        for (place, step) in case.steps.iter().enumerate() {
            take(&mut stage, &mut subject, step, kind).await.with_context(|| title(place, step))?;
        }
        anyhow::Ok(())
    };
    let played = tokio::time::timeout(LIMIT, Box::pin(steps)).await.context("the case took too long");
    played.flatten().with_context(|| format!("{}\nlog of the subject:\n{}", case.about, subject.log()))?;
    Ok(None)
}

fn title(place: usize, step: &Step) -> String {
    let what = step.send.as_deref().or(step.file.as_deref()).or(step.raw.as_deref()).unwrap_or_default();
    let name = if step.name.is_empty() { what.to_owned() } else { format!("{} ({what})", step.name) };
    format!("step {}: {}", place + 1, name.escape_debug())
}

async fn take(stage: &mut Stage, subject: &mut Subject, step: &Step, kind: &str) -> anyhow::Result<()> {
    if let Some(write) = &step.write {
        let text = match (&write.text, &write.tree) {
            (Some(text), None) => text.clone(),
            (None, Some(tree)) => tree.to_string(),
            _ => bail!("write either text or a tree"),
        };
        stage.dir.write(&write.file, text);
    }
    if let Some(file) = &step.remove {
        stage.dir.remove(file);
    }
    if let Some(name) = &step.stop {
        stage.stop(name)?;
    }
    if let Some(name) = &step.signal {
        subject.signal(signal(name)?)?;
    }
    let Some(expect) = step.expectation(kind)? else { return Ok(()) };
    if let Some(file) = &step.file {
        let path = stage.dir.join(file);
        return eventually(async || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let faults = expect.file_faults(&text)?;
            ensure!(faults.is_empty(), "{}\n\n{file}:\n{text}", faults.join("\n"));
            Ok(())
        })
        .await;
    }
    if step.send.is_none() && step.raw.is_none() {
        return Ok(());
    }
    let asked = request(stage, step, &expect)?;
    let at = step.at.as_deref().unwrap_or(if asked.scheme == "https" { "websecure" } else { "web" });
    let addr = *stage.ports.get(at).with_context(|| format!("there is no entry point `{at}`"))?;
    if step.until {
        return eventually(async || look(stage, addr, &asked, &expect).await.map(|_| ())).await;
    }
    let mut shares: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..step.times.unwrap_or(1) {
        let answer = look(stage, addr, &asked, &expect).await?;
        let backend = answer.and_then(|answer| answer.header("x-backend").next().map(str::to_owned));
        *shares.entry(backend.unwrap_or_default()).or_default() += 1;
    }
    check_shares(expect.shares.as_ref(), &shares)
}

/// Asks once and compares.
async fn look(
    stage: &Stage,
    addr: std::net::SocketAddr,
    asked: &Ask,
    expect: &Expect,
) -> anyhow::Result<Option<Answer>> {
    let sent = || String::from_utf8_lossy(&asked.bytes()).escape_debug().to_string().replace("\\r\\n", "\n");
    let answer = match (ask(addr, asked).await, &expect.refused) {
        (Ok(answer), None) => answer,
        (Ok(answer), Some(refused)) => {
            bail!("expected no answer but `{refused}`\n\nsent:\n{}\ngot:\n{answer}", sent())
        }
        (Err(error), Some(refused)) => {
            let text = format!("{error:#}");
            ensure!(text.contains(refused.as_str()), "expected `{refused}`, got `{text}`");
            return Ok(None);
        }
        (Err(error), None) => return Err(error.context(format!("sent:\n{}", sent()))),
    };
    let mut faults = expect.faults(&answer)?;
    if let Some(name) = &expect.certificate {
        faults.extend(certificate_fault(stage, name, &answer)?);
    }
    if faults.is_empty() {
        return Ok(Some(answer));
    }
    let mut told = faults.join("\n");
    let _ = write!(told, "\n\nsent:\n{}\ngot:\n{answer}", sent());
    bail!(told)
}

fn request(stage: &Stage, step: &Step, expect: &Expect) -> anyhow::Result<Ask> {
    let mut asked = Ask::parse(step.send.as_deref().unwrap_or("GET http://raw/"))?;
    asked.headers = flat(&step.headers);
    asked.body = step.body.clone().into_bytes();
    asked.trailers = step.trailers.clone().into_iter().collect();
    asked.protocol = step.protocol;
    asked.raw = step.raw.as_ref().map(|text| latin1(text));
    asked.answers = step.answers.unwrap_or(1);
    asked.to_the_end = expect.closed;
    if step.sni.is_some() || step.client.is_some() {
        let host = asked.authority.split(':').next().unwrap_or_default().to_owned();
        let identity = match &step.client {
            Some(name) => {
                Some(stage.clients.get(name).with_context(|| format!("no client `{name}`"))?.clone())
            }
            None => None,
        };
        asked.hello = Some(Hello { sni: step.sni.clone().unwrap_or(host), identity, alpn: Vec::new() });
    }
    Ok(asked)
}

fn flat(headers: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let all = headers.iter().flat_map(|(name, value)| match value {
        Value::Array(values) => values.iter().map(|value| (name.clone(), text(value))).collect(),
        value => vec![(name.clone(), text(value))],
    });
    all.collect()
}

fn latin1(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for char in text.chars() {
        match u8::try_from(u32::from(char)) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend(char.to_string().into_bytes()),
        }
    }
    bytes
}

fn certificate_fault(stage: &Stage, name: &str, answer: &Answer) -> anyhow::Result<Option<String>> {
    let Some(got) = &answer.certificate else { return Ok(Some("no certificate".to_owned())) };
    if name == "default" {
        let (_, parsed) = x509_parser::parse_x509_certificate(got)?;
        let subject = parsed.subject().to_string();
        return Ok((!subject.ends_with(" DEFAULT CERT"))
            .then(|| format!("certificate: expected the default, got {subject}")));
    }
    use rustls_pki_types::pem::PemObject;
    let identity = stage.certificates.get(name).with_context(|| format!("no certificate `{name}`"))?;
    let expected = rustls_pki_types::CertificateDer::from_pem_slice(identity.cert.as_bytes())?;
    Ok((expected.as_ref() != got.as_slice())
        .then(|| format!("certificate: expected that of {name}, got another")))
}

fn check_shares(expected: Option<&Map<String, Value>>, got: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let Some(expected) = expected else { return Ok(()) };
    let same = expected.len() == got.len()
        && expected.iter().all(|(name, count)| count.as_u64() == got.get(name).copied());
    ensure!(same, "shares: expected {expected:?}, got {got:?}");
    Ok(())
}

fn signal(name: &str) -> anyhow::Result<Signal> {
    match name {
        "HUP" => Ok(Signal::HUP),
        "USR1" => Ok(Signal::USR1),
        "TERM" => Ok(Signal::TERM),
        other => bail!("no signal `{other}`"),
    }
}
