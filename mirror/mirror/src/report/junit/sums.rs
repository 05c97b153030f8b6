//! A proved go.sum as JUnit XML: a suite for each file, a case for each line.

use std::fmt::Write as _;

use fairlead_diag::{Finding, Findings};

use super::escape;
use crate::codes::BAD_GO_SUM;
use crate::gosum::{Checked, Verdict};

/// The lines as JUnit XML. Of `findings` those about lines that could not be read are cases too, in a suite of their own.
#[must_use]
pub fn junit_of_sums(checked: &[Checked], findings: &Findings) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let broken: Vec<&Finding> = findings.iter().filter(|finding| *finding.code == BAD_GO_SUM).collect();
    // Writing to a String cannot fail.
    let _ = write(&mut text, checked, &broken);
    text
}

fn write(text: &mut String, checked: &[Checked], broken: &[&Finding]) -> std::fmt::Result {
    let (tests, failures) = (checked.len() + broken.len(), failed(checked) + broken.len());
    writeln!(text, "<testsuites name=\"fairlead mirror verify\" tests=\"{tests}\" failures=\"{failures}\">")?;
    for lines in checked.chunk_by(|one, next| one.file == next.file) {
        let name = escape(&lines[0].file);
        let skipped = lines.iter().filter(|line| is_skipped(&line.verdict)).count();
        let (tests, failures) = (lines.len(), failed(lines));
        writeln!(
            text,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\">"
        )?;
        for line in lines {
            case(text, &name, line)?;
        }
        writeln!(text, "  </testsuite>")?;
    }
    if broken.is_empty() {
        return writeln!(text, "</testsuites>");
    }
    let count = broken.len();
    writeln!(
        text,
        "  <testsuite name=\"unreadable lines\" tests=\"{count}\" failures=\"{count}\" skipped=\"0\">"
    )?;
    for finding in broken {
        let place = finding.origin().map(ToString::to_string).unwrap_or_default();
        let (place, why) = (escape(&place), escape(&finding.message));
        let id = finding.code.id;
        writeln!(
            text,
            "    <testcase classname=\"unreadable lines\" name=\"{place}\"><failure type=\"{id}\" message=\"{why}\"/></testcase>"
        )?;
    }
    writeln!(text, "  </testsuite>\n</testsuites>")
}

fn case(text: &mut String, class: &str, line: &Checked) -> std::fmt::Result {
    let name = escape(&format!("{} {}", line.module, line.version));
    write!(text, "    <testcase classname=\"{class}\" name=\"{name}\" line=\"{}\"", line.line)?;
    let (kind, why) = match &line.verdict {
        Verdict::Proved => return writeln!(text, "/>"),
        Verdict::Private => {
            return writeln!(text, "><skipped message=\"private: nobody was asked\"/></testcase>");
        }
        Verdict::OtherAlgorithm => {
            return writeln!(
                text,
                "><skipped message=\"an algorithm that the database does not have\"/></testcase>"
            );
        }
        Verdict::Mismatch { expected } => {
            ("mismatch", format!("go.sum has {}, the checksum database has {expected}", line.hash))
        }
        Verdict::Absent { why } => ("absent", why.clone()),
        Verdict::Unreachable { why } => ("unreachable", why.clone()),
        Verdict::Untrusted { why } => ("untrusted", why.clone()),
    };
    writeln!(text, "><failure type=\"{kind}\" message=\"{}\"/></testcase>", escape(&why))
}

fn failed(checked: &[Checked]) -> usize {
    checked.iter().filter(|line| line.verdict.exit_code() != 0).count()
}

fn is_skipped(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Private | Verdict::OtherAlgorithm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gosum::Source;

    fn line(number: u32, version: &str, verdict: Verdict) -> Checked {
        Checked {
            file: "go.sum".into(),
            line: number,
            module: "a.example/m".to_owned(),
            version: version.to_owned(),
            hash: "h1:x".to_owned(),
            verdict,
        }
    }

    #[test]
    fn every_line_is_a_case() {
        let mut findings = Findings::new();
        drop(Source::parse("go.sum", b"two <fields>\n", &mut findings));
        let lines = [
            line(2, "v1.0.0", Verdict::Proved),
            line(3, "v1.0.0/go.mod", Verdict::Mismatch { expected: "h1:\"y\"".to_owned() }),
            line(4, "v1.1.0", Verdict::Private),
        ];
        let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"fairlead mirror verify\" tests=\"4\" failures=\"2\">
  <testsuite name=\"go.sum\" tests=\"3\" failures=\"1\" skipped=\"1\">
    <testcase classname=\"go.sum\" name=\"a.example/m v1.0.0\" line=\"2\"/>
    <testcase classname=\"go.sum\" name=\"a.example/m v1.0.0/go.mod\" line=\"3\"><failure type=\"mismatch\" message=\"go.sum has h1:x, the checksum database has h1:&quot;y&quot;\"/></testcase>
    <testcase classname=\"go.sum\" name=\"a.example/m v1.1.0\" line=\"4\"><skipped message=\"private: nobody was asked\"/></testcase>
  </testsuite>
  <testsuite name=\"unreadable lines\" tests=\"1\" failures=\"1\" skipped=\"0\">
    <testcase classname=\"unreadable lines\" name=\"go.sum:1:1\"><failure type=\"FLD-MIR-0010\" message=\"line 1: wrong number of fields: 2, where path, version and hash are three\"/></testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(junit_of_sums(&lines, &findings), expected);
    }
}
