//! `go mod download` of a graph with every cache cold: from the upstream itself, and through each mirror.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::field::{Contender, Field, Mirror, Peer, Setup};
use super::modules::{Kind, Modules};
use super::upstream::Upstream;
use super::{Case, Results};
use crate::process::{self, Group};
use crate::progress::tell;
use crate::usage;

/// Modules of the graph.
pub(crate) const MODULES: usize = 300;
const LATENCY: Duration = Duration::from_millis(20);
const MAX_ROUNDS: u32 = 5;
const LIMIT: Duration = Duration::from_secs(180);

/// One run of the go command.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// The round, from 1.
    pub(crate) round: u32,
    /// Through what.
    pub(crate) peer: Peer,
    /// How long it took.
    pub(crate) seconds: f64,
    /// CPU time of the mirror, in seconds.
    pub(crate) cpu: f64,
    /// Requests to the upstream.
    pub(crate) upstream: u64,
    /// Zips among them.
    pub(crate) zips: u64,
}

/// Measures, in turns. All must leave the same go.sum.
pub(crate) fn measure(field: &Field, results: &mut Results) -> Result<()> {
    let case = Some(Case::Download);
    let modules = Arc::new(Modules::graph(MODULES)?);
    let mut sums: Option<String> = None;
    let mut ways: Vec<Option<&Contender>> = vec![None];
    ways.extend(field.contenders.iter().map(Some));
    for round in 1..=field.rounds.min(MAX_ROUNDS) {
        for &way in &ways {
            let title = way.map_or(Peer::Direct, |one| one.peer).title();
            match sample(field, way, &modules, round) {
                Ok((sample, sum)) => {
                    tell(&format!(
                        "mirror-download {round} {title:<9} {:.2} s, mirror's CPU {:.2} s, {} requests upstream",
                        sample.seconds, sample.cpu, sample.upstream
                    ));
                    results.download.push(sample);
                    if *sums.get_or_insert_with(|| sum.clone()) != sum {
                        results.note(case, format!("{title} led to another go.sum."));
                    }
                }
                Err(error) => {
                    process::go_on()?;
                    results.note(case, format!("{title}, round {round}: {error:#}."));
                }
            }
        }
    }
    Ok(())
}

fn sample(
    field: &Field,
    way: Option<&Contender>,
    modules: &Arc<Modules>,
    round: u32,
) -> Result<(Sample, String)> {
    let mirror = match way {
        Some(contender) => {
            let setup = Setup { latency: LATENCY, is_wide: true, list_seconds: None };
            Some(field.start(contender, modules, setup)?)
        }
        None => None,
    };
    let own = if mirror.is_none() { Some(Upstream::start(modules, LATENCY)?) } else { None };
    let upstream = mirror.as_ref().map(|mirror| &mirror.upstream).or(own.as_ref()).context("no upstream")?;
    let url = mirror.as_ref().map_or_else(|| upstream.url(), Mirror::url);
    let project = field.folder()?;
    let before = used(mirror.as_ref())?;
    let begin = Instant::now();
    download(field, modules, &project, &url)?;
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = used(mirror.as_ref())? - before;
    let (asked, zips) = (upstream.asked_in_all(), upstream.asked(Kind::Zip));
    let sum = fs::read_to_string(project.join("go.sum"))?;
    ensure!(sum.lines().count() >= MODULES, "go.sum has {} lines", sum.lines().count());
    let peer = way.map_or(Peer::Direct, |one| one.peer);
    fs::remove_dir_all(&project)?;
    Ok((Sample { round, peer, seconds, cpu, upstream: asked, zips }, sum))
}

fn used(mirror: Option<&Mirror>) -> Result<f64> {
    let Some(mirror) = mirror else { return Ok(0.0) };
    let used = usage::cpu_time(mirror.pid())?;
    Ok((used.user + used.system).as_secs_f64())
}

fn download(field: &Field, modules: &Modules, project: &Path, url: &str) -> Result<()> {
    fs::write(project.join("go.mod"), modules.main_go_mod())?;
    let mut command = field.command(&field.go, true);
    command.args(["mod", "download"]).current_dir(project);
    for (name, value) in [
        ("GOPROXY", url),
        ("GOSUMDB", "off"),
        ("GOFLAGS", "-mod=mod -modcacherw"),
        ("GOTOOLCHAIN", "local"),
        ("GOMAXPROCS", "2"),
        ("GOWORK", "off"),
    ] {
        command.env(name, value);
    }
    for (name, folder) in [("GOPATH", "path"), ("GOCACHE", "build"), ("HOME", "home")] {
        command.env(name, project.join(folder));
    }
    let log = fs::File::create(project.join("output.log"))?;
    let mut group = Group::spawn(command.stdout(Stdio::null()).stderr(log))?;
    let status = group.wait(LIMIT).context("go mod download")?;
    let text = || fs::read_to_string(project.join("output.log")).unwrap_or_default();
    ensure!(status.success(), "go mod download ended with {status}: {}", text().trim());
    Ok(())
}
