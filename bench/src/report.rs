//! The numbers as Markdown: the machine, the targets, one table for each case, the notes.

use crate::cases::reload::Layout;
use crate::cases::{Case, Results, throughput};
use crate::peers::{Contender, Peer};
use crate::statistics::{median, spread};
use crate::targets;

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

/// The whole text between the markers of the page.
pub(crate) fn render(heading: &Heading<'_>, results: &Results) -> String {
    let versions: Vec<String> =
        heading.contenders.iter().map(|one| format!("{} {}", one.peer.title(), one.version)).collect();
    let mut text = format!(
        "Machine: {}.\nPeers: {}.\nRounds: {} of {} s.\n\n",
        heading.machine,
        versions.join(", "),
        heading.rounds,
        heading.seconds
    );
    text += &targets_table(results);
    for &case in heading.cases {
        let table = match case {
            Case::Idle => idle_table(results),
            Case::Start => start_table(results),
            Case::Reload => reload_table(results),
            _ => throughput_table(case, results),
        };
        text += &format!("\n### {}\n\n{table}{}", case.title(), notes(results, Some(case)));
    }
    let general = notes(results, None);
    if general.is_empty() { text } else { text + "\n### Notes on the peers\n" + &general }
}

fn notes(results: &Results, case: Option<Case>) -> String {
    let own = results.notes.iter().filter(|note| note.case == case);
    let lines: String = own.map(|note| format!("- {}\n", note.text)).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// A Markdown table; the first column is text, the others are numbers.
pub(crate) fn table(columns: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return "Not measured.\n".to_owned();
    }
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
    let rule: Vec<String> =
        (0..columns.len()).map(|at| if at == 0 { "---" } else { "---:" }.to_owned()).collect();
    line(&head) + &line(&rule) + &rows.iter().map(|row| line(row)).collect::<String>()
}

fn targets_table(results: &Results) -> String {
    let row = |target: &targets::Target| {
        let limit = format!("≤ {}{}", target.limit, target.unit);
        let value = target.value(results);
        let measured = value.map_or("not measured".to_owned(), |value| format!("{value:.2}{}", target.unit));
        let verdict = value.map_or("–", |value| if target.met_by(value) { "met" } else { "**not met**" });
        vec![target.title.to_owned(), limit, measured, verdict.to_owned()]
    };
    let rows = targets::ALL.iter().map(row).collect();
    "### Targets\n\n".to_owned() + &table(&["target", "limit", "measured", ""], rows)
}

fn throughput_table(case: Case, results: &Results) -> String {
    let row = |&peer: &Peer| {
        let own: Vec<&throughput::Sample> =
            results.throughput.iter().filter(|one| one.case == case && one.peer == peer).collect();
        let middle = |of: fn(&throughput::Sample) -> f64| median(own.iter().map(|one| of(one)));
        let ratio = match spread(results.ratios(case, peer)) {
            _ if peer == Peer::Fairlead => "1".to_owned(),
            Some(ratio) => format!("**{:.2}** [{:.2}–{:.2}]", ratio.median, ratio.low, ratio.high),
            None => "–".to_owned(),
        };
        let errors: u64 = own.iter().map(|one| one.socket_errors).sum();
        Some(vec![
            peer.title().to_owned(),
            format!("{:.1}", middle(throughput::Sample::cpu)?),
            format!("{:.1}", middle(|one| one.user)?),
            format!("{:.1}", middle(|one| one.system)?),
            ratio,
            format!("{:.0}", middle(|one| one.rate)?),
            format!("{:.2}", middle(|one| one.p50)? / 1e3),
            format!("{:.2}", middle(|one| one.p99)? / 1e3),
            format!("{:.1}", middle(|one| one.pss_kib as f64)? * 1024.0 / 1e6),
            errors.to_string(),
        ])
    };
    let columns = [
        "proxy",
        "CPU µs/request",
        "user",
        "system",
        "Fairlead ÷ this [quartiles]",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "PSS MB",
        "socket errors",
    ];
    table(&columns, Peer::ALL.iter().filter_map(row).collect())
}

fn idle_table(results: &Results) -> String {
    let row = |&peer: &Peer| {
        let of = |tls| results.idle.iter().find(move |one| one.peer == peer && one.tls == tls);
        let plain = of(false)?;
        let megabytes = |kib: u64| format!("{:.1}", kib as f64 * 1024.0 / 1e6);
        Some(vec![
            peer.title().to_owned(),
            megabytes(plain.base.rss_kib),
            megabytes(plain.base.pss_kib),
            format!("{:.0}", plain.for_each_connection()),
            of(true).map_or("–".to_owned(), |one| format!("{:.0}", one.for_each_connection())),
            plain.connections.to_string(),
        ])
    };
    let columns = [
        "proxy",
        "RSS MB at rest",
        "PSS MB at rest",
        "B/connection plain",
        "B/connection TLS",
        "connections",
    ];
    table(&columns, Peer::ALL.iter().filter_map(row).collect())
}

fn start_table(results: &Results) -> String {
    let row = |&peer: &Peer| {
        let own = results.start.iter().filter(|one| one.peer == peer);
        let millis = spread(own.map(|one| one.millis))?;
        Some(vec![
            peer.title().to_owned(),
            format!("{:.1}", millis.median),
            format!("{:.1}–{:.1}", millis.low, millis.high),
        ])
    };
    table(&["proxy", "median ms", "quartiles"], Peer::ALL.iter().filter_map(row).collect())
}

fn reload_table(results: &Results) -> String {
    let mut rows = Vec::new();
    for layout in Layout::ALL {
        for &peer in Peer::ALL {
            let own = || results.reload.iter().filter(|one| one.peer == peer && one.layout == layout);
            let middles = [
                median(own().map(|one| one.cpu)),
                median(own().map(|one| one.cpu_settled)),
                median(own().map(|one| one.wall)),
            ];
            if let [Some(cpu), Some(settled), Some(wall)] = middles {
                let numbers = [cpu, settled, wall].map(|value| format!("{value:.1}"));
                let names = [layout.title().to_owned(), peer.title().to_owned()];
                rows.push(names.into_iter().chain(numbers).collect());
            }
        }
    }
    let columns = [
        "routers in",
        "proxy",
        "CPU ms to the first answer",
        "CPU ms half a second later",
        "ms to the first answer",
    ];
    table(&columns, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::tests::sample;

    #[test]
    fn a_report_names_what_was_not_measured() {
        let mut results = Results::default();
        results.throughput.push(sample(Peer::Fairlead, 1, 18.0));
        results.throughput.push(sample(Peer::Nginx, 1, 20.0));
        results.note(None, "nginx passes on x.".to_owned());
        let heading = Heading {
            machine: "a machine",
            contenders: &[],
            rounds: 1,
            seconds: 1,
            cases: &[Case::H1, Case::Idle],
        };
        let text = render(&heading, &results);
        assert!(text.contains("| plain HTTP/1.1, CPU to nginx | ≤ 1 × | 0.90 × | met |"), "{text}");
        assert!(text.contains("| resident memory at rest | ≤ 20 MB | not measured | – |"), "{text}");
        assert!(text.contains(
            "| nginx | 20.0 | 10.0 | 10.0 | **0.90** [0.90–0.90] | 1000 | 1.00 | 3.00 | 4.2 | 0 |"
        ));
        assert!(text.ends_with("### Notes on the peers\n\n- nginx passes on x.\n"), "{text}");
        assert!(
            text.contains(Case::Idle.title()) && text.contains("Not measured.") && !text.contains("Reload")
        );
    }
}
