//! CPU time of a change: 4,000 routers in a watched folder, one gets another host name.
//!
//! The changed file is renamed into the folder, so that a reader sees it whole. One keep-alive connection asks for
//! the new host every ten milliseconds; what those answers cost is part of the figure, some microseconds each.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::{Case, Results};
use crate::client::{self, exchange};
use crate::peers::{Contender, Peer, Proxy, traefik};
use crate::process;
use crate::progress::tell;
use crate::session::Session;
use crate::usage;
use crate::workload::PREFIXES;

const ROUTERS: usize = 4000;
const REPETITIONS: usize = 5;
/// Longer than the default throttle of providers, so that each change is taken at once.
const QUIET: Duration = Duration::from_millis(2500);
const PAUSE: Duration = Duration::from_millis(10);
const AFTERMATH: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_secs(30);

/// How the routers are split into files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Layout {
    /// 40 files of 100 routers.
    ManyFiles,
    /// One file of 4,000 routers.
    OneFile,
}

impl Layout {
    /// In the order of the report.
    pub(crate) const ALL: [Layout; 2] = [Layout::ManyFiles, Layout::OneFile];

    /// Its name in the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Layout::ManyFiles => "40 files × 100 routers",
            Layout::OneFile => "one file of 4,000 routers",
        }
    }

    fn routers_in_file(self) -> usize {
        match self {
            Layout::ManyFiles => 100,
            Layout::OneFile => ROUTERS,
        }
    }
}

/// One change. Times are milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// The peer.
    pub(crate) peer: Peer,
    /// The split into files.
    pub(crate) layout: Layout,
    /// CPU time from the change to the first answer of the new route.
    pub(crate) cpu: f64,
    /// CPU time from the change to half a second after that answer: what is freed and collected later counts too.
    pub(crate) cpu_settled: f64,
    /// Time from the change to that answer.
    pub(crate) wall: f64,
}

/// Measures those peers that read Traefik's files.
pub(crate) fn measure(session: &Session, results: &mut Results) -> Result<()> {
    for layout in Layout::ALL {
        for contender in session.contenders.iter().filter(|one| one.peer.reads_traefik_files()) {
            if let Err(error) = changes(session, contender, layout, results) {
                process::go_on()?;
                let text = format!("{}, {}: {error:#}.", contender.peer.title(), layout.title());
                tell(&text);
                results.note(Some(Case::Reload), text);
            }
        }
    }
    Ok(())
}

fn changes(session: &Session, contender: &Contender, layout: Layout, results: &mut Results) -> Result<()> {
    let mut routers =
        Routers { hosts: (0..ROUTERS).map(|number| format!("r{number}.example.com")).collect(), layout };
    let port = session.ground.backends[0];
    let mut proxy = Proxy::start_with(contender, &session.ground, |site| {
        let files: Vec<(String, String)> = (0..ROUTERS / layout.routers_in_file())
            .map(|file| (Routers::file_name(file), routers.text(file, port)))
            .collect();
        let files: Vec<(&str, String)> =
            files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
        traefik::configure(site, &files)
    })?;
    proxy.await_answer(&asking(&routers.hosts[ROUTERS - 1]))?;
    for repetition in 0..REPETITIONS {
        thread::sleep(QUIET);
        process::go_on()?;
        let router = (repetition + 1) * 613 % ROUTERS;
        routers.hosts[router] = format!("changed{repetition}.example.com");
        let sample = change(&proxy, &routers, router, port)?;
        tell(&format!(
            "reload {}: {:<13} {:.1} ms CPU to the answer, {:.1} ms settled, {:.0} ms wall",
            layout.title(),
            contender.peer.title(),
            sample.cpu,
            sample.cpu_settled,
            sample.wall
        ));
        results.reload.push(sample);
    }
    Ok(())
}

fn change(proxy: &Proxy, routers: &Routers, router: usize, port: u16) -> Result<Sample> {
    let file = router / routers.layout.routers_in_file();
    let fresh = proxy.folder.join("fresh.yml");
    fs::write(&fresh, routers.text(file, port))?;
    let request = asking(&routers.hosts[router]);
    let mut stream = client::connect(proxy.plain)?;
    anyhow::ensure!(
        exchange(&mut stream, request.as_bytes())?.status == 404,
        "the new route is there already"
    );
    let before = usage::precise_cpu_time(proxy.pid())?;
    let begin = Instant::now();
    fs::rename(&fresh, proxy.folder.join(traefik::DYNAMIC).join(Routers::file_name(file)))?;
    while exchange(&mut stream, request.as_bytes()).context("while reloading")?.status != 200 {
        if begin.elapsed() > LIMIT {
            bail!("the change had no effect in {LIMIT:?}");
        }
        thread::sleep(PAUSE);
    }
    let wall = begin.elapsed();
    let answered = usage::precise_cpu_time(proxy.pid())?;
    thread::sleep(AFTERMATH);
    let settled = usage::precise_cpu_time(proxy.pid())?;
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    Ok(Sample {
        peer: proxy.peer,
        layout: routers.layout,
        cpu: millis(answered.saturating_sub(before)),
        cpu_settled: millis(settled.saturating_sub(before)),
        wall: millis(wall),
    })
}

fn asking(host: &str) -> String {
    format!("GET {}/x HTTP/1.1\r\nHost: {host}\r\n\r\n", PREFIXES[0])
}

/// The host of each router, and how they are split into files.
struct Routers {
    hosts: Vec<String>,
    layout: Layout,
}

impl Routers {
    fn file_name(file: usize) -> String {
        format!("routers{file:02}.yml")
    }

    /// The text of one file; its routers share a service of its own.
    fn text(&self, file: usize, port: u16) -> String {
        let count = self.layout.routers_in_file();
        let service = format!("backend{file}");
        let mut text = "http:\n  routers:\n".to_owned();
        for (number, host) in self.hosts.iter().enumerate().skip(file * count).take(count) {
            text.push_str(&traefik::router(&format!("router{number}"), host, PREFIXES[0], &service));
        }
        text + "  services:\n" + &traefik::service(&service, port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_router_is_in_one_file() {
        for layout in Layout::ALL {
            let routers =
                Routers { hosts: (0..ROUTERS).map(|number| format!("r{number}.a")).collect(), layout };
            let files = ROUTERS / layout.routers_in_file();
            let all: String = (0..files).map(|file| routers.text(file, 80)).collect();
            assert_eq!(all.matches("rule: ").count(), ROUTERS);
            assert_eq!(all.matches("loadBalancer:").count(), files);
            assert!(all.contains("Host(`r3999.a`) && PathPrefix(`/api`)"));
        }
    }
}
