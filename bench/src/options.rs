//! The command line.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::builder::PossibleValue;
use clap::{Parser, ValueEnum};

use crate::cases::Case;
use crate::mirror;
use crate::peers::Peer;

/// Compare Fairlead on this machine: its gateway with nginx, HAProxy and Traefik, its mirror with goproxy.
#[derive(Debug, Parser)]
#[command(name = "fairlead-bench", version)]
pub(crate) struct Options {
    /// The Fairlead binary to measure; without it only the others are
    #[arg(long, value_name = "FILE")]
    pub(crate) fairlead: Option<PathBuf>,
    /// The Traefik binary to compare with
    #[arg(long, value_name = "FILE")]
    pub(crate) traefik: Option<PathBuf>,
    /// The nginx binary to compare with
    #[arg(long, value_name = "FILE", default_value = "nginx")]
    pub(crate) nginx: PathBuf,
    /// The HAProxy binary to compare with
    #[arg(long, value_name = "FILE", default_value = "haproxy")]
    pub(crate) haproxy: PathBuf,
    /// The goproxy binary to compare the mirror with
    #[arg(long, value_name = "FILE")]
    pub(crate) goproxy: Option<PathBuf>,
    /// The go command that downloads through the mirrors
    #[arg(long, value_name = "FILE", default_value = "go")]
    pub(crate) go: PathBuf,
    /// Interleaved rounds of each throughput case
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) rounds: u32,
    /// Seconds that one peer is under load in one round
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) seconds: u64,
    /// Only these cases, or those of one group
    #[arg(long, value_name = "CASE", value_delimiter = ',')]
    pub(crate) only: Vec<Pick>,
    /// Only these peers of the gateway
    #[arg(long, value_name = "PEER", value_delimiter = ',')]
    pub(crate) peers: Vec<Peer>,
    /// Replace the numbers between the markers of this Markdown page, those of a group of which a case ran
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Write every sample as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    /// The cases of the gateway to run, in the order of the report.
    pub(crate) fn cases(&self) -> Vec<Case> {
        Case::ALL.iter().copied().filter(|case| self.picks(Pick::Gateway, Pick::OfGateway(*case))).collect()
    }

    /// The cases of the mirror to run, in the order of the report.
    pub(crate) fn mirror_cases(&self) -> Vec<mirror::Case> {
        let all = mirror::Case::ALL.iter().copied();
        all.filter(|case| self.picks(Pick::Mirror, Pick::OfMirror(*case))).collect()
    }

    fn picks(&self, group: Pick, case: Pick) -> bool {
        self.only.is_empty() || self.only.contains(&group) || self.only.contains(&case)
    }

    /// Whether a peer was asked for.
    pub(crate) fn wants(&self, peer: Peer) -> bool {
        self.peers.is_empty() || self.peers.contains(&peer)
    }

    /// Where a peer's binary is, when the command line or a default says so.
    pub(crate) fn program(&self, peer: Peer) -> Option<&PathBuf> {
        match peer {
            Peer::Fairlead => self.fairlead.as_ref(),
            Peer::Nginx => Some(&self.nginx),
            Peer::Haproxy => Some(&self.haproxy),
            Peer::Traefik => self.traefik.as_ref(),
        }
    }
}

/// What `--only` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    /// All cases of the gateway.
    Gateway,
    /// All cases of the mirror.
    Mirror,
    /// One of the gateway.
    OfGateway(Case),
    /// One of the mirror.
    OfMirror(mirror::Case),
}

impl ValueEnum for Pick {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<Pick>> = LazyLock::new(|| {
            let gateway = Case::ALL.iter().copied().map(Pick::OfGateway);
            let mirror = mirror::Case::ALL.iter().copied().map(Pick::OfMirror);
            [Pick::Gateway, Pick::Mirror].into_iter().chain(gateway).chain(mirror).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Pick::Gateway => Some(PossibleValue::new("gateway").help("All cases of the gateway")),
            Pick::Mirror => Some(PossibleValue::new("mirror").help("All cases of the mirror")),
            Pick::OfGateway(case) => case.to_possible_value(),
            Pick::OfMirror(case) => case.to_possible_value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Options::command().debug_assert();
        let options = Options::parse_from(["fairlead-bench", "--only", "tls,h1", "--peers", "nginx"]);
        assert_eq!(options.cases(), [Case::H1, Case::Tls], "the report's order, not the command line's");
        assert!(options.mirror_cases().is_empty());
        let mirror = Options::parse_from(["fairlead-bench", "--only", "mirror,reload"]);
        assert_eq!(
            (mirror.cases(), mirror.mirror_cases().len()),
            (vec![Case::Reload], mirror::Case::ALL.len())
        );
        assert!(options.wants(Peer::Nginx) && !options.wants(Peer::Traefik));
        assert_eq!((options.rounds, options.seconds), (7, 4));
    }
}
