//! The mirror's numbers as Markdown.

use super::dead::Death;
use super::download;
use super::field::{Contender, Peer};
use super::targets::{self, Limit};
use super::throughput::Sample;
use super::{Case, Results};
use crate::report::table;
use crate::statistics::{median, spread};

/// What a report says beside the results.
#[derive(Debug)]
pub(crate) struct Heading<'a> {
    /// Machine and generators.
    pub(crate) machine: &'a str,
    /// Who took part.
    pub(crate) contenders: &'a [Contender],
    /// Interleaved rounds.
    pub(crate) rounds: u32,
    /// Length of a window.
    pub(crate) seconds: u64,
    /// The cases that ran.
    pub(crate) cases: &'a [Case],
}

/// The whole text between the mirror's markers of the page.
pub(crate) fn render(heading: &Heading<'_>, results: &Results) -> String {
    let versions: Vec<String> =
        heading.contenders.iter().map(|one| format!("{} {}", one.peer.title(), one.version)).collect();
    let mut text = format!(
        "Machine: {}.\nMirrors: {}.\nRounds: {} of {} s.\n\n",
        heading.machine,
        versions.join(", "),
        heading.rounds,
        heading.seconds
    );
    text += &targets_table(results);
    for &case in heading.cases {
        let table = match case {
            Case::Download => download_table(results),
            Case::Dead => dead_table(results),
            Case::Large => large_table(results),
            _ => small_table(case, results),
        };
        text += &format!("\n### {}\n\n{table}{}", case.title(), notes(results, Some(case)));
    }
    let general = notes(results, None);
    if general.is_empty() { text } else { text + "\n### Notes on the mirrors\n" + &general }
}

