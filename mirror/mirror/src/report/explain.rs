//! How a mirror came to its state, in words.

use std::fmt::Write as _;

use super::clean;
use crate::check::{Hold, Verdict};

/// The path with its evidence, the layers, the reasons for trust and the notes of one verdict.
#[must_use]
pub fn explain(verdict: &Verdict) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text, verdict);
    text
}

fn write(text: &mut String, verdict: &Verdict) -> std::fmt::Result {
    let Verdict { url, kind, state, exit_code, .. } = verdict;
    writeln!(text, "{} ({}) is {}, exit code {exit_code}", clean(url), kind.word(), state.word())?;
    let kept = if verdict.from_cache { ", kept from an earlier run" } else { "" };
    writeln!(
        text,
        "probed {:.3} for {} ms{kept}, trace {}",
        verdict.checked_at, verdict.took_ms, verdict.trace_id
    )?;
    writeln!(text, "\npath:")?;
    for edge in &verdict.path {
        let (from, to) = (edge.from.word(), edge.to.word());
        let step = if from == to { format!("stays {to}") } else { format!("{from} -> {to}") };
        writeln!(
            text,
            "  {step} because {} ({})",
            edge.reason.text().trim_end_matches('.'),
            edge.reason.word()
        )?;
        writeln!(text, "    {}", clean(&edge.text))?;
        pairs(text, "    ", &edge.evidence)?;
    }
    if verdict.path.is_empty() {
        writeln!(text, "  nothing was seen")?;
    }
    writeln!(text, "\nlayers:")?;
    for layer in &verdict.layers {
        writeln!(text, "  {:<8} {} ({} ms)", layer.status.word(), clean(&layer.name), layer.took_ms)?;
        pairs(text, "           ", &layer.evidence)?;
    }
    writeln!(text, "\nreasons for trust:")?;
    for (leg, hold) in &verdict.legs {
        writeln!(text, "  {:<10} {}", leg.word(), of_hold(*hold))?;
    }
    if !verdict.notes.is_empty() {
        writeln!(text, "\nworth knowing:")?;
        pairs(text, "  ", &verdict.notes)?;
    }
    Ok(())
}

fn pairs(text: &mut String, indent: &str, pairs: &[(String, String)]) -> std::fmt::Result {
    for (name, value) in pairs {
        writeln!(text, "{indent}{}: {}", clean(name), clean(value))?;
    }
    Ok(())
}

fn of_hold(hold: Hold) -> &'static str {
    match hold {
        Hold::Holds => "holds",
        Hold::Fails => "does not hold",
        Hold::Unknown => "not known",
        Hold::NotApplicable => "does not apply",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::untrusted;
    use super::*;

    #[test]
    fn a_verdict_in_words() {
        let expected = "\
https://m.example/go?t=*** (goproxy) is UNTRUSTED, exit code 3
probed 2026-01-02T03:04:05.678Z for 150 ms, trace 0123456789abcdef0123456789abcdef

path:
  UNKNOWN -> ACTIVE because every layer answers as it should (valid)
    answers for a.example/m@v1.0.0
  ACTIVE -> UNTRUSTED because a file is not the one that is pinned (pin-mismatch)
    zip of a.example/m@v1.0.0 is not the one that is known [31m
    got: h1:<x>
    expected: h1:y

layers:
  ok       dns (3 ms)
           address: 192.0.2.1
  skipped  tls (0 ms)
  failed   canary a.example/m@v1.0.0 (120 ms)
           trouble: pin-mismatch: \"zip\" & co

reasons for trust:
  tls        holds
  ownership  does not apply
  content    does not hold

worth knowing:
  server: nginx
";
        assert_eq!(explain(&untrusted()), expected);
    }
}
