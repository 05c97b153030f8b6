//! The mirror beside github.com/goproxy/goproxy: requests for each second and CPU for each, a large zip, a cold
//! `go mod download`, and answers while the upstream is dead.
//!
//! [`modules`] generates what there is to serve; every mirror gets an [`upstream`] of its own, so that what it asks for
//! can be counted. The [`field`] says who takes part and starts them; [`throughput`], [`download`] and [`dead`] measure;
//! [`report`] and [`targets`] tell what came of it.

pub(crate) mod dead;
pub(crate) mod download;
pub(crate) mod field;
pub(crate) mod modules;
pub(crate) mod report;
pub(crate) mod targets;
pub(crate) mod throughput;
pub(crate) mod upstream;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use crate::progress::tell;
use field::{Field, Peer};

/// A case of the mirror's comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
pub(crate) enum Case {
    /// Mirror: `.mod` of 55 bytes from a warm cache
    #[value(name = "mirror-mod")]
    #[serde(rename = "mirror-mod")]
    Mod,
    /// Mirror: `.zip` of 1.8 kB from a warm cache
    #[value(name = "mirror-zip")]
    #[serde(rename = "mirror-zip")]
    Zip,
    /// Mirror: `@v/list`
    #[value(name = "mirror-list")]
    #[serde(rename = "mirror-list")]
    List,
    /// Mirror: `@latest`
    #[value(name = "mirror-latest")]
    #[serde(rename = "mirror-latest")]
    Latest,
    /// Mirror: a zip of 20 MB, pulled by 64 clients
    #[value(name = "mirror-large")]
    #[serde(rename = "mirror-large")]
    Large,
    /// Mirror: `go mod download` of 300 modules from a cold cache
    #[value(name = "mirror-download")]
    #[serde(rename = "mirror-download")]
    Download,
    /// Mirror: cached answers while the upstream is dead
    #[value(name = "mirror-dead")]
    #[serde(rename = "mirror-dead")]
    Dead,
}

impl Case {
    /// In the order of the report.
    pub(crate) const ALL: &[Case] =
        &[Case::Mod, Case::Zip, Case::List, Case::Latest, Case::Large, Case::Download, Case::Dead];

    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Its heading in the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Case::Mod => "`.mod` of 55 bytes, warm, 64 connections",
            Case::Zip => "`.zip` of 1.8 kB, warm, 64 connections",
            Case::List => "`@v/list`, warm, 64 connections",
            Case::Latest => "`@latest`, warm, 64 connections",
            Case::Large => "A zip of 20 MB, warm, 64 connections",
            Case::Download => "`go mod download` of 300 modules, upstream 20 ms away, every cache cold",
            Case::Dead => "Cached answers while the upstream is dead",
        }
    }
}

/// Everything the mirror's cases measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Results {
    /// One for each window of load.
    pub(crate) throughput: Vec<throughput::Sample>,
    /// One for each run of the go command.
    pub(crate) download: Vec<download::Sample>,
    /// One for each mirror and way of being dead.
    pub(crate) dead: Vec<dead::Sample>,
    /// Zips that Fairlead fetched upstream while only `.mod` files were asked for.
    pub(crate) needless_zips: Option<u64>,
    /// What a reader must know beside the numbers, with the case when it is about one.
    pub(crate) notes: Vec<(Option<Case>, String)>,
}

impl Results {
    /// Adds a remark once.
    pub(crate) fn note(&mut self, case: Option<Case>, text: String) {
        tell(&text);
        if !self.notes.contains(&(case, text.clone())) {
            self.notes.push((case, text));
        }
    }

    /// Fairlead's number by another's in each round of a throughput case in which both took part.
    pub(crate) fn ratios(&self, case: Case, peer: Peer, of: fn(&throughput::Sample) -> f64) -> Vec<f64> {
        let one = |who| self.throughput.iter().filter(move |one| one.case == case && one.peer == who);
        let paired = |own: &throughput::Sample| {
            let other = one(peer).find(|other| other.round == own.round)?;
            Some(of(own) / of(other))
        };
        one(Peer::Fairlead).filter_map(paired).collect()
    }

    /// A peer's time by Fairlead's in each round of the download in which both took part.
    pub(crate) fn speedups(&self, peer: Peer) -> Vec<f64> {
        let one = |who| self.download.iter().filter(move |one| one.peer == who);
        let paired = |own: &download::Sample| {
            let other = one(peer).find(|other| other.round == own.round)?;
            Some(other.seconds / own.seconds)
        };
        one(Peer::Fairlead).filter_map(paired).collect()
    }
}

/// Measures one case.
pub(crate) fn measure(field: &Field, case: Case, results: &mut Results) -> Result<()> {
    match case {
        Case::Download => download::measure(field, results),
        Case::Dead => dead::measure(field, results),
        _ => throughput::measure(field, case, results),
    }
}
