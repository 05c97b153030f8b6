//! JUnit XML: a suite for each mirror, a case for each layer, and one for the verdict.

mod sums;

use std::fmt::Write as _;

pub use sums::junit_of_sums;

use super::telling;
use crate::check::{Layer, Status, Verdict};

/// The verdicts as JUnit XML.
#[must_use]
pub fn junit(verdicts: &[Verdict]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = write(&mut text, verdicts);
    text
}

fn write(text: &mut String, verdicts: &[Verdict]) -> std::fmt::Result {
    let tests: usize = verdicts.iter().map(tests).sum();
    let failures: usize = verdicts.iter().map(failures).sum();
    writeln!(text, "<testsuites name=\"fairlead mirror check\" tests=\"{tests}\" failures=\"{failures}\">")?;
    for verdict in verdicts {
        suite(text, verdict)?;
    }
    writeln!(text, "</testsuites>")
}

fn suite(text: &mut String, verdict: &Verdict) -> std::fmt::Result {
    let name = escape(&verdict.url);
    writeln!(
        text,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{}\" timestamp=\"{:.0}\">",
        tests(verdict),
        failures(verdict),
        verdict.layers.iter().filter(|layer| layer.status == Status::Skipped).count(),
        seconds(verdict.took_ms),
        verdict.checked_at,
    )?;
    for layer in &verdict.layers {
        case(text, &name, layer)?;
    }
    let why =
        telling(verdict).map(|edge| format!("{}: {}", edge.reason.word(), edge.text)).unwrap_or_default();
    write!(
        text,
        "    <testcase classname=\"{name}\" name=\"verdict\" time=\"{}\"",
        seconds(verdict.took_ms)
    )?;
    if verdict.exit_code == 0 {
        writeln!(text, "/>")?;
    } else {
        let (state, why) = (verdict.state.word(), escape(&why));
        writeln!(text, "><failure type=\"{state}\" message=\"{why}\"/></testcase>")?;
    }
    writeln!(text, "  </testsuite>")
}

fn case(text: &mut String, class: &str, layer: &Layer) -> std::fmt::Result {
    let evidence: Vec<String> =
        layer.evidence.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let evidence = escape(&evidence.join("\n"));
    let (name, time) = (escape(&layer.name), seconds(layer.took_ms));
    write!(text, "    <testcase classname=\"{class}\" name=\"{name}\" time=\"{time}\">")?;
    match layer.status {
        Status::Failed => write!(text, "<failure type=\"{name}\">{evidence}</failure>")?,
        Status::Skipped => write!(text, "<skipped/>")?,
        Status::Ok | Status::Info | Status::Warning if evidence.is_empty() => {}
        Status::Ok | Status::Info | Status::Warning => write!(text, "<system-out>{evidence}</system-out>")?,
    }
    writeln!(text, "</testcase>")
}

fn tests(verdict: &Verdict) -> usize {
    verdict.layers.len() + 1
}

fn failures(verdict: &Verdict) -> usize {
    let failed = verdict.layers.iter().filter(|layer| layer.status == Status::Failed).count();
    failed + usize::from(verdict.exit_code != 0)
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Text for XML 1.0, which has no way to write most control characters.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::{active, untrusted};
    use super::*;

    #[test]
    fn suites_count_their_cases() {
        let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"fairlead mirror check\" tests=\"7\" failures=\"2\">
  <testsuite name=\"https://good.example/\" tests=\"3\" failures=\"0\" skipped=\"1\" time=\"0.009\" timestamp=\"2026-01-02T03:04:05Z\">
    <testcase classname=\"https://good.example/\" name=\"dns\" time=\"0.003\"><system-out>address: 192.0.2.1</system-out></testcase>
    <testcase classname=\"https://good.example/\" name=\"tls\" time=\"0.000\"><skipped/></testcase>
    <testcase classname=\"https://good.example/\" name=\"verdict\" time=\"0.009\"/>
  </testsuite>
  <testsuite name=\"https://m.example/go?t=***\" tests=\"4\" failures=\"2\" skipped=\"1\" time=\"0.150\" timestamp=\"2026-01-02T03:04:05Z\">
    <testcase classname=\"https://m.example/go?t=***\" name=\"dns\" time=\"0.003\"><system-out>address: 192.0.2.1</system-out></testcase>
    <testcase classname=\"https://m.example/go?t=***\" name=\"tls\" time=\"0.000\"><skipped/></testcase>
    <testcase classname=\"https://m.example/go?t=***\" name=\"canary a.example/m@v1.0.0\" time=\"0.120\"><failure type=\"canary a.example/m@v1.0.0\">trouble: pin-mismatch: &quot;zip&quot; &amp; co</failure></testcase>
    <testcase classname=\"https://m.example/go?t=***\" name=\"verdict\" time=\"0.150\"><failure type=\"UNTRUSTED\" message=\"pin-mismatch: zip of a.example/m@v1.0.0 is not the one that is known [31m\"/></testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(junit(&[active(), untrusted()]), expected);
    }

    #[test]
    fn nothing_breaks_out_of_the_markup() {
        assert_eq!(escape("<a href=\"x\">&\u{0}\n"), "&lt;a href=&quot;x&quot;&gt;&amp; &#10;");
    }
}