fn notes(results: &Results, case: Option<Case>) -> String {
    let own = results.notes.iter().filter(|(of, _)| *of == case);
    let lines: String = own.map(|(_, text)| format!("- {text}\n")).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

fn targets_table(results: &Results) -> String {
    let row = |target: &targets::Target| {
        let limit = match target.limit {
            Limit::AtLeast(limit) => format!("≥ {limit}{}", target.unit),
            Limit::AtMost(limit) => format!("≤ {limit}{}", target.unit),
        };
        let value = target.value(results);
        let measured = value.map_or("not measured".to_owned(), |value| format!("{value:.2}{}", target.unit));
        let verdict = value.map_or("–", |value| if target.met_by(value) { "met" } else { "**not met**" });
        vec![target.title.to_owned(), limit, measured, verdict.to_owned()]
    };
    let rows = targets::ALL.iter().map(row).collect();
    "### Targets of the mirror\n\n".to_owned() + &table(&["target", "limit", "measured", ""], rows)
}

/// The samples of a mirror in a case.
fn of(results: &Results, case: Case, peer: Peer) -> Vec<&Sample> {
    results.throughput.iter().filter(|one| one.case == case && one.peer == peer).collect()
}

fn ratio(results: &Results, case: Case, peer: Peer, of: fn(&Sample) -> f64) -> String {
    match spread(results.ratios(case, peer, of)) {
        _ if peer == Peer::Fairlead => "1".to_owned(),
        Some(ratio) => format!("**{:.2}** [{:.2}–{:.2}]", ratio.median, ratio.low, ratio.high),
        None => "–".to_owned(),
    }
}

fn small_table(case: Case, results: &Results) -> String {
    let row = |peer: Peer| {
        let own = of(results, case, peer);
        let middle = |of: fn(&Sample) -> f64| median(own.iter().map(|one| of(one)));
        Some(vec![
            peer.title().to_owned(),
            format!("{:.0}", middle(|one| one.rate)?),
            ratio(results, case, peer, |one| one.rate),
            format!("{:.1}", middle(Sample::cpu)?),
            format!("{:.1}", middle(|one| one.user)?),
            format!("{:.1}", middle(|one| one.system)?),
            ratio(results, case, peer, Sample::cpu),
            format!("{:.2}", middle(|one| one.p50)? / 1e3),
            format!("{:.2}", middle(|one| one.p99)? / 1e3),
            format!("{:.0}", middle(|one| one.upstream as f64)?),
            own.iter().map(|one| one.socket_errors).sum::<u64>().to_string(),
        ])
    };
    let columns = [
        "mirror",
        "requests/s",
        "Fairlead ÷ this [quartiles]",
        "CPU µs/request",
        "user",
        "system",
        "CPU, Fairlead ÷ this",
        "p50 ms",
        "p99 ms",
        "upstream requests/window",
        "socket errors",
    ];
    table(&columns, Peer::ALL.into_iter().filter_map(row).collect())
}

fn large_table(results: &Results) -> String {
    let case = Case::Large;
    let row = |peer: Peer| {
        let own = of(results, case, peer);
        let middle = |of: fn(&Sample) -> f64| median(own.iter().map(|one| of(one)));
        let megabytes = |kib: f64| format!("{:.1}", kib * 1024.0 / 1e6);
        Some(vec![
            peer.title().to_owned(),
            format!("{:.2}", middle(|one| one.bytes)? / 1e9),
            ratio(results, case, peer, |one| one.bytes),
            format!("{:.1}", middle(Sample::cpu)? / 1e3),
            ratio(results, case, peer, Sample::cpu),
            megabytes(middle(|one| one.peak_kib as f64)?),
            megabytes(middle(|one| one.grown_kib as f64)?),
            own.iter().map(|one| one.socket_errors).sum::<u64>().to_string(),
        ])
    };
    let columns = [
        "mirror",
        "GB/s",
        "Fairlead ÷ this [quartiles]",
        "CPU ms/zip",
        "CPU, Fairlead ÷ this",
        "peak RSS MB",
        "growth MB",
        "socket errors",
    ];
    table(&columns, Peer::ALL.into_iter().filter_map(row).collect())
}

fn download_table(results: &Results) -> String {
    let row = |peer: Peer| {
        let own: Vec<&download::Sample> = results.download.iter().filter(|one| one.peer == peer).collect();
        let seconds = spread(own.iter().map(|one| one.seconds))?;
        let middle = |of: fn(&download::Sample) -> f64| median(own.iter().map(|one| of(one)));
        let faster = match spread(results.speedups(peer)) {
            _ if peer == Peer::Fairlead => "1".to_owned(),
            Some(ratio) => format!("**{:.2}** [{:.2}–{:.2}]", ratio.median, ratio.low, ratio.high),
            None => "–".to_owned(),
        };
        let cpu =
            if peer == Peer::Direct { "–".to_owned() } else { format!("{:.2}", middle(|one| one.cpu)?) };
        Some(vec![
            peer.title().to_owned(),
            format!("{:.2}", seconds.median),
            format!("{:.2}–{:.2}", seconds.low, seconds.high),
            faster,
            cpu,
            format!("{:.0}", middle(|one| one.upstream as f64)?),
            format!("{:.0}", middle(|one| one.zips as f64)?),
        ])
    };
    let columns = [
        "through",
        "seconds",
        "quartiles",
        "this ÷ Fairlead [quartiles]",
        "mirror's CPU s",
        "upstream requests",
        "zips among them",
    ];
    table(&columns, Peer::ALL.into_iter().filter_map(row).collect())
}

fn dead_table(results: &Results) -> String {
    let mut rows = Vec::new();
    for death in Death::ALL {
        for sample in results.dead.iter().filter(|one| one.death == death) {
            for (name, latency) in ["`@v/list`", "`.mod`"].into_iter().zip(&sample.kinds) {
                let times = [latency.p50, latency.p99, latency.max].map(|time| format!("{time:.2}"));
                let words = [death.title(), sample.peer.title(), name].map(str::to_owned);
                let answered = format!("{} of {}", latency.answered, latency.requests);
                rows.push(words.into_iter().chain([answered]).chain(times).collect());
            }
        }
    }
    table(&["the upstream", "mirror", "file", "answered", "p50 ms", "p99 ms", "max ms"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::targets::tests::sample;

    #[test]
    fn a_report_names_what_was_not_measured() {
        let mut results = Results { needless_zips: Some(0), ..Results::default() };
        results.throughput.push(sample(Peer::Fairlead, 1, 50_000.0));
        results.throughput.push(sample(Peer::Goproxy, 1, 20_000.0));
        results.note(None, "goproxy was not asked.".to_owned());
        let heading = Heading {
            machine: "a machine",
            contenders: &[],
            rounds: 1,
            seconds: 1,
            cases: &[Case::Mod, Case::Dead],
        };
        let text = render(&heading, &results);
        assert!(text.contains("| `.mod`, requests/s to goproxy | ≥ 2 × | 2.50 × | met |"), "{text}");
        assert!(text.contains("| zip of 20 MB | ≥ 1 GB/s | not measured | – |"), "{text}");
        assert!(text.contains("| zips fetched for `.mod` requests | ≤ 0 | 0.00 | met |"), "{text}");
        assert!(text.contains("| goproxy | 20000 | **2.50** [2.50–2.50] | 10.0 |"), "{text}");
        assert!(text.contains("Not measured.") && !text.contains(Case::Large.title()));
        assert!(text.ends_with("### Notes on the mirrors\n\n- goproxy was not asked.\n"), "{text}");
    }
}
